/* Another member becomes the primary: asked for while all is well, and after a disaster. */
#include "tests/story/story.h"
#include "tests/support/test.h"

enum { FOR_EVER_S = 3600 };

static struct world *three_members(void)
{
    struct world *world = story_begin(true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);
    struct sim_member *ap = world_add_replica(world, "ap-1", AP_SOUTHEAST, primary);

    succession_begin(world, &world->operator, 0);
    world->workload.follows_writer = true;
    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    sim_start(world->sim, ap);
    story_run_to(world, 2000);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 4);
    return world;
}

static bool eu_is_the_writer(const struct world *world)
{
    return world->oracle->primary == 1;
}

static bool primary_holds_what_nobody_else_does(const struct world *world)
{
    const batch_t *durable = world->oracle->durable;

    return durable[0] == world->oracle->line_end && durable[0] > durable[1]
           && durable[0] > durable[2];
}

TEST(a_replica_is_promoted_beside_a_living_primary_and_back)
{
    struct world *world = three_members();

    story_run_to(world, 2150); /* some appends are under way */
    succession_promote(&world->operator, & world->sim->members[1]);
    story_run_until(world, eu_is_the_writer);
    story_run_to(world, 20000);
    EXPECT(world->sim->members[0].kind == &sim_replica);
    succession_promote(&world->operator, & world->sim->members[0]);
    story_run_to(world, 40000);
    EXPECT(world->oracle->primary == 0);
    story_end(world, "a_replica_is_promoted_beside_a_living_primary_and_back");
}

TEST(a_deposed_primary_sets_aside_what_it_wrote_alone)
{
    struct world *world = three_members();
    struct sim *sim = world->sim;
    const uint64_t end = SPAN_S(FOR_EVER_S).ns;

    story_run_to(world, 2150);
    for (unsigned i = 1; i <= 2; i++) {
        sim_net_block(sim, US_EAST, sim->members[i].region, end);
        sim_net_block(sim, sim->members[i].region, US_EAST, end);
    }
    sim_say(sim, NULL, "us-east-1 is cut off");
    story_run_until(world, primary_holds_what_nobody_else_does);
    world->operator.puppet.region = EU_WEST;
    succession_promote(&world->operator, & sim->members[1]);
    story_run_until(world, eu_is_the_writer);
    story_run_to(world, 30000);
    story_end(world, "a_deposed_primary_sets_aside_what_it_wrote_alone");
}
