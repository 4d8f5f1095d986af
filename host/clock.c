/* clock_gettime, which cannot fail for these two on Linux. */
#include "host/clock.h"

#include "base/check.h"

#include <time.h>

static uint64_t read_clock(clockid_t which)
{
    struct timespec now;

    CHECK(clock_gettime(which, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct instant clock_now(void)
{
    return (struct instant){read_clock(CLOCK_BOOTTIME)};
}

uint64_t clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
