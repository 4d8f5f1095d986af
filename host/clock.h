/* Two clocks: one that decides, and never goes back or stops in a sleeping machine; and the date,
 * which is only for people, certificates and signatures. */
#ifndef SEALIFT_HOST_CLOCK_H
#define SEALIFT_HOST_CLOCK_H

#include "base/instant.h"

struct instant clock_now(void); /* CLOCK_BOOTTIME */
uint64_t clock_wall_ns(void); /* CLOCK_REALTIME, since 1970 */

#endif
