/* The published algorithm, and four ways to ask it. */
#include "base/prng.h"

#include "base/check.h"

#include <string.h>

static uint64_t splitmix(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void prng_seed(struct prng *prng, uint64_t seed)
{
    for (unsigned i = 0; i < COUNT_OF(prng->state); i++) {
        prng->state[i] = splitmix(&seed);
    }
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *const s = prng->state;
    const uint64_t result = rotate(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    CHECK(bound > 0);

    const uint64_t unfair = (0 - bound) % bound; /* 2^64 mod bound: redraw below it */
    uint64_t drawn;

    do {
        drawn = prng_next(prng);
    } while (drawn < unfair);
    return drawn % bound;
}

uint64_t prng_between(struct prng *prng, uint64_t first, uint64_t last)
{
    CHECK(first <= last);
    CHECK(last - first < UINT64_MAX);
    return first + prng_below(prng, last - first + 1);
}

bool prng_chance(struct prng *prng, uint64_t times, uint64_t of)
{
    return prng_below(prng, of) < times;
}

void prng_fill(struct prng *prng, void *into, size_t size)
{
    uint8_t *place = into;

    while (size > 0) {
        const uint64_t drawn = prng_next(prng);
        const size_t part = size < sizeof drawn ? size : sizeof drawn;

        memcpy(place, &drawn, part);
        place += part;
        size -= part;
    }
}
