/* Closed segments are digested off the commit path, and the next header says so. */
#include "base/check.h"
#include "member/member.h"
#include "seal/digest.h"
#include "tests/unit/primary/scene.h"

#include <stdlib.h>

static struct segment_header header_of(const struct scene *scene, unsigned segment)
{
    const struct fake_file *file = &scene->world.segments[segment];
    struct segment_header header;

    NEED(segment_header_decode(&header, bytes_of(file->data, file->size)) == OK);
    return header;
}

/* Of its valid bytes, found by hopping from batch to batch. */
static struct digest digest_on_disk(const struct scene *scene, unsigned segment)
{
    const struct fake_file *file = &scene->world.segments[segment];
    const batch_t end = header_of(scene, segment + 1).prev_last_batch;
    batch_t batch = header_of(scene, segment).first_batch;
    struct batch_header header;
    size_t at = SEGMENT_HEADER_BYTES;

    for (; batch <= end; batch++) {
        NEED(batch_header_decode(&header, bytes_of(file->data + at, file->size - at)) == OK);
        at += header.batch_bytes;
    }
    return digest_of(bytes_of(file->data, at));
}

static unsigned segment_count(const struct scene *scene)
{
    unsigned count = 0;

    while (scene->world.segments[count].exists) {
        count++;
    }
    return count;
}

/* Appends until so many segments exist. */
static void write_until(struct scene *scene, unsigned segments)
{
    const link_t client = scene_client(scene);
    struct appended appended;

    while (segment_count(scene) < segments) {
        scene_append(scene, client, 3, scene->next_request + 1, 10000, NULL);
        fake_run(&scene->world);
        NEED(scene_appended(scene, client, &appended));
    }
}

/* How often each segment below `count` is listed; each listing must be right, lowest first. */
static void count_listings(const struct scene *scene, unsigned count, unsigned *listings)
{
    memset(listings, 0, count * sizeof *listings);
    for (unsigned i = 0; i < segment_count(scene); i++) {
        const struct segment_header header = header_of(scene, i);

        for (uint32_t row = 0; row < header.digest_count; row++) {
            const segment_t segment = header.digests[row].segment;

            NEED(segment < i && segment < count);
            EXPECT(row == 0 || segment > header.digests[row - 1].segment);
            const struct digest truth = digest_on_disk(scene, (unsigned)segment);

            EXPECT(digest_equal(&truth, &header.digests[row].sha256));
            listings[segment]++;
        }
    }
}

static void start_writing(struct scene *scene, unsigned segments)
{
    scene_init(scene);
    scene_start(scene);
    write_until(scene, segments);
}

TEST(the_next_header_lists_what_was_closed_before_each_segment_once)
{
    struct scene scene;
    unsigned listings[8];

    start_writing(&scene, 4);
    fake_advance(&scene.world, SPAN_S(1));
    EXPECT(scene_status(&scene).digested_segments == 3);
    write_until(&scene, 6);
    EXPECT(header_of(&scene, 4).digest_count == 3 && header_of(&scene, 5).digest_count <= 1);
    fake_advance(&scene.world, SPAN_S(1));
    write_until(&scene, 7);
    count_listings(&scene, 6, listings);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(listings[i] == 1);
    }
    EXPECT(scene_status(&scene).damaged_segments == 0);
    scene_free(&scene);
}

TEST(a_later_writer_digests_what_an_earlier_one_left_and_compares_the_rest)
{
    struct scene scene;
    unsigned listings[8];

    start_writing(&scene, 3);
    fake_advance(&scene.world, SPAN_S(1));
    write_until(&scene, 4); /* lists 0 and 1 */
    scene_crash(&scene, false);
    scene_start(&scene); /* segment 4; it ends 3, which no final batch closes */
    EXPECT(header_of(&scene, 4).digest_count == 0);
    fake_advance(&scene.world, SPAN_S(2));
    EXPECT(scene_member(&scene)->digester.compared == 2);
    EXPECT(scene_member(&scene)->digester.digested == 2);
    write_until(&scene, 6);
    count_listings(&scene, 5, listings);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(listings[i] == 1);
    }
    EXPECT(scene_status(&scene).damaged_segments == 0);
    scene_free(&scene);
}

/* One digest was listed; then that segment's bytes rot, header or batch. */
static void rot_at(size_t offset)
{
    struct scene scene;
    unsigned listings[8];

    start_writing(&scene, 4);
    scene_crash(&scene, false);
    scene_start(&scene);
    scene.world.segments[1].data[offset] ^= 1;
    fake_advance(&scene.world, SPAN_S(2));
    EXPECT(scene_status(&scene).damaged_segments >= 1);
    EXPECT(!scene.world.halted);
    write_until(&scene, 6);
    scene.world.segments[1].data[offset] ^= 1; /* so that the test can read it */
    count_listings(&scene, 5, listings);
    EXPECT(listings[1] == 0 && listings[2] == 1 && listings[3] == 1);
    scene_free(&scene);
}

