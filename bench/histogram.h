/* How long did they take: percentiles of many times, each within 1.6 %.
 *
 * As HDR histograms: 64 buckets for each doubling, so memory does not grow with the count. Times
 * are nanoseconds; beyond 18 minutes they count as that. */
#ifndef SEALIFT_BENCH_HISTOGRAM_H
#define SEALIFT_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 6,
    HISTOGRAM_BITS_MAX = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_BITS_MAX - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
    uint64_t count;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The time that `share` (0 to 1) of them did not exceed; 0 where there are none. */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
