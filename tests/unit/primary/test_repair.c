/* A writer that serves, whose closed segments are damaged, and a replica that gives what it has. */
#include "base/check.h"
#include "member/member.h"
#include "tests/unit/primary/scene.h"

#include <stdlib.h>

static void write_segments(struct scene *scene, unsigned segments)
{
    const link_t client = scene_client(scene);
    struct appended appended;

    while (!scene->world.segments[segments - 1].exists) {
        scene_append(scene, client, 3, scene->next_request + 1, 10000, NULL);
        fake_run(&scene->world);
        NEED(scene_appended(scene, client, &appended));
    }
}

static struct bytes copy_of(const struct scene *scene, unsigned segment)
{
    const struct fake_file *file = &scene->world.segments[segment];
    uint8_t *copy = malloc(file->size);

    CHECK(copy != NULL);
    memcpy(copy, file->data, file->size);
    return bytes_of(copy, file->size);
}

/* The first batch of all: what this test damages. */
static void give_first(struct scene *scene, link_t link, const struct repair_ask *ask,
                       struct bytes segment)
{
    const struct repair_is is = {
        .segment = ask->segment, .first_batch = ask->first_batch, .answer = REPAIR_HAVE};
    struct batch_header header;
    uint8_t head[64];

    NEED(batch_header_decode(&header, bytes_part(segment, SEGMENT_HEADER_BYTES, SIZE_MAX)) == OK);
    EXPECT(header.batch == ask->first_batch);
    fake_send(&scene->world, link, MESSAGE_REPAIR_IS, repair_is_encode(&is, head),
              bytes_part(segment, SEGMENT_HEADER_BYTES, header.batch_bytes));
}

static void deny(struct scene *scene, link_t link, const struct repair_ask *ask)
{
    const struct repair_is is = {
        .segment = ask->segment, .first_batch = ask->first_batch, .answer = REPAIR_UNREADABLE};
    uint8_t head[64];

    fake_send(&scene->world, link, MESSAGE_REPAIR_IS, repair_is_encode(&is, head), bytes_none());
}

/* Answers whatever is asked for a while; segment 0 is not to be had. Returns how often it was asked
 * for. */
static unsigned serve(struct scene *scene, link_t link, struct bytes segment_1)
{
    unsigned denied = 0;

    for (unsigned i = 0; i < 40; i++) {
        struct fake_message *message = fake_take(&scene->world, link, MESSAGE_REPAIR_ASK);
        struct repair_ask ask;

        if (message == NULL) {
            fake_advance(&scene->world, scene->settings.member.retry_gap);
            fake_run(&scene->world);
            continue;
        }
        NEED(repair_ask_decode(&ask, fake_head(message), &scene->scratch) == OK);
        if (ask.segment == 0) {
            denied++;
            deny(scene, link, &ask);
        } else {
            give_first(scene, link, &ask, segment_1);
        }
        fake_run(&scene->world);
    }
    return denied;
}

/* Three closed segments, of a cluster without encryption. */
static void start(struct scene *scene)
{
    scene_init(scene);
    scene->settings.member.encrypted = WISH_NO;
    scene->settings.member.key[0] = '\0';
    scene_start(scene);
    write_segments(scene, 4);
}

static void damage(struct scene *scene, segment_t segment)
{
    scene->world.segments[segment].data[SEGMENT_HEADER_BYTES + 100] ^= 1;
    EXPECT(repair_want(scene_member(scene), segment, E_CHECKSUM));
}

TEST(a_segment_that_nobody_gives_does_not_keep_another_from_its_repair)
{
    struct scene scene;

    start(&scene);
    const struct bytes good = copy_of(&scene, 1);
    const link_t link = scene_replica(&scene, "eu-1", "eu-west-1");

    damage(&scene, 0);
    damage(&scene, 1);
    const unsigned denied = serve(&scene, link, good);

    EXPECT(scene_member(&scene)->repair.repaired == 1);
    EXPECT(!repair_is_wanted(&scene_member(&scene)->repair, 1));
    EXPECT(memcmp(scene.world.segments[1].data, good.data, good.size) == 0);
    EXPECT(denied >= 2 && denied < 20); /* again and again, not all the time */
    EXPECT(scene_status(&scene).outstanding_segments == 1);
    EXPECT(strstr(scene_status(&scene).repair, "segment 0 lacks batch 1") != NULL);
    free((void *)(uintptr_t)good.data);
    scene_free(&scene);
}

/* What is asked for in this moment, in turn; nothing of it is to be had. Returns a bit for each. */
static unsigned deny_all(struct scene *scene, link_t link)
{
    struct fake_message *message;
    struct repair_ask ask;
    unsigned asked = 0;

    fake_advance(&scene->world, SPAN_MS(1));
    fake_run(&scene->world);
    while ((message = fake_take(&scene->world, link, MESSAGE_REPAIR_ASK)) != NULL) {
        NEED(repair_ask_decode(&ask, fake_head(message), &scene->scratch) == OK);
        asked |= 1u << ask.segment;
        deny(scene, link, &ask);
        fake_run(&scene->world);
    }
    return asked;
}

TEST(a_segment_that_is_found_later_does_not_wait_until_the_others_have_rested)
{
    struct scene scene;

    start(&scene);
    const link_t link = scene_replica(&scene, "eu-1", "eu-west-1");

    damage(&scene, 0);
    damage(&scene, 1);
    EXPECT(deny_all(&scene, link) == 3);
    EXPECT(deny_all(&scene, link) == 0); /* they rest */
    damage(&scene, 2);
    (void)scene_client(&scene); /* a step, as that in which it is found */
    EXPECT((deny_all(&scene, link) & 4) != 0);
    EXPECT(deny_all(&scene, link) == 0);
    scene_free(&scene);
}
