/* What must not happen, at the moments when it would be easiest. */
#include "tests/story/story.h"
#include "tests/support/test.h"

enum {
    FIRST_DATA_BATCH = 3, /* after the epoch-start and the checkpoint */
    TORN_SEED = 9, /* of a power cut that leaves half of what was under way */
};

static bool primary_has_sealed_more_than_it_has(const struct world *world)
{
    return world->oracle->line_end >= FIRST_DATA_BATCH
           && world->oracle->line_end > world->oracle->durable[0];
}

static bool replica_is_writing(const struct world *world)
{
    return world->sim->members[1].store.group > 0
           && world->oracle->durable[1] + 1 >= FIRST_DATA_BATCH;
}

static struct world *two_members(void)
{
    struct world *world = story_begin(true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 2000);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 3);
    workload_add(&world->workload, CLIENT_READER, 1, 0);
    return world;
}

TEST(a_primary_that_loses_power_after_sealing_goes_on_in_a_new_epoch)
{
    struct world *world = two_members();

    story_run_until(world, primary_has_sealed_more_than_it_has);
    prng_seed(&world->sim->members[0].store.dice, TORN_SEED);
    sim_crash(world->sim, &world->sim->members[0], SIM_POWER);
    story_run_to(world, 4000);
    sim_start(world->sim, &world->sim->members[0]);
    story_run_to(world, 8000);
    story_end(world, "a_primary_that_loses_power_after_sealing_goes_on_in_a_new_epoch");
}

TEST(a_replica_that_loses_power_while_writing_resumes)
{
    struct world *world = two_members();

    story_run_until(world, replica_is_writing);
    sim_crash(world->sim, &world->sim->members[1], SIM_POWER);
    story_run_to(world, 4000);
    sim_start(world->sim, &world->sim->members[1]);
    story_run_to(world, 8000);
    story_end(world, "a_replica_that_loses_power_while_writing_resumes");
}
