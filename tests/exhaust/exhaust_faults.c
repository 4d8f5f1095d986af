/* And if it happens at the n-th event, for every n? A primary and a replica, one producer, one
 * reader; the fault strikes one of the two members, or both, at the n-th step or the n-th group of
 * writes; they are started again, and everything must settle with no promise broken. The count ends
 * by itself: with the first n that the run never reaches. A second crash strikes whoever is
 * recovering from the first. */
#include "sim/swarm.h"
#include "tests/support/test.h"

#include <stdlib.h>

enum { N_MAX = 5000, US_EAST = 0, EU_WEST = 3, RUN_S = 8 };

enum { RECOVERY_STEPS = 20 }; /* after a start: more than opening and joining again take */

enum what { WHAT_KILL, WHAT_POWER, WHAT_POWER_ALL, WHAT_IO, WHAT_FULL };

/* A slow disk of the primary takes longer than the way to the replica and back: that is ahead. */
enum disk { DISK_FAST_MS = 2, DISK_SLOW_MS = 120 };

static struct world *small_world(enum disk primary_disk)
{
    struct world *world = world_create(7, true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *replica = world_add_replica(world, "eu-1", EU_WEST, primary);

    world->oracle->record_bytes_usual = 4000;
    primary->settings.primary.member.segment_bytes = 64 << 10;
    primary->store.spare_bytes = replica->store.spare_bytes = 64 << 10;
    primary->store.latency_ns = SPAN_MS(primary_disk).ns;
    replica->store.latency_ns = SPAN_MS(DISK_FAST_MS).ns;
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
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        struct sim_member *member = &world->sim->members[i];

        if (member == victim || what == WHAT_POWER_ALL) {
            sim_crash(world->sim, member, what == WHAT_KILL ? SIM_KILL : SIM_POWER);
            world_start_later(world, member);
        }
    }
}

static uint64_t count_of(const struct sim_member *victim, enum what what)
{
    return what == WHAT_IO || what == WHAT_FULL ? victim->store.groups : victim->steps;
}

/* 1, or an odd number where somebody is in a hurry: every so many places only. */
static unsigned stride(void)
{
    const char *text = getenv("EXHAUST_STRIDE");
    const int number = text == NULL ? 1 : atoi(text);

    NEED(number > 0 && number % 2 == 1);
    return (unsigned)number;
}

/* False where the run ends before that place. */
static bool run_to_place(struct world *world, const struct sim_member *victim, enum what what,
                         uint64_t place, uint64_t end_ns)
{
    while (count_of(victim, what) < place && world->sim->now < end_ns && sim_next(world->sim)) {
    }
    return count_of(victim, what) >= place;
}

/* `again`: how many steps after the first fault the second crash comes; 0: there is none. */
static bool run_with_faults_at(enum disk disk, unsigned member, enum what what, uint64_t n,
                               uint64_t again)
{
    struct world *world = small_world(disk);
    struct sim_member *victim = &world->sim->members[member];
    const bool reached = run_to_place(world, victim, what, n, SPAN_S(RUN_S).ns);

    strike(world, victim, what);
    if (again > 0 && run_to_place(world, victim, what, n + again, world->sim->now + SPAN_S(3).ns)) {
        strike(world, victim, what);
    }
    sim_run_until(world->sim, world->sim->now + SPAN_S(2).ns);
    if (!world->sim->failed) {
        world_calm(world);
        world_settle(world, SPAN_S(60).ns);
    }
    if (world->sim->failed) {
        transcript_print_tail(&world->sim->transcript, stderr);
        fprintf(stderr, "member %u, fault %d, place %llu and %llu later: %s\n", member, (int)what,
                (unsigned long long)n, (unsigned long long)again, world->sim->failure);
    }
    EXPECT(!world->sim->failed);
    world_destroy(world);
    return reached;
}

static void exhaust_on(enum disk disk, unsigned member, enum what what)
{
    uint64_t n = 1;

    while (n < N_MAX && run_with_faults_at(disk, member, what, n, 0)) {
        n += stride();
    }
    EXPECT(n > 20);
    EXPECT(n < N_MAX);
}

static void exhaust(unsigned member, enum what what)
{
    exhaust_on(DISK_FAST_MS, member, what);
    exhaust_on(DISK_SLOW_MS, member, what);
}

/* Every pair whose sum is even: half of them all, and every n and every step of the recovery. */
static void exhaust_twice(unsigned member)
{
    for (uint64_t again = 1; again <= RECOVERY_STEPS; again++) {
        uint64_t n = 2 - again % 2;

        while (n < N_MAX && run_with_faults_at(DISK_FAST_MS, member, WHAT_POWER, n, again)) {
            n += 2 * stride();
        }
        EXPECT(n > 20);
        EXPECT(n < N_MAX);
    }
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

TEST(all_may_lose_power_at_any_event_of_either)
{
    exhaust(0, WHAT_POWER_ALL);
    exhaust(1, WHAT_POWER_ALL);
}

TEST(a_primary_may_lose_power_again_at_any_event_of_its_recovery)
{
    exhaust_twice(0);
}

TEST(a_replica_may_lose_power_again_at_any_event_of_its_recovery)
{
    exhaust_twice(1);
}

TEST(the_run_that_is_struck_goes_through_several_segments)
{
    struct world *world = small_world(DISK_FAST_MS);

    sim_run_until(world->sim, SPAN_S(RUN_S).ns);
    EXPECT(world->oracle->segment_count >= 2);
    EXPECT(world->oracle->committed >= 14);
    world_destroy(world);
}
