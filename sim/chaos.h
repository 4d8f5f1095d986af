/* Faults at random, at the rates that the world has drawn. */
#ifndef SEALIFT_SIM_CHAOS_H
#define SEALIFT_SIM_CHAOS_H

#include "sim/swarm.h"

/* The first fault, which leads to the next, until the world is calm. */
void chaos_begin(struct world *world);

/* Once, a key is refused for some seconds. */
void chaos_refuse_some_day(struct world *world, struct prng *dice);

/* A writer that serves since now may be told to stop before its first batches are durable. */
void chaos_on_serving(struct world *world, const struct sim_member *member);

#endif
