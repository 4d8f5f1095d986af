/* A member reads its own copy again while it serves: what is good is told with digests that others
 * can compare, what is not is named with its place, and nobody else is held up. */
#include "seal/crc32c.h"
#include "seal/digest.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"
#include "wal/batch.h"

#include <stdlib.h>

enum { ROWS_MAX = 64, RECORD = 1000, REQUEST = 77 };

static const char key_of_tokyo[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

static uint8_t memory[1 << 20];
static struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};

struct scene {
    struct pair pair;
    struct fake_world *world; /* of the member that is asked */
    link_t link;
    struct verified_segment rows[ROWS_MAX];
    unsigned row_count;
    struct verified end;
    bool ended;
    enum status refused;
};

static link_t connect_to(struct scene *scene, unsigned member, enum role role)
{
    struct identity peer = scene->pair.members[member].self;
    const struct hello hello = {.version = PROTOCOL_VERSION};
    uint8_t head[64];

    peer.role = role;
    scene->world = &scene->pair.members[member].world;
    const link_t link = fake_link_up(scene->world, &peer, false);

    fake_send(scene->world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    return link;
}

/* A primary with 300 records in several segments, and whoever asks. */
static void scene_begin(struct scene *scene, bool encrypted)
{
    memset(scene, 0, sizeof *scene);
    pair_init(&scene->pair, encrypted, 41);
    pair_start(&scene->pair, 0);
    for (unsigned i = 0; i < 60; i++) {
        pair_append(&scene->pair, 5, RECORD);
        pair_advance(&scene->pair, SPAN_MS(20)); /* closed segments are digested, and listed */
    }
    scene->link = connect_to(scene, 0, ROLE_OPERATOR);
}

static void ask(struct scene *scene, link_t link, const struct verify_message *given)
{
    struct verify_message order = *given;
    uint8_t head[64];

    order.request = REQUEST;
    scene->row_count = 0;
    scene->ended = false;
    scene->refused = OK;
    fake_send(scene->world, link, MESSAGE_VERIFY, verify_message_encode(&order, head),
              bytes_none());
}

static void hear(struct scene *scene, link_t link)
{
    const struct fake_message *message;
    struct refused refused;

    while ((message = fake_take(scene->world, link, MESSAGE_VERIFIED_SEGMENT)) != NULL) {
        struct verified_segment *row = &scene->rows[scene->row_count++];

        NEED(scene->row_count <= ROWS_MAX);
        NEED(verified_segment_decode(row, fake_head(message), &scratch) == OK);
        EXPECT(row->request == REQUEST);
    }
    message = fake_take(scene->world, link, MESSAGE_VERIFIED);
    if (message != NULL) {
        NEED(verified_decode(&scene->end, fake_head(message), &scratch) == OK);
        EXPECT(scene->end.request == REQUEST && scene->end.segments == scene->row_count);
        scene->ended = true;
    }
    message = fake_take(scene->world, link, MESSAGE_REFUSED);
    if (message != NULL) {
        NEED(refused_decode(&refused, fake_head(message), &scratch) == OK);
        EXPECT(refused.request == REQUEST);
        scene->refused = refused.why;
    }
}

static void verify(struct scene *scene, const struct verify_message *order)
{
    ask(scene, scene->link, order);
    fake_advance(scene->world, SPAN_S(1));
    hear(scene, scene->link);
}

static const struct verify_message everything = {0};
static const struct verify_message keyless = {.keyless = true};

static uint64_t sum_of_records(const struct scene *scene)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < scene->row_count; i++) {
        sum += scene->rows[i].records;
    }
    return sum;
}

/* Digests that headers list, which are those of the segments' bytes now, or are not. */
static unsigned count_listed(const struct scene *scene, bool rightly)
{
    unsigned count = 0;

    for (unsigned i = 0; i < scene->row_count; i++) {
        for (uint32_t j = 0; j < scene->rows[i].digest_count; j++) {
            const struct listed_digest *listed = &scene->rows[i].digests[j];

            NEED(listed->segment < i);
            count += rightly == digest_equal(&listed->sha256, &scene->rows[listed->segment].sha256);
        }
    }
    return count;
}

