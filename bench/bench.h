/* sealift-bench: one function a subcommand; each prints a line for each figure.
 *
 * Figures of one machine compare only within one run: whatever has a reference measures it in the
 * same minutes, in turns with the thing itself, and reports medians of both. MB = 10^6 bytes. */
#ifndef SEALIFT_BENCH_BENCH_H
#define SEALIFT_BENCH_BENCH_H

#include "bench/report.h"

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_SIZES_MAX = 4, BENCH_ROUNDS_MAX = 25 };

struct bench_options {
    double seconds; /* of each measurement */
    unsigned rounds; /* medians are of so many */
    uint64_t record_bytes; /* 0: each subcommand's own sizes */
    const char *folder; /* where clusters are made and removed */
    bool client_tls; /* the client's link too; else a UNIX socket: a writer on the same machine */
    bool unencrypted; /* clusters not encrypted at rest */
    unsigned clients; /* of the key service */
    bool pause_keys; /* commit: with the key service running, and stopped */
    const char *aes; /* what --aes the members and this process use: auto or openssl */
};

/* The sizes to measure: the asked one alone, or the standard ones. Returns how many. */
unsigned bench_sizes(const struct bench_options *options, const uint64_t *standard,
                     uint64_t sizes[BENCH_SIZES_MAX]);

/* False where something could not be measured: said on stderr. */
bool bench_seal(const struct bench_options *options, struct report *report);
bool bench_tls(const struct bench_options *options, struct report *report);
bool bench_ship(const struct bench_options *options, struct report *report);
bool bench_commit(const struct bench_options *options, struct report *report);
bool bench_keys(const struct bench_options *options, struct report *report);

#endif
