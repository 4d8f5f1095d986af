/* A region's KMS key is refused for days, while the other regions run. */
#include "tests/story/story.h"
#include "tests/support/test.h"

enum { DAY_S = 86400, MINUTE_S = 60 };

static void ask_every_minute(struct sim_member *member)
{
    struct member_settings *settings = member->kind == &sim_primary
                                           ? &member->settings.primary.member
                                           : &member->settings.replica.member;

    settings->key_poll = SPAN_S(MINUTE_S);
    settings->scrub_rate = 0; /* days of it would be all there is to read */
}

/* Two regions serve; then the key of eu-west-1 is disabled, and more records come. */
static struct world *lose_a_key(void)
{
    struct world *world = story_begin(true, (struct level){LEVEL_LOCAL, 0});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    ask_every_minute(primary);
    ask_every_minute(eu);
    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 3000);
    world->workload.think_ns = SPAN_S(10).ns;
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 2);
    story_run_to(world, UINT64_C(2000) * MINUTE_S);
    sim_say(world->sim, NULL, "the key of eu-west-1 is disabled");
    sim_count(world->sim, FAULT_KEYS_REFUSE);
    sim_keys_refuse(world->sim, &world->sim->keys.keys[EU_WEST], E_KEY_DISABLED);
    story_run_to(world, UINT64_C(3000) * MINUTE_S);
    EXPECT(world->oracle->key_loss.standing[eu->number] == KEY_STANDING_LOST);
    world->workload.clients[0].appends_left += 2;
    story_run_to(world, UINT64_C(4000) * MINUTE_S);
    EXPECT(world->oracle->committed == world->oracle->records_end);
    return world;
}

TEST(a_region_without_its_key_for_six_days_loses_nothing)
{
    struct world *world = lose_a_key();

    story_run_to(world, UINT64_C(6000) * DAY_S);
    sim_say(world->sim, NULL, "the key of eu-west-1 is enabled");
    sim_keys_refuse(world->sim, &world->sim->keys.keys[EU_WEST], OK);
    story_run_to(world, UINT64_C(6000) * DAY_S + UINT64_C(2000) * MINUTE_S);
    EXPECT(oracle_unsettled(world->oracle) == NULL);
    story_end(world, "a_region_without_its_key_for_six_days_loses_nothing");
}

TEST(a_region_without_its_key_for_seven_days_is_lost_and_the_others_run)
{
    struct world *world = lose_a_key();
    const struct sim_member *eu = &world->sim->members[1];

    story_run_to(world, UINT64_C(7000) * DAY_S);
    EXPECT(world->oracle->key_loss.standing[eu->number] == KEY_STANDING_LOST);
    story_run_to(world, UINT64_C(7000) * DAY_S + UINT64_C(4000) * MINUTE_S);
    EXPECT(world->oracle->key_loss.standing[eu->number] == KEY_STANDING_GONE);
    sim_say(world->sim, NULL, "the key of eu-west-1 is enabled");
    sim_keys_refuse(world->sim, &world->sim->keys.keys[EU_WEST], OK);
    world->workload.clients[0].appends_left += 2;
    story_run_to(world, UINT64_C(7000) * DAY_S + UINT64_C(6000) * MINUTE_S);
    EXPECT(eu->state == SIM_HALTED && eu->halted_why == E_KEY_GONE);
    EXPECT(world->oracle->committed == world->oracle->records_end);
    story_end(world, "a_region_without_its_key_for_seven_days_is_lost_and_the_others_run");
}
