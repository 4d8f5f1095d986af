/* Appends: what is taken, what is refused, and when its client hears of it. */
#include "base/check.h"
#include "tests/unit/primary/scene.h"

static void start(struct scene *scene, enum wish encrypted)
{
    scene_init(scene);
    scene->settings.member.encrypted = encrypted;
    scene_start(scene);
    NEED(!scene->world.halted);
}

TEST(an_append_is_released_when_it_is_durable_and_not_before)
{
    struct scene scene;
    struct appended appended;

    start(&scene, WISH_YES);
    const link_t client = scene_client(&scene);

    scene.world.hold_writes = true;
    const uint64_t request = scene_append(&scene, client, 9, 1, 100, NULL);

    fake_run(&scene.world);
    EXPECT(!scene_appended(&scene, client, &appended));
    EXPECT(scene_status(&scene).committed_lsn == 0);
    scene.world.hold_writes = false;
    fake_run(&scene.world);
    NEED(scene_appended(&scene, client, &appended));
    EXPECT(appended.request == request && appended.first_lsn == 1 && appended.count == 1);
    EXPECT(scene_status(&scene).committed_lsn == 1 && scene_status(&scene).visible_lsn == 1);
    scene_free(&scene);
}

TEST(a_retried_append_lands_once_also_after_a_crash)
{
    struct scene scene;
    struct appended appended;

    start(&scene, WISH_YES);
    link_t client = scene_client(&scene);

    scene_append(&scene, client, 9, 1, 100, NULL);
    scene_append(&scene, client, 9, 1, 100, NULL);
    fake_run(&scene.world);
    for (unsigned i = 0; i < 2; i++) {
        NEED(scene_appended(&scene, client, &appended));
        EXPECT(appended.first_lsn == 1);
    }
    for (unsigned i = 0; i < 8; i++) {
        scene_append(&scene, client, 9, 2 + i, 20000, NULL);
        fake_run(&scene.world);
        NEED(scene_appended(&scene, client, &appended));
        EXPECT(appended.first_lsn == 2 + i);
    }
    for (unsigned start_again = 0; start_again < 3; start_again++) {
        scene_crash(&scene, true);
        scene_start(&scene);
        NEED(!scene.world.halted);
        client = scene_client(&scene);
        scene_append(&scene, client, 9, 9, 20000, NULL);
        fake_run(&scene.world);
        NEED(scene_appended(&scene, client, &appended));
        EXPECT(appended.first_lsn == 9);
        scene_append(&scene, client, 9, 4, 20000, NULL);
        fake_run(&scene.world);
        NEED(scene_appended(&scene, client, &appended));
        EXPECT(appended.first_lsn == 0); /* there, but where is not known any more */
        EXPECT(scene_status(&scene).appended_lsn == 9);
    }
    scene_free(&scene);
}

static enum status append_raw(struct scene *scene, link_t client, const struct append *append,
                              const void *tail, size_t size)
{
    struct refused refused;
    uint8_t head[128];

    fake_send(&scene->world, client, MESSAGE_APPEND, append_encode(append, head),
              bytes_of(tail, size));
    fake_run(&scene->world);
    return scene_refused(scene, client, &refused);
}

TEST(what_cannot_be_taken_is_refused_by_name)
{
    struct scene scene;
    struct append append = {.request = 1, .producer = 1, .first_sequence = 1, .count = 1};
    static uint8_t tail[2 << 20];

    start(&scene, WISH_YES);
    link_t client = scene_client(&scene);

    memset(tail, 0, sizeof tail);
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 4), E_EMPTY);
    tail[2] = 2; /* 128 KiB */
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 4 + (2 << 16)), E_RECORD_TOO_LARGE);
    append.count = 20;
    for (unsigned i = 0; i < 20; i++) {
        memcpy(tail + 4 * (size_t)i, (const uint8_t[]){0, 0, 1, 0}, 4);
    }
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 80 + 20 * 65536), E_TOO_LARGE);
    append.count = 1;
    append.has_level = true;
    append.level = (struct level){LEVEL_QUORUM, 1};
    memcpy(tail, (const uint8_t[]){1, 0, 0, 0}, 4);
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 5), E_LEVEL);
    EXPECT(scene.world.links[client].hung_up); /* what is behind it on this link must not land */
    client = scene_client(&scene);
    append.has_level = false;
    append.first_sequence = 5;
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 5), OK);
    append.first_sequence = 4;
    append.count = 3;
    memcpy(tail, (const uint8_t[]){1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, 12);
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 15), E_SEQUENCE);
    EXPECT(!scene.world.links[client].hung_up);
    EXPECT(scene_status(&scene).appended_lsn == 1);

    /* A message that contradicts itself ends the link. */
    append.first_sequence = 10;
    EXPECT_STATUS(append_raw(&scene, client, &append, tail, 16), E_MALFORMED);
    EXPECT(scene.world.links[client].hung_up);
    EXPECT(scene_status(&scene).client_count == 0);
    scene_free(&scene);
}

