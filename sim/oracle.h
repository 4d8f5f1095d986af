/* Has any promise been broken?
 *
 * The oracle stands outside the nodes. It sees every effect, every durable write and every word of
 * every client, keeps the bytes of every batch that was ever sealed, and re-reads disks with its
 * own small reader. It never asks a node what is true. What it checks is listed by
 * oracle_invariants; the numbers are those of docs/TESTING.md. */
#ifndef SEALIFT_SIM_ORACLE_H
#define SEALIFT_SIM_ORACLE_H

#include "sim/oracle_delay.h"
#include "sim/oracle_key_loss.h"
#include "sim/oracle_reigns.h"
#include "sim/oracle_truth.h"
#include "sim/sim.h"

enum { ORACLE_SEGMENTS_MAX = 2048 }; /* whose times are kept */

struct oracle_disk { /* what the oracle's own reader finds on a member's disk */
    struct position reached; /* the last batch of the unbroken prefix */
    segment_t first; /* the oldest segment file that takes part in it */
    segment_t segments; /* the number after the newest that does */
    bool broken; /* something that is not sealed bytes lies before the end of the WAL */
};

struct oracle {
    struct sim *sim;
    bool encrypted;
    struct level level;
    unsigned primary; /* member number */
    uint32_t voters; /* members whose acks may count: fed by the primary itself */
    uint32_t members, left; /* of the cluster: no impostors; and those stopped for good */
    uint64_t content_seed;
    uint8_t marker[16];
    uint32_t record_bytes_max; /* what members accept */
    uint32_t record_bytes_usual;

    struct oracle_segment **segments;
    unsigned segment_count, segment_room;
    struct oracle_batch *batches;
    unsigned batch_count, batch_room;
    unsigned *line; /* the WAL as it is now: batch number -> index + 1 */
    batch_t line_end;
    size_t line_room;
    struct oracle_record *records; /* by LSN */
    lsn_t records_end;
    size_t records_room;
    struct oracle_append *appends;
    unsigned append_count, append_room;
    struct oracle_part *parts;
    unsigned part_count, part_room;

    struct oracle_delay delay;
    struct oracle_key_loss key_loss;
    epoch_t epoch;
    struct oracle_reign reigns[ORACLE_REIGNS]; /* the newest last */
    unsigned reign_count;
    bool succession, accepts_losses; /* any member may become primary; records may be given up */
    lsn_t given_up_first, given_up_last; /* what the newest epoch-start declares as lost */
    lsn_t given_up; /* what some may still call committed because of that, or because a writer's
                       harmed disk has lost it */
    lsn_t committed; /* the highest that was ever truly committed at the cluster's level */
    batch_t durable[SIM_MEMBERS_MAX]; /* what is surely on the disk, in its own history */
    epoch_t highest_epoch[SIM_MEMBERS_MAX];
    uint64_t started_at[SIM_MEMBERS_MAX], hash_at_start[SIM_MEMBERS_MAX]; /* the latter: of disks */
    unsigned spoilt_at_start[SIM_MEMBERS_MAX];
    segment_t deleted[SIM_MEMBERS_MAX]; /* segments below were allowed to go */
    segment_t forgotten[SIM_MEMBERS_MAX]; /* those below were let go: the file may still be there */
    uint32_t pinned[SIM_MEMBERS_MAX], told_lost; /* whom its disk named; whom some upstream told */
    uint64_t created_at[SIM_MEMBERS_MAX][ORACLE_SEGMENTS_MAX]; /* when each was begun there */
    bool must_refuse[SIM_MEMBERS_MAX]; /* in this life: a batch that it marked is not there */
    uint64_t refusals_demanded, marks_checked, digests_checked;
    uint64_t commits_checked, acks_checked, reads_checked, batches_checked;
    uint64_t verified_segments, verified_damages, repairs, deletions_checked;
    struct proto_scratch scratch;
    uint8_t *scratch_memory;
    uint8_t *plain;
};

struct oracle_invariant {
    unsigned number;
    const char *text;
};

const struct oracle_invariant *oracle_invariants(void); /* ends with number 0 */
struct oracle *oracle_create(struct sim *sim, uint64_t content_seed);
void oracle_destroy(struct oracle *oracle);

void oracle_forget_disk(struct oracle *oracle, const struct sim_member *member); /* it is gone */

/* A member that belongs to the cluster; `votes`: the primary feeds it. */
void oracle_admit(struct oracle *oracle, const struct sim_member *member, bool votes);

/* What a client says and hears. */
unsigned oracle_on_append(struct oracle *oracle, const struct oracle_append *append);
void oracle_on_appended(struct oracle *oracle, unsigned append, lsn_t first_lsn);
void oracle_on_refused(struct oracle *oracle, unsigned append, bool definite);
void oracle_on_record(struct oracle *oracle, lsn_t lsn, struct bytes record);

/* The bytes of a record, from its name alone. `into` has room for `room`; returns the true size,
 * which may be larger than what a member accepts, or 0. */
size_t oracle_content(const struct oracle *oracle, uint64_t producer, uint64_t sequence,
                      uint8_t *into, size_t room);

/* At the end, with all faults gone: NULL where everything is as promised, or what is still missing.
 */
const char *oracle_unsettled(struct oracle *oracle);
void oracle_check_end(struct oracle *oracle, bool settled);

/* ---- oracle_wal.c ---- */
void oracle_on_write(struct oracle *oracle, struct sim_member *member,
                     const struct store_write *write);
void oracle_on_durable(struct oracle *oracle, struct sim_member *member,
                       const struct store_write *write);
const struct oracle_batch *oracle_find(const struct oracle *oracle, epoch_t epoch, batch_t batch);
struct oracle_segment *oracle_find_segment(const struct oracle *oracle, epoch_t epoch,
                                           segment_t segment);
const struct oracle_batch *oracle_at(const struct oracle *oracle, batch_t batch);
const struct oracle_batch *oracle_of_lsn(const struct oracle *oracle, lsn_t lsn);

/* ---- oracle_digests.c, oracle_disk.c ---- */
void oracle_check_digests(struct oracle *oracle, const struct oracle_segment *added);
/* Whether the member's disk lacks that batch, though nobody has damaged the disk since. */
bool oracle_lacks(const struct oracle *oracle, const struct sim_member *member, batch_t batch);
const struct sim_file *oracle_file_on_disk(const struct sim_member *member, segment_t segment);
const struct oracle_segment *oracle_segment_on_disk(const struct oracle *oracle,
                                                    const struct sim_file *file);
bool oracle_batch_on_disk(const struct oracle *oracle, const struct sim_file *file, epoch_t epoch,
                          batch_t number);
struct oracle_disk oracle_read_disk(const struct oracle *oracle, const struct sim_member *member);
/* What the disk has, it holds, whether or not its member was ever told. */
void oracle_note_disk(struct oracle *oracle, const struct sim_member *member);
bool oracle_same_wal(const struct oracle *oracle, const struct sim_member *a,
                     const struct sim_member *b);
void oracle_search_disk(struct oracle *oracle, const struct sim_member *member);
bool oracle_finds_secret(const struct oracle *oracle, struct bytes haystack);

/* ---- oracle_talk.c ---- */
lsn_t oracle_lsn_of_last(const struct oracle *oracle, const struct oracle_append *append);
void oracle_check_committed(struct oracle *oracle, const struct sim_member *member, lsn_t lsn,
                            const char *what);
void oracle_on_message(struct oracle *oracle, const struct sim_member *member,
                       const struct event_message *message);
void oracle_on_send(struct oracle *oracle, struct sim_member *member,
                    const struct effect_send *send);

#endif
