/* What was measured, as lines for people or for programs.
 *
 * A line is a JSON object: with --json printed as it is, else as words. The last line of all is the
 * summary, which holds every line once more. */
#ifndef SEALIFT_BENCH_REPORT_H
#define SEALIFT_BENCH_REPORT_H

#include <jansson.h>
#include <stdbool.h>

struct report {
    bool json;
    json_t *lines;
};

void report_begin(struct report *report, bool json);

/* Takes the reference. */
void report_line(struct report *report, json_t *line);

/* Prints the summary and frees everything. */
void report_end(struct report *report, bool complete);

/* Rounded to four significant digits: more would be noise. */
json_t *report_number(double value);

/* The middle one; of an even number the mean of both. Sorts. */
double report_median(double *values, unsigned count);

#endif
