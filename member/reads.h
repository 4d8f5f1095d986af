/* Disk reads under way, each with a buffer.
 *
 * A fixed number of buffers of the usual size, and one that holds the largest batch that can exist:
 * whoever meets a batch larger than the usual size asks again for that one. An answer keeps its
 * slot until reads_free, so that a SEND may point into it until the next step. */
#ifndef SEALIFT_MEMBER_READS_H
#define SEALIFT_MEMBER_READS_H

#include "base/arena.h"
#include "node/effects.h"

enum read_owner {
    READ_OPENING,
    READ_FEED,
    READ_READER,
    READ_DIGESTER,
    READ_VERIFIER,
    READ_SCRUB,
    READ_REPAIR, /* of the copy that is being repaired */
    READ_ANSWER, /* for a member that repairs its own; value: its link */
    READ_NODE, /* the node's own */
};

struct read_slot {
    bool used;
    bool answered;
    bool leaving; /* freed in this step: a SEND may still point into it */
    bool forgotten; /* its owner has gone: dropped when the answer comes */
    enum read_owner owner;
    uint64_t value; /* the owner's own: a link */
    segment_t segment;
    uint64_t offset;
    struct bytes bytes; /* what was read, once answered; short where the file ends */
    enum status status; /* likewise */
    uint8_t *buffer;
    uint64_t buffer_bytes;
};

struct reads {
    uint32_t count; /* slots; the last is the large one */
    bool wanting; /* somebody asked in vain */
    struct read_slot *slots;
};

size_t reads_bytes(uint32_t count, uint64_t usual_bytes, uint64_t large_bytes);
void reads_init(struct reads *reads, struct arena *arena, uint32_t count, uint64_t usual_bytes,
                uint64_t large_bytes);

/* The largest that one read can ask for. */
uint64_t reads_large_bytes(const struct reads *reads);
uint64_t reads_usual_bytes(const struct reads *reads);

/* `what->into` is filled in here. Sizes up to the usual take any slot, larger ones the large one.
 * NULL: none is free now; try again after the next READ. */
struct read_slot *reads_ask(struct reads *reads, struct effects *fx, enum read_owner owner,
                            uint64_t value, struct store_read what);

/* The slot that this event answers, filled in; NULL where its owner has gone. */
struct read_slot *reads_answered(struct reads *reads, const struct event_read *event);

/* It can be asked for again from the next step on, so that this step's SENDs may point into it. */
void reads_free(struct read_slot *slot);

/* At the end of each step: what was freed in it may be used from now on. True where somebody who
 * asked in vain in this step could be served now: no READ may be on its way to remind it. */
NODISCARD bool reads_turn(struct reads *reads);

/* The owner has gone: its answers are dropped when they come. */
void reads_forget(struct reads *reads, enum read_owner owner, uint64_t value);

#endif
