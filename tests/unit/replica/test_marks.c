/* A replica's batches say what another disk held; so it marks its own, at rest and while busy. */
#include "cluster/control.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

static struct control control_of(const struct fake_world *world)
{
    const struct fake_file *file = &world->files[STORE_CONTROL];
    static struct control control;

    NEED(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    return control;
}

static void start_pair(struct pair *pair)
{
    pair_init(pair, true, 4);
    NEED(pair_add_replica(pair, 0, "us-east-1", "") == 1);
    pair->members[0].primary.member.segment_bytes = 1 << 20; /* a new segment makes a mark, too */
    pair_start(pair, 0);
    pair_start(pair, 1);
    pair_advance(pair, SPAN_S(3));
}

TEST(a_busy_replica_marks_once_in_a_gap)
{
    struct pair pair;

    start_pair(&pair);
    const struct fake_world *world = &pair.members[1].world;
    const uint64_t before = control_of(world).generation;
    const batch_t marked = control_of(world).durable.batch;

    for (unsigned i = 0; i < 50; i++) { /* five seconds without a rest */
        pair_append(&pair, 1, 100);
        pair_advance(&pair, SPAN_MS(100));
    }
    EXPECT(control_of(world).generation - before >= 3);
    EXPECT(control_of(world).generation - before <= 6);
    EXPECT(control_of(world).durable.batch >= marked + 35);
    pair_free(&pair);
}

TEST(rot_in_a_replicas_last_group_is_repaired_once_it_was_at_rest)
{
    struct pair pair;
    struct fake_world *world;
    struct member_status status;

    start_pair(&pair);
    world = &pair.members[1].world;
    pair_append(&pair, 1, 3000);
    pair_advance(&pair, SPAN_MS(1300));
    pair_crash(&pair, 1);
    world->segments[0].data[world->segments[0].size - 2000] ^= 1;
    world->quarantined = 0;
    pair_start(&pair, 1);
    fake_run(world);
    pair_status(&pair, 1, &status);
    EXPECT(!world->halted && strcmp(status.state, "repairing") == 0 && world->quarantined == 0);
    /* It has another folder id now, and the link of before the crash must have gone silent. */
    pair_advance(&pair, SPAN_S(20));
    pair_status(&pair, 1, &status);
    EXPECT(strcmp(status.state, "streaming") == 0 && status.repaired_segments == 1);
    EXPECT(pair_disks_are_equal(&pair, 0, 1));
    pair_free(&pair);
}

TEST(what_was_under_way_at_a_stop_is_marked_too)
{
    struct pair pair;
    struct fake_world *world;
    struct member_status status;

    start_pair(&pair);
    world = &pair.members[1].world;
    world->hold_writes = true;
    pair_append(&pair, 1, 100);
    fake_stop(world);
    world->hold_writes = false;
    fake_run(world);
    EXPECT(world->halted && world->halt_why == OK);
    pair_status(&pair, 0, &status);
    EXPECT(control_of(world).durable.batch == status.durable_batch);
    pair_free(&pair);
}
