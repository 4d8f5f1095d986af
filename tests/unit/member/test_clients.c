/* Clients of a member: who may what, and a reader that is never run ahead of its window. */
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

static uint8_t memory[1 << 20];
static struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};

struct scene {
    struct pair pair;
    struct fake_world *world;
    link_t link;
};

static link_t connect_as(struct scene *scene, enum role role)
{
    struct identity peer = scene->pair.members[0].self;

    peer.role = role;
    return fake_link_up(scene->world, &peer, false);
}

static void say_hello(struct scene *scene, link_t link)
{
    const struct hello hello = {.version = PROTOCOL_VERSION};
    uint8_t head[64];

    fake_send(scene->world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
}

/* A primary with some records, and a reader that was welcomed. */
static void scene_begin(struct scene *scene, unsigned messages, size_t size)
{
    pair_init(&scene->pair, true, 31);
    scene->world = &scene->pair.members[0].world;
    pair_start(&scene->pair, 0);
    for (unsigned i = 0; i < messages; i++) {
        pair_append(&scene->pair, 5, size);
    }
    pair_run(&scene->pair);
    scene->link = connect_as(scene, ROLE_READER);
    say_hello(scene, scene->link);
}

static void ask(struct scene *scene, lsn_t from, bool follow, uint64_t window)
{
    const struct read_message read = {
        .request = 3, .from_lsn = from, .follow = follow, .window_bytes = window};
    uint8_t head[64];

    fake_send(scene->world, scene->link, MESSAGE_READ, read_message_encode(&read, head),
              bytes_none());
    fake_run(scene->world);
}

static void consume(struct scene *scene, lsn_t through)
{
    const struct consumed consumed = {.request = 3, .through_lsn = through};
    uint8_t head[64];

    fake_send(scene->world, scene->link, MESSAGE_CONSUMED, consumed_encode(&consumed, head),
              bytes_none());
    fake_run(scene->world);
}

/* How many records have come since the last call. */
static uint32_t take_records(struct scene *scene, uint64_t *bytes)
{
    const struct fake_message *message;
    struct records records;
    uint32_t count = 0;

    *bytes = 0;
    while ((message = fake_take(scene->world, scene->link, MESSAGE_RECORDS)) != NULL) {
        NEED(records_decode(&records, fake_head(message), &scratch) == OK);
        count += records.count;
        *bytes += message->tail_size;
    }
    return count;
}

static enum status refusal(struct scene *scene, link_t link)
{
    const struct fake_message *message = fake_take(scene->world, link, MESSAGE_REFUSED);
    struct refused refused;

    if (message == NULL) {
        return OK;
    }
    NEED(refused_decode(&refused, fake_head(message), &scratch) == OK);
    return refused.why;
}

TEST(a_client_is_welcomed_with_what_can_be_read)
{
    struct scene scene;
    struct welcome welcome;

    scene_begin(&scene, 4, 100);
    const struct fake_message *message = fake_take(scene.world, scene.link, MESSAGE_WELCOME);

    NEED(message != NULL && welcome_decode(&welcome, fake_head(message), &scratch) == OK);
    EXPECT(welcome.first_lsn == 1 && welcome.visible_lsn == 20);
    EXPECT(id_equal(&welcome.lineage, &scene.pair.members[0].self.lineage));
    pair_free(&scene.pair);
}

TEST(what_has_no_place_ends_the_link_with_a_reason)
{
    const unsigned bad[] = {MESSAGE_READ, MESSAGE_STATUS, MESSAGE_ACK, MESSAGE_GREET};
    struct scene scene;

    scene_begin(&scene, 1, 100);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) { /* before HELLO */
        const link_t link = connect_as(&scene, ROLE_CLIENT);

        fake_send(scene.world, link, bad[i], bytes_none(), bytes_none());
        EXPECT_STATUS(refusal(&scene, link), E_PROTOCOL);
        EXPECT(scene.world->links[link].hung_up);
    }
    pair_free(&scene.pair);
}

