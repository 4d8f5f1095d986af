/* What a primary makes of a disk that is not as it left it. */
#include "base/check.h"
#include "cluster/control.h"
#include "tests/unit/primary/scene.h"

#include <stdlib.h>
#include <time.h>

/* Fourteen records in several segments, all of them released, then stopped dead. */
static void write_some(struct scene *scene)
{
    struct appended appended;

    scene_init(scene);
    scene_start(scene);
    const link_t client = scene_client(scene);

    for (unsigned i = 1; i <= 14; i++) {
        scene_append(scene, client, 3, i, 10000, NULL);
        fake_run(&scene->world);
        NEED(scene_appended(scene, client, &appended) && appended.first_lsn == i);
    }
    NEED(scene_status(scene).segment >= 2);
    scene_crash(scene, false);
}

static unsigned newest(const struct scene *scene)
{
    unsigned segment = 0;

    while (scene->world.segments[segment + 1].exists) {
        segment++;
    }
    return segment;
}

static uint8_t *at(struct scene *scene, unsigned segment, size_t offset)
{
    NEED(offset < scene->world.segments[segment].size);
    return scene->world.segments[segment].data + offset;
}

TEST(a_flipped_bit_in_a_released_batch_is_never_cut_away)
{
    struct scene scene;

    write_some(&scene);
    *at(&scene, newest(&scene), 4096 + 100) ^= 1; /* its checkpoint: batches behind it are good */
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, " lacks batch "));
    EXPECT(scene.world.quarantined == 0);
    scene_free(&scene);
}

TEST(a_torn_last_batch_is_set_aside_and_cut)
{
    struct scene scene;
    struct appended appended;

    write_some(&scene);
    scene_start(&scene);
    link_t client = scene_client(&scene);

    scene.world.hold_writes = true;
    scene_append(&scene, client, 3, 15, 10000, NULL);
    scene_crash(&scene, true);
    scene.world.quarantined = scene.world.synced = 0;
    for (unsigned i = 0; i < 3; i++) { /* the next header cuts it: copied once */
        scene_start(&scene);
        NEED(!scene.world.halted);
        EXPECT(scene_status(&scene).durable_lsn == 14);
        EXPECT(scene.world.quarantined == 1 && scene.world.synced == i + 1);
        scene_crash(&scene, false);
    }
    scene_start(&scene);
    client = scene_client(&scene);
    scene_append(&scene, client, 3, 15, 10000, NULL);
    fake_run(&scene.world);
    NEED(scene_appended(&scene, client, &appended));
    EXPECT(appended.first_lsn == 15);
    scene_free(&scene);
}

TEST(headers_are_checked_field_by_field)
{
    static const size_t places[] = {0, 30, 140, 2844};

    for (unsigned i = 0; i < COUNT_OF(places); i++) {
        struct scene scene;

        write_some(&scene);
        *at(&scene, 1, places[i]) ^= 1;
        scene_start(&scene);
        EXPECT(scene_lacks(&scene, "segment 1 lacks its header"));
        scene_free(&scene);
    }
}

TEST(segments_that_were_swapped_are_found)
{
    struct scene scene;

    write_some(&scene);
    const struct fake_file first = scene.world.segments[1];

    scene.world.segments[1] = scene.world.segments[2];
    scene.world.segments[2] = first;
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, "segment 1 lacks its header"));
    scene_free(&scene);
}

TEST(a_last_segment_that_is_gone_is_missed)
{
    struct scene scene;

    write_some(&scene);
    scene_start(&scene); /* this reign's start notes what was durable */
    scene_crash(&scene, false);
    /* The newest one alone holds nothing yet: a start that died before its header looks the same.
     */
    scene.world.segments[newest(&scene)].exists = false;
    for (unsigned segment = newest(&scene); segment > 0; segment--) {
        scene.world.segments[segment].exists = false;
        scene_start(&scene);
        EXPECT(scene.world.halted ? scene.world.halt_why == E_COPIED_FOLDER
                                  : scene_lacks(&scene, "segment "));
        scene_crash(&scene, false);
    }
    scene_free(&scene);
}

TEST(bytes_that_another_life_of_the_file_left_are_a_clean_tail)
{
    struct scene scene;

    write_some(&scene);
    struct fake_file *file = &scene.world.segments[newest(&scene)];
    const size_t size = file->size;

    file->data = realloc(file->data, size + 65536);
    NEED(file->data != NULL);
    memset(file->data + size, 0, 65536);
    memcpy(file->data + size + 8192, scene.world.segments[0].data + 4096, 8192);
    file->size = size + 65536;
    scene_start(&scene);
    EXPECT(!scene.world.halted);
    EXPECT(scene.world.quarantined == 0);
    EXPECT(scene_status(&scene).durable_lsn == 14);
    scene_free(&scene);
}

