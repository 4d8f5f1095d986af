/* Rot and lost files on any one disk at a time, in a whole cluster: another member has a good copy
 * of everything then, so all of it comes back, and the disks are the same in the end. */
#include "sim/swarm.h"
#include "tests/support/test.h"

#include "base/check.h"

enum { SEEDS = 24, ROUNDS = 6, REPLICAS = 2 };

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
    sim_run_until(world->sim, SPAN_S(2).ns);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 60);
    sim_run_until(world->sim, SPAN_S(8).ns);
    return world;
}

static bool are_the_same(const struct world *world)
{
    const struct sim_member *members = world->sim->members;

    for (unsigned i = 0; i <= REPLICAS; i++) {
        if (members[i].state != SIM_UP || oracle_read_disk(world->oracle, &members[i]).broken
            || !oracle_same_wal(world->oracle, &members[0], &members[i])) {
            return false;
        }
    }
    return oracle_read_disk(world->oracle, &members[0]).reached.batch == world->oracle->line_end;
}

static bool heals(const struct world *world, uint64_t seconds)
{
    const uint64_t end = world->sim->now + SPAN_S(seconds).ns;

    while (!world->sim->failed && world->sim->now < end && !are_the_same(world)) {
        sim_run_until(world->sim, world->sim->now + SPAN_MS(500).ns);
    }
    return !world->sim->failed && are_the_same(world);
}

/* Under a member that runs, or that starts on it. */
static void harm(struct world *world, struct sim_member *victim, bool restarts)
{
    if (restarts) {
        sim_crash(world->sim, victim, SIM_KILL);
    }
    if (prng_chance(&world->dice, 1, 4)) {
        (void)sim_store_lose_file(&victim->store);
    }
    for (unsigned i = 0; i < 3; i++) {
        (void)sim_store_rot(&victim->store);
    }
    if (restarts) {
        sim_start(world->sim, victim);
    }
}

TEST(whatever_one_disk_loses_the_others_give_back)
{
    uint64_t repairs = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = build(seed);

        world_calm(world);
        NEED(heals(world, 60));
        for (unsigned round = 0; round < ROUNDS; round++) {
            struct sim_member *victim =
                &world->sim->members[prng_below(&world->dice, REPLICAS + 1)];

            harm(world, victim, prng_chance(&world->dice, 1, 2));
            if (!heals(world, 20)) { /* the newest segment is open: its next start finds it */
                harm(world, victim, true);
            }
            const bool healed = heals(world, 60);

            if (!healed) {
                printf("\n    seed %llu round %u %s: %s\n", (unsigned long long)seed, round,
                       victim->name, world->sim->failure);
                transcript_print_tail(&world->sim->transcript, stdout);
            }
            NEED(healed);
        }
        repairs += world->oracle->repairs;
        world_destroy(world);
    }
    EXPECT(repairs > SEEDS);
}
