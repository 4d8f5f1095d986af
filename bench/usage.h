/* What a process has cost so far, from /proc: its threads together. Zeros where it is gone. */
#ifndef SEALIFT_BENCH_USAGE_H
#define SEALIFT_BENCH_USAGE_H

#include <sys/types.h>

struct usage {
    double cpu_s; /* user and system; in steps of 10 ms */
    double peak_mib; /* VmHWM */
};

struct usage usage_of(pid_t pid);

#endif
