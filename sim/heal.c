/* A round: harm, a while to watch, and the demand. What is damaged in the newest segment is found
 * by the next start, so where only that is left after a while, its member is started again. */
#include "sim/heal.h"

#include "base/check.h"
#include "cluster/control.h"

enum {
    REPLICAS = 2,
    ROUNDS = 6,
    FLIPS = 3, /* at most one of them strikes a control file or what is not covered */
    SCRUBBED_S = 40, /* several times scrub_gap, silence_max, and what a repair takes */
    HEALED_S = 60,
    LATE_APPENDS = 40,
};

static struct world *build(uint64_t seed)
{
    struct world *world = world_create(seed, seed % 3 != 0, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, 0);
    struct sim_member *first = world_add_replica(world, "replica-1", 3, primary);

    primary->settings.primary.member.segment_bytes = 64 << 10;
    world_add_replica(world, "replica-2", 3, seed % 2 == 0 ? primary : first);
    for (unsigned i = 0; i <= REPLICAS; i++) {
        struct member_settings *settings = i == 0 ? &world->sim->members[0].settings.primary.member
                                                  : &world->sim->members[i].settings.replica.member;

        settings->scrub_gap = SPAN_S(2);
        sim_start(world->sim, &world->sim->members[i]);
    }
    return world;
}

/* Whether the coordinator knows it by its present folder id: who had to repair its end counts as
 * one that has lost what it had, until it holds everything again. */
static bool is_known(const struct world *world, const struct sim_member *member)
{
    const struct claim_record *record = &world->sim->claim.record;
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    static struct control control;

    if ((world->oracle->voters >> member->number & 1) == 0) {
        return true;
    }
    if (control_decode(&control, bytes_of(small->cache, small->cache_size), NULL) != OK) {
        return false;
    }
    for (uint32_t i = 0; i < record->member_count; i++) {
        if (strcmp(record->members[i].name, member->self.member) == 0) {
            return id_equal(&record->members[i].folder, &control.folder);
        }
    }
    return false;
}

static bool are_the_same(const struct world *world)
{
    const struct sim_member *members = world->sim->members;

    for (unsigned i = 0; i <= REPLICAS; i++) {
        if (members[i].state != SIM_UP || oracle_read_disk(world->oracle, &members[i]).broken
            || !oracle_same_wal(world->oracle, &members[0], &members[i])
            || !is_known(world, &members[i])) {
            return false;
        }
    }
    return oracle_read_disk(world->oracle, &members[0]).reached.batch == world->oracle->line_end
           && workload_unsettled(&world->workload) == NULL;
}

static bool heals(const struct world *world, uint64_t seconds)
{
    const uint64_t end = world->sim->now + SPAN_S(seconds).ns;

    while (!world->sim->failed && world->sim->now < end && !are_the_same(world)) {
        sim_run_until(world->sim, world->sim->now + SPAN_MS(500).ns);
    }
    return !world->sim->failed && are_the_same(world);
}

/* All is said, and marked as durable: what is harmed before that may be taken for a torn write. */
static void rest(struct world *world)
{
    const struct workload_client *client = &world->workload.clients[0];
    const uint64_t end = world->sim->now + SPAN_S(HEALED_S).ns;

    while (!world->sim->failed && world->sim->now < end
           && (client->appends_left > 0 || workload_unsettled(&world->workload) != NULL)) {
        sim_run_until(world->sim, world->sim->now + SPAN_MS(100).ns);
    }
    sim_run_until(world->sim, world->sim->now + SPAN_S(2).ns);
}

/* Harm then strikes what was said just before, and no mark covers yet. */
static void work(struct world *world)
{
    world->workload.clients[0].appends_left += LATE_APPENDS;
    sim_run_until(world->sim, world->sim->now + prng_below(&world->dice, SPAN_S(1).ns));
}

/* Whether what is damaged or missing lies before the newest segment. */
static bool closed_is_damaged(const struct world *world, const struct sim_member *member)
{
    const struct oracle_disk found = oracle_read_disk(world->oracle, member);
    const struct sim_file *after = oracle_file_on_disk(member, found.segments);

    return (after != NULL && oracle_segment_on_disk(world->oracle, after) != NULL)
           || oracle_file_on_disk(member, found.segments + 1) != NULL;
}

static void run_forge(struct world *world)
{
    world->sim->tamper.wanted = true;
    world->sim->tamper.what = FAULT_FORGED;
    world->sim->tamper.until_ns = world->sim->now + SPAN_S(4).ns;
    world->sim->tamper.header = false;
}

