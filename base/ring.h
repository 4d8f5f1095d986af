/* The arithmetic of a bounded first-in, first-out queue; the slots are somebody else's array.
 *
 * `head` and `tail` only grow; a slot is their remainder. Full and empty are never confused. */
#ifndef SEALIFT_BASE_RING_H
#define SEALIFT_BASE_RING_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct ring {
    uint64_t head; /* the oldest that is still in */
    uint64_t tail; /* where the next goes */
    uint64_t capacity;
};

static inline struct ring ring_of(uint64_t capacity)
{
    return (struct ring){.capacity = capacity};
}

static inline uint64_t ring_count(const struct ring *ring)
{
    return ring->tail - ring->head;
}

static inline bool ring_is_empty(const struct ring *ring)
{
    return ring->tail == ring->head;
}

static inline bool ring_is_full(const struct ring *ring)
{
    return ring_count(ring) == ring->capacity;
}

/* The slot of a place between head and tail - 1. */
static inline uint64_t ring_slot(const struct ring *ring, uint64_t place)
{
    CHECK(place >= ring->head && place < ring->tail);
    return place % ring->capacity;
}

/* Takes the next slot; the ring must not be full. */
static inline uint64_t ring_push(struct ring *ring)
{
    CHECK(!ring_is_full(ring));
    return ring->tail++ % ring->capacity;
}

/* Frees the oldest slot; the ring must not be empty. */
static inline uint64_t ring_pop(struct ring *ring)
{
    CHECK(!ring_is_empty(ring));
    return ring->head++ % ring->capacity;
}

#endif
