/* A member at rest marks what its disk holds, soon and seldom; what is marked is never cut. */
#include "base/check.h"
#include "cluster/control.h"
#include "tests/unit/primary/scene.h"

static void append_one(struct scene *scene, link_t client, unsigned sequence)
{
    struct appended appended;

    scene_append(scene, client, 3, sequence, 3000, NULL);
    fake_run(&scene->world);
    NEED(scene_appended(scene, client, &appended) && appended.first_lsn == sequence);
}

/* One record, released; then `rest`, then the process dies, and its last batch rots. */
static void rot_after(struct scene *scene, struct span rest)
{
    scene_init(scene);
    scene_start(scene);
    append_one(scene, scene_client(scene), 1);
    fake_advance(&scene->world, rest);
    scene_crash(scene, false);
    scene->world.segments[0].data[scene->world.segments[0].size - 2000] ^= 1;
    scene->world.quarantined = 0;
    scene_start(scene);
}

TEST(rot_in_the_last_group_is_damage_once_its_member_was_at_rest)
{
    struct scene scene;

    rot_after(&scene, SPAN_MS(1300));
    EXPECT(scene_lacks(&scene, "segment 0 lacks batch "));
    EXPECT(scene.world.quarantined == 0);
    scene_free(&scene);
}

TEST(before_that_it_cannot_be_told_from_a_torn_write)
{
    struct scene scene;

    rot_after(&scene, SPAN_MS(1));
    EXPECT(!scene.world.halted && scene.world.quarantined == 1);
    scene_free(&scene);
}

TEST(marks_are_made_at_rest_one_in_a_gap_at_most_and_only_after_a_move)
{
    struct scene scene;

    scene_init(&scene);
    scene.settings.member.segment_bytes = 1 << 20; /* a new segment makes a mark, too */
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    fake_advance(&scene.world, SPAN_S(3));
    const uint64_t before = scene_control(&scene).generation;

    for (unsigned i = 1; i <= 20; i++) { /* six seconds, with rests of 300 ms */
        append_one(&scene, client, i);
        fake_advance(&scene.world, SPAN_MS(300));
    }
    const uint64_t after = scene_control(&scene).generation;

    EXPECT(after - before >= 4 && after - before <= 7);
    fake_advance(&scene.world, SPAN_S(2));
    EXPECT(scene_control(&scene).durable.batch == scene_status(&scene).durable_batch);
    EXPECT(scene_control(&scene).commit_lsn == 20);
    const uint64_t rested = scene_control(&scene).generation;

    fake_advance(&scene.world, SPAN_S(60));
    EXPECT(scene_control(&scene).generation == rested);
    scene_free(&scene);
}

TEST(a_writer_that_never_rests_makes_no_mark_since_its_batches_do)
{
    struct scene scene;

    scene_init(&scene);
    scene.settings.member.segment_bytes = 1 << 20; /* a new segment makes a mark, too */
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    fake_advance(&scene.world, SPAN_S(3));
    const uint64_t before = scene_control(&scene).generation;

    for (unsigned i = 1; i <= 12; i++) {
        append_one(&scene, client, i);
        fake_advance(&scene.world, SPAN_MS(150));
    }
    EXPECT(scene_control(&scene).generation == before);
    scene_crash(&scene, false);
    scene.world.segments[0].data[scene.world.segments[0].size - 6000] ^= 1; /* the one before */
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, "segment 0 lacks batch "));
    scene_free(&scene);
}

TEST(a_drain_that_gave_up_on_a_slow_disk_still_marks_all_that_became_durable)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    append_one(&scene, client, 1);
    scene.world.hold_writes = true;
    scene_append(&scene, client, 3, 2, 3000, NULL);
    fake_run(&scene.world);
    fake_stop(&scene.world);
    fake_advance(&scene.world, SPAN_S(2)); /* more than drain_max */
    scene.world.hold_writes = false;
    fake_advance(&scene.world, SPAN_S(1));
    EXPECT(scene.world.halted);
    EXPECT(scene_control(&scene).durable.batch == scene_status(&scene).durable_batch);
    EXPECT(scene_status(&scene).durable_lsn == 2);
    scene_free(&scene);
}
