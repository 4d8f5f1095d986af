/* A primary takes another data key: by order, by age, by bytes; and what it does when it cannot. */
#include "base/check.h"
#include "cluster/keyring.h"
#include "proto/keys_order.h"
#include "tests/unit/primary/scene.h"
#include "wal/segment.h"

#include <stdio.h>

static link_t order(struct scene *scene, enum role role)
{
    const struct identity peer = scene_peer(scene, role, "officer", "us-east-1");
    const struct hello hello = {.version = PROTOCOL_VERSION};
    const link_t link = fake_link_up(&scene->world, &peer, false);
    uint8_t head[64];

    fake_send(&scene->world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    EXPECT(fake_take(&scene->world, link, MESSAGE_WELCOME) != NULL);
    fake_send(&scene->world, link, MESSAGE_ROTATE, bytes_none(), bytes_none());
    return link;
}

static bool was_rotated(struct scene *scene, link_t link)
{
    return fake_take(&scene->world, link, MESSAGE_ROTATED) != NULL;
}

static struct id newest_dek(const struct scene *scene)
{
    const struct fake_file *file = &scene->world.segments[scene_status(scene).segment];
    struct segment_header header = {0};

    EXPECT(file->exists
           && segment_header_decode(&header, bytes_of(file->data, SEGMENT_HEADER_BYTES)) == OK);
    return header.dek;
}

static bool changed(const struct scene *scene, struct id *dek)
{
    const struct id now = newest_dek(scene);
    const bool is_other = !id_equal(&now, dek);

    *dek = now;
    return is_other;
}

TEST(an_order_is_answered_when_the_new_segment_is_durable_and_its_key_survives_a_crash)
{
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    struct id dek = newest_dek(&scene);
    const link_t link = order(&scene, ROLE_OPERATOR);

    fake_run(&scene.world);
    EXPECT(was_rotated(&scene, link) && changed(&scene, &dek));
    scene_crash(&scene, false);
    scene_start(&scene);
    EXPECT(strcmp(scene_status(&scene).state, "serving") == 0);
    EXPECT(!changed(&scene, &dek)); /* the newest is gone on with */
    scene_free(&scene);
}

TEST(a_crash_at_any_moment_of_a_rotation_leaves_a_folder_that_opens)
{
    bool ended = false;

    for (uint64_t events = 1; events < 64 && !ended; events++) {
        struct scene scene;
        struct appended appended;

        scene_init(&scene);
        scene_start(&scene);
        const link_t client = scene_client(&scene);
        const link_t link = order(&scene, ROLE_OPERATOR);

        (void)scene_append(&scene, client, 1, 1, 100, NULL);
        scene.world.events_max = scene.world.events + events;
        (void)fake_run(&scene.world);
        ended = was_rotated(&scene, link);
        const bool told = scene_appended(&scene, client, &appended);

        scene_crash(&scene, events % 2 == 0);
        scene.world.events_max = UINT64_MAX;
        scene_start(&scene);
        EXPECT(strcmp(scene_status(&scene).state, "serving") == 0);
        EXPECT(!told || scene_status(&scene).durable_lsn == 1);
        struct id dek = newest_dek(&scene);
        const link_t again = order(&scene, ROLE_OPERATOR);

        fake_run(&scene.world);
        EXPECT(was_rotated(&scene, again) && changed(&scene, &dek));
        scene_free(&scene);
    }
    EXPECT(ended);
}

TEST(a_data_key_is_rotated_by_age_also_across_starts)
{
    struct scene scene;

    scene_init(&scene);
    scene.settings.member.dek_max_age = SPAN_S(3600);
    scene_start(&scene);
    struct id dek = newest_dek(&scene);

    fake_advance(&scene.world, SPAN_S(3500));
    EXPECT(!changed(&scene, &dek));
    scene_crash(&scene, false);
    scene_start(&scene);
    fake_advance(&scene.world, SPAN_S(90));
    EXPECT(!changed(&scene, &dek));
    fake_advance(&scene.world, SPAN_S(20));
    EXPECT(changed(&scene, &dek));
    fake_advance(&scene.world, SPAN_S(3580));
    EXPECT(!changed(&scene, &dek));
    fake_advance(&scene.world, SPAN_S(20));
    EXPECT(changed(&scene, &dek));
    scene_free(&scene);
}

TEST(a_data_key_is_rotated_when_it_has_sealed_so_many_bytes)
{
    struct scene scene;
    unsigned changes = 0;

    scene_init(&scene);
    scene.settings.member.dek_max_bytes = 256 << 10;
    scene_start(&scene);
    struct id dek = newest_dek(&scene);
    const link_t client = scene_client(&scene);

    for (uint64_t i = 1; i <= 64; i++) { /* 1 MiB and what is around it */
        (void)scene_append(&scene, client, 1, i, 16 << 10, NULL);
        fake_run(&scene.world);
        changes += changed(&scene, &dek);
    }
    EXPECT(changes >= 3 && changes <= 6);
    scene_free(&scene);
}

TEST(a_key_service_that_refuses_or_is_away_leaves_the_old_key_in_use)
{
    struct refused refused;
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    struct id dek = newest_dek(&scene);

    scene.world.keys_status = E_KEY_DENIED;
    link_t link = order(&scene, ROLE_OPERATOR);

    fake_run(&scene.world);
    EXPECT_STATUS(scene_refused(&scene, link, &refused), E_KEY_DENIED);
    EXPECT(strstr(refused.text, "kms:GenerateDataKey") != NULL);
    EXPECT(strstr(refused.text, "not rotated") != NULL);

    scene.world.keys_status = E_KEY_UNREACHABLE;
    link = order(&scene, ROLE_OPERATOR);
    fake_advance(&scene.world, SPAN_S(50));
    EXPECT_STATUS(scene_refused(&scene, order(&scene, ROLE_OPERATOR), &refused), E_BUSY);
    fake_advance(&scene.world, SPAN_S(15));
    EXPECT_STATUS(scene_refused(&scene, link, &refused), E_KEY_UNREACHABLE);

    const link_t client = scene_client(&scene);
    struct appended appended;

    (void)scene_append(&scene, client, 1, 1, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended) && !changed(&scene, &dek));
    scene.world.keys_status = OK;
    link = order(&scene, ROLE_OPERATOR);
    fake_run(&scene.world);
    EXPECT(was_rotated(&scene, link) && changed(&scene, &dek));
    scene_free(&scene);
}

TEST(what_cannot_be_rotated_is_refused_with_the_reason)
{
    struct refused refused;
    struct scene scene;

    scene_init(&scene);
    scene_start(&scene);
    EXPECT_STATUS(scene_refused(&scene, order(&scene, ROLE_CLIENT), &refused), E_IDENTITY);
    for (unsigned i = 1; i < KEYRING_ENVELOPES_MAX; i++) {
        const link_t link = order(&scene, ROLE_OPERATOR);

        fake_run(&scene.world);
        EXPECT(was_rotated(&scene, link));
        fake_link_down(&scene.world, link);
    }
    EXPECT_STATUS(scene_refused(&scene, order(&scene, ROLE_OPERATOR), &refused), E_FULL);
    EXPECT(strstr(refused.text, "64 data keys") != NULL);
    scene_free(&scene);

    scene_init(&scene);
    scene.settings.member.encrypted = WISH_NO;
    scene_start(&scene);
    EXPECT_STATUS(scene_refused(&scene, order(&scene, ROLE_OPERATOR), &refused), E_RULE);
    EXPECT(strstr(refused.text, "not encrypted") != NULL);
    scene_free(&scene);
}
