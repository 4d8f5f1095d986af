/* Where it cannot be had, everybody runs where the kernel lets them. */
#include "bench/stay.h"

void stay_begin(cpu_set_t *allowed)
{
    CPU_ZERO(allowed);
    (void)sched_getaffinity(0, sizeof *allowed, allowed);
}

void stay_on(const cpu_set_t *allowed, unsigned which)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    for (unsigned cpu = 0, seen = 0; CPU_COUNT(allowed) >= 2 && cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed) && seen++ == which) {
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

void stay_end(const cpu_set_t *allowed)
{
    if (CPU_COUNT(allowed) > 0) {
        sched_setaffinity(0, sizeof *allowed, allowed);
    }
}
