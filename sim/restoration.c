/* Everybody is killed; what was on its way to the coordinator arrives or is lost; the record goes
 * back; whoever served last is started, and looked at until the record names it with an epoch of
 * its own.
 *
 * How it goes wrong: whom he has chosen waits for a repair, or is struck again: the others are
 * started after a while, as replicas. */
#include "sim/restoration.h"

#include "sim/swarm.h"

enum {
    QUIET_MS = 50, /* no claim is under way any more */
    LOOK_EVERY_MS = 20,
    ALONE_S = 3,
};

static bool belongs(const struct world *world, const struct sim_member *member)
{
    return (world->oracle->members >> member->number & 1) != 0;
}

/* Nobody can say who served last where a disk does not tell what it held. */
static bool can_be_known(const struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        const struct sim_member *member = &world->sim->members[i];
        const struct sim_store *store = &member->store;

        if (belongs(world, member)
            && (store->damage + store->losses + store->spoilt + store->io_failures > 0)) {
            return false;
        }
    }
    return world->oracle->epoch > 0;
}

static struct sim_member *served_last(struct world *world)
{
    struct sim_member *last = NULL;
    struct position most = {0};

    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        if (!belongs(world, member)) {
            continue;
        }
        const struct position reached = oracle_read_disk(world->oracle, member).reached;

        if (last == NULL || position_is_ahead(reached, most)) {
            most = reached;
            last = member;
        }
    }
    return last;
}

static void run_look(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    struct restoration *restoration = &world->restoration;
    const struct claim_record *record = &sim->claim.record;

    (void)todo;
    if (record->version > 0 && record->epoch > restoration->seen
        && strcmp(record->writer, restoration->chosen->self.member) == 0) {
        restoration->chosen = NULL;
        return;
    }
    restoration->lets_others = sim->now - restoration->begun_ns > SPAN_S(ALONE_S).ns;
    sim_after(sim, SPAN_MS(LOOK_EVERY_MS).ns, (struct todo){run_look, 0, 0, 0});
}

static void run_restore(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    struct restoration *restoration = &world->restoration;
    struct sim_claim *claim = &sim->claim;

    (void)todo;
    if (prng_chance(&restoration->dice, 1, 2)) {
        claim->record = claim->backup;
    } else {
        memset(&claim->record, 0, sizeof claim->record);
    }
    restoration->seen = claim->record.epoch;
    restoration->chosen = served_last(world);
    sim_count(sim, FAULT_CLAIM_LOSS);
    sim_say(sim, NULL, "the coordinator goes back to version %llu, and %s served last",
            (unsigned long long)claim->record.version, restoration->chosen->name);
    sim_after(sim, 0, (struct todo){run_look, 0, 0, 0});
}

static void stop_all(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        if (member->state == SIM_UP) {
            sim_crash(world->sim, member, SIM_KILL);
            world_start_later(world, member);
        }
    }
    memset(world->recrash, 0, sizeof world->recrash);
    memset(world->contradict, 0, sizeof world->contradict);
}

static void run_tick(struct sim *sim, const struct todo *todo)
{
    struct world *world = sim->world;
    struct restoration *restoration = &world->restoration;

    if (world->calm) {
        return;
    }
    if (!world->lull && restoration->chosen == NULL && can_be_known(world)) {
        restoration->chosen = served_last(world); /* again when all are down */
        restoration->begun_ns = sim->now;
        restoration->lets_others = false;
        stop_all(world);
        sim_after(sim, SPAN_MS(QUIET_MS).ns, (struct todo){run_restore, 0, 0, 0});
    }
    sim_after(sim,
              prng_between(&restoration->dice, restoration->gap_ns / 2, 2 * restoration->gap_ns),
              *todo);
}

void restoration_begin(struct world *world, uint64_t seed)
{
    struct restoration *restoration = &world->restoration;

    prng_seed(&restoration->dice, seed ^ 0x4ec04d);
    restoration->gap_ns = SPAN_S(1).ns << prng_below(&restoration->dice, 4);
    sim_after(world->sim, prng_below(&restoration->dice, 2 * restoration->gap_ns),
              (struct todo){run_tick, 0, 0, 0});
}

bool restoration_holds(const struct world *world, const struct sim_member *member)
{
    const struct restoration *restoration = &world->restoration;
    const bool is_down = world->sim->now - restoration->begun_ns < SPAN_MS(QUIET_MS).ns;

    return restoration->chosen != NULL
           && (is_down || (restoration->chosen != member && !restoration->lets_others));
}
