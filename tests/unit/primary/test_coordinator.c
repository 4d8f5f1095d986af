/* The coordinator's memory is not the writer's: what it forgets, it is told again. */
#include "tests/unit/primary/scene.h"

static struct level quorum(unsigned count)
{
    return (struct level){.kind = LEVEL_QUORUM, .count = count};
}

static void begin(struct scene *scene, bool level_given)
{
    scene_init(scene);
    scene->settings.member.encrypted = WISH_NO;
    scene->settings.level = quorum(1);
    scene->settings.level_given = true;
    scene_start(scene);
    scene->settings.level_given = level_given;
}

TEST(a_coordinator_that_lost_its_record_is_told_it_again_with_all_voters)
{
    struct scene scene;

    begin(&scene, true);
    (void)scene_replica(&scene, "eu-1", "eu-west-1");
    NEED(scene.world.record.member_count == 1);
    const struct claim_record before = scene.world.record;

    memset(&scene.world.record, 0, sizeof scene.world.record);
    (void)scene_replica(&scene, "eu-2", "eu-central-1");
    fake_advance(&scene.world, SPAN_S(1));
    EXPECT(!scene.world.halted);
    EXPECT(scene.world.record.epoch == before.epoch);
    EXPECT(id_equal(&scene.world.record.lineage, &before.lineage));
    EXPECT(id_equal(&scene.world.record.folder, &before.folder));
    EXPECT(strcmp(scene.world.record.level, "quorum:1") == 0);
    EXPECT(scene.world.record.member_count == 2);
    EXPECT(scene.world.record.version <= 3); /* and it is not asked for ever */
    scene_free(&scene);
}

TEST(a_coordinator_that_went_back_within_a_reign_is_told_its_voters_again)
{
    struct scene scene;

    begin(&scene, true);
    const struct claim_record old = scene.world.record;

    (void)scene_replica(&scene, "eu-1", "eu-west-1");
    NEED(scene.world.record.version > old.version);
    scene.world.record = old;
    (void)scene_replica(&scene, "eu-2", "eu-central-1");
    fake_advance(&scene.world, SPAN_S(1));
    EXPECT(scene.world.record.member_count == 2);
    EXPECT(strcmp(scene.world.record.members[0].name, "eu-1") == 0);
    scene_free(&scene);
}

TEST(a_level_that_the_coordinator_lost_is_not_taken_for_local)
{
    struct scene scene;

    begin(&scene, false);
    scene_crash(&scene, false);
    memset(&scene.world.record, 0, sizeof scene.world.record);
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_COORDINATOR);
    EXPECT(strstr(scene.world.halt_text, "--durability") != NULL);
    scene_crash(&scene, false);
    scene.settings.level_given = scene.settings.adopt_folder = true;
    scene_start(&scene);
    EXPECT(!scene.world.halted);
    EXPECT(strcmp(scene.world.record.level, "quorum:1") == 0);
    EXPECT(scene.world.record.epoch == 2);
    scene_free(&scene);
}

/* Whoever was promoted since then is not in it, nor what it has committed. */
static void expect_adoption(struct scene *scene, epoch_t epoch)
{
    scene->settings.level_given = true;
    scene_start(scene);
    EXPECT(scene->world.halted && scene->world.halt_why == E_WENT_BACK);
    EXPECT(strstr(scene->world.halt_text, "--adopt-folder") != NULL);
    scene_crash(scene, false);
    scene->settings.adopt_folder = true;
    scene_start(scene);
    EXPECT(!scene->world.halted && scene->world.record.epoch == epoch);
}

TEST(a_record_that_was_lost_or_restored_is_not_written_upon_without_an_operator)
{
    struct scene scene;

    for (unsigned lost = 0; lost < 2; lost++) {
        begin(&scene, true);
        const struct claim_record old = scene.world.record;

        scene_crash(&scene, false);
        scene_start(&scene);
        EXPECT(!scene.world.halted && scene.world.record.epoch == 2);
        scene_crash(&scene, false);
        scene.world.record = old;
        if (lost == 1) {
            memset(&scene.world.record, 0, sizeof scene.world.record);
        }
        expect_adoption(&scene, 3);
        scene_free(&scene);
    }
}

TEST(a_writer_goes_above_what_a_candidate_may_have_shown_to_others)
{
    struct scene scene;

    begin(&scene, true);
    scene_crash(&scene, false);
    scene.world.record.asked = 20;
    scene_start(&scene);
    EXPECT(!scene.world.halted && scene.world.record.epoch == 21);
    scene_free(&scene);
}
