/* A primary and a replica, one producer, one reader, from their birth on; the fault strikes one of
 * the two, or both. A second crash strikes whoever is recovering from the first. */
#include "tests/exhaust/exhaust.h"
#include "tests/support/test.h"

enum { US_EAST = 0, EU_WEST = 3, RUN_S = 8 };

enum { RECOVERY_STEPS = 20 }; /* after a start: more than opening and joining again take */

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

static struct world *fast_world(void)
{
    return small_world(DISK_FAST_MS);
}

static struct world *slow_world(void)
{
    return small_world(DISK_SLOW_MS);
}

static void exhaust(unsigned member, enum what what)
{
    struct exhaustion run = {.make = fast_world, .run_s = RUN_S, .member = member, .what = what};

    exhaust_all(&run);
    run.make = slow_world;
    exhaust_all(&run);
}

/* Every pair whose sum is even: half of them all, and every n and every step of the recovery. */
static void exhaust_twice(unsigned member)
{
    const struct exhaustion run = {
        .make = fast_world, .run_s = RUN_S, .member = member, .what = WHAT_POWER};

    for (uint64_t again = 1; again <= RECOVERY_STEPS; again++) {
        uint64_t n = 2 - again % 2;

        while (n < N_MAX && exhaust_one(&run, n, again)) {
            n += 2 * exhaust_stride();
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
