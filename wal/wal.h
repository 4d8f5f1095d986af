/* The WAL as one member knows it: what is sealed or adopted, what is durable, what comes next.
 *
 * A writer appends records into the open batch, seals it, and the sealed bytes go to the window and
 * to the disk. A replica adopts what its upstream sealed. Both move the same positions, only
 * forward: durable <= sealed, and on a writer sealed's last LSN <= appended. On a replica `sealed`
 * is what it has verified.
 *
 * Order inside one step: sealing and adopting may let old batches out of the window, so they come
 * before any SEND that points into it. The wal never sends; others look batches up in `window`. */
#ifndef SEALIFT_WAL_WAL_H
#define SEALIFT_WAL_WAL_H

#include "base/entropy.h"
#include "wal/batch.h"
#include "wal/content.h"
#include "wal/index.h"
#include "wal/producers.h"
#include "wal/window.h"
#include "wal/writes.h"

enum {
    WAL_SEGMENTS_SPARE = 2, /* rows of the index that are left for the next start */
    WAL_HEADERS = 16, /* raw headers at hand: pending CREATEs, and feeds near the end */
    WAL_RUNS_MAX = 16384, /* producers' runs in one batch: one an APPEND message */
};

struct wal_settings {
    uint64_t window_bytes;
    uint32_t window_batches;
    uint64_t segment_bytes;
    uint32_t segments_max;
    uint32_t batch_bytes;
    uint32_t message_bytes_max; /* lengths and bodies of the largest APPEND */
    uint32_t producers_max;
};

/* Records that have an LSN and are not sealed yet. */
struct open_batch {
    struct writer runs, lengths, bodies;
    uint32_t record_count;
    uint32_t run_count;
};

struct wal_header_slot {
    segment_t segment;
    bool used;
    bool durable;
    _Alignas(4096) uint8_t raw[SEGMENT_HEADER_BYTES];
};

struct wal {
    struct wal_settings settings;
    struct entropy entropy;

    /* what this WAL is: set once, by wal_know */
    struct id lineage;
    struct digest descriptor;
    enum suite suite;

    struct index index;
    struct window window;
    struct writes *writes;
    struct producers producers; /* writers only */
    struct open_batch open;
    uint8_t *checkpoint; /* room for the largest checkpoint's content */
    struct wal_header_slot *headers;

    /* the segment that batches go to now */
    segment_t segment; /* SEGMENT_NONE: none yet */
    struct segment_header header;
    struct batch_sealer sealer;
    uint64_t offset;
    uint64_t batch_count;
    bool has_data; /* a data batch was placed in it by this process */
    bool closed; /* its final batch is sealed */
    struct tag tag; /* of the last batch, or its first tag */

    struct id incarnation;
    epoch_t epoch;
    struct id dek_id;
    const struct secret *dek;

    batch_t sealed, durable;
    uint64_t placed_bytes; /* of batches, by this process */
    lsn_t sealed_lsn, durable_lsn, appended_lsn;
    lsn_t commit_lsn; /* stamped into each batch that is sealed */

    /* writers only: what the next header will list */
    struct segment_digest digests[SEGMENT_DIGESTS_MAX];
    uint32_t digest_count;
};

size_t wal_bytes(const struct wal_settings *settings);
void wal_init(struct wal *wal, struct arena *arena, const struct wal_settings *settings,
              const struct entropy *entropy, struct writes *writes);
void wal_drop(struct wal *wal); /* frees what libcrypto holds, wipes keys */

/* Which WAL it is, before anything else. */
void wal_know(struct wal *wal, const struct id *lineage, const struct digest *descriptor,
              enum suite suite);

/* Where an earlier process left off: in the segment with this raw header, after these batches. All
 * of it is durable. `key` is NULL while the segment will not be written to (a writer's start). */
