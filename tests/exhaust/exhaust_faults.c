/* And if it happens at the n-th event, for every n? A primary and a replica, one producer, one
 * reader; the fault strikes one of the two members at its n-th step or its n-th group of writes; it
 * is started again, and everything must settle with no promise broken. The count ends by itself:
 * with the first n that the run never reaches. */
#include "sim/swarm.h"
#include "tests/support/test.h"

enum { N_MAX = 5000, US_EAST = 0, EU_WEST = 3, RUN_S = 8 };

enum what { WHAT_KILL, WHAT_POWER, WHAT_IO, WHAT_FULL };

static struct world *small_world(void)
{
    struct world *world = world_create(7, true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *replica = world_add_replica(world, "eu-1", EU_WEST, primary);

    world->oracle->record_bytes_usual = 4000;
    primary->settings.primary.member.segment_bytes = 64 << 10;
    primary->store.spare_bytes = replica->store.spare_bytes = 64 << 10;
    primary->store.latency_ns = replica->store.latency_ns = SPAN_MS(2).ns;
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 14);
    workload_add(&world->workload, CLIENT_READER, 1, 0);
    sim_start(world->sim, primary);
    sim_start(world->sim, replica);
    return world;
}

static void strike(struct world *world, struct sim_member *victim, enum what what)
{
    if (what == WHAT_IO || what == WHAT_FULL) {
        victim->store.fail_next = what == WHAT_IO ? E_IO : E_DISK_FULL;
        return;
    }
    sim_crash(world->sim, victim, what == WHAT_KILL ? SIM_KILL : SIM_POWER);
    world_start_later(world, victim);
}

static uint64_t count_of(const struct sim_member *victim, enum what what)
{
    return what == WHAT_IO || what == WHAT_FULL ? victim->store.groups : victim->steps;
}

/* False where the run has no n-th place. */
static bool run_with_fault_at(unsigned member, enum what what, uint64_t n)
{
    struct world *world = small_world();
    struct sim_member *victim = &world->sim->members[member];

    while (count_of(victim, what) < n && world->sim->now < SPAN_S(RUN_S).ns
           && sim_next(world->sim)) {
    }
    const bool reached = count_of(victim, what) >= n;

    strike(world, victim, what);
    sim_run_until(world->sim, world->sim->now + SPAN_S(2).ns);
    if (!world->sim->failed) {
        world_calm(world);
        world_settle(world, SPAN_S(60).ns);
    }
    if (world->sim->failed) {
        transcript_print_tail(&world->sim->transcript, stderr);
        fprintf(stderr, "member %u, fault %d, place %llu: %s\n", member, (int)what,
                (unsigned long long)n, world->sim->failure);
    }
    EXPECT(!world->sim->failed);
    world_destroy(world);
    return reached;
}

static void exhaust(unsigned member, enum what what)
{
    uint64_t n = 1;

    while (n < N_MAX && run_with_fault_at(member, what, n)) {
        n++;
    }
    EXPECT(n > 20);
    EXPECT(n < N_MAX);
}

TEST(a_primary_killed_at_any_event_keeps_its_promises)
{
    exhaust(0, WHAT_KILL);
}

TEST(a_primary_that_loses_power_at_any_event_keeps_its_promises)
{
    exhaust(0, WHAT_POWER);
}

TEST(a_replica_killed_at_any_event_keeps_its_promises)
{
    exhaust(1, WHAT_KILL);
}

TEST(a_replica_that_loses_power_at_any_event_keeps_its_promises)
{
    exhaust(1, WHAT_POWER);
}

TEST(any_write_of_a_primary_may_fail)
{
    exhaust(0, WHAT_IO);
    exhaust(0, WHAT_FULL);
}

TEST(any_write_of_a_replica_may_fail)
{
    exhaust(1, WHAT_IO);
    exhaust(1, WHAT_FULL);
}