static void run_cut(struct sim *sim, const struct todo *todo)
{
    struct sim_member *victim = &sim->members[todo->a];

    if (victim->state == SIM_UP && victim->life == todo->b) {
        sim_count(sim, todo->c == SIM_KILL ? FAULT_KILL : FAULT_POWER);
        sim_crash(sim, victim, (enum sim_crash)todo->c);
        world_start_later(sim->world, victim);
    }
}

/* In the middle of it, or thereabouts. */
static void cut_soon(struct world *world, const struct sim_member *victim)
{
    sim_after(world->sim, prng_below(&world->dice, SPAN_S(2).ns),
              (struct todo){run_cut, victim->number, victim->life,
                            prng_below(&world->dice, SIM_CRASHES)});
}

/* Unless somebody was faster: whoever was cut is started again by the world. */
static void start(struct sim *sim, struct sim_member *member)
{
    if (member->state != SIM_UP) {
        sim_start(sim, member);
    }
}

static void spoil(struct world *world, struct sim_member *victim)
{
    struct sim *sim = world->sim;

    if (prng_chance(&world->dice, 1, 4) && sim_store_lose_file(&victim->store)) {
        sim_count(sim, FAULT_LOST_FILE);
    }
    for (unsigned i = 0; i < FLIPS; i++) {
        sim->faults[FAULT_ROT] += sim_store_rot(&victim->store);
    }
    sim_say(sim, victim->name, "DISK: harmed");
}

/* Under a member that runs, or that starts on it. */
static void harm(struct world *world, struct sim_member *victim, bool restarts)
{
    if (restarts) {
        sim_crash(world->sim, victim, SIM_KILL);
    }
    spoil(world, victim);
    if (prng_chance(&world->dice, 1, 2)) {
        run_forge(world);
    }
    if (restarts) {
        start(world->sim, victim);
    }
    if (prng_chance(&world->dice, 1, 3)) {
        cut_soon(world, victim);
    }
}

/* The second replica, which nobody follows, was away while records came, and comes back with the
 * primary. */
static void harm_with_one_behind(struct world *world)
{
    struct sim *sim = world->sim;
    struct sim_member *victim = &sim->members[0], *late = &sim->members[REPLICAS];

    sim_crash(sim, late, SIM_KILL);
    world->workload.clients[0].appends_left += LATE_APPENDS;
    rest(world);
    sim_crash(sim, victim, SIM_KILL);
    spoil(world, victim);
    start(sim, late);
    start(sim, victim);
}

/* An operator does; a write into a file that was gone may have failed. */
static void look_at_disk(struct sim_member *victim)
{
    if (victim->number == 0) {
        victim->settings.primary.member.accept_suspect = true;
    }
}

static void run_round(struct world *world)
{
    struct sim *sim = world->sim;
    struct sim_member *victim = &sim->members[prng_below(&world->dice, REPLICAS + 1)];

    if (prng_chance(&world->dice, 1, 2)) {
        rest(world);
    } else {
        work(world);
    }
    if (victim->number == 0 && prng_chance(&world->dice, 1, 2)) {
        harm_with_one_behind(world);
    } else {
        harm(world, victim, prng_chance(&world->dice, 1, 2));
    }
    if (heals(world, SCRUBBED_S) || sim->failed) {
        return;
    }
    if (victim->state == SIM_UP && closed_is_damaged(world, victim)) {
        sim_fail(sim, 18, "%s has not repaired a closed segment, %u s after it was damaged",
                 victim->name, SCRUBBED_S);
        return;
    }
    sim_crash(sim, victim, SIM_KILL);
    look_at_disk(victim);
    start(sim, victim);
    if (!heals(world, HEALED_S) && !sim->failed) {
        sim_fail(sim, 18, "%s is not whole again, %u s after it was started on what it lacked",
                 victim->name, HEALED_S);
    }
}

struct swarm_result heal_run(uint64_t seed, FILE *print)
{
    struct swarm_result result = {0};
    struct world *world = build(seed);

    swarm_current = world;
    world->sim->transcript.print = print;
    sim_run_until(world->sim, SPAN_S(2).ns);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 60);
    if (!heals(world, HEALED_S) && !world->sim->failed) {
        sim_fail(world->sim, 18, "nothing has gone wrong yet, and it is not settled");
    }
    for (unsigned round = 0; round < ROUNDS && !world->sim->failed; round++) {
        run_round(world);
    }
    swarm_collect(world, &result);
    world_destroy(world);
    swarm_current = NULL;
    return result;
}
