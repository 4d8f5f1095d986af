/* At drawn moments, one fault of a drawn class strikes a drawn victim. Each counts itself when it
 * really happens, not when it is planned. */
#include "sim/chaos.h"

#include "base/check.h"
#include "cluster/control.h"
#include "sim/sim_space.h"

enum { STOP_S = 100 }; /* ten for the level to be met, the rest for the slowest of disks */

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

/* And again, at some moment of each of the next few recoveries. */
static void crash_again(struct world *world, struct sim_member *victim)
{
    if (victim->state == SIM_UP) {
        crash_one(world, victim, SIM_POWER);
        world->recrash[victim->number] = (unsigned)prng_between(&world->dice, 1, 10);
    }
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
        crash_one(world, primary, SIM_POWER);
        return;
    }
    sim_after(sim, SPAN_MS(7).ns, *todo);
}

static void fall_behind(struct world *world)
{
    struct sim_store *store = &world->sim->members[world->oracle->primary].store;

    store->slow_until_ns = until(world, 5);
    sim_after(
        world->sim, 0,
        (struct todo){run_fall_behind, store->slow_until_ns, prng_chance(&world->dice, 1, 2), 0});
}

static void run_must_be_down(struct sim *sim, const struct todo *todo)
{
    const struct sim_member *member = &sim->members[todo->a];

    if (member->state == SIM_UP && member->life == todo->b) {
        sim_fail(sim, 18, "%s does not stop, %u s after it was told to", member->name, STOP_S);
    }
}