static void expect_whole(struct scene *scene)
{
    struct member_status status;

    pair_status(&scene->pair, 0, &status);
    NEED(scene->ended && scene->row_count == status.segment_count);
    EXPECT_STATUS(scene->end.why, OK);
    EXPECT(sum_of_records(scene) == 300);
    for (unsigned i = 0; i < scene->row_count; i++) {
        const struct verified_segment *row = &scene->rows[i];
        const struct fake_file *file = &scene->world->segments[i];
        const struct digest digest = digest_of(bytes_of(file->data, row->bytes));

        EXPECT(row->segment == i && row->bytes <= file->size);
        EXPECT(digest_equal(&digest, &row->sha256));
        EXPECT(row->last_batch - row->first_batch + 1 == row->batches);
        EXPECT(row->closed == (i + 1 < scene->row_count));
        EXPECT(row->through_batch == status.durable_batch);
    }
    EXPECT(count_listed(scene, true) > 0 && count_listed(scene, false) == 0);
    EXPECT(scene->rows[scene->row_count - 1].last_batch == status.durable_batch);
    EXPECT(scene->rows[scene->row_count - 1].end_lsn == status.durable_lsn);
}

TEST(a_whole_copy_is_verified_to_its_durable_end_with_every_digest)
{
    struct scene scene;

    scene_begin(&scene, true);
    verify(&scene, &everything);
    EXPECT(scene.row_count >= 3);
    expect_whole(&scene);
    EXPECT(scene.end.seals_opened);
    verify(&scene, &keyless);
    expect_whole(&scene);
    EXPECT(!scene.end.seals_opened);
    pair_free(&scene.pair);
}

TEST(an_unencrypted_copy_is_opened_key_or_no_key)
{
    struct scene scene;

    scene_begin(&scene, false);
    verify(&scene, &keyless);
    expect_whole(&scene);
    EXPECT(scene.end.seals_opened);
    pair_free(&scene.pair);
}

TEST(a_replica_in_another_region_says_the_same_digests)
{
    struct scene *scene = calloc(1, sizeof *scene);
    struct scene *other = calloc(1, sizeof *other);

    NEED(scene != NULL && other != NULL);
    scene_begin(scene, true);
    const unsigned replica = pair_add_replica(&scene->pair, 0, "ap-northeast-1", key_of_tokyo);

    pair_start(&scene->pair, replica);
    pair_advance(&scene->pair, SPAN_S(1));
    verify(scene, &everything);
    memcpy(other->rows, scene->rows, sizeof other->rows);
    other->row_count = scene->row_count;
    scene->link = connect_to(scene, replica, ROLE_READER);
    verify(scene, &everything);
    NEED(scene->ended && scene->row_count == other->row_count);
    EXPECT_STATUS(scene->end.why, OK);
    for (unsigned i = 0; i < scene->row_count; i++) {
        EXPECT(digest_equal(&scene->rows[i].sha256, &other->rows[i].sha256));
        EXPECT(digest_equal(&scene->rows[i].chain, &other->rows[i].chain));
    }
    pair_free(&scene->pair);
    free(scene);
    free(other);
}

static void expect_damage(struct scene *scene, const struct verified *expected, unsigned good)
{
    NEED(scene->ended);
    EXPECT_STATUS(scene->end.why, expected->why);
    EXPECT(scene->end.what == expected->what);
    EXPECT(scene->end.segment == expected->segment && scene->end.offset == expected->offset);
    EXPECT(scene->end.batch == expected->batch);
    EXPECT(scene->row_count == good);
    EXPECT(!scene->world->halted && !scene->world->links[scene->link].hung_up);
}

/* The n-th batch of a segment: where it lies. */
static size_t place_of(const struct fake_world *world, unsigned segment, unsigned n,
                       struct batch_header *header)
{
    const struct fake_file *file = &world->segments[segment];
    size_t at = SEGMENT_HEADER_BYTES;

    for (;; at += header->batch_bytes) {
        NEED(batch_header_decode(header, bytes_of(file->data + at, file->size - at)) == OK);
        if (n-- == 0) {
            return at;
        }
    }
}

TEST(one_flipped_bit_is_named_with_its_segment_its_batch_and_its_offset)
{
    struct scene scene;
    struct batch_header header;

    scene_begin(&scene, true);
    const size_t at = place_of(scene.world, 1, 2, &header);
    const struct verified expected = {.why = E_CHECKSUM,
                                      .what = VERIFIED_BATCH,
                                      .segment = 1,
                                      .offset = at,
                                      .batch = header.batch};

    scene.world->segments[1].data[at + 200] ^= 1;
    verify(&scene, &everything);
    expect_damage(&scene, &expected, 1);
    verify(&scene, &keyless);
    expect_damage(&scene, &expected, 1);
    scene.world->segments[1].data[at + 200] ^= 1;
    verify(&scene, &everything);
    expect_whole(&scene);
    pair_free(&scene.pair);
}

