/* What a disk loses, the other members give back. */
#include "tests/story/story.h"
#include "tests/support/test.h"

static struct world *two_members(void)
{
    struct world *world = story_begin(true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);
    struct sim_member *eu = world_add_replica(world, "eu-1", EU_WEST, primary);

    sim_start(world->sim, primary);
    sim_start(world->sim, eu);
    story_run_to(world, 2000);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 6);
    story_run_to(world, 9000);
    sim_crash(world->sim, primary, SIM_KILL); /* so that the first segment ends */
    story_run_to(world, 10000);
    sim_start(world->sim, primary);
    story_run_to(world, 14000);
    return world;
}

static void flip(struct world *world, unsigned member, segment_t segment, uint64_t offset)
{
    struct sim_store *store = &world->sim->members[member].store;
    struct sim_file *file = sim_store_file(store, segment);

    NEED(file != NULL && offset < file->written);
    file->cache[offset] ^= 1;
    file->disk[offset] ^= 1;
    store->damage++;
    sim_say(world->sim, world->sim->members[member].name, "BIT FLIPPED in segment %llu",
            (unsigned long long)segment);
}

TEST(rot_on_both_sides_is_found_by_scrubs_and_repaired_both_ways)
{
    struct world *world = two_members();

    flip(world, 0, 0, 5000);
    flip(world, 1, 0, 9000);
    for (unsigned i = 0; i < 2; i++) { /* a start begins a scrub at once */
        sim_crash(world->sim, &world->sim->members[i], SIM_KILL);
        sim_start(world->sim, &world->sim->members[i]);
    }
    story_run_to(world, 24000);
    EXPECT(world->sim->members[0].store.repaired == 1);
    EXPECT(world->sim->members[1].store.repaired == 1);
    EXPECT(oracle_same_wal(world->oracle, &world->sim->members[0], &world->sim->members[1]));
    story_end(world, "rot_on_both_sides_is_found_by_scrubs_and_repaired_both_ways");
}

TEST(a_primary_without_its_first_file_waits_for_its_replica)
{
    struct world *world = two_members();
    struct sim_member *primary = &world->sim->members[0];
    struct sim_member *eu = &world->sim->members[1];

    sim_crash(world->sim, eu, SIM_KILL);
    sim_crash(world->sim, primary, SIM_KILL);
    struct sim_file *file = sim_store_file(&primary->store, 0);

    file->shown = file->on_disk = SIM_NOWHERE;
    primary->store.damage++;
    sim_say(world->sim, primary->name, "LOST the file of segment 0");
    sim_start(world->sim, primary);
    story_run_to(world, 18000);
    sim_start(world->sim, eu);
    story_run_to(world, 26000);
    EXPECT(primary->store.repaired == 1);
    EXPECT(oracle_same_wal(world->oracle, primary, eu));
    story_end(world, "a_primary_without_its_first_file_waits_for_its_replica");
}
