/* A primary comes up: makes a cluster, opens one again, or says why not. */
#include "base/check.h"
#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "tests/unit/primary/scene.h"

#include <stdio.h>
#include <stdlib.h>

static bool serves(const struct scene *scene)
{
    return !scene->world.halted && strcmp(scene_status(scene).state, "serving") == 0;
}

TEST(an_empty_folder_becomes_a_cluster_when_asked_for)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    NEED(serves(&scene));
    const struct member_status status = scene_status(&scene);

    EXPECT(status.epoch == 1 && status.segment == 0);
    EXPECT(status.suite == SUITE_AES_256_GCM);
    EXPECT(strncmp(status.cluster, "cluster-", 8) == 0 && strlen(status.cluster) == 34);
    EXPECT(strcmp(status.key_arn, "arn:aws:kms:us-east-1:111122223333:key/0000") == 0);
    EXPECT(status.sealed_batch == 2 && status.durable_batch == 2);
    EXPECT(scene.world.record.epoch == 1 && strcmp(scene.world.record.level, "local") == 0);
    EXPECT(strcmp(scene.world.record.writer, "p1") == 0);
    scene_free(&scene);
}

TEST(an_empty_folder_is_refused_when_not_asked_for)
{
    struct scene scene;

    scene_init(&scene);
    scene.settings.create = false;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_MISSING);
    EXPECT(strstr(scene.world.halt_text, "--create") != NULL);
    EXPECT(!scene.world.files[STORE_DESCRIPTOR].exists);
    scene_free(&scene);
}

TEST(a_key_without_encryption_is_refused_and_nothing_is_made)
{
    struct scene scene;

    scene_init(&scene);
    scene.settings.member.encrypted = WISH_NO;
    snprintf(scene.settings.member.key, sizeof scene.settings.member.key, "alias/mine");
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_RULE);
    EXPECT(strstr(scene.world.halt_text, "InvalidParameterCombination") != NULL);
    EXPECT(!scene.world.files[STORE_KEYRING].exists);
    scene_free(&scene);
}

TEST(each_start_takes_a_higher_epoch_and_a_segment_of_its_own)
{
    struct scene scene;

    scene_init(&scene);
    for (epoch_t epoch = 1; epoch <= 12; epoch++) {
        scene_start(&scene);
        NEED(serves(&scene));
        EXPECT(scene_status(&scene).epoch == epoch);
        EXPECT(scene_status(&scene).segment == epoch - 1);
        scene_crash(&scene, false);
    }
    scene_free(&scene);
}

/* Crash after every single event of a first start: whatever was left, the next start comes up. */
TEST(a_creation_that_is_cut_off_anywhere_begins_anew_or_goes_on)
{
    bool ended = false;

    for (uint64_t after = 1; !ended; after++) {
        struct scene scene;

        scene_init(&scene);
        scene.world.events_max = after;
        scene_start(&scene);
        ended = serves(&scene) && scene.world.events < after;
        scene_crash(&scene, after % 2 == 1);
        scene.world.events_max = UINT64_MAX;
        scene_start(&scene);
        EXPECT(serves(&scene));
        scene_free(&scene);
    }
}

/* Claimed, and dead before the header: again and again. */
TEST(a_start_that_always_dies_after_its_claim_does_no_harm)
{
    struct scene scene;
    epoch_t before;

    scene_init(&scene);
    scene_start(&scene);
    NEED(serves(&scene));
    for (unsigned i = 0; i < 20; i++) {
        before = scene.world.record.epoch;
        scene_crash(&scene, false);
        for (uint64_t events = 1; scene.world.record.epoch == before; events++) {
            scene_crash(&scene, false);
            scene.world.events = 0;
            scene.world.events_max = events + i % 4;
            scene_start(&scene);
        }
    }
    scene_crash(&scene, false);
    scene.world.events_max = UINT64_MAX;
    before = scene.world.record.epoch;
    scene_start(&scene);
    EXPECT(serves(&scene));
    EXPECT(scene_status(&scene).epoch == before + 1);
    scene_free(&scene);
}

/* A stop in the moment when it serves, and nothing of its epoch is durable yet. */
TEST(a_stop_waits_for_the_first_batches_and_its_last_word_covers_them)
{
    struct scene scene;

    scene_init(&scene);
    for (uint64_t events = 1; scene.world.node == NULL || !serves(&scene); events++) {
        scene_crash(&scene, false);
        scene.world.events = 0;
        scene.world.events_max = events;
        scene_start(&scene);
    }
    NEED(scene_status(&scene).durable_batch < scene_status(&scene).sealed_batch);
    scene.world.events_max = UINT64_MAX;
    fake_stop(&scene.world);
    EXPECT(scene.world.halted && scene.world.halt_why == OK);

    const struct control control = scene_control(&scene);

    EXPECT(control.durable.epoch == scene.world.record.epoch && control.durable.batch > 0);
    EXPECT(control.durable.batch == scene_status(&scene).sealed_batch);
    scene_free(&scene);
}