/* A start after a thousand is one read each and no more, however short they are. */
TEST(a_thousand_segments_open_quickly)
{
    enum { STARTS = 1000 };
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene.settings.member.segments_max = STARTS + 50;
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    for (unsigned i = 1; newest(&scene) < STARTS; i++) {
        scene_append(&scene, client, 3, i, 60000, NULL); /* a segment each */
        fake_run(&scene.world);
        NEED(scene_appended(&scene, client, &appended) && appended.first_lsn == i);
    }
    const struct member_status before = scene_status(&scene);

    scene_crash(&scene, false);
    scene.world.events = 0;

    const clock_t began = clock();

    scene_start(&scene);
    EXPECT(clock() - began < CLOCKS_PER_SEC); /* 20 ms of the processor, with room to spare */
    NEED(!scene.world.halted);
    EXPECT(scene_status(&scene).durable_lsn == before.durable_lsn);
    EXPECT(scene_status(&scene).segment == before.segment + 1);
    EXPECT(scene.world.events < STARTS + 50);
    scene_free(&scene);
}

/* No quadratic loops: a hundred segments, most of them of starts that wrote nothing more than a
 * header. */
TEST(a_folder_of_many_segments_opens_with_one_read_each)
{
    struct scene scene;

    write_some(&scene);
    for (unsigned i = 0; i < 100; i++) {
        scene_start(&scene);
        NEED(!scene.world.halted);
        scene_crash(&scene, false);
    }
    scene.world.events = 0;
    scene_start(&scene);
    EXPECT(!scene.world.halted);
    EXPECT(scene.world.events < 3 * newest(&scene));
    scene_free(&scene);
}

/* A folder whose newest segment was repaired by a start that went no further. */
static void doubt(struct scene *scene)
{
    struct control control = scene_control(scene);

    control.may_lack = true;
    control.generation++;
    (void)control_encode(&control, scene->world.files[STORE_CONTROL].data);
}

static void record_member(struct scene *scene, const char *name)
{
    struct claim_record *record = &scene->world.record;
    struct claim_member *member = &record->members[record->member_count++];

    snprintf(member->name, sizeof member->name, "%s", name);
    snprintf(member->region, sizeof member->region, "eu-west-1");
    snprintf(record->level, sizeof record->level, "quorum:1");
}

TEST(a_writer_that_may_lack_its_end_waits_for_those_who_may_hold_it)
{
    struct scene scene;

    write_some(&scene);
    const epoch_t before = scene.world.record.epoch;

    doubt(&scene);
    record_member(&scene, "eu-1");
    for (unsigned i = 0; i < 2; i++) { /* no restart makes that forgotten */
        scene_start(&scene);
        EXPECT(scene_lacks(&scene, "waits until eu-1 can be asked"));
        EXPECT(scene.world.record.epoch == before);
        scene_crash(&scene, false);
    }
    scene.settings.adopt_folder = true;
    scene_start(&scene);
    for (unsigned i = 0; i < 4; i++) { /* whoever calls meanwhile is asked */
        fake_advance(&scene.world, scene.settings.member.silence_max);
        fake_run(&scene.world);
    }
    EXPECT(!scene.world.halted);
    EXPECT(scene.world.record.epoch == before + 1 && !scene_control(&scene).may_lack);
    scene_free(&scene);
}

TEST(a_writer_that_may_lack_its_end_and_has_no_members_goes_on)
{
    struct scene scene;

    write_some(&scene);
    const epoch_t before = scene.world.record.epoch;

    doubt(&scene);
    scene_start(&scene);
    EXPECT(!scene.world.halted);
    EXPECT(scene.world.record.epoch == before + 1 && !scene_control(&scene).may_lack);
    EXPECT(scene_status(&scene).durable_lsn == 14);
    scene_free(&scene);
}

TEST(a_writer_that_may_lack_its_end_does_not_go_on_without_a_record)
{
    struct scene scene;

    write_some(&scene);
    doubt(&scene);
    memset(&scene.world.record, 0, sizeof scene.world.record);
    scene.settings.level_given = true;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_COORDINATOR);
    EXPECT(scene_control(&scene).may_lack);
    scene_free(&scene);
}
