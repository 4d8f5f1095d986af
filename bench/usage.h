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

#endif