/* Made by a process that was killed then: its small files may be in the page cache only. */
TEST(a_folder_without_segments_is_made_durable_before_its_epoch_is_claimed)
{
    struct scene scene;

    scene_init(&scene);
    scene.world.events_max = 1;
    for (uint64_t events = 1; !scene.world.files[STORE_DESCRIPTOR].exists; events++) {
        scene_crash(&scene, false);
        scene.world.events = 0;
        scene.world.events_max = events;
        scene_start(&scene);
    }
    NEED(scene.world.record.epoch == 0 && !scene.world.segments[0].exists);
    scene_crash(&scene, false);
    scene.world.events = 0;
    scene.world.events_max = UINT64_MAX;
    scene.world.hold_writes = true;
    scene_start(&scene);
    EXPECT(scene.world.record.epoch == 0);
    scene.world.hold_writes = false;
    fake_run(&scene.world);
    EXPECT(serves(&scene) && scene.world.record.epoch == 1);
    scene_free(&scene);
}

TEST(the_setting_is_for_life)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    NEED(serves(&scene));
    scene_crash(&scene, false);
    scene.settings.member.encrypted = WISH_NO;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_RULE);
    EXPECT(strstr(scene.world.halt_text, "(R3)") != NULL);
    scene_free(&scene);
}

TEST(the_key_is_for_life)
{
    static const struct {
        const char *key;
        bool allowed;
    } cases[] = {{"", true},
                 {"arn:aws:kms:us-east-1:111122223333:key/0000", true},
                 {"0000", true},
                 {"arn:aws:kms:us-east-1:111122223333:key/1111", false},
                 {"alias/aws/rds", true},
                 {"alias/other", false},
                 {"arn:aws:kms:us-east-1:111122223333:alias/x", true},
                 {"arn:aws:kms:us-east-1:111122223333:alias/other", false}};
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        scene_crash(&scene, false);
        snprintf(scene.settings.member.key, sizeof scene.settings.member.key, "%s", cases[i].key);
        scene_start(&scene);
        EXPECT(serves(&scene) == cases[i].allowed);
        EXPECT(cases[i].allowed
               || (scene.world.halt_why == E_RULE
                   && strstr(scene.world.halt_text, "key/0000") != NULL));
    }
    scene_free(&scene);
}

TEST(a_descriptor_whose_flag_was_edited_is_found)
{
    struct scene scene;
    struct descriptor descriptor;
    uint8_t file[DESCRIPTOR_BYTES_MAX];

    scene_init(&scene);
    scene.settings.member.encrypted = WISH_UNSAID;
    scene_start(&scene);
    NEED(serves(&scene));
    scene_crash(&scene, false);

    struct fake_file *at = &scene.world.files[STORE_DESCRIPTOR];

    NEED(descriptor_decode(&descriptor, bytes_of(at->data, at->size)) == OK);
    descriptor.created_ns++;
    const struct bytes edited = descriptor_encode(&descriptor, file);

    NEED(edited.size == at->size);
    memcpy(at->data, edited.data, edited.size);
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_DESCRIPTOR);
    scene_free(&scene);
}

TEST(small_files_that_are_missing_or_rotten_are_named)
{
    static const char *const names[] = {"descriptor", "keyring", "control"};

    for (unsigned file = 0; file < STORE_FILES; file++) {
        for (unsigned how = 0; how < 2; how++) {
            struct scene scene;

            scene_init(&scene);
            scene_start(&scene);
            NEED(serves(&scene));
            scene_crash(&scene, false);

            struct fake_file *at = &scene.world.files[file];

            for (size_t i = 0; how == 1 && i < at->size; i += 512) {
                at->data[i] ^= 1;
            }
            at->size = how == 0 ? 0 : at->size;
            scene_start(&scene);
            EXPECT(scene.world.halted && scene.world.halt_why != OK);
            EXPECT(strstr(scene.world.halt_text, names[file]) != NULL);
            scene_free(&scene);
        }
    }
}

