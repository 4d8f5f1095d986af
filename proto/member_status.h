/* What does a member say of itself?
 *
 * STATUS_IS, as a plain struct: names, positions, counters, and a row for each of its downstream
 * replicas: what is on its way to those that are connected (feeds), and what is kept for all that
 * ever were (pins). The codec is among those of control.h. */
#ifndef SEALIFT_PROTO_MEMBER_STATUS_H
#define SEALIFT_PROTO_MEMBER_STATUS_H

#include "base/ids.h"
#include "base/level.h"

enum {
    STATE_TEXT_MAX = 64,
    STATUS_FEEDS_MAX = 64,
    STATUS_PINS_MAX = 64,
    NOTICE_TEXT_MAX = 1664, /* a BYE's text, and whose */
    STATUS_REPAIR_MAX = 512,
};

/* One downstream of a member, or its upstream. */
struct feed_status {
    char member[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX];
    char state[STATE_TEXT_MAX];
    batch_t sent_batch;
    batch_t acked_batch;
    lsn_t acked_lsn;
    uint64_t lag_bytes;
    uint64_t lag_us; /* age of the oldest batch that is not acked */
    bool votes; /* its acks count towards the level */
};

/* What a member keeps for one downstream replica, connected or not. */
struct pin_status {
    char member[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX]; /* "": it has not called since the process started */
    char state[STATE_TEXT_MAX]; /* held, over, dropped, lost (member/pins.h) */
    bool connected;
    segment_t segment; /* the oldest that it needs */
    batch_t batch; /* that it has acked */
    uint64_t bytes; /* of files, from that segment on; 0 where it is lost */
    uint64_t age_us; /* since that segment was closed; 0 for the newest */
};

struct member_status {
    struct id lineage;
    uint32_t suite;
    uint32_t role;
    char deployment[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX];
    char member[MEMBER_TEXT_MAX];
    char cluster[CLUSTER_TEXT_MAX];
    char state[STATE_TEXT_MAX];
    char key_arn[KEY_ARN_TEXT_MAX];
    struct id dek;
    struct level level;
    epoch_t epoch;
    segment_t segment;
    uint32_t segment_count, segments_max; /* appends are refused shortly before the two meet */
    lsn_t first_lsn, appended_lsn, durable_lsn, committed_lsn, visible_lsn;
    batch_t sealed_batch, durable_batch;
    lsn_t upstream_lsn; /* a replica: the newest LSN that its upstream has told of */
    uint64_t appended_records; /* since the process started */
    uint64_t appended_bytes;
    uint64_t shipped_bytes;
    uint64_t received_bytes;
    uint64_t persisted_bytes;
    uint64_t digested_segments; /* read back whole, and digested or compared */
    uint64_t damaged_segments; /* found not to be as they were sealed or digested: alarm */
    uint64_t repaired_segments, outstanding_segments; /* of those, made whole; and not yet */
    char repair[STATUS_REPAIR_MAX]; /* what nobody gave so far, and who was asked; "": nothing */
    uint64_t scrubs, scrubbed_us; /* passes that were completed; time since the last */
    lsn_t lost_lsn; /* a primary: a peer knows it as committed, this disk did not have it: alarm */
    uint64_t up_us; /* since the process started */
    uint64_t lag_us; /* a replica: the age of what it does not have yet, as far as it knows */
    char notice[NOTICE_TEXT_MAX]; /* what a person should know and do; "" */
    segment_t first_segment; /* the oldest that is kept */
    uint64_t kept_bytes; /* of segment files */
    uint64_t deleted_segments; /* by retention, since the process started */
    uint64_t space_total, space_free; /* of the file system, in bytes; 0: not known */
    bool is_full; /* nothing new is taken in for want of space */
    uint32_t client_count;
    uint32_t pin_count;
    struct pin_status pins[STATUS_PINS_MAX];
    uint32_t feed_count;
    struct feed_status feeds[STATUS_FEEDS_MAX];
};

#endif
