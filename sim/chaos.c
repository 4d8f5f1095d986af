/* At drawn moments, one fault of a drawn class strikes a drawn victim. Each counts itself when it
 * really happens, not when it is planned. */
#include "sim/chaos.h"

#include "sim/chaos_parts.h"

struct sim_member *chaos_any_member(struct world *world)
{
    struct sim_member *member =
        &world->sim->members[prng_below(&world->dice, world->sim->member_count)];

    return (world->oracle->members >> member->number & 1) != 0 ? member : &world->sim->members[0];
}

uint64_t chaos_until(struct world *world, uint64_t seconds_max)
{
    return world->sim->now + prng_between(&world->dice, SPAN_MS(50).ns, SPAN_S(seconds_max).ns);
}

/* Absent: drawn once in the shape, part of another fault, or somebody else's doing. */
static chaos_strike *const strikes[SIM_FAULTS] = {
    [FAULT_KILL] = chaos_kill,
    [FAULT_POWER] = chaos_cut_power,
    [FAULT_POWER_ALL] = chaos_cut_power_everywhere,
    [FAULT_RECRASH] = chaos_crash_again,
    [FAULT_BEHIND] = chaos_fall_behind,
    [FAULT_STOP] = chaos_stop,
    [FAULT_PAUSE] = chaos_pause,
    [FAULT_CUT] = chaos_cut_link,
    [FAULT_FLAP] = chaos_flap,
    [FAULT_PARTITION] = chaos_part,
    [FAULT_STALL] = chaos_part,
    [FAULT_IO] = chaos_fail_write,
    [FAULT_READ] = chaos_fail_read,
    [FAULT_FULL] = chaos_fail_write,
    [FAULT_FILLING] = chaos_fill_up,
    [FAULT_SLOW_DISK] = chaos_slow_disk,
    [FAULT_ROT] = chaos_damage,
    [FAULT_MISDIRECTED] = chaos_misdirect,
    [FAULT_LOST_FILE] = chaos_damage,
    [FAULT_CONTROL] = chaos_damage,
    [FAULT_NO_CONTROL] = chaos_damage,
    [FAULT_LOST_DISK] = chaos_lose_disk,
    [FAULT_KEYS_SILENT] = chaos_hurt_keys,
    [FAULT_KEYS_SLOW] = chaos_hurt_keys,
    [FAULT_KEYS_HANG] = chaos_hurt_keys,
    [FAULT_KEYS_REFUSE] = chaos_refuse_key,
    [FAULT_KEYS_WRONG] = chaos_hurt_keys,
    [FAULT_CLAIM] = chaos_silence_coordinator,
    [FAULT_CLAIM_LOSS] = chaos_restore_coordinator,
    [FAULT_CLOCK] = chaos_set_clock,
    [FAULT_FORGED] = chaos_tamper,
    [FAULT_TWICE] = chaos_tamper,
    [FAULT_SWAPPED] = chaos_tamper,
    [FAULT_OLD_EPOCH] = chaos_tamper,
    [FAULT_FALSE_ACK] = chaos_tamper,
    [FAULT_COMMAND] = chaos_contradict,
};

static void strike(struct world *world, enum sim_fault fault)
{
    struct sim_member *victim = chaos_any_member(world);

    if (fault < SIM_FAULTS && strikes[fault] != NULL) {
        strikes[fault](world, victim, fault);
    }
}

static enum sim_fault draw(struct world *world)
{
    unsigned total = 0;
    unsigned drawn;

    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        total += world->rates[i];
    }
    drawn = total == 0 ? 0 : (unsigned)prng_below(&world->dice, total);
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (drawn < world->rates[i]) {
            return (enum sim_fault)i;
        }
        drawn -= world->rates[i];
    }
    return SIM_FAULTS;
}

static void run_chaos(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;

    (void)todo;
    if (!world->calm && !world->lull) {
        if (world->restoration.chosen == NULL) {
            strike(world, draw(world));
        }
        chaos_begin(world);
    }
}

void chaos_begin(struct world *world)
{
    if (world->fault_gap_ns > 0) {
        sim_after(world->sim, prng_below(&world->dice, 2 * world->fault_gap_ns),
                  (struct todo){run_chaos, 0, 0, 0});
    }
}
