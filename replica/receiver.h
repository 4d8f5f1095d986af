/* Internal to replica/: the link to the upstream, from dialing to adopting.
 *
 * IDLE -> DIALING -> GREETING -> KEYS -> UNWRAPPING -> STORING -> PROVING -> CUTTING -> STREAMING,
 * where what is not needed is skipped; any fault on the way ends the link, and the next upstream is
 * dialed after a gap that grows. A cut that has begun to move bytes is finished whatever the link
 * does.
 *
 * receiver.c        the link itself: dialing, limits, silence, goodbyes
 * receiver_refused.c  who refuses whom, and for how long
 * receiver_greet.c  GREET both ways, and what must agree
 * receiver_keys.c   KEYS, unwrapping, storing, PROOF
 * receiver_cut.c    divergence: what is not part of the upstream's history goes to quarantine
 * receiver_stream.c RESUME, SEGMENT, BATCH, COMMIT, ACK */
#ifndef SEALIFT_REPLICA_RECEIVER_H
#define SEALIFT_REPLICA_RECEIVER_H

#include "member/feed.h"
#include "member/member.h"
#include "replica/candidate.h"
#include "replica/replica.h"

enum receiver_state {
    RECEIVER_IDLE,
    RECEIVER_DIALING,
    RECEIVER_GREETING,
    RECEIVER_KEYS, /* envelopes are on their way */
    RECEIVER_UNWRAPPING,
    RECEIVER_STORING, /* small files are on their way to the disk */
    RECEIVER_PROVING,
    RECEIVER_CUTTING,
    RECEIVER_REPAIRING, /* this copy lacks something that it must have: the upstream is asked */
    RECEIVER_STREAMING,
    RECEIVER_STATES
};

enum cut_phase {
    CUT_NONE,
    CUT_FIND, /* reading the segment that stays in part */
    CUT_MARK, /* what was proved durable is lowered, so that what goes is not missed */
    CUT_ASIDE, /* the suffix goes to quarantine, newest first */
    CUT_CONTROL, /* the new epoch table becomes durable */
};

enum new_key { NEW_KEY_NONE, NEW_KEY_UNWRAPPING, NEW_KEY_STORING };

struct cut {
    enum cut_phase phase;
    batch_t keep; /* the last batch that stays; 0: none */
    segment_t segment; /* that it is in; SEGMENT_NONE where none stays */
    struct walk walk;
    struct read_slot *read;
    uint64_t control_token;

    /* the place after `keep`, and where the segment's bytes end */
    uint8_t raw[SEGMENT_HEADER_BYTES];
    bool has_header;
    uint64_t offset, end_offset;
    uint64_t batch_count;
    bool closed;
    struct tag tag;
    lsn_t end_lsn;
    bool part_asked;
};

struct receiver {
    enum receiver_state state;
    struct id greeted_as; /* the folder id that the upstream of this link knows */
    segment_t mends; /* while REPAIRING after the opening: the segment that a cut could not read */
    link_t link; /* 0: none */
    struct identity peer;
    uint8_t exporter[32];
    uint32_t upstream; /* the one to dial next */
    uint32_t writer; /* the one that was the writer when it was followed last, + 1; 0: not known */
    uint32_t other; /* than that, dialed last */
    unsigned returns; /* to the writer, before another is dialed */
    unsigned tries;
    struct instant dial_at;
    struct instant started_at; /* of the present state */
    struct instant heard_at, said_at;

    epoch_t reign; /* the highest epoch that the upstream has shown */
    epoch_t known_epoch; /* the highest, when that was noted last */
    struct instant fed_at; /* the last time that a batch came */
    bool follows_writer; /* the upstream says that it is the writer itself */
    unsigned seeks; /* upstreams that were left for another since the writer was followed last */
    struct instant writer_heard_at; /* by whoever of those before us is next to it */
    struct id folder; /* drawn at the start, for a folder that is made now */
    bool joined; /* this folder belongs to a cluster, or is about to */
    char cluster[CLUSTER_TEXT_MAX]; /* named, drawn, or "" to join the upstream's */
    uint8_t *greet; /* our GREET's head as it was sent, GREET_BYTES_MAX */
    uint32_t greet_bytes;
    struct digest greets;
    struct id proof_dek; /* the last in the upstream's GREET */
    struct id wanted[GREET_DEKS_MAX]; /* DEKs of the upstream that are not held here */
    uint32_t wanted_count;
    enum new_key new_key; /* that has come while it streams */
    uint64_t new_key_token; /* the save of the keyring that must be durable */
    bool is_stale; /* the upstream is of a lower epoch: it is shown a proof, and left */
    struct epoch_table *theirs; /* the upstream's epochs, from its GREET */
    uint32_t loss_count;
    struct epoch_loss losses[GREET_LOSSES_MAX]; /* that were declared, likewise */
    struct cut cut;