TEST(a_segment_that_does_not_verify_is_an_alarm_and_is_not_listed)
{
    rot_at(200); /* salt */
    rot_at(SEGMENT_HEADER_BYTES + 30); /* a batch's header */
    rot_at(SEGMENT_HEADER_BYTES + 4096 + 5000); /* sealed bytes */
}

TEST(a_wrong_digest_of_good_bytes_is_an_alarm_and_nothing_more)
{
    struct scene scene;
    struct appended appended;
    const struct segment_digest wrong = {.segment = 1, .sha256 = {{7}}};

    scene_init(&scene);
    scene_start(&scene);
    scene_member(&scene)->digester.undigested = 1000; /* a writer with a bug */
    write_until(&scene, 3);
    EXPECT_STATUS(wal_list_digest(&scene_member(&scene)->wal, &wrong), OK);
    write_until(&scene, 5);
    EXPECT(header_of(&scene, 3).digest_count == 1);
    scene_crash(&scene, false);
    scene_start(&scene);
    fake_advance(&scene.world, SPAN_S(2));
    EXPECT(scene_status(&scene).damaged_segments == 1);
    EXPECT(scene_member(&scene)->digester.compared == 1 && !scene.world.halted);
    const link_t client = scene_client(&scene);

    scene_append(&scene, client, 9, 1, 100, NULL);
    fake_run(&scene.world);
    EXPECT(scene_appended(&scene, client, &appended));
    scene_free(&scene);
}

TEST(a_header_lists_64_at_most_and_the_next_one_the_rest)
{
    enum { SEGMENTS = 70 };
    struct scene scene;
    unsigned listings[SEGMENTS];

    start_writing(&scene, 1);
    scene_member(&scene)->settings.digest_gap = SPAN_S(1000); /* no time for it yet */
    scene_member(&scene)->digester.next_at = instant_add(scene.world.now, SPAN_S(1000));
    write_until(&scene, SEGMENTS);
    scene_member(&scene)->settings.digest_gap = SPAN_MS(1);
    fake_advance(&scene.world, SPAN_S(1010));
    write_until(&scene, SEGMENTS + 1);
    EXPECT(header_of(&scene, SEGMENTS).digest_count == SEGMENT_DIGESTS_MAX);
    fake_advance(&scene.world, SPAN_S(2));
    write_until(&scene, SEGMENTS + 2);
    EXPECT(header_of(&scene, SEGMENTS + 1).digest_count == SEGMENTS - SEGMENT_DIGESTS_MAX);
    count_listings(&scene, SEGMENTS, listings);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        EXPECT(listings[i] == 1);
    }
    scene_free(&scene);
}

TEST(digesting_reads_one_piece_at_a_time_and_slowly_while_the_disk_writes)
{
    struct scene scene;

    start_writing(&scene, 4);
    scene.world.hold_writes = true;
    scene_append(&scene, scene_client(&scene), 5, 1, 100, NULL);
    const uint64_t before = scene.world.events;

    fake_advance(&scene.world, SPAN_MS(800)); /* ten gaps: a timer and an answer for each */
    EXPECT(scene.world.events - before <= 40);
    EXPECT(scene_status(&scene).digested_segments >= 1);
    scene_free(&scene);
}

/* Found by a seed: without a gap to wait for, it asked to be woken at once, again and again. */
TEST(a_digest_that_retention_waits_for_waits_for_a_free_buffer_without_spinning)
{
    struct scene scene;

    start_writing(&scene, 1);
    struct member *member = scene_member(&scene);

    member->digester.next_at = instant_add(scene.world.now, SPAN_S(1000));
    write_until(&scene, 4);
    const link_t client = scene_client(&scene);

    NEED(scene_status(&scene).digested_segments == 0);
    member->digester.next_at = scene.world.now;
    member->retention.waits_for_digest = true;
    member->retention.level = SPACE_WARN;
    for (uint32_t i = 0; i < member->reads.count; i++) {
        member->reads.slots[i].used = true;
    }
    scene.world.events_max = scene.world.events + 100;
    scene_append(&scene, client, 5, 1, 100, NULL);
    EXPECT(fake_run(&scene.world));
    EXPECT(scene_status(&scene).digested_segments == 0);

    member->reads.slots[0].answered = member->reads.slots[0].leaving = true;
    scene.world.events_max = UINT64_MAX;
    scene_append(&scene, client, 5, 2, 100, NULL);
    fake_advance(&scene.world, SPAN_S(1));
    EXPECT(scene_status(&scene).digested_segments == 3);
    scene_free(&scene);
}
