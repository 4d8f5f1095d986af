/* Where do texts of very different length live: descriptions, policies, tags, constraints?
 *
 * One block, cut into pieces of 32, 64, 128 ... POOL_PIECE_MAX bytes as they are wanted. What is
 * given back is kept for the next text of that size; pieces are never joined, so a pool can hold
 * less than its size after its texts have changed their lengths much. Who puts something asks
 * pool_has_room first: running out is a refusal of the request, not a bug. */
#ifndef SEALIFT_KEYS_POOL_H
#define SEALIFT_KEYS_POOL_H

#include "base/arena.h"
#include "base/bytes.h"

enum {
    POOL_CLASSES = 12,
    POOL_PIECE_MIN = 32,
    POOL_PIECE_MAX = POOL_PIECE_MIN << (POOL_CLASSES - 1), /* 64 KiB: a policy has at most 32 */
};

struct pool {
    uint8_t *base;
    size_t size;
    size_t used;
    void *free[POOL_CLASSES]; /* lists of pieces, each pointing to the next */
    size_t free_count[POOL_CLASSES];
};

size_t pool_memory_bytes(size_t size);
void pool_init(struct pool *pool, size_t size, struct arena *arena);

/* Whether pool_keep of these texts, one after the other, will succeed. */
bool pool_has_room(const struct pool *pool, const struct bytes *texts, size_t count);

/* A copy; nothing is kept of an empty text. There must be room. */
struct bytes pool_keep(struct pool *pool, struct bytes text);

/* Wipes and takes back what pool_keep gave. */
void pool_release(struct pool *pool, struct bytes text);

#endif
