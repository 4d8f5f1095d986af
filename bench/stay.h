/* On which processor do the two sides of a measurement run? Each on one of its own, where we have
 * two: they do not take each other's time then. */
#ifndef SEALIFT_BENCH_STAY_H
#define SEALIFT_BENCH_STAY_H

#include <sched.h>

/* Notes what we have, before anybody is told to stay; empty where it is not known. */
void stay_begin(cpu_set_t *allowed);

/* This process, and what it starts from now on: the first (0) or second (1) of them. */
void stay_on(const cpu_set_t *allowed, unsigned which);

/* Back to all of them. */
void stay_end(const cpu_set_t *allowed);

#endif
