/* Slots are linked into the free list or into one queue; nothing is ever searched. */
#include "primary/pending.h"

#include "base/check.h"

size_t pending_bytes(uint32_t capacity)
{
    return arena_need(sizeof(struct pending_append) * capacity, _Alignof(struct pending_append));
}

void pending_init(struct pending *pending, struct arena *arena, uint32_t capacity)
{
    CHECK(capacity > 0);
    *pending = (struct pending){.slots = ARENA_ARRAY(arena, struct pending_append, capacity),
                                .capacity = capacity,
                                .free = 1};
    for (uint32_t i = 0; i < capacity; i++) {
        pending->slots[i].next = i + 1 == capacity ? 0 : i + 2;
    }
}

static unsigned queue_of(struct level level)
{
    CHECK(level_is_valid(level));
    switch (level.kind) {
    case LEVEL_LOCAL:
        return 0;
    case LEVEL_QUORUM:
        return level.count;
    case LEVEL_REGION:
        return LEVEL_COUNT_MAX + level.count;
    case LEVEL_KINDS:
        break;
    }
    UNREACHABLE();
}

struct level pending_level(unsigned queue)
{
    CHECK(queue < PENDING_LEVELS);
    if (queue == 0) {
        return (struct level){.kind = LEVEL_LOCAL};
    }
    return queue <= LEVEL_COUNT_MAX
               ? (struct level){.kind = LEVEL_QUORUM, .count = queue}
               : (struct level){.kind = LEVEL_REGION, .count = queue - LEVEL_COUNT_MAX};
}

void pending_add(struct pending *pending, struct level level, const struct pending_append *append)
{
    struct pending_queue *queue = &pending->queues[queue_of(level)];
    const uint32_t slot = pending->free;

    CHECK(slot != 0);
    pending->free = pending->slots[slot - 1].next;
    pending->slots[slot - 1] = *append;
    pending->slots[slot - 1].next = 0;
    if (queue->last == 0) {
        queue->first = slot;
    } else {
        pending->slots[queue->last - 1].next = slot;
    }
    queue->last = slot;
    pending->count++;
}

const struct pending_append *pending_first(const struct pending *pending, unsigned queue)
{
    const uint32_t first = pending->queues[queue].first;

    return first == 0 ? NULL : &pending->slots[first - 1];
}

void pending_pop(struct pending *pending, unsigned queue)
{
    struct pending_queue *list = &pending->queues[queue];
    const uint32_t slot = list->first;

    CHECK(slot != 0);
    list->first = pending->slots[slot - 1].next;
    if (list->first == 0) {
        list->last = 0;
    }
    pending->slots[slot - 1].next = pending->free;
    pending->free = slot;
    pending->count--;
}
