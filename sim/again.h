/* Is recovery run twice the same as recovery run once?
 *
 * Before a member starts, its disk is copied into two small worlds of their own, without a network.
 * In one it recovers in peace; in the other it is struck somewhere in the middle, and recovers
 * again. Both must come to the same end, and have lost nothing that was durable. */
#ifndef SEALIFT_SIM_AGAIN_H
#define SEALIFT_SIM_AGAIN_H

#include "sim/swarm.h"

void again_check(struct world *world, const struct sim_member *member);

#endif
