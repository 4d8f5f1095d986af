/* What befalls processes: they are killed, lose power, sleep, are stopped, started wrongly, or told
 * another time. Whoever is down is started again later. */
#include "base/check.h"
#include "sim/chaos.h"
#include "sim/chaos_parts.h"

enum { STOP_S = 100 }; /* ten for the level to be met, the rest for the slowest of disks */

void chaos_crash(struct world *world, struct sim_member *member, enum sim_crash crash)
{
    const bool was_up = member->state == SIM_UP;

    sim_crash(world->sim, member, crash);
    if (was_up) {
        world_start_later(world, member);
    }
}

void chaos_kill(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    if (victim->state == SIM_UP) {
        sim_count(world->sim, fault);
    }
    chaos_crash(world, victim, SIM_KILL);
}

/* And again, at some moment of each of the next few recoveries. */
void chaos_crash_again(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)fault;
    if (victim->state == SIM_UP) {
        chaos_crash(world, victim, SIM_POWER);
        world->recrash[victim->number] = (unsigned)prng_between(&world->dice, 1, 10);
    }
}

static void run_must_be_down(struct sim *sim, const struct todo *todo)
{
    const struct sim_member *member = &sim->members[todo->a];

    if (member->state == SIM_UP && member->life == todo->b) {
        sim_fail(sim, 18, "%s does not stop, %u s after it was told to", member->name, STOP_S);
    }
}

/* As SIGTERM does: the member ends what is under way, and goes. */
void chaos_stop(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    struct event event = {.kind = EVENT_STOP};

    (void)fault;
    if (victim->state != SIM_UP || victim->paused_until_ns > world->sim->now) {
        return;
    }
    sim_count(world->sim, FAULT_STOP);
    sim_say(world->sim, victim->name, "STOP");
    victim->asked_to_stop = true;
    sim_after(world->sim, SPAN_S(STOP_S).ns,
              (struct todo){run_must_be_down, victim->number, victim->life, 0});
    sim_step(world->sim, victim, &event);
}

static void run_stop(struct sim *sim, const struct todo *todo)
{
    struct sim_member *member = &sim->members[todo->a];

    if (!sim->world->calm && member->life == todo->b) {
        chaos_stop(sim->world, member, FAULT_STOP);
    }
}

void chaos_on_serving(struct world *world, const struct sim_member *member)
{
    if (!world->calm && world->rates[FAULT_STOP] > 0 && prng_chance(&world->dice, 1, 4)) {
        sim_after(world->sim, prng_below(&world->dice, 2 * member->store.latency_ns),
                  (struct todo){run_stop, member->number, member->life, 0});
    }
}

/* As SIGSTOP and SIGCONT do: it sleeps, the world goes on, and then it hears of everything at once.
 */
void chaos_pause(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)fault;
    if (victim->state == SIM_UP && victim->paused_until_ns <= world->sim->now) {
        sim_count(world->sim, FAULT_PAUSE);
        victim->paused_until_ns = chaos_until(world, 9);
        sim_say(world->sim, victim->name, "PAUSED for %llu ms",
                (unsigned long long)((victim->paused_until_ns - world->sim->now) / 1000000));
    }
}

/* The next start asks for what cannot be had. */
void chaos_contradict(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)fault;
    world->contradict[victim->number] = true;
    chaos_crash(world, victim, SIM_KILL);
}

void chaos_set_clock(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    sim_count(world->sim, fault);
    victim->wall_set_ns = world->sim->now;
    victim->wall_skew_ns =
        (int64_t)prng_below(&world->dice, SPAN_S(60000000).ns) - (int64_t)SPAN_S(30000000).ns;
}

/* ---- power ---- */

static void crash_all(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        chaos_crash(world, &world->sim->members[i], SIM_POWER);
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
    chaos_crash(world, victim, SIM_POWER);
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

void chaos_cut_power(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    (void)fault;
    cut_power(world, victim, false);
}

void chaos_cut_power_everywhere(struct world *world, struct sim_member *victim,
                                enum sim_fault fault)
{
    (void)fault;
    cut_power(world, victim, true);
}

/* Whether a replica holds more than the primary; or, more by a whole segment. */
static bool holds_more(const struct oracle *oracle, unsigned replica, bool by_a_segment)
{
    const batch_t theirs = oracle->durable[replica], ours = oracle->durable[oracle->primary];
    const struct oracle_batch *last = oracle_at(oracle, theirs);
    const struct oracle_batch *first = oracle_at(oracle, ours + 1);

    return theirs > ours
           && (!by_a_segment || (last != NULL && first != NULL && last->segment != first->segment));
}

/* Until some replica holds what the primary's slow disk does not: that is what must be cut. In one
 * half of the cases the cut must reach over the beginning of a segment, too. */
static void run_fall_behind(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    const struct oracle *oracle = world->oracle;
    struct sim_member *primary = &sim->members[oracle->primary];
    bool is_behind = false;

    for (unsigned i = 0; i < sim->member_count; i++) {
        is_behind |= (oracle->voters >> i & 1) != 0 && holds_more(oracle, i, todo->b);
    }
    if (world->calm || sim->now > todo->a || primary->state != SIM_UP) {
        return;
    }
    if (is_behind) {
        sim_count(sim, FAULT_BEHIND);
        chaos_crash(world, primary, SIM_POWER);
        return;
    }
    sim_after(sim, SPAN_MS(7).ns, *todo);
}

void chaos_fall_behind(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    struct sim_store *store = &world->sim->members[world->oracle->primary].store;

    (void)victim, (void)fault;
    store->slow_until_ns = chaos_until(world, 5);
    sim_after(
        world->sim, 0,
        (struct todo){run_fall_behind, store->slow_until_ns, prng_chance(&world->dice, 1, 2), 0});
}