TEST(who_may_not_append_is_told)
{
    struct scene scene;
    struct refused refused;

    start(&scene, WISH_YES);
    const struct identity reader = scene_peer(&scene, ROLE_READER, "r", "us-east-1");
    const struct hello hello = {.version = PROTOCOL_VERSION};
    const link_t link = fake_link_up(&scene.world, &reader, false);
    const link_t mute = fake_link_up(&scene.world, &reader, false);
    uint8_t head[64];

    fake_send(&scene.world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    scene_append(&scene, link, 1, 1, 10, NULL);
    EXPECT_STATUS(scene_refused(&scene, link, &refused), E_IDENTITY);
    scene_append(&scene, mute, 1, 1, 10, NULL);
    EXPECT_STATUS(scene_refused(&scene, mute, &refused), E_PROTOCOL);
    EXPECT(scene.world.links[mute].hung_up);
    EXPECT(scene_status(&scene).appended_lsn == 0);
    scene_free(&scene);
}

/* Eight may wait (pending_max); the others stand in line and are served in their turn. */
TEST(without_room_links_wait_in_line_and_all_are_served)
{
    struct scene scene;
    struct appended appended;
    link_t clients[6];
    unsigned released = 0;

    start(&scene, WISH_YES);
    for (unsigned i = 0; i < COUNT_OF(clients); i++) {
        clients[i] = scene_client(&scene);
    }
    scene.world.hold_writes = true;
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < COUNT_OF(clients); i++) {
            if (!scene.world.links[clients[i]].deferred) {
                scene_append(&scene, clients[i], 100 + i, 1 + round, 1000, NULL);
            }
        }
    }
    for (unsigned i = 0; i < COUNT_OF(clients); i++) {
        EXPECT(scene.world.links[clients[i]].deferred);
    }
    fake_link_down(&scene.world, clients[2]); /* one of them does not wait any longer */
    scene.world.hold_writes = false;
    fake_run(&scene.world);
    for (unsigned i = 0; i < COUNT_OF(clients); i++) {
        EXPECT(i == 2 || !scene.world.links[clients[i]].deferred);
        while (scene_appended(&scene, clients[i], &appended)) {
            released++;
        }
    }
    EXPECT(scene_status(&scene).appended_lsn == 13);
    EXPECT(released >= 11); /* client 2 was gone when its own were */
    scene_free(&scene);
}

TEST(a_quorum_is_waited_for_and_only_this_epoch_counts)
{
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene.settings.member.encrypted = WISH_NO;
    scene.settings.level = (struct level){LEVEL_QUORUM, 1};
    scene.settings.level_given = true;
    scene_start(&scene);
    scene_crash(&scene, false);
    scene_start(&scene);
    NEED(!scene.world.halted && scene_status(&scene).epoch == 2);
    const link_t client = scene_client(&scene);
    const link_t replica = scene_replica(&scene, "r1", "eu-west-1");

    NEED(!scene.world.links[replica].hung_up);
    scene_append(&scene, client, 1, 1, 10, NULL);
    scene_append(&scene, client, 1, 2, 10, "local");
    fake_run(&scene.world);
    NEED(scene_appended(&scene, client, &appended));
    EXPECT(appended.first_lsn == 2); /* its own level was met */
    EXPECT(!scene_appended(&scene, client, &appended));
    EXPECT(scene_status(&scene).committed_lsn == 0);

    const struct member_status status = scene_status(&scene);

    scene_ack(&scene, replica, 1, status.sealed_batch);
    EXPECT(!scene_appended(&scene, client, &appended)); /* an ack of another reign */
    EXPECT(scene_status(&scene).committed_lsn == 0);
    scene_append(&scene, client, 1, 3, 10, NULL);
    fake_run(&scene.world);
    scene_ack(&scene, replica, 2, status.sealed_batch);
    NEED(scene_appended(&scene, client, &appended));
    EXPECT(appended.first_lsn == 1);
    EXPECT(scene_status(&scene).committed_lsn == 2);
    EXPECT(!scene_appended(&scene, client, &appended)); /* nobody acked the third */
    EXPECT(scene.world.record.member_count == 1);
    EXPECT(strcmp(scene.world.record.members[0].name, "r1") == 0);
    EXPECT(scene_status(&scene).feed_count == 1 && scene_status(&scene).feeds[0].votes);
    scene_free(&scene);
}