    uint32_t lost_count; /* upstreams in a row that say E_LOST: all of them, and we are lost */
    enum status refused[REPLICA_UPSTREAMS_MAX]; /* what each said last, where that is a refusal */
    bool waits_for_space; /* a message waits until a segment can be made */
    bool deferred; /* a message waits for a WRITTEN */
    uint64_t epoch_token; /* the change of control that must be durable before the next ACK */
    epoch_t epoch_awaited; /* the highest epoch that this is so for */
    batch_t acked;
    bool must_ack;
    struct instant behind_since; /* INSTANT_NEVER: not behind, as far as is known */
};

struct replica {
    struct node node;
    struct replica_settings settings;
    struct member member;
    struct receiver receiver;
    struct candidate candidate;
    bool opened;
};

/* receiver.c: also candidate_*.c's, which greet as a receiver does */
enum status receiver_check_upstream(const struct replica *replica, const struct identity *peer);

size_t receiver_bytes(void);
void receiver_init(struct replica *replica, struct arena *arena);
void receiver_move(struct receiver *receiver, enum receiver_state next, struct instant now);
void receiver_on_link_up(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_on_link_down(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_on_message(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_on_written(struct replica *replica, struct instant now, struct effects *fx);
void receiver_pump(struct replica *replica, struct instant now, struct effects *fx);
void receiver_stop(struct replica *replica, struct instant now, struct effects *fx);
const char *receiver_state_name(const struct replica *replica);

/* Each upstream has refused this replica, or was refused by it, for what does not change by itself:
 * a lineage, a deployment, a role, a version, a rule, a key, a certificate that another process
 * uses. It calls again, rarely, and says why in its status. */
bool receiver_is_refused(const struct replica *replica);

/* None of the upstreams has what comes next. */
bool receiver_is_lost(const struct replica *replica);
void receiver_on_space(struct replica *replica, struct effects *fx);

/* The upstream feeds this replica, which is more than having been sent a RESUME: whatever was
 * refused before is over. */
void receiver_taken(struct replica *replica);

/* BYE with the reason and a sentence; the next upstream is tried after a gap. */
__attribute__((format(printf, 5, 6))) void receiver_refuse(struct replica *replica,
                                                           struct instant now, struct effects *fx,
                                                           enum status why, const char *format,
                                                           ...);

/* Both are proved: what is damaged here may be asked of this upstream. */
void receiver_may_repair(struct replica *replica);

/* receiver_judge.c: leaves an upstream that is none to follow any more. */
void receiver_judge_upstream(struct replica *replica, struct instant now, struct effects *fx);

/* receiver_refused.c */
/* How an attempt at the present upstream has ended. False: refused as it was the last time. */
bool receiver_note_end(struct replica *replica, enum status why, const char *text);
void receiver_note_lost(struct replica *replica, const struct bye *bye);

/* What no retry can heal ends a replica that is joining: the person sees the sentence at once. */
bool receiver_is_final(const struct replica *replica, enum status why);
void receiver_halt_if_outcast(struct replica *replica, enum status why, const char *address,
                              const char *text, struct effects *fx);
void receiver_refuse_stranger(struct replica *replica, enum status why, struct instant now,
                              struct effects *fx);

/* receiver_greet.c */
void receiver_send_greet(struct replica *replica, struct effects *fx);
void receiver_on_greet(struct replica *replica, const struct event *event, struct effects *fx);

/* receiver_keys.c */
void receiver_begin_keys(struct replica *replica, struct instant now, struct effects *fx);
void receiver_on_keys(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_on_proof(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_keys_pump(struct replica *replica, struct instant now, struct effects *fx);

/* receiver_cut.c */
void receiver_compare(struct replica *replica, struct instant now, struct effects *fx);
void receiver_cut_on_read(struct replica *replica, struct read_slot *slot, struct instant now,
                          struct effects *fx);
void receiver_cut_pump(struct replica *replica, struct instant now, struct effects *fx);
void receiver_cut_forget(struct replica *replica); /* where nothing was moved yet */

/* receiver_stream.c */
void receiver_resume(struct replica *replica, struct instant now, struct effects *fx);
void receiver_on_segment(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_on_batch(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_on_commit(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_stream_pump(struct replica *replica, struct instant now, struct effects *fx);

#endif