struct wal_place {
    const struct segment_header *header;
    struct bytes raw_header;
    const struct segment_key *key;
    uint64_t offset; /* after the last valid batch */
    uint64_t batch_count; /* valid ones in this segment */
    bool closed;
    struct tag tag;
    batch_t batch;
    lsn_t end_lsn;
};
void wal_resume(struct wal *wal, const struct wal_place *place);

/* No further segment may begin. */
static inline bool wal_is_full(const struct wal *wal)
{
    return wal->index.count + WAL_SEGMENTS_SPARE > wal->index.capacity;
}

/* So few segments are left that a person should be told. */
static inline bool wal_is_nearly_full(const struct wal *wal)
{
    return (uint64_t)wal->index.count * 10 >= (uint64_t)wal->index.capacity * 9;
}

/* As before the first segment: everything was cut away. What it is stays known. */
void wal_restart(struct wal *wal);

/* What the next segment's header must say of its past. */
struct digest wal_chain(const struct wal *wal);

/* Closed, all of it durable, and the header behind it too, since a batch behind that one is. */
bool wal_is_whole(const struct wal *wal, segment_t segment);

/* The number that the next segment will have. */
static inline segment_t wal_next_segment(const struct wal *wal)
{
    return wal->segment == SEGMENT_NONE ? 0 : wal->segment + 1;
}

/* NULL where it is not at hand any more: read it from the disk. */
const uint8_t *wal_raw_header(const struct wal *wal, segment_t segment);

void wal_on_batch_written(struct wal *wal, batch_t batch);
void wal_on_segment_written(struct wal *wal, segment_t segment);

/* durable <= sealed, and so on: in every build, after every step. */
void wal_check(const struct wal *wal);

/* ---- the writer's side: wal_write.c ---- */

/* Begins the first segment of an epoch: header, epoch-start, checkpoint. */
void wal_begin_epoch(struct wal *wal, const struct epoch_start *start, const struct id *dek_id,
                     const struct secret *dek, uint64_t created_ns, struct effects *fx);

/* Room for a message of so many records, lengths and bodies: seals the open batch and begins a new
 * segment as needed. E_FULL: not now. E_WAL_FULL: not before segments_max is raised. */
NODISCARD enum status wal_make_room(struct wal *wal, size_t bytes, uint64_t created_ns,
                                    struct effects *fx);

/* After wal_make_room. Returns the LSN of the first; `lengths` (u32 each) and `bodies` agree. */
lsn_t wal_append(struct wal *wal, const struct run *run, struct bytes lengths, struct bytes bodies);

static inline bool wal_has_open(const struct wal *wal)
{
    return wal->open.record_count > 0;
}

/* Seals the open batch. E_FULL where the window has no room: nothing has changed. */
NODISCARD enum status wal_seal(struct wal *wal, struct effects *fx);

/* Seals what is open, closes the segment, and begins the next one under another DEK. E_FULL: not
 * now. E_WAL_FULL: not before segments_max is raised. */
NODISCARD enum status wal_change_dek(struct wal *wal, const struct id *dek_id,
                                     const struct secret *dek, uint64_t created_ns,
                                     struct effects *fx);

/* The next header lists it. E_FULL: it lists as many as it can, try again after it. */
NODISCARD enum status wal_list_digest(struct wal *wal, const struct segment_digest *digest);

/* ---- the replica's side: wal_adopt.c ---- */

/* The header of the segment that follows. E_GAP, E_CHAIN, E_LINEAGE, E_DESCRIPTOR, E_STALE_EPOCH,
 * E_WRONG_KEY, E_FORGED, what segment_header_decode says, E_WAL_FULL: not before segments_max is
 * raised, or E_FULL: try again after a WRITTEN. */
NODISCARD enum status wal_adopt_segment(struct wal *wal, const struct segment_header *header,
                                        struct bytes raw, const struct secret *dek,
                                        struct effects *fx);

/* The batch that follows. E_GAP, E_CHAIN, E_FORGED, what batch_parse says, or E_FULL. */
NODISCARD enum status wal_adopt_batch(struct wal *wal, struct bytes sealed, struct effects *fx);

#endif