TEST(a_replica_is_no_vote_before_the_coordinator_knows_it)
{
    struct scene scene;
    struct appended appended;

    scene_init(&scene);
    scene.settings.member.encrypted = WISH_NO;
    scene.settings.level = (struct level){LEVEL_REGION, 1};
    scene.settings.level_given = true;
    scene_start(&scene);
    const link_t client = scene_client(&scene);

    scene.world.claim_status = E_COORDINATOR;
    const link_t replica = scene_replica(&scene, "r1", "eu-west-1");

    scene_append(&scene, client, 1, 1, 10, NULL);
    fake_run(&scene.world);
    scene_ack(&scene, replica, 1, scene_status(&scene).sealed_batch);
    EXPECT(!scene_appended(&scene, client, &appended));
    scene.world.claim_status = OK;
    fake_advance(&scene.world, SPAN_S(1));
    EXPECT(scene_appended(&scene, client, &appended));
    scene_free(&scene);
}

TEST(a_replica_of_the_home_region_is_no_other_region)
{
    struct scene scene;
    struct refused refused;

    start(&scene, WISH_NO);
    link_t client = scene_client(&scene);

    scene_replica(&scene, "r1", "us-east-1");
    scene_append(&scene, client, 1, 1, 10, "region:1");
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_LEVEL);
    client = scene_client(&scene);
    scene_append(&scene, client, 1, 1, 10, "quorum:1");
    EXPECT_STATUS(scene_refused(&scene, client, &refused), OK);
    scene_free(&scene);
}

TEST(somebody_who_claimed_a_higher_epoch_ends_this_writer)
{
    struct scene scene;

    start(&scene, WISH_NO);
    scene.world.record.epoch = 7;
    scene.world.record.version++;
    scene_replica(&scene, "r1", "eu-west-1"); /* is to be recorded */
    fake_run(&scene.world);
    EXPECT(scene.world.halted && scene.world.halt_why == E_CLAIM_LOST);
    scene_free(&scene);
}

TEST(a_replica_that_saw_a_higher_epoch_ends_this_writer_and_the_next_goes_above)
{
    struct scene scene;
    static struct greet greet;
    uint8_t head[512];

    start(&scene, WISH_NO);
    const struct identity peer = scene_peer(&scene, ROLE_REPLICA, "r1", "eu-west-1");
    const link_t link = fake_link_up(&scene.world, &peer, false);

    greet = (struct greet){.version = PROTOCOL_VERSION,
                           .lineage = peer.lineage,
                           .suite = GREET_SUITE_UNSAID,
                           .highest_epoch = 9};
    memcpy(greet.region, peer.region, sizeof greet.region);
    fake_send(&scene.world, link, MESSAGE_GREET, greet_encode(&greet, head), bytes_none());
    fake_run(&scene.world);
    EXPECT(scene.world.halted && scene.world.halt_why == E_FENCED);
    scene_crash(&scene, false);
    scene_start(&scene); /* the coordinator knows nobody who can have shown it that */
    EXPECT(scene.world.halted && scene.world.halt_why == E_WENT_BACK);
    scene_crash(&scene, false);
    scene.world.record.asked = 9;
    scene_start(&scene);
    EXPECT(!scene.world.halted && scene_status(&scene).epoch == 10);
    scene_free(&scene);
}

/* Whoever has a replica's certificate, and says that it holds the cluster's key. */
static link_t stranger(struct scene *scene, epoch_t epoch)
{
    static struct greet greet;
    static uint8_t head[64 << 10];
    const struct identity peer = scene_peer(scene, ROLE_REPLICA, "r1", "us-east-1");
    const link_t link = fake_link_up(&scene->world, &peer, false);
    struct fake_message *theirs = fake_take(&scene->world, link, MESSAGE_GREET);

    NEED(theirs != NULL && greet_decode(&greet, fake_head(theirs), &scene->scratch) == OK);
    greet.highest_epoch = epoch;
    greet.descriptor_bytes = bytes_none();
    fake_send(&scene->world, link, MESSAGE_GREET, greet_encode(&greet, head), bytes_none());
    fake_run(&scene->world);
    return link;
}

