/* When, and for how long?
 *
 * An instant is nanoseconds on a clock that never goes back (CLOCK_BOOTTIME in the host, virtual
 * time in the sim); a span is nanoseconds between two. One-field structs, so that neither can be
 * passed for the other, nor milliseconds for either. Sums saturate at "never". */
#ifndef SEALIFT_BASE_INSTANT_H
#define SEALIFT_BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

struct instant {
    uint64_t ns;
};

struct span {
    uint64_t ns;
};

#define INSTANT_NEVER ((struct instant){UINT64_MAX})
#define SPAN_US(n) ((struct span){(uint64_t)(n)*1000u})
#define SPAN_MS(n) ((struct span){(uint64_t)(n)*1000000u})
#define SPAN_S(n) ((struct span){(uint64_t)(n)*1000000000u})

static inline struct instant instant_add(struct instant from, struct span span)
{
    return (struct instant){from.ns > UINT64_MAX - span.ns ? UINT64_MAX : from.ns + span.ns};
}

/* How long from `earlier` to `later`; nothing if they stand the other way round. */
static inline struct span instant_since(struct instant earlier, struct instant later)
{
    return (struct span){later.ns > earlier.ns ? later.ns - earlier.ns : 0};
}

static inline bool instant_reached(struct instant deadline, struct instant now)
{
    return now.ns >= deadline.ns;
}

static inline struct instant instant_min(struct instant a, struct instant b)
{
    return a.ns < b.ns ? a : b;
}

/* Doubled `times` times, but no more often than `most`. */
static inline struct span span_doubled(struct span span, unsigned times, unsigned most)
{
    return (struct span){span.ns << (times < most ? times : most)};
}

#endif
