/* Bytes have places that only grow; a slot is a place's remainder. A batch is never split: where
 * the end of the memory is too near, its place moves on to the next beginning.
 *
 * Whether a batch fits is asked first, against the oldest batch that must stay, and only then are
 * older ones let go: a refused reservation leaves everything where it was. */
#include "wal/window.h"

#include "base/check.h"

size_t window_bytes(uint64_t memory_bytes, uint32_t batches_max)
{
    return arena_need(memory_bytes, ARENA_ALIGN_MAX)
           + arena_need(sizeof(struct window_batch) * batches_max, _Alignof(struct window_batch));
}

void window_init(struct window *window, struct arena *arena, uint64_t memory_bytes,
                 uint32_t batches_max)
{
    CHECK(memory_bytes % ARENA_ALIGN_MAX == 0);
    *window = (struct window){.memory_bytes = memory_bytes, .ring = ring_of(batches_max)};
    window->memory = arena_take(arena, memory_bytes, ARENA_ALIGN_MAX);
    window->batches = ARENA_ARRAY(arena, struct window_batch, batches_max);
}

void window_clear(struct window *window, batch_t durable)
{
    window->ring = ring_of(window->ring.capacity);
    window->head = window->tail = 0;
    window->reserved_bytes = 0;
    window->durable = durable;
}

static const struct window_batch *oldest_of(const struct window *window)
{
    return &window->batches[ring_slot(&window->ring, window->ring.head)];
}

static const struct window_batch *newest_of(const struct window *window)
{
    return &window->batches[ring_slot(&window->ring, window->ring.tail - 1)];
}

/* How many batches are here that must stay. */
static uint64_t undurable_count(const struct window *window)
{
    if (ring_is_empty(&window->ring)) {
        return 0;
    }
    const batch_t newest = newest_of(window)->batch;

    return newest > window->durable ? newest - window->durable : 0;
}

uint64_t window_slots(const struct window *window)
{
    return window->ring.capacity - undurable_count(window);
}

static void let_go(struct window *window)
{
    CHECK(oldest_of(window)->batch <= window->durable);
    ring_pop(&window->ring);
    window->head = ring_is_empty(&window->ring) ? window->tail : oldest_of(window)->begin;
}

static uint64_t place_for(const struct window *window, uint32_t bytes)
{
    const uint64_t slot = window->tail % window->memory_bytes;

    return slot + bytes <= window->memory_bytes ? window->tail
                                                : window->tail + window->memory_bytes - slot;
}

/* Whether these bytes could be had by letting go of durable batches only. */
static bool could_fit(const struct window *window, uint64_t begin, uint32_t bytes)
{
    const uint64_t staying = undurable_count(window);

    if (bytes > window->memory_bytes || staying == window->ring.capacity) {
        return false;
    }
    if (staying == 0) {
        return true;
    }
    const uint64_t oldest = ring_slot(&window->ring, window->ring.tail - staying);

    return begin + bytes - window->batches[oldest].begin <= window->memory_bytes;
}

uint8_t *window_reserve(struct window *window, uint32_t bytes)
{
    const uint64_t begin = place_for(window, bytes);

    CHECK(bytes > 0 && bytes % ARENA_ALIGN_MAX == 0);
    window->reserved_bytes = 0;
    if (!could_fit(window, begin, bytes)) {
        return NULL;
    }
    while (
        !ring_is_empty(&window->ring)
        && (ring_is_full(&window->ring) || begin + bytes - window->head > window->memory_bytes)) {
        let_go(window);
    }
    window->reserved_begin = begin;
    window->reserved_bytes = bytes;
    return window->memory + begin % window->memory_bytes;
}

void window_push(struct window *window, const struct window_batch *batch)
{
    const bool first = ring_is_empty(&window->ring);

    CHECK(batch->bytes > 0 && batch->bytes <= window->reserved_bytes);
    CHECK(first || batch->batch == newest_of(window)->batch + 1);
    CHECK(batch->batch > window->durable);

    struct window_batch *slot = &window->batches[ring_push(&window->ring)];

    *slot = *batch;
    slot->begin = window->reserved_begin;
    slot->data = window->memory + slot->begin % window->memory_bytes;
    window->head = first ? slot->begin : window->head;
    window->tail = slot->begin + slot->bytes;
    window->reserved_bytes = 0;
}

void window_persisted(struct window *window, batch_t through)
{
    CHECK(through >= window->durable);
    CHECK(!ring_is_empty(&window->ring) && through <= newest_of(window)->batch);
    window->durable = through;
}

const struct window_batch *window_find(const struct window *window, batch_t batch)
{
    const batch_t first = window_first(window);

    if (first == 0 || batch < first || batch - first >= ring_count(&window->ring)) {
        return NULL;
    }
    return &window->batches[ring_slot(&window->ring, window->ring.head + (batch - first))];
}

batch_t window_first(const struct window *window)
{
    return ring_is_empty(&window->ring) ? 0 : oldest_of(window)->batch;
}