TEST(a_certificate_without_the_data_key_halts_no_writer)
{
    const struct proof wrong = {.mac = {{1, 2, 3}}};
    struct appended appended;
    struct scene scene;
    struct bye bye;
    uint8_t head[64];

    start(&scene, WISH_YES);
    const link_t link = stranger(&scene, 9);

    EXPECT(!scene.world.halted && !scene.world.links[link].hung_up);
    fake_send(&scene.world, link, MESSAGE_PROOF, proof_encode(&wrong, head), bytes_none());
    fake_run(&scene.world);
    struct fake_message *said = fake_take(&scene.world, link, MESSAGE_BYE);

    NEED(said != NULL && bye_decode(&bye, fake_head(said), &scene.scratch) == OK);
    EXPECT_STATUS(bye.why, E_PROOF);
    const link_t silent = stranger(&scene, 9);

    fake_advance(&scene.world, SPAN_S(60)); /* says no more */
    EXPECT(scene.world.links[silent].hung_up && !scene.world.halted);
    const link_t client = scene_client(&scene);

    scene_append(&scene, client, 1, 1, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended));
    scene_crash(&scene, false);
    scene_start(&scene);
    EXPECT(scene_status(&scene).epoch == 2); /* and 9 was not remembered */
    scene_free(&scene);
}

TEST(a_full_disk_refuses_new_appends_by_name_until_there_is_space)
{
    struct scene scene;
    struct appended appended;
    struct refused refused;

    scene_init(&scene);
    scene_start(&scene);
    link_t client = scene_client(&scene);

    scene_append(&scene, client, 3, 1, 100, NULL);
    fake_run(&scene.world);
    NEED(scene_appended(&scene, client, &appended) && appended.first_lsn == 1);
    scene.world.disk_full = true;
    scene_append(&scene, client, 3, 1, 100, NULL); /* known ones are still answered */
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == 1);
    EXPECT(strcmp(scene_status(&scene).state, "disk-full") == 0);

    scene_append(&scene, client, 3, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_DISK_FULL);
    EXPECT(strstr(refused.text, "nothing was appended") != NULL);
    EXPECT(scene.world.links[client].hung_up); /* so that sequences cannot overtake the answer */
    EXPECT(scene_status(&scene).appended_lsn == 1);

    scene.world.disk_full = false;
    client = scene_client(&scene);
    scene_append(&scene, client, 3, 2, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == 2);
    scene_free(&scene);
}

TEST(a_full_index_refuses_appends_by_name_and_a_larger_one_goes_on)
{
    struct scene scene;
    struct appended appended;
    struct refused refused;
    uint64_t sequence = 0;

    scene_init(&scene);
    scene.settings.member.segments_max = 10;
    scene_start(&scene);
    link_t client = scene_client(&scene);

    do {
        scene_append(&scene, client, 3, ++sequence, 60000, NULL); /* a segment each */
        fake_run(&scene.world);
    } while (sequence < 20 && scene_appended(&scene, client, &appended));
    EXPECT(scene_status(&scene).segment_count == 9 && scene_status(&scene).segments_max == 10);
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_WAL_FULL);
    EXPECT(strstr(refused.text, "--segments-max") != NULL);
    EXPECT(scene.world.links[client].hung_up); /* retention may make room: it comes anew */
    EXPECT(scene_status(&scene).appended_lsn == sequence - 1);
    client = scene_client(&scene);
    scene_append(&scene, client, 3, sequence - 1, 60000, NULL); /* known ones are still answered */
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == sequence - 1);

    scene_crash(&scene, false);
    scene_start(&scene);
    EXPECT(scene.world.halted && scene.world.halt_why == E_TOO_LARGE);
    EXPECT(strstr(scene.world.halt_text, "--segments-max") != NULL);
    scene.settings.member.segments_max = 20;
    scene_start(&scene);
    client = scene_client(&scene);
    scene_append(&scene, client, 3, sequence, 60000, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && appended.first_lsn == sequence);
    scene_free(&scene);
}

