/* A real workload for the demo: the lines of this machine's package database, over and over, each
 * with a marker in front that must be found on no disk. */
#ifndef SEALIFT_CLI_DEMO_LOAD_H
#define SEALIFT_CLI_DEMO_LOAD_H

#include "client/sealift.h"

#include "base/bytes.h"
#include "base/instant.h"

enum { DEMO_MARKER_BYTES = 24 };

struct demo_load {
    struct sealift *sealift;
    char marker[DEMO_MARKER_BYTES + 1]; /* drawn anew for each run */
    char *text;
    size_t size, place;
    uint64_t bytes_a_second;
    struct instant begun;
    uint64_t bytes, appended, acked, refused;
    uint64_t latency_us_sum, latency_us_max;
    char why[SEALIFT_TEXT_MAX];
};

/* 24 characters that are nowhere else. */
void demo_draw_marker(char marker[DEMO_MARKER_BYTES + 1]);

bool demo_load_open(struct demo_load *load, const struct sealift_options *options);
void demo_load_close(struct demo_load *load);

/* Appends at the load's pace for so long. False where the primary is gone for good. */
bool demo_load_run(struct demo_load *load, unsigned ms);

/* Waits for every answer. */
bool demo_load_drain(struct demo_load *load, int timeout_ms);

/* Whether that is the record that was appended next; `place` is 0 before the first. */
bool demo_load_made(const struct demo_load *load, size_t *place, struct bytes record);

#endif
