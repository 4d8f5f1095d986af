/* How each class of faults strikes. Inner header of chaos.c and the chaos_*.c files.
 *
 * `victim` was drawn, whether or not the class needs one. Each counts the fault itself, when it
 * really happens. */
#ifndef SEALIFT_SIM_CHAOS_PARTS_H
#define SEALIFT_SIM_CHAOS_PARTS_H

#include "sim/swarm.h"

typedef void chaos_strike(struct world *world, struct sim_member *victim, enum sim_fault fault);

/* chaos.c */
struct sim_member *chaos_any_member(struct world *world);

/* A moment from now on, within so many seconds. */
uint64_t chaos_until(struct world *world, uint64_t seconds_max);

/* chaos_process.c */
chaos_strike chaos_kill, chaos_crash_again, chaos_stop, chaos_pause, chaos_contradict,
    chaos_set_clock, chaos_cut_power, chaos_cut_power_everywhere, chaos_fall_behind;

/* Started again later, if it was up. */
void chaos_crash(struct world *world, struct sim_member *member, enum sim_crash crash);

/* chaos_disk.c */
chaos_strike chaos_fail_write, chaos_fill_up, chaos_fail_read, chaos_misdirect, chaos_lose_disk,
    chaos_slow_disk, chaos_damage;

/* chaos_links.c: links, and what is said over them */
chaos_strike chaos_cut_link, chaos_flap, chaos_part, chaos_tamper;

/* chaos_services.c: key services and the coordinator */
chaos_strike chaos_hurt_keys, chaos_refuse_key, chaos_silence_coordinator,
    chaos_restore_coordinator;

#endif