TEST(several_records_in_one_append_get_lsns_in_a_row)
{
    struct scene scene;
    struct appended appended;
    struct append append = {.request = 4, .producer = 1, .first_sequence = 1, .count = 3};
    const uint8_t tail[] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'b', 'c', 'c', 'c'};

    start(&scene, WISH_YES);
    const link_t client = scene_client(&scene);

    for (unsigned i = 0; i < 3; i++) { /* the third is the second again */
        append.first_sequence = i == 0 ? 1 : 4;
        EXPECT_STATUS(append_raw(&scene, client, &append, tail, sizeof tail), OK);
        NEED(scene_appended(&scene, client, &appended));
        EXPECT(appended.count == 3 && appended.first_lsn == (i == 0 ? 1 : 4));
    }
    EXPECT(scene_status(&scene).appended_lsn == 6);
    EXPECT(scene_status(&scene).appended_records == 6);
    scene_free(&scene);
}

TEST(stop_answers_what_was_taken_and_refuses_what_comes)
{
    struct scene scene;
    struct appended appended;
    struct refused refused;
    struct event stop = {.kind = EVENT_STOP};

    start(&scene, WISH_YES);
    const link_t client = scene_client(&scene);

    scene.world.hold_writes = true;
    scene_append(&scene, client, 1, 1, 10, NULL);
    fake_step(&scene.world, &stop);
    scene_append(&scene, client, 1, 2, 10, NULL);
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_NOT_READY);
    scene.world.hold_writes = false;
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended));
    EXPECT(scene.world.links[client].hung_up && scene.world.links[client].why == OK);
    EXPECT(scene.world.halted && scene.world.halt_why == OK);
    scene_free(&scene);
}

TEST(stop_does_not_wait_for_ever_for_a_level)
{
    struct scene scene;
    struct refused refused;

    start(&scene, WISH_NO);
    const link_t client = scene_client(&scene);
    const link_t replica = scene_replica(&scene, "r1", "eu-west-1");

    scene_append(&scene, client, 1, 1, 10, "quorum:1");
    fake_stop(&scene.world);
    EXPECT(!scene.world.halted);
    fake_advance(&scene.world, SPAN_S(2));
    EXPECT(scene.world.halted && scene.world.halt_why == OK);
    EXPECT_STATUS(scene_refused(&scene, client, &refused), E_INDEFINITE);
    EXPECT(fake_take(&scene.world, replica, MESSAGE_BYE) != NULL);
    scene_free(&scene);
}

/* A short story with rolling segments, cut off after every single event: whatever a client was
 * told is there afterwards, once, and the rest can be appended again. */
static uint64_t tell(struct scene *scene, uint64_t events_max, uint64_t released[32])
{
    struct appended appended;

    scene_start(scene);
    const link_t client = scene_client(scene);

    scene->world.events = 0;
    scene->world.events_max = events_max;
    for (unsigned i = 1; i <= 12; i++) {
        if (scene->world.links[client].deferred || scene->world.events >= events_max) {
            break;
        }
        scene_append(scene, client, 3, i, 9000 + 1000 * i, NULL);
        if (i % 3 == 0) {
            fake_run(&scene->world);
        }
    }
    fake_run(&scene->world);
    for (unsigned i = 0; scene_appended(scene, client, &appended); i++) {
        released[i + 1] = appended.first_lsn;
    }
    return scene->world.events;
}

TEST(a_crash_after_any_event_loses_nothing_released)
{
    uint64_t all = 1000;

    for (uint64_t after = 1; after <= all; after++) {
        struct scene scene;
        uint64_t released[32] = {0};
        struct appended appended;

        scene_init(&scene);
        const uint64_t told = tell(&scene, after, released);

        all = told < after ? told : all;
        scene_crash(&scene, after % 2 == 0);
        scene.world.events_max = UINT64_MAX;
        scene_start(&scene);
        NEED(!scene.world.halted);
        const lsn_t durable = scene_status(&scene).durable_lsn;
        const link_t client = scene_client(&scene);

        for (unsigned i = 1; i <= 12; i++) {
            EXPECT(released[i] <= durable);
            scene_append(&scene, client, 3, i, 9000 + 1000 * i, NULL);
            fake_run(&scene.world);
            NEED(scene_appended(&scene, client, &appended));
            EXPECT(appended.first_lsn == 0 || appended.first_lsn == i);
            EXPECT(released[i] == 0 || released[i] == i);
        }
        EXPECT(scene_status(&scene).appended_lsn == 12);
        scene_free(&scene);
    }
}
