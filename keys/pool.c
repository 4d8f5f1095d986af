/* A text takes the smallest piece that holds it: one that was given back, or a new one off the end
 * of the block.
 *
 * The size of a piece follows from the length of its text, so nothing is written down about pieces
 * but the lists of free ones. */
#include "keys/pool.h"

#include "base/check.h"

#include <string.h>

size_t pool_memory_bytes(size_t size)
{
    return arena_need(size, 64);
}

void pool_init(struct pool *pool, size_t size, struct arena *arena)
{
    *pool = (struct pool){.base = arena_take(arena, size, 64), .size = size};
}

static unsigned class_of(size_t size)
{
    unsigned size_class = 0;

    CHECK(size > 0 && size <= POOL_PIECE_MAX);
    while (((size_t)POOL_PIECE_MIN << size_class) < size) {
        size_class++;
    }
    return size_class;
}

bool pool_has_room(const struct pool *pool, const struct bytes *texts, size_t count)
{
    size_t wanted[POOL_CLASSES] = {0};
    size_t need = 0;

    for (size_t i = 0; i < count; i++) {
        if (texts[i].size > POOL_PIECE_MAX) {
            return false;
        }
        if (texts[i].size > 0) {
            wanted[class_of(texts[i].size)]++;
        }
    }
    for (unsigned size_class = 0; size_class < POOL_CLASSES; size_class++) {
        if (wanted[size_class] > pool->free_count[size_class]) {
            need += (wanted[size_class] - pool->free_count[size_class])
                    * ((size_t)POOL_PIECE_MIN << size_class);
        }
    }
    return need <= pool->size - pool->used;
}

struct bytes pool_keep(struct pool *pool, struct bytes text)
{
    if (text.size == 0) {
        return bytes_none();
    }

    const unsigned size_class = class_of(text.size);
    uint8_t *piece = pool->free[size_class];

    if (piece != NULL) {
        memcpy(&pool->free[size_class], piece, sizeof(void *));
        pool->free_count[size_class]--;
    } else {
        CHECK(pool->size - pool->used >= (size_t)POOL_PIECE_MIN << size_class);
        piece = pool->base + pool->used;
        pool->used += (size_t)POOL_PIECE_MIN << size_class;
    }
    memcpy(piece, text.data, text.size);
    return bytes_of(piece, text.size);
}

void pool_release(struct pool *pool, struct bytes text)
{
    if (text.size == 0) {
        return;
    }

    const unsigned size_class = class_of(text.size);
    uint8_t *piece = pool->base + (text.data - pool->base);

    CHECK(text.data >= pool->base && text.data < pool->base + pool->used);
    memset(piece, 0, text.size);
    memcpy(piece, &pool->free[size_class], sizeof(void *));
    pool->free[size_class] = piece;
    pool->free_count[size_class]++;
}