/* As SIGTERM does: the member ends what is under way, and goes. */
static void stop(struct world *world, struct sim_member *victim)
{
    struct event event = {.kind = EVENT_STOP};

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
        stop(sim->world, member);
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
static void pause_one(struct world *world, struct sim_member *victim)
{
    if (victim->state == SIM_UP && victim->paused_until_ns <= world->sim->now) {
        sim_count(world->sim, FAULT_PAUSE);
        victim->paused_until_ns = until(world, 9);
        sim_say(world->sim, victim->name, "PAUSED for %llu ms",
                (unsigned long long)((victim->paused_until_ns - world->sim->now) / 1000000));
    }
}

/* Its machine is replaced: same name, same certificate, an empty disk. Not the writer's, whether it
 * reigns already or has only claimed: what only that one had is gone then, and nobody promised
 * otherwise. */
static void lose_disk(struct world *world, struct sim_member *victim)
{
    if (victim->number == world->oracle->primary || victim == succession_writer(world)
        || victim->store.file_count == 0) {
        return;
    }
    sim_count(world->sim, FAULT_LOST_DISK);
    crash_one(world, victim, SIM_POWER);
    sim_say(world->sim, victim->name, "DISK LOST");
    sim_store_lose_all(&victim->store);
    oracle_forget_disk(world->oracle, victim);
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

static void run_flap(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    const link_t link = sim_net_any_link(sim);

    if (world->calm || sim->now > todo->a) {
        return;
    }
    if (link != 0) {
        sim_net_cut(sim, link);
    }
    sim_after(sim, prng_between(&world->dice, SPAN_MS(100).ns, SPAN_S(1).ns), *todo);
}

static void damage(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    struct sim_store *store = &victim->store;
    bool struck = false;

    if (fault == FAULT_ROT) {
        struck = sim_store_rot(store);
    } else if (fault == FAULT_LOST_FILE) {
        struck = sim_store_lose_file(store);
    } else if (fault == FAULT_CONTROL) {
        struck = sim_store_spoil_control(
            store, (unsigned)prng_between(&world->dice, 1, CONTROL_COPIES - 1));
    } else {
        struck = sim_store_spoil_control(store, CONTROL_COPIES);
    }
    if (struck) {
        sim_count(world->sim, fault);
        sim_say(world->sim, victim->name, "DISK: %s", sim_fault_name(fault));
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

static void hurt_keys(struct world *world, uint64_t *until_of_region, enum sim_fault fault)
{
    if (world->oracle->encrypted) {
        sim_count(world->sim, fault);
        until_of_region[any_member(world)->region] = until(world, 6);
    }
}

/* Its memory was lost, or an old copy of it was restored. */
static void restore_coordinator(struct world *world)
{
    struct sim_claim *claim = &world->sim->claim;

    sim_count(world->sim, FAULT_CLAIM_LOSS);
    if (prng_chance(&world->dice, 1, 2)) {
        claim->record = claim->backup;
    } else {
        memset(&claim->record, 0, sizeof claim->record);
    }
    sim_say(world->sim, NULL, "the coordinator goes back to version %llu",
            (unsigned long long)claim->record.version);
}

static void run_unfill(struct sim *sim, const struct todo *todo)
{
    sim_space_fill(sim, &sim->members[todo->a], 0);
}

/* Somebody else's files come, to any of the limits that matter, and go. Often just to where the
 * writer must take nothing more, though there is room for some segments yet. */
static void fill(struct world *world, struct sim_member *victim)
{
    enum { LEAST = 840, FULL = 950, SOME = 20 };
    unsigned permille = (unsigned)prng_between(&world->dice, LEAST, 1000);
    struct sim_member *writer = &world->sim->members[world->oracle->primary];

    if (permille % 2 == 0 && writer->store.capacity_bytes > 0) { /* needs no die */
        victim = writer;
        permille = FULL + permille % SOME;
    }
    if (victim->store.capacity_bytes > 0) {
        sim_count(world->sim, FAULT_FILLING);
        sim_space_fill(world->sim, victim, permille);
        sim_at(world->sim, until(world, 5), (struct todo){run_unfill, victim->number, 0, 0});
    }
}

static void tamper(struct world *world, enum sim_fault fault)
{
    struct sim_tamper *tamper = &world->sim->tamper;
    const uint64_t end = until(world, 3);
    const bool header = prng_chance(&world->dice, 1, 2);

    if (tamper->wanted && tamper->what == FAULT_FORGED && !tamper->struck) {
        return; /* it waits for what it can forge, which may take longer than the next order */
    }
    tamper->wanted = true;
    tamper->struck = false;
    tamper->what = fault;
    tamper->until_ns = end;
    tamper->header = header;
}

/* What befalls a process, and the links of it. */
static void strike_process(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    switch ((int)fault) {
    case FAULT_KILL:
        if (victim->state == SIM_UP) {
            sim_count(world->sim, fault);
        }
        crash_one(world, victim, SIM_KILL);
        return;
    case FAULT_RECRASH:
        crash_again(world, victim);
        return;
    case FAULT_STOP:
        stop(world, victim);
        return;
    case FAULT_PAUSE:
        pause_one(world, victim);
        return;
    case FAULT_COMMAND:
        world->contradict[victim->number] = true;
        crash_one(world, victim, SIM_KILL);
        return;
    case FAULT_CLOCK:
        sim_count(world->sim, fault);
        victim->wall_set_ns = world->sim->now;
        victim->wall_skew_ns =
            (int64_t)prng_below(&world->dice, SPAN_S(60000000).ns) - (int64_t)SPAN_S(30000000).ns;
        return;
    case FAULT_FLAP:
        sim_count(world->sim, fault);
        sim_after(world->sim, 0, (struct todo){run_flap, until(world, 6), 0, 0});
        return;
    default: /* number: of another kind */
        return;
    }
}

static void strike_disk(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    switch ((int)fault) {
    case FAULT_IO:
        victim->store.fail_next = E_IO;
        return;
    case FAULT_FULL:
        victim->store.fail_next = E_DISK_FULL;
        return;
    case FAULT_FILLING:
        fill(world, victim);
        return;
    case FAULT_READ:
        victim->store.fail_read = E_IO;
        return;
    case FAULT_MISDIRECTED:
        victim->store.misdirects = true;
        return;
    case FAULT_LOST_DISK:
        lose_disk(world, victim);
        return;
    case FAULT_SLOW_DISK:
        sim_count(world->sim, fault);
        victim->store.slow_until_ns = until(world, 5);
        return;
    default: /* number: of another kind */
        damage(world, victim, fault);
        return;
    }
}

static void strike_network(struct world *world, enum sim_fault fault)
{
    if (fault == FAULT_CUT) {
        cut_link(world);
    } else {
        part(world, fault == FAULT_PARTITION);
    }
}

static void strike_keys(struct world *world, enum sim_fault fault)
{
    struct sim_keys *keys = &world->sim->keys;

    switch ((int)fault) {
    case FAULT_KEYS_SILENT:
        hurt_keys(world, keys->unreachable_until, fault);
        return;
    case FAULT_KEYS_SLOW:
        hurt_keys(world, keys->slow_until, fault);
        return;
    case FAULT_KEYS_HANG:
        hurt_keys(world, keys->hangs_until, fault);
        return;
    case FAULT_KEYS_WRONG:
        hurt_keys(world, keys->wrong_until, fault);
        return;
    default: /* number: the last of its kind */
        refuse_key(world);
        return;
    }
}

static void strike_power(struct world *world, struct sim_member *victim, enum sim_fault fault)
{
    if (fault == FAULT_BEHIND) {
        fall_behind(world);
    } else {
        cut_power(world, victim, fault == FAULT_POWER_ALL);
    }
}

static void strike(struct world *world, enum sim_fault fault)
{
    struct sim_member *victim = any_member(world);

    switch (fault) {
    case FAULT_KILL:
    case FAULT_RECRASH:
    case FAULT_STOP:
    case FAULT_PAUSE:
    case FAULT_COMMAND:
    case FAULT_CLOCK:
    case FAULT_FLAP:
        strike_process(world, victim, fault);
        return;
    case FAULT_POWER:
    case FAULT_POWER_ALL:
    case FAULT_BEHIND:
        strike_power(world, victim, fault);
        return;
    case FAULT_CUT:
    case FAULT_PARTITION:
    case FAULT_STALL:
        strike_network(world, fault);
        return;
    case FAULT_IO:
    case FAULT_FULL:
    case FAULT_FILLING:
    case FAULT_READ:
    case FAULT_MISDIRECTED:
    case FAULT_LOST_DISK:
    case FAULT_SLOW_DISK:
    case FAULT_ROT:
    case FAULT_LOST_FILE:
    case FAULT_CONTROL:
    case FAULT_NO_CONTROL:
        strike_disk(world, victim, fault);
        return;
    case FAULT_KEYS_SILENT:
    case FAULT_KEYS_SLOW:
    case FAULT_KEYS_HANG:
    case FAULT_KEYS_WRONG:
    case FAULT_KEYS_REFUSE:
        strike_keys(world, fault);
        return;
    case FAULT_CLAIM:
        sim_count(world->sim, fault);
        world->sim->claim.unreachable_until = until(world, 5);
        return;
    case FAULT_CLAIM_LOSS:
        restore_coordinator(world);
        return;
    case FAULT_FORGED:
    case FAULT_TWICE:
    case FAULT_SWAPPED:
    case FAULT_OLD_EPOCH:
    case FAULT_FALSE_ACK:
        tamper(world, fault);
        return;
    case FAULT_CUT_CRASH: /* when one begins */
    case FAULT_DIAL: /* drawn once, in the shape */
    case FAULT_TORN: /* part of a power cut */
    case FAULT_TORN_BEFORE:
    case FAULT_TRESPASS: /* clients of the workload */
    case FAULT_NONSENSE:
    case FAULT_IMPOSTOR:
    case FAULT_PROMOTION: /* an operator's */
    case SIM_FAULTS:
        return;
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