TEST(a_folder_of_another_lineage_or_region_is_refused)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene_crash(&scene, false);
    scene.settings.member.self.lineage.bytes[0] ^= 1;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_FOREIGN_FOLDER);
    scene_crash(&scene, false);
    scene.settings.member.self.lineage.bytes[0] ^= 1;
    snprintf(scene.settings.member.self.region, REGION_TEXT_MAX, "eu-west-1");
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_FOREIGN_FOLDER);
    scene_crash(&scene, false);
    snprintf(scene.settings.member.self.region, REGION_TEXT_MAX, "us-east-1");
    snprintf(scene.settings.member.cluster, CLUSTER_TEXT_MAX, "cluster-OTHER");
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_FOREIGN_FOLDER);
    scene_free(&scene);
}

TEST(a_missing_segment_is_named)
{
    struct scene scene;

    scene_init(&scene);
    for (unsigned i = 0; i < 3; i++) {
        scene_start(&scene);
        scene_crash(&scene, false);
    }
    scene.world.segments[1].exists = false;
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, "segment 1 lacks its header"));
    scene.world.segments[1].exists = true;
    scene_free(&scene);
}

TEST(a_coordinator_that_does_not_answer_is_waited_for)
{
    struct scene scene;

    scene_init(&scene);
    scene.world.claim_status = E_COORDINATOR;
    scene_start(&scene);
    fake_advance(&scene.world, SPAN_S(600));
    EXPECT(!scene.world.halted);
    EXPECT(strcmp(scene_status(&scene).state, "asking-coordinator") == 0);
    scene.world.claim_status = OK;
    fake_advance(&scene.world, SPAN_S(10));
    EXPECT(serves(&scene));
    scene_free(&scene);
}

TEST(a_folder_that_the_coordinator_does_not_know_may_not_write)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene_crash(&scene, false);
    scene.world.record.folder.bytes[3] ^= 1;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_COPIED_FOLDER);
    scene_crash(&scene, false);
    scene.settings.adopt_folder = true;
    scene_start(&scene);
    EXPECT(serves(&scene));
    scene_free(&scene);
}

TEST(a_folder_that_was_rolled_back_may_not_write)
{
    struct scene scene;
    struct fake_file control = {0};

    scene_init(&scene);
    scene_start(&scene);
    control.size = scene.world.files[STORE_CONTROL].size;
    control.data = malloc(control.size);
    NEED(control.data != NULL);
    memcpy(control.data, scene.world.files[STORE_CONTROL].data, control.size);
    for (unsigned i = 0; i < 2; i++) {
        scene_crash(&scene, false);
        scene_start(&scene);
        NEED(serves(&scene));
    }
    scene_crash(&scene, false);
    scene.world.segments[1].exists = scene.world.segments[2].exists = false;
    memcpy(scene.world.files[STORE_CONTROL].data, control.data, control.size);
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_COPIED_FOLDER);
    scene.world.segments[1].exists = scene.world.segments[2].exists = true;
    free(control.data);
    scene_free(&scene);
}

TEST(a_lineage_that_the_coordinator_knows_is_not_made_twice)
{
    struct scene scene, second;

    scene_init(&scene);
    scene_start(&scene);
    scene_init(&second);
    second.world.record = scene.world.record;
    scene_start(&second);
    EXPECT(second.world.halted && second.world.halt_why == E_EXISTS);
    EXPECT(!second.world.files[STORE_DESCRIPTOR].exists);
    scene_free(&second);
    scene_free(&scene);
}

TEST(a_failed_write_halts_and_the_next_start_is_suspicious)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    NEED(serves(&scene));
    const link_t client = scene_client(&scene);

    scene.world.write_status = E_IO;
    scene_append(&scene, client, 1, 1, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene.world.halted && scene.world.halt_why == E_IO);
    EXPECT(fake_take(&scene.world, client, MESSAGE_APPENDED) == NULL);

    /* The disk took the word of it after all. */
    struct control control;
    struct fake_file *file = &scene.world.files[STORE_CONTROL];

    NEED(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    control.suspect = true;
    control_encode(&control, file->data);
    scene.world.write_status = OK;
    scene_crash(&scene, false);
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_SUSPECT);
    EXPECT(strstr(scene.world.halt_text, "--accept-suspect") != NULL);

    /* An operator answers for it, once. */
    scene.settings.member.accept_suspect = true;
    scene_start(&scene);
    EXPECT(serves(&scene));
    scene_crash(&scene, false);
    scene.settings.member.accept_suspect = false;
    scene_start(&scene);
    EXPECT(serves(&scene));
    scene_free(&scene);
}

