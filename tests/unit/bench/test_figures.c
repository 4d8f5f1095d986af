/* Percentiles and medians: what every figure goes through. */
#include "bench/histogram.h"
#include "bench/report.h"
#include "tests/support/test.h"

#include <stdlib.h>

static bool is_near(uint64_t value, uint64_t wanted)
{
    return value >= wanted && (double)value <= (double)wanted * 1.016;
}

TEST(a_percentile_is_the_time_that_so_many_did_not_exceed)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);

    for (uint64_t us = 1; us <= 1000; us++) {
        histogram_add(histogram, us * 1000);
    }
    EXPECT(histogram->count == 1000);
    EXPECT(is_near(histogram_at(histogram, 0.5), 500000));
    EXPECT(is_near(histogram_at(histogram, 0.99), 990000));
    EXPECT(is_near(histogram_at(histogram, 1), 1000000));
    free(histogram);
}

TEST(every_time_lands_within_a_sixtieth_of_itself)
{
    for (uint64_t ns = 1; ns < UINT64_C(1) << 39; ns = ns * 3 / 2 + 1) {
        struct histogram *histogram = calloc(1, sizeof *histogram);

        histogram_add(histogram, ns);
        EXPECT(is_near(histogram_at(histogram, 0.5), ns));
        free(histogram);
    }
}

TEST(an_endless_time_is_counted_as_the_longest)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);

    EXPECT(histogram_at(histogram, 0.5) == 0);
    histogram_add(histogram, UINT64_MAX);
    EXPECT(histogram_at(histogram, 0.5) == (UINT64_C(1) << HISTOGRAM_BITS_MAX) - 1);
    free(histogram);
}

TEST(merged_histograms_count_both)
{
    struct histogram *one = calloc(2, sizeof *one), *two = one + 1;

    histogram_add(one, 10);
    histogram_add(two, 20);
    histogram_add(two, 30);
    histogram_merge(one, two);
    EXPECT(one->count == 3);
    EXPECT(histogram_at(one, 0.5) == 20);
    free(one);
}

TEST(a_median_is_the_middle_and_no_mean_of_outliers)
{
    double odd[] = {1000, 1, 2}, even[] = {4, 1, 1000, 2};

    EXPECT(report_median(odd, 3) == 2);
    EXPECT(report_median(even, 4) == 3);
}