TEST(another_lineage_another_version_and_one_too_many_are_turned_away)
{
    struct scene scene;
    struct hello hello = {.version = PROTOCOL_VERSION + 1};
    uint8_t head[64];

    scene_begin(&scene, 1, 100);
    link_t link = connect_as(&scene, ROLE_CLIENT);

    fake_send(scene.world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    EXPECT_STATUS(refusal(&scene, link), E_VERSION);

    hello = (struct hello){.version = PROTOCOL_VERSION, .lineage = {{9}}};
    link = connect_as(&scene, ROLE_CLIENT);
    fake_send(scene.world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    EXPECT_STATUS(refusal(&scene, link), E_LINEAGE);

    for (unsigned i = 0; i < 2; i++) { /* clients_max is 4, two are there */
        EXPECT_STATUS(refusal(&scene, connect_as(&scene, ROLE_CLIENT)), OK);
    }
    EXPECT_STATUS(refusal(&scene, connect_as(&scene, ROLE_CLIENT)), E_BUSY);
    fake_advance(scene.world, SPAN_S(6)); /* who never said HELLO has gone */
    EXPECT_STATUS(refusal(&scene, connect_as(&scene, ROLE_CLIENT)), OK);
    EXPECT(!scene.world->links[scene.link].hung_up); /* who said it is kept */
    pair_free(&scene.pair);
}

TEST(an_operator_asks_for_status_and_may_not_read)
{
    struct scene scene;
    struct member_status status;

    scene_begin(&scene, 3, 100);
    scene.link = connect_as(&scene, ROLE_OPERATOR);
    say_hello(&scene, scene.link);
    fake_send(scene.world, scene.link, MESSAGE_STATUS, bytes_none(), bytes_none());
    const struct fake_message *message = fake_take(scene.world, scene.link, MESSAGE_STATUS_IS);

    NEED(message != NULL && member_status_decode(&status, fake_head(message), &scratch) == OK);
    EXPECT(status.durable_lsn == 15 && status.client_count == 3);
    ask(&scene, 1, false, 0);
    EXPECT_STATUS(refusal(&scene, scene.link), E_IDENTITY);
    EXPECT(!scene.world->links[scene.link].hung_up);
    pair_free(&scene.pair);
}

TEST(a_reader_is_never_run_ahead_of_its_window)
{
    struct scene scene;
    uint64_t bytes;
    lsn_t through = 0;

    scene_begin(&scene, 100, 1000); /* 500 records: out of the window of 256 KiB, and within */
    ask(&scene, 1, false, 20000);
    while (through < 500) {
        const uint32_t count = take_records(&scene, &bytes);

        NEED(count > 0);
        EXPECT(bytes <= 20000);
        EXPECT(fake_take(scene.world, scene.link, MESSAGE_READ_END) == NULL
               || through + count == 500);
        through += count;
        consume(&scene, through);
    }
    EXPECT(through == 500);
    pair_free(&scene.pair);
}

TEST(a_reader_that_consumes_nothing_gets_no_more_and_holds_no_read)
{
    struct scene scene;
    uint64_t bytes;

    scene_begin(&scene, 100, 1000);
    ask(&scene, 1, false, 10000);
    EXPECT(take_records(&scene, &bytes) > 0);
    const uint64_t events = scene.world->events;

    fake_run(scene.world);
    EXPECT(scene.world->events == events); /* and burns no time */
    EXPECT(take_records(&scene, &bytes) == 0);
    EXPECT(pair_read(&scene.pair, 0, 1, 1000) == 500); /* nobody else is held up */
    pair_free(&scene.pair);
}

TEST(following_waits_at_the_end_and_goes_on)
{
    struct scene scene;
    uint64_t bytes;

    scene_begin(&scene, 2, 100);
    ask(&scene, 11, true, 0);
    EXPECT(take_records(&scene, &bytes) == 0);
    pair_append(&scene.pair, 5, 100);
    fake_run(scene.world);
    EXPECT(take_records(&scene, &bytes) == 5);
    EXPECT(fake_take(scene.world, scene.link, MESSAGE_READ_END) == NULL);
    pair_free(&scene.pair);
}

TEST(reading_from_the_middle_of_a_batch_begins_there)
{
    struct scene scene;
    uint64_t bytes;

    scene_begin(&scene, 1, 100);
    ask(&scene, 4, false, 0);
    EXPECT(take_records(&scene, &bytes) == 2);
    EXPECT(bytes == 2 * 104);
    EXPECT(fake_take(scene.world, scene.link, MESSAGE_READ_END) != NULL);
    pair_free(&scene.pair);
}

TEST(beyond_the_end_twice_at_once_and_more_than_was_sent_are_refused)
{
    struct scene scene;
    uint64_t bytes;

    scene_begin(&scene, 2, 100);
    ask(&scene, 12, false, 0);
    EXPECT_STATUS(refusal(&scene, scene.link), E_BEYOND);
    ask(&scene, 11, false, 0); /* the very end is not beyond it */
    EXPECT_STATUS(refusal(&scene, scene.link), OK);
    EXPECT(fake_take(scene.world, scene.link, MESSAGE_READ_END) != NULL);
    ask(&scene, 1, true, 0);
    EXPECT(take_records(&scene, &bytes) == 10);
    ask(&scene, 1, true, 0);
    EXPECT_STATUS(refusal(&scene, scene.link), E_PROTOCOL);
    consume(&scene, 11);
    EXPECT_STATUS(refusal(&scene, scene.link), E_PROTOCOL);
    EXPECT(!scene.world->links[scene.link].hung_up);
    pair_free(&scene.pair);
}

TEST(rot_on_the_disk_ends_a_read_with_its_name_and_not_the_link)
{
    struct scene scene;
    uint64_t bytes;

    scene_begin(&scene, 100, 1000);
    scene.world->segments[1].data[20000] ^= 1;
    ask(&scene, 1, false, 1 << 20);
    for (unsigned i = 0; i < 10; i++) {
        take_records(&scene, &bytes);
        fake_run(scene.world);
    }
    consume(&scene, 1);
    EXPECT_STATUS(refusal(&scene, scene.link), E_DAMAGED);
    EXPECT(!scene.world->links[scene.link].hung_up);
    pair_free(&scene.pair);
}
