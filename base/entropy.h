/* Where a node gets its unpredictable bytes: a function that the world injects at init.
 *
 * The host draws from the kernel through libcrypto and stops the process if it cannot; the sim
 * draws from its seed. Filling cannot fail from the caller's point of view. */
#ifndef SEALIFT_BASE_ENTROPY_H
#define SEALIFT_BASE_ENTROPY_H

#include <stddef.h>

struct entropy {
    void (*fill)(void *context, void *into, size_t size);
    void *context;
};

static inline void entropy_fill(const struct entropy *entropy, void *into, size_t size)
{
    entropy->fill(entropy->context, into, size);
}

#endif
