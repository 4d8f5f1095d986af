/* At drawn moments, one fault of a drawn class strikes a drawn victim. Each counts itself when it
 * really happens, not when it is planned. */
#include "sim/chaos.h"
#include "base/check.h"

static struct sim_member *any_member(struct world *world)
{
    struct sim_member *member =
        &world->sim->members[prng_below(&world->dice, world->sim->member_count)];

    return (world->oracle->members >> member->number & 1) != 0 ? member : &world->sim->members[0];
}

static uint64_t until(struct world *world, uint64_t seconds_max)
{
    return world->sim->now + prng_between(&world->dice, SPAN_MS(50).ns, SPAN_S(seconds_max).ns);
}

static void crash_one(struct world *world, struct sim_member *member, enum sim_crash crash)
{
    const bool was_up = member->state == SIM_UP;

    sim_crash(world->sim, member, crash);
    if (was_up) {
        world_start_later(world, member);
    }
}

static void crash_all(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        crash_one(world, &world->sim->members[i], SIM_POWER);
    }
}

static void cut_power_now(struct world *world, struct sim_member *victim, bool everywhere)
{
    if (everywhere) {
        sim_count(world->sim, FAULT_POWER_ALL);
        crash_all(world);
        return;
    }
    if (victim->state == SIM_UP) {
        sim_count(world->sim, FAULT_POWER);
    }
    crash_one(world, victim, SIM_POWER);
}

/* Power that goes at any moment seldom finds a write under way. So half of the cuts wait, for a
 * while, until the victim writes several batches at once. c: tries left, and a bit: everywhere. */
static void run_power_when_busy(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];
    const bool everywhere = todo->c % 2;

    if (sim->world->calm || member->state != SIM_UP || member->life != todo->b || todo->c < 2) {
        return;
    }
    if (member->store.group > 1) {
        cut_power_now(sim->world, member, everywhere);
        return;
    }
    sim_after(sim, SPAN_US(100).ns,
              (struct todo){run_power_when_busy, todo->a, todo->b, todo->c - 2});
}

static void cut_power(struct world *world, struct sim_member *victim, bool everywhere)
{
    enum { TRIES = 5000 };

    if (victim->state == SIM_UP && world->sim->now % 2 == 0) { /* needs no die */
        const struct todo wait = {run_power_when_busy, victim->number, victim->life,
                                  2 * TRIES + everywhere};

        run_power_when_busy(world->sim, &wait);
    } else {
        cut_power_now(world, victim, everywhere);
    }
}

static void part(struct world *world, bool both)
{
    struct sim *sim = world->sim;
    const unsigned a = any_member(world)->region;
    const unsigned b = any_member(world)->region;
    const uint64_t end = until(world, 8);

    if (a == b) {
        return;
    }
    sim_count(sim, both ? FAULT_PARTITION : FAULT_STALL);
    sim_say(sim, NULL, "%s %s %s", sim_region_name(a), both ? "and" : "no longer reaches",
            sim_region_name(b));
    sim_net_block(sim, a, b, end);
    if (both) {
        sim_net_block(sim, b, a, end);
    }
}

static void cut_link(struct world *world)
{
    const link_t link = sim_net_any_link(world->sim);

    if (link != 0) {
        sim_count(world->sim, FAULT_CUT);
        sim_net_cut(world->sim, link);
    }
}

static void rot(struct world *world)
{
    struct sim_member *member = any_member(world);

    if (sim_store_rot(&member->store)) {
        sim_count(world->sim, FAULT_ROT);
        sim_say(world->sim, member->name, "BIT FLIPPED on its disk");
    }
}

static void run_enable(struct sim *sim, const struct todo *todo)
{
    sim->keys.keys[todo->a].refusal = OK;
}

static void refuse_key(struct world *world)
{
    static const enum status refusals[] = {E_KEY_DISABLED, E_KEY_DENIED, E_KEY_PENDING_DELETION};
    const unsigned key = any_member(world)->region;

    if (world->oracle->encrypted) {
        sim_count(world->sim, FAULT_KEYS_REFUSE);
        world->sim->keys.keys[key].refusal = refusals[prng_below(&world->dice, 3)];
        sim_at(world->sim, until(world, 6), (struct todo){run_enable, key, 0, 0});
    }
}

static void silence_keys(struct world *world)
{
    if (world->oracle->encrypted) {
        sim_count(world->sim, FAULT_KEYS_SILENT);
        world->sim->keys.unreachable_until[any_member(world)->region] = until(world, 6);
    }
}

static void strike(struct world *world, enum sim_fault fault)
{
    struct sim *sim = world->sim;
    struct sim_member *victim = any_member(world);

    switch (fault) {
    case FAULT_KILL:
        if (victim->state == SIM_UP) {
            sim_count(sim, fault);
        }
        crash_one(world, victim, SIM_KILL);
        return;
    case FAULT_POWER:
    case FAULT_POWER_ALL:
        cut_power(world, victim, fault == FAULT_POWER_ALL);
        return;
    case FAULT_CUT:
        cut_link(world);
        return;
    case FAULT_PARTITION:
    case FAULT_STALL:
        part(world, fault == FAULT_PARTITION);
        return;
    case FAULT_IO:
        victim->store.fail_next = E_IO;
        return;
    case FAULT_FULL:
        victim->store.fail_next = E_DISK_FULL;
        return;
    case FAULT_SLOW_DISK:
        sim_count(sim, fault);
        victim->store.slow_until_ns = until(world, 5);
        return;
    case FAULT_ROT:
        rot(world);
        return;
    case FAULT_KEYS_SILENT:
        silence_keys(world);
        return;
    case FAULT_KEYS_REFUSE:
        refuse_key(world);
        return;
    case FAULT_CLAIM:
        sim_count(sim, fault);
        sim->claim.unreachable_until = until(world, 5);
        return;
    case FAULT_CLOCK:
        sim_count(sim, fault);
        victim->wall_skew_ns =
            (int64_t)prng_below(&world->dice, SPAN_S(60000000).ns) - (int64_t)SPAN_S(30000000).ns;
        return;
    case FAULT_DIAL: /* drawn once, in the shape */
    case FAULT_TORN: /* part of a power cut */
    case FAULT_TORN_BEFORE:
    case FAULT_NONSENSE: /* a client of the workload */
    case FAULT_IMPOSTOR: /* a member of the shape */
    case SIM_FAULTS:
        return;
    }
}

static enum sim_fault draw(struct world *world)
{
    unsigned total = 0;
    unsigned drawn;

    for (unsigned i = 0; i < SIM_FAULTS_DRAWN; i++) {
        total += world->rates[i];
    }
    drawn = total == 0 ? 0 : (unsigned)prng_below(&world->dice, total);
    for (unsigned i = 0; i < SIM_FAULTS_DRAWN; i++) {
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
    if (!world->calm) {
        strike(world, draw(world));
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
