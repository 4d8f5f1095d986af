/* Who is refused, who waits, and what both say. */
#include "tests/story/story.h"
#include "tests/support/test.h"

TEST(a_replica_with_the_other_setting_is_refused_and_stores_nothing)
{
    struct world *world = story_begin(true, (struct level){LEVEL_LOCAL, 0});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *clear = world_add_replica(world, "clear-1", US_EAST, primary);

    world->oracle->members &= ~(1u << clear->number);
    clear->settings.replica.member.encrypted = WISH_NO;
    clear->settings.replica.member.key[0] = '\0';
    sim_start(world->sim, primary);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 2);
    story_run_to(world, 1000);
    sim_start(world->sim, clear);
    story_run_to(world, 3000);
    EXPECT(clear->store.file_count == 0);
    story_end(world, "a_replica_with_the_other_setting_is_refused_and_stores_nothing");
}

TEST(a_replica_waits_for_its_key_service)
{
    struct world *world = story_begin(true, (struct level){LEVEL_LOCAL, 0});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 2000);
    sim_crash(world->sim, eu, SIM_KILL);
    sim_count(world->sim, FAULT_KEYS_SILENT);
    world->sim->keys.unreachable_until[EU_WEST] = SPAN_MS(5000).ns;
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 2);
    sim_say(world->sim, NULL, "the key service of eu-west-1 is silent for three seconds");
    sim_start(world->sim, eu);
    story_run_to(world, 7000);
    story_end(world, "a_replica_waits_for_its_key_service");
}

static void let_go_early(struct member_settings *settings)
{
    settings->retain_bytes = 2 * settings->segment_bytes;
    settings->pin_bytes = 3 * settings->segment_bytes;
    settings->retain_gap = SPAN_MS(100);
}

TEST(a_replica_that_was_away_too_long_is_lost)
{
    struct world *world = story_begin(true, (struct level){LEVEL_LOCAL, 0});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    let_go_early(&primary->settings.primary.member);
    world->oracle->record_bytes_usual = 8000;
    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 2000);
    sim_crash(world->sim, eu, SIM_KILL);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 60);
    story_run_to(world, 12000);
    EXPECT(world->oracle->deleted[primary->number] > 0);
    sim_say(world->sim, NULL, "eu-1 comes back");
    sim_start(world->sim, eu);
    story_run_to(world, 14000);
    EXPECT(eu->state == SIM_UP && eu->store.file_count > 0); /* what it has it serves */
    story_end(world, "a_replica_that_was_away_too_long_is_lost");
}
