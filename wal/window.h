/* Where are the sealed bytes of the recent batches?
 *
 * A ring of memory, aligned to 4096, holding consecutive sealed batches. Batches enter at the end
 * and leave at the beginning, in order; one that is not yet durable here never leaves, so a full
 * window of undurable batches is back-pressure. Others refer to batches by number; only the window
 * knows where one lives. */
#ifndef SEALIFT_WAL_WINDOW_H
#define SEALIFT_WAL_WINDOW_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/ring.h"

struct window_batch {
    batch_t batch;
    segment_t segment;
    uint64_t offset; /* in the segment file */
    lsn_t end_lsn;
    uint8_t *data; /* aligned to 4096 */
    uint32_t bytes;
    uint64_t begin; /* place in the ring of bytes, never wrapping */
    struct tag tag;
};

struct window {
    uint8_t *memory;
    uint64_t memory_bytes;
    uint64_t head, tail; /* bytes, never wrapping; slot = remainder */
    uint64_t reserved_begin;
    uint32_t reserved_bytes; /* 0: no reservation stands */
    struct ring ring;
    struct window_batch *batches;
    batch_t durable; /* batches after it must stay */
};

size_t window_bytes(uint64_t memory_bytes, uint32_t batches_max);
void window_init(struct window *window, struct arena *arena, uint64_t memory_bytes,
                 uint32_t batches_max);

/* Forgets everything: the next batch may have any number. */
void window_clear(struct window *window, batch_t durable);

/* How many batches can enter before one that is not durable would have to leave. */
uint64_t window_slots(const struct window *window);

/* Memory for a batch of up to `bytes` (a multiple of 4096), letting go of the oldest durable
 * batches as needed; NULL where what is not durable leaves no room (nothing has been let go then),
 * or where `bytes` is more than all of the memory. Nothing is taken until window_push, and only
 * the last reservation counts. */
uint8_t *window_reserve(struct window *window, uint32_t bytes);

/* The batch that was put into the last reservation; its number follows the newest. */
void window_push(struct window *window, const struct window_batch *batch);

void window_persisted(struct window *window, batch_t through);

/* NULL where it is not here (no longer, or not yet). */
const struct window_batch *window_find(const struct window *window, batch_t batch);

/* The first batch that is here; 0 where the window is empty. */
batch_t window_first(const struct window *window);

#endif
