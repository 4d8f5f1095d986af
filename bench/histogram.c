/* A time's bucket: its highest bit says which doubling, the next six bits which part of it. */
#include "bench/histogram.h"

enum { SUBS = 1 << HISTOGRAM_SUB_BITS };

static unsigned bucket_of(uint64_t ns)
{
    const uint64_t most = (UINT64_C(1) << HISTOGRAM_BITS_MAX) - 1;
    const uint64_t value = ns < most ? ns : most;

    if (value < SUBS) {
        return (unsigned)value;
    }

    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;

    return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The largest time of a bucket. */
static uint64_t end_of(unsigned bucket)
{
    if (bucket < SUBS) {
        return bucket;
    }

    const unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    const uint64_t sub = (bucket & (SUBS - 1)) + SUBS;

    return ((sub + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->buckets[bucket_of(ns)]++;
    histogram->count++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
    into->count += from->count;
}

uint64_t histogram_at(const struct histogram *histogram, double share)
{
    const double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (histogram->buckets[i] > 0 && (double)seen >= wanted) {
            return end_of(i);
        }
    }
    return 0;
}
