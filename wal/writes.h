/* What has been asked of the disk and not been answered yet?
 *
 * WRITEs are answered in the order in which they were asked (node/node.h), so a bounded queue of
 * "what was that one for" is all that a member needs to tell the answers apart. */
#ifndef SEALIFT_WAL_WRITES_H
#define SEALIFT_WAL_WRITES_H

#include "base/arena.h"
#include "base/ring.h"
#include "node/effects.h"

enum write_kind {
    WRITE_BATCH, /* value: the batch */
    WRITE_SEGMENT, /* value: the segment whose header it is */
    WRITE_SYNC, /* value: the segment */
    WRITE_ASIDE, /* value: the segment that goes, in part or whole, to quarantine */
    WRITE_DELETE, /* value: the segment that retention lets go */
    WRITE_REPAIR_PART, /* value: the segment that is being repaired */
    WRITE_REPAIR_DONE, /* likewise */
    WRITE_DESCRIPTOR, /* value: 0 */
    WRITE_KEYRING, /* value: 0 */
    WRITE_CONTROL, /* value: the generation */
};

struct write_asked {
    enum write_kind kind;
    uint64_t value;
};

struct writes {
    struct ring ring; /* its places are the tickets */
    struct write_asked *slots;
};

size_t writes_bytes(uint32_t capacity);
void writes_init(struct writes *writes, struct arena *arena, uint32_t capacity);

/* How many more may be asked for now. */
static inline uint64_t writes_room(const struct writes *writes)
{
    return writes->ring.capacity - ring_count(&writes->ring);
}

static inline bool writes_are_done(const struct writes *writes)
{
    return ring_is_empty(&writes->ring);
}

/* There must be room. */
void writes_ask(struct writes *writes, struct effects *fx, enum write_kind kind, uint64_t value,
                const struct store_write *write);

/* What the oldest unanswered one was; `ticket` must be its ticket. */
struct write_asked writes_answered(struct writes *writes, uint64_t ticket);

#endif
