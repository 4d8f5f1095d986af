/* Memory that is handed out once, at start-up, and never taken back.
 *
 * The world allocates one block of the size that the node's settings ask for, aligned to 4096, and
 * zeroed; the node's parts take their tables from it. Running out is a bug in the sum of sizes. */
#ifndef SEALIFT_BASE_ARENA_H
#define SEALIFT_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *base;
    size_t used;
    size_t size;
};

enum { ARENA_ALIGN_MAX = 4096 };

static inline struct arena arena_of(void *block, size_t size)
{
    return (struct arena){.base = block, .size = size};
}

/* `align` is a power of two up to ARENA_ALIGN_MAX. The bytes are zero. */
void *arena_take(struct arena *arena, size_t size, size_t align);

/* What one arena_take of these may use at most. */
static inline size_t arena_need(size_t size, size_t align)
{
    return size + align;
}

#define ARENA_ARRAY(arena, type, count) \
    ((type *)arena_take((arena), sizeof(type) * (count), _Alignof(type)))

#endif
