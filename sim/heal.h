/* One seed, one small cluster, one disk after the other.
 *
 * Three members hold the same; then one disk rots or loses a file, while its member runs or before
 * it starts, while somebody else is behind, answers are forged on the way, and power goes in the
 * middle of it. A good copy of everything is always somewhere, so all of it must come back, within
 * a bound: in a closed segment without a restart, since the scrub looks there. */
#ifndef SEALIFT_SIM_HEAL_H
#define SEALIFT_SIM_HEAL_H

#include "sim/swarm.h"

/* As swarm_run. */
struct swarm_result heal_run(uint64_t seed, FILE *print);

#endif
