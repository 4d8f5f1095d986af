/* Internal to sim/sim_net*.c.
 *
 * sim_net.c       what is on its way, and how it arrives
 * sim_net_dial.c  how a link begins
 * sim_net_cuts.c  how links end and regions part */
#ifndef SEALIFT_SIM_SIM_NET_PARTS_H
#define SEALIFT_SIM_SIM_NET_PARTS_H

#include "sim/sim.h"
#include "sim/sim_net.h"

bool sim_net_end_lives(struct sim *sim, const struct sim_end *end);

/* A process that is paused hears of it later: the todo is done again then. */
bool sim_net_end_is_paused(struct sim *sim, const struct sim_end *end, const struct todo *todo);

void sim_net_tell_down(struct sim *sim, const struct sim_end *end, link_t link, enum status why);

/* todo->a: the link; b: the side that hears of its end; c: why. */
void sim_net_run_down(struct sim *sim, const struct todo *todo);

/* The first packet in that direction goes onto the agenda, where nothing keeps it. */
void sim_net_arm(struct sim *sim, struct sim_link *link, unsigned side);
void sim_net_way_empty(struct sim_way *way);

/* One of two members is among those who are parted from the others. */
bool sim_net_is_parted(const struct sim *sim, int a, int b);
uint64_t sim_net_jittered(struct sim_net *net, uint64_t delay);

#endif
