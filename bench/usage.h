/* What a process has cost so far, from /proc: its threads together. Zeros where it is gone. And
 * what the whole machine has done meanwhile: where others use it too, figures need that. */
#ifndef SEALIFT_BENCH_USAGE_H
#define SEALIFT_BENCH_USAGE_H

#include <sys/types.h>

struct usage {
    double cpu_s; /* user and system; in steps of 10 ms */
    double peak_mib; /* VmHWM */
};

struct usage usage_of(pid_t pid);

/* Seconds of all processors together that somebody used since boot, or that the machine below us
 * took away. */
double usage_of_machine(void);

/* The part of all processors (0 to 1) that somebody else used: of what the machine spent in `took`
 * seconds, `ours` was our own. */
double usage_of_others(double machine_s, double ours_s, double took_s);

#endif
