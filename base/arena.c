/* A bump pointer. */
#include "base/arena.h"

#include "base/check.h"

void *arena_take(struct arena *arena, size_t size, size_t align)
{
    CHECK(align > 0 && align <= ARENA_ALIGN_MAX && (align & (align - 1)) == 0);

    const size_t start = (arena->used + align - 1) & ~(align - 1);

    CHECK(start <= arena->size && size <= arena->size - start);
    arena->used = start + size;
    return arena->base + start;
}