/* With a checksum that fits again: only the seal tells, or the chain where the tag was touched. */
static void forge(struct scene *scene, size_t at, const struct batch_header *header, size_t byte)
{
    uint8_t *file = scene->world->segments[0].data;
    uint8_t *batch = file + at;
    const size_t crc_at = header->batch_bytes - 8;

    batch[byte] ^= 1;
    const uint32_t crc = crc32c(crc32c(0, bytes_of(file + 2780, 4)), bytes_of(batch, crc_at));

    for (unsigned i = 0; i < 4; i++) {
        batch[crc_at + i] = (uint8_t)(crc >> 8 * i);
    }
}

TEST(a_forgery_is_seen_with_the_key_and_not_without)
{
    struct scene scene;
    struct batch_header header;

    scene_begin(&scene, true);
    const size_t at = place_of(scene.world, 0, 3, &header);
    struct verified expected = {
        .why = E_FORGED, .what = VERIFIED_BATCH, .offset = at, .batch = header.batch};

    forge(&scene, at, &header, 100);
    verify(&scene, &everything);
    expect_damage(&scene, &expected, 0);
    verify(&scene, &keyless);
    EXPECT(scene.ended && scene.end.why == OK);
    EXPECT(count_listed(&scene, false) == 1); /* but whoever hears all of it sees it there */
    forge(&scene, at, &header, header.batch_bytes - 20); /* its tag: the next one knows another */
    verify(&scene, &keyless);
    expected.why = E_CHAIN;
    expected.offset += header.batch_bytes;
    expected.batch++;
    expect_damage(&scene, &expected, 0);
    pair_free(&scene.pair);
}

TEST(another_end_of_a_segment_contradicts_the_header_behind_it)
{
    const struct verified expected = {.why = E_CHAIN, .what = VERIFIED_HEADER, .segment = 1};
    struct batch_header header = {.type = BATCH_DATA};
    struct scene scene;
    size_t at = 0;

    scene_begin(&scene, true);
    for (unsigned n = 0; header.type != BATCH_FINAL; n++) {
        at = place_of(scene.world, 0, n, &header);
    }
    forge(&scene, at, &header, header.batch_bytes - 20); /* its tag; nothing in this file knows */
    verify(&scene, &keyless);
    expect_damage(&scene, &expected, 1);
    pair_free(&scene.pair);
}

TEST(a_damaged_a_swapped_and_a_lost_header_are_named)
{
    struct scene scene;
    struct verified expected = {.why = E_CHECKSUM, .what = VERIFIED_HEADER, .segment = 2};

    scene_begin(&scene, true);
    scene.world->segments[2].data[500] ^= 1;
    verify(&scene, &everything);
    expect_damage(&scene, &expected, 2);
    scene.world->segments[2].data[500] ^= 1;

    const struct fake_file kept = scene.world->segments[2];

    scene.world->segments[2] = scene.world->segments[1];
    verify(&scene, &everything);
    expected.why = E_GAP;
    expect_damage(&scene, &expected, 2);

    scene.world->segments[2] = (struct fake_file){0};
    verify(&scene, &everything);
    expected.why = E_MISSING;
    expected.what = VERIFIED_FILE;
    expect_damage(&scene, &expected, 2);
    scene.world->segments[2] = kept;
    verify(&scene, &everything);
    expect_whole(&scene);
    pair_free(&scene.pair);
}

TEST(a_file_that_was_cut_off_ends_too_early)
{
    struct scene scene;
    struct batch_header header;

    scene_begin(&scene, true);
    const size_t size = scene.world->segments[1].size;
    const size_t at = place_of(scene.world, 1, 2, &header);
    const struct verified expected = {.why = E_TRUNCATED,
                                      .what = VERIFIED_BATCH,
                                      .segment = 1,
                                      .offset = at,
                                      .batch = header.batch};

    for (unsigned i = 0; i < 2; i++) { /* at the batch, and within it */
        scene.world->segments[1].size = at + 4096 * (size_t)i;
        verify(&scene, &everything);
        expect_damage(&scene, &expected, 1);
    }
    scene.world->segments[1].size = size;
    pair_free(&scene.pair);
}

