/* Which appends wait for their durability level?
 *
 * One queue a level, over one bounded pool: an append that waits for the slow level never holds
 * up one that waits for its own disk alone. Entries of a queue are released in the order in which
 * they were added; their batches only grow (a retried append may come later with a lower one: it
 * then waits for those before it, which is safe). All operations take constant time. */
#ifndef SEALIFT_PRIMARY_PENDING_H
#define SEALIFT_PRIMARY_PENDING_H

#include "base/arena.h"
#include "base/ids.h"
#include "base/level.h"

enum { PENDING_LEVELS = 1 + 2 * LEVEL_COUNT_MAX }; /* local, each quorum, each region count */

struct pending_append {
    link_t link;
    uint32_t client; /* its place in the clients */
    uint32_t count;
    uint64_t request;
    lsn_t first_lsn;
    batch_t batch; /* released when this is durable at the level */
    uint32_t next; /* as slot + 1 */
};

struct pending_queue {
    uint32_t first, last; /* slot + 1; 0: empty */
};

struct pending {
    struct pending_append *slots;
    uint32_t capacity;
    uint32_t count;
    uint32_t free; /* slot + 1 */
    struct pending_queue queues[PENDING_LEVELS];
};

size_t pending_bytes(uint32_t capacity);
void pending_init(struct pending *pending, struct arena *arena, uint32_t capacity);

static inline bool pending_is_full(const struct pending *pending)
{
    return pending->count == pending->capacity;
}

/* There must be room; the entry is copied. */
void pending_add(struct pending *pending, struct level level, const struct pending_append *append);

/* The queues by number, and the level of each. */
struct level pending_level(unsigned queue);

/* NULL where it is empty. */
const struct pending_append *pending_first(const struct pending *pending, unsigned queue);
void pending_pop(struct pending *pending, unsigned queue);

#endif