TEST(a_failed_write_notes_exactly_what_was_acknowledged)
{
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    for (unsigned i = 1; i <= 3; i++) {
        scene_append(&scene, client, 1, i, 100, NULL);
        fake_run(&scene.world);
        NEED(scene_appended(&scene, client, &appended));
    }
    const batch_t durable = scene_status(&scene).durable_batch;

    EXPECT(scene_control(&scene).durable.batch < durable);
    scene.world.write_status = E_IO;
    scene_append(&scene, client, 1, 4, 100, NULL);
    fake_run(&scene.world);
    NEED(scene.world.halted);
    fake_settle(&scene.world); /* the control file behind it is taken */
    EXPECT(scene_control(&scene).suspect && scene_control(&scene).durable.batch == durable);

    /* Without a batch that W covers, nobody's word helps. */
    scene_crash(&scene, false);
    scene.settings.member.accept_suspect = true;
    scene.world.segments[0].size -= 4096;
    scene.world.write_status = OK;
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, "segment 0 lacks batch "));
    scene_free(&scene);
}

/* Found by a seed: it had a segment repaired, and then refused for suspicion. */
TEST(nothing_is_repaired_upon_a_suspect_disk_before_somebody_answers_for_it)
{
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    scene_append(&scene, client, 1, 1, 100, NULL);
    fake_run(&scene.world);
    NEED(scene_appended(&scene, client, &appended));
    scene.world.write_status = E_IO;
    scene_append(&scene, client, 1, 2, 100, NULL);
    fake_run(&scene.world);
    NEED(scene.world.halted);
    fake_settle(&scene.world);
    NEED(scene_control(&scene).suspect);
    scene_crash(&scene, false);
    scene.world.segments[0].size -= 4096;
    scene.world.write_status = OK;
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_SUSPECT);
    EXPECT(strstr(scene.world.halt_text, "segment 0") != NULL);
    EXPECT(strstr(scene.world.halt_text, "--accept-suspect") != NULL);
    EXPECT(scene_control(&scene).suspect);
    scene_crash(&scene, false);
    scene.settings.member.accept_suspect = true;
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, "segment 0 lacks batch "));
    scene_free(&scene);
}

/* Found by a seed: it asked others for ever, and its own disk never again. */
TEST(a_disk_that_failed_to_read_is_asked_again_where_nobody_else_has_it)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    scene_append(&scene, scene_client(&scene), 1, 1, 100, NULL);
    fake_run(&scene.world);
    scene_crash(&scene, false);
    scene.world.read_status = E_IO;
    scene_start(&scene);
    EXPECT(scene_lacks(&scene, "segment 0 lacks its header"));
    fake_advance(&scene.world, SPAN_S(60));
    EXPECT(scene_lacks(&scene, "segment 0 lacks its header"));
    EXPECT(scene.world.events < 1000);
    scene.world.read_status = OK;
    fake_advance(&scene.world, SPAN_S(60));
    EXPECT(serves(&scene) && scene_status(&scene).repair[0] == '\0');
    scene_free(&scene);
}

TEST(a_full_disk_is_not_suspect_and_restarts_when_there_is_space)
{
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene_start(&scene);
    link_t client = scene_client(&scene);

    scene_append(&scene, client, 1, 1, 100, NULL);
    fake_run(&scene.world);
    NEED(scene_appended(&scene, client, &appended));
    scene.world.write_status = E_DISK_FULL;
    scene_append(&scene, client, 1, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene.world.halted && scene.world.halt_why == E_DISK_FULL);
    EXPECT(!scene_appended(&scene, client, &appended));
    scene.world.write_status = OK;
    scene_crash(&scene, true);
    scene_start(&scene);
    NEED(serves(&scene));
    EXPECT(scene_status(&scene).durable_lsn == 1);
    client = scene_client(&scene);
    scene_append(&scene, client, 1, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == 2);
    scene_free(&scene);
}

TEST(what_was_durable_is_noted_once_a_segment)
{
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene_start(&scene);
    const link_t client = scene_client(&scene);
    const uint64_t before = scene_control(&scene).generation;

    for (unsigned i = 1; i <= 60; i++) {
        scene_append(&scene, client, 1, i, 10000, NULL);
        fake_run(&scene.world);
        NEED(scene_appended(&scene, client, &appended));
    }
    const struct control control = scene_control(&scene);
    const struct member_status status = scene_status(&scene);

    EXPECT(status.segment > 8 && control.generation - before <= status.segment);
    EXPECT(control.durable.epoch == 1 && control.durable.batch + 9 > status.durable_batch);
    EXPECT(control.commit_lsn + 7 > status.committed_lsn);
    scene_free(&scene);
}