TEST(a_part_is_verified_from_a_segment_through_a_batch)
{
    struct scene scene;
    struct batch_header header;

    scene_begin(&scene, true);
    const size_t at = place_of(scene.world, 2, 3, &header);
    const struct verify_message part = {.from_segment = 2, .through_batch = header.batch - 1};

    verify(&scene, &part);
    NEED(scene.ended && scene.row_count == 1);
    EXPECT_STATUS(scene.end.why, OK);
    EXPECT(scene.rows[0].segment == 2 && scene.rows[0].bytes == at);
    EXPECT(scene.rows[0].last_batch == header.batch - 1 && !scene.rows[0].closed);
    const struct digest digest = digest_of(bytes_of(scene.world->segments[2].data, at));

    EXPECT(digest_equal(&digest, &scene.rows[0].sha256));
    pair_free(&scene.pair);
}

TEST(beyond_the_end_and_a_segment_after_the_batch_are_refused)
{
    struct scene scene;
    struct member_status status;

    scene_begin(&scene, true);
    pair_status(&scene.pair, 0, &status);
    const struct verify_message beyond[] = {{.through_batch = status.durable_batch + 1},
                                            {.from_segment = status.segment + 1},
                                            {.from_segment = UINT64_MAX},
                                            {.from_segment = 2, .through_batch = 1}};

    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        verify(&scene, &beyond[i]);
        EXPECT_STATUS(scene.refused, E_BEYOND);
        EXPECT(!scene.ended && scene.row_count == 0);
    }
    EXPECT(!scene.world->links[scene.link].hung_up);
    pair_free(&scene.pair);
}

TEST(one_at_a_time_and_whoever_leaves_makes_room)
{
    struct scene scene;

    scene_begin(&scene, true);
    const link_t second = connect_to(&scene, 0, ROLE_CLIENT);

    ask(&scene, scene.link, &everything);
    ask(&scene, second, &everything);
    fake_run(scene.world);
    hear(&scene, second);
    EXPECT_STATUS(scene.refused, E_FULL);
    fake_link_down(scene.world, scene.link);
    scene.link = second;
    verify(&scene, &everything);
    expect_whole(&scene);
    pair_free(&scene.pair);
}

TEST(it_takes_its_time_and_others_are_served_meanwhile)
{
    const struct verify_message slow = {.rate = 1}; /* becomes the least there is: 1 MiB/s */
    struct scene scene;

    scene_begin(&scene, true);
    ask(&scene, scene.link, &slow);
    fake_run(scene.world);
    const uint64_t events = scene.world->events;

    fake_run(scene.world);
    EXPECT(scene.world->events == events); /* waiting burns nothing */
    fake_advance(scene.world, SPAN_MS(100));
    hear(&scene, scene.link);
    EXPECT(!scene.ended && scene.row_count <= 2); /* 100 KiB or so */
    pair_append(&scene.pair, 5, RECORD);
    EXPECT(pair_read(&scene.pair, 0, 1, RECORD) == 305);
    fake_advance(scene.world, SPAN_MS(900));
    hear(&scene, scene.link);
    EXPECT(scene.ended && scene.end.why == OK);
    EXPECT(sum_of_records(&scene) == 300); /* what came later was not asked for */
    pair_free(&scene.pair);
}

TEST(a_copy_that_is_cut_under_it_must_be_asked_again)
{
    const struct verify_message slow = {.rate = 1};
    struct scene scene;

    memset(&scene, 0, sizeof scene);
    pair_init(&scene.pair, true, 43);
    const unsigned replica = pair_add_replica(&scene.pair, 0, "ap-northeast-1", key_of_tokyo);

    pair_start(&scene.pair, 0);
    pair_start(&scene.pair, replica);
    for (unsigned i = 0; i < 60; i++) {
        pair_append(&scene.pair, 5, RECORD);
    }
    scene.pair.members[0].world.hold_writes = true; /* its own disk never gets the next three */
    for (unsigned i = 0; i < 3; i++) {
        pair_append(&scene.pair, 5, RECORD);
    }
    pair_crash(&scene.pair, 0);
    scene.pair.sequence -= 15;
    scene.link = connect_to(&scene, replica, ROLE_READER);
    ask(&scene, scene.link, &slow);
    fake_run(scene.world);
    pair_start(&scene.pair, 0);
    pair_advance(&scene.pair, SPAN_S(2));
    hear(&scene, scene.link);
    EXPECT(scene.world->quarantined > 0);
    EXPECT_STATUS(scene.refused, E_NOT_READY);
    EXPECT(!scene.ended);
    verify(&scene, &everything);
    EXPECT(scene.ended && scene.end.why == OK && sum_of_records(&scene) == 300);
    pair_free(&scene.pair);
}
