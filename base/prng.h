/* Repeatable dice: xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64.
 *
 * For the simulator, workloads and jitter. Never for keys, salts or identities: those come from
 * the entropy that the world injects (entropy.h). */
#ifndef SEALIFT_BASE_PRNG_H
#define SEALIFT_BASE_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_seed(struct prng *prng, uint64_t seed);

uint64_t prng_next(struct prng *prng);

/* From 0 to bound - 1, evenly; bound > 0. */
uint64_t prng_below(struct prng *prng, uint64_t bound);

/* From first to last, both included. */
uint64_t prng_between(struct prng *prng, uint64_t first, uint64_t last);

/* True `times` times in `of`. */
bool prng_chance(struct prng *prng, uint64_t times, uint64_t of);

void prng_fill(struct prng *prng, void *into, size_t size);

#endif
