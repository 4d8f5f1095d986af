/* What should happen: records cross oceans, a region falls behind and catches up, a replica feeds a
 * replica. */
#include "tests/story/story.h"
#include "tests/support/test.h"

static void add_clients(struct world *world, unsigned appends, unsigned reader_at)
{
    workload_add(&world->workload, CLIENT_PRODUCER, 0, appends);
    workload_add(&world->workload, CLIENT_READER, reader_at, 0);
}

TEST(records_reach_two_other_regions)
{
    struct world *world = story_begin(true, (struct level){LEVEL_REGION, 2});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);
    struct sim_member *ap = world_add_replica(world, "ap-1", AP_SOUTHEAST, primary);

    sim_start(world->sim, primary);
    story_run_to(world, 100);
    sim_start(world->sim, eu);
    sim_start(world->sim, ap);
    story_run_to(world, 3500);
    add_clients(world, 4, 2);
    story_run_to(world, 5000);
    story_end(world, "records_reach_two_other_regions");
}

TEST(a_region_that_is_cut_off_catches_up_when_it_is_healed)
{
    struct world *world = story_begin(true, (struct level){LEVEL_LOCAL, 0});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 2000);
    sim_say(world->sim, NULL, "eu-west-1 is cut off");
    sim_net_block(world->sim, US_EAST, EU_WEST, SPAN_S(12).ns);
    sim_net_block(world->sim, EU_WEST, US_EAST, SPAN_S(12).ns);
    add_clients(world, 5, 1);
    story_run_to(world, 12000);
    sim_say(world->sim, NULL, "eu-west-1 is back");
    story_run_to(world, 14000);
    EXPECT(world->workload.clients[1].records_read == world->oracle->committed);
    story_end(world, "a_region_that_is_cut_off_catches_up_when_it_is_healed");
}

TEST(a_replica_feeds_a_replica)
{
    struct world *world = story_begin(true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);
    struct sim_member *next = world_add_replica(world, "eu-2", EU_WEST, eu);

    next->settings.replica.member.key[0] = '\0'; /* same region: the upstream's own (R13) */
    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    sim_start(world->sim, next);
    story_run_to(world, 3000);
    add_clients(world, 4, 2);
    story_run_to(world, 5000);
    story_end(world, "a_replica_feeds_a_replica");
}

/* A replica that holds a record and says so does not make up for the primary's own disk. */
TEST(a_commit_waits_for_the_disk_of_the_primary)
{
    struct world *world = story_begin(true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 3000);
    sim_say(world->sim, NULL, "the primary's disk takes 500 ms");
    primary->store.latency_ns = SPAN_MS(500).ns;
    add_clients(world, 3, 1);
    story_run_to(world, 7000);
    story_end(world, "a_commit_waits_for_the_disk_of_the_primary");
}

/* The control file that names the epoch takes longer than a heartbeat's gap (seed 130). */
TEST(a_replica_with_a_slow_disk_joins_without_spinning)
{
    struct world *world = story_begin(true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    eu->store.latency_ns = SPAN_MS(1500).ns;
    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 12000);
    add_clients(world, 2, 1);
    story_run_to(world, 20000);
    story_end(world, "a_replica_with_a_slow_disk_joins_without_spinning");
}
