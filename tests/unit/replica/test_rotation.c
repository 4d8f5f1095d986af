/* The WAL goes on under another data key, with real replicas: those that are linked have it before
 * it is used, and those that are not get it when they are. */
#include "base/check.h"
#include "proto/keys_order.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"
#include "wal/segment.h"

#include <stdio.h>

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

static struct proto_scratch *scratch(void)
{
    static struct proto_scratch scratch;
    static _Alignas(64) uint8_t memory[PROTO_SCRATCH_BYTES + 256];

    if (scratch.memory == NULL) {
        struct arena arena = arena_of(memory, sizeof memory);

        proto_scratch_init(&scratch, &arena);
    }
    return &scratch;
}

/* An operator's order, with nothing answered yet. */
static link_t order(struct pair *pair, unsigned member, enum role role, unsigned type)
{
    struct fake_world *world = &pair->members[member].world;
    struct identity peer = pair->members[member].self;
    const struct hello hello = {.version = PROTOCOL_VERSION};
    uint8_t head[64];

    peer.role = role;
    snprintf(peer.member, sizeof peer.member, "officer");
    const link_t link = fake_link_up(world, &peer, false);

    fake_send(world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    NEED(fake_take(world, link, MESSAGE_WELCOME) != NULL);
    fake_send(world, link, type, bytes_none(), bytes_none());
    return link;
}

static bool rotated(struct pair *pair, link_t link, struct rotated *into)
{
    const struct fake_message *message = fake_take(&pair->members[0].world, link, MESSAGE_ROTATED);

    return message != NULL && rotated_decode(into, fake_head(message), scratch()) == OK;
}

static enum status refusal(struct pair *pair, unsigned member, link_t link, const char *text)
{
    struct refused refused = {.why = OK};
    const struct fake_message *message =
        fake_take(&pair->members[member].world, link, MESSAGE_REFUSED);

    if (message == NULL || refused_decode(&refused, fake_head(message), scratch()) != OK) {
        return OK;
    }
    EXPECT(strstr(refused.text, text) != NULL);
    return refused.why;
}

/* Of the header on a member's disk. */
static struct id dek_of(const struct pair *pair, unsigned member, segment_t segment)
{
    const struct fake_file *file = &pair->members[member].world.segments[segment];
    struct segment_header header = {0};

    EXPECT(file->exists
           && segment_header_decode(&header, bytes_of(file->data, SEGMENT_HEADER_BYTES)) == OK);
    return header.dek;
}

static void expect_in_step(struct pair *pair, unsigned number)
{
    struct member_status one, other;

    pair_status(pair, 0, &one);
    pair_status(pair, number, &other);
    EXPECT(one.durable_batch == other.durable_batch && one.durable_lsn == other.durable_lsn);
    EXPECT(strcmp(other.state, "streaming") == 0 && id_equal(&one.dek, &other.dek));
    EXPECT(pair_disks_are_equal(pair, 0, number));
    EXPECT(pair_read(pair, number, 1, 500) == pair->sequence);
}

static void start(struct pair *pair, uint64_t seed)
{
    pair_init(pair, true, seed);
    NEED(pair_add_replica(pair, 0, "ap-northeast-1", tokyo_key) == 1);
    NEED(pair_add_replica(pair, 1, "ap-northeast-1", tokyo_key) == 2);
    for (unsigned i = 0; i < 3; i++) {
        pair_start(pair, i);
    }
    pair_append(pair, 5, 500);
    pair_advance(pair, SPAN_S(1));
}

TEST(linked_replicas_have_the_new_data_key_before_it_is_used_and_no_link_ends)
{
    struct rotated answer = {{{0}}, 0, 0, 0};
    struct pair pair;

    start(&pair, 5);
    const uint64_t byes = pair.carried[MESSAGE_BYE]; /* who was called before it was ready */

    for (unsigned round = 0; round < 3; round++) {
        const struct id before = dek_of(&pair, 0, answer.segment);
        const link_t link = order(&pair, 0, ROLE_OPERATOR, MESSAGE_ROTATE);

        pair_append(&pair, 7, 500);
        pair_advance(&pair, SPAN_S(1));
        NEED(rotated(&pair, link, &answer));
        EXPECT(answer.holders == 1 && answer.lacking == 0 && answer.segment > 0);
        const struct id after = dek_of(&pair, 0, answer.segment);

        EXPECT(!id_equal(&before, &after) && id_equal(&after, &answer.dek));
        pair_append(&pair, 7, 500);
        pair_advance(&pair, SPAN_S(1));
        expect_in_step(&pair, 1);
        expect_in_step(&pair, 2); /* its upstream is a replica: it hands on what it was given */
    }
    EXPECT(pair.carried[MESSAGE_BYE] == byes);
    for (unsigned i = 0; i < 3; i++) { /* each opens by itself what it has written */
        pair_crash(&pair, 2 - i);
    }
    for (unsigned i = 0; i < 3; i++) {
        pair_start(&pair, i);
    }
    pair_append(&pair, 7, 500);
    pair_advance(&pair, SPAN_S(3));
    expect_in_step(&pair, 1);
    expect_in_step(&pair, 2);
    pair_free(&pair);
}

TEST(a_replica_that_was_down_gets_the_data_keys_that_it_lacks_when_it_is_back)
{
    struct rotated answer;
    struct pair pair;

    start(&pair, 6);
    pair_crash(&pair, 1);
    for (unsigned round = 0; round < 3; round++) {
        const link_t link = order(&pair, 0, ROLE_OPERATOR, MESSAGE_ROTATE);

        pair_advance(&pair, SPAN_S(1));
        NEED(rotated(&pair, link, &answer));
        EXPECT(answer.holders == 0 && answer.lacking == 0); /* it is not waited for */
        pair_append(&pair, 7, 500);
    }
    pair_start(&pair, 1);
    pair_advance(&pair, SPAN_S(10));
    expect_in_step(&pair, 1);
    expect_in_step(&pair, 2);
    pair_free(&pair);
}

TEST(a_replica_whose_key_service_is_away_waits_alone_and_keeps_its_link)
{
    struct rotated answer;
    struct member_status status;
    struct pair pair;

    start(&pair, 7);
    const uint64_t byes = pair.carried[MESSAGE_BYE];

    pair.local = true;
    pair.members[1].world.keys_status = E_KEY_UNREACHABLE;
    const link_t link = order(&pair, 0, ROLE_OPERATOR, MESSAGE_ROTATE);

    pair_advance(&pair, SPAN_S(30));
    EXPECT(!rotated(&pair, link, &answer)); /* it is given a minute */
    pair_append(&pair, 3, 500); /* nobody waits meanwhile */
    pair_status(&pair, 1, &status);
    EXPECT(status.durable_lsn == pair.sequence);
    pair_advance(&pair, SPAN_S(35));
    NEED(rotated(&pair, link, &answer));
    EXPECT(answer.holders == 0 && answer.lacking == 1);
    const uint64_t held = pair.sequence;

    pair_append(&pair, 4, 500);
    pair_advance(&pair, SPAN_S(5));
    pair_status(&pair, 1, &status);
    EXPECT(status.durable_lsn == held); /* no header that it could not open */
    EXPECT(pair.carried[MESSAGE_BYE] == byes);
    pair.members[1].world.keys_status = OK;
    pair_advance(&pair, SPAN_S(10));
    expect_in_step(&pair, 1);
    EXPECT(pair.carried[MESSAGE_BYE] == byes);
    pair_free(&pair);
}

TEST(an_envelope_that_is_refused_while_streaming_ends_the_link_with_the_sentence)
{
    struct pair pair;

    start(&pair, 8);
    const uint64_t byes = pair.carried[MESSAGE_BYE];

    pair.members[1].world.keys_status = E_KEY_DENIED;
    (void)order(&pair, 0, ROLE_OPERATOR, MESSAGE_ROTATE);
    pair_advance(&pair, SPAN_S(1));
    EXPECT(pair.carried[MESSAGE_BYE] > byes && pair.last_bye.why == E_KEY_DENIED);
    EXPECT(strstr(pair.last_bye.text, tokyo_key) != NULL);
    EXPECT(!pair.members[1].world.halted);
    pair.members[1].world.keys_status = OK;
    pair_append(&pair, 4, 500);
    pair_advance(&pair, SPAN_S(60));
    expect_in_step(&pair, 1);
    pair_free(&pair);
}

static void swap_region(void *context, struct pair_message *message)
{
    (void)context;
    if (message->message->type == MESSAGE_KEYS) {
        message->message->head[message->message->head_size / 2] ^= 0x40;
    }
}

TEST(an_envelope_that_was_changed_on_its_way_is_not_stored)
{
    struct rotated answer;
    struct pair pair;

    start(&pair, 9);
    const uint64_t byes = pair.carried[MESSAGE_BYE];

    pair.watch = swap_region;
    const link_t link = order(&pair, 0, ROLE_OPERATOR, MESSAGE_ROTATE);

    pair_advance(&pair, SPAN_MS(50));
    EXPECT(pair.carried[MESSAGE_BYE] > byes);
    pair.watch = NULL;
    pair_advance(&pair, SPAN_S(70));
    NEED(rotated(&pair, link, &answer));
    pair_append(&pair, 4, 500);
    pair_advance(&pair, SPAN_S(10));
    expect_in_step(&pair, 1);
    pair_free(&pair);
}

TEST(each_member_rewraps_its_own_envelopes_and_touches_no_segment)
{
    struct rewrapped answer;
    struct rotated first;
    struct pair pair;

    start(&pair, 10);
    const link_t link = order(&pair, 0, ROLE_OPERATOR, MESSAGE_ROTATE);

    pair_append(&pair, 30, 500);
    pair_advance(&pair, SPAN_S(1));
    NEED(rotated(&pair, link, &first));
    for (unsigned i = 0; i < 3; i++) {
        struct fake_world *world = &pair.members[i].world;
        const unsigned asked = world->keys_asked;
        struct member_status before, after;

        pair_status(&pair, i, &before);
        const link_t officer = order(&pair, i, ROLE_OPERATOR, MESSAGE_REWRAP);

        pair_run(&pair);
        const struct fake_message *message = fake_take(world, officer, MESSAGE_REWRAPPED);

        NEED(message != NULL && rewrapped_decode(&answer, fake_head(message), scratch()) == OK);
        EXPECT(answer.envelopes == 2);
        EXPECT(world->keys_asked == asked + 4); /* two questions each, however long the WAL */
        pair_status(&pair, i, &after);
        EXPECT(before.persisted_bytes == after.persisted_bytes);
    }
    for (unsigned i = 0; i < 3; i++) {
        pair_crash(&pair, 2 - i);
    }
    for (unsigned i = 0; i < 3; i++) {
        pair_start(&pair, i);
    }
    pair_append(&pair, 7, 500);
    pair_advance(&pair, SPAN_S(3));
    expect_in_step(&pair, 1);
    pair_free(&pair);
}

TEST(only_the_writer_rotates_and_a_key_service_that_refuses_a_rewrap_is_quoted)
{
    struct pair pair;

    start(&pair, 11);
    EXPECT_STATUS(
        refusal(&pair, 1, order(&pair, 1, ROLE_OPERATOR, MESSAGE_ROTATE), "only the primary"),
        E_NOT_WRITER);
    EXPECT_STATUS(
        refusal(&pair, 1, order(&pair, 1, ROLE_CLIENT, MESSAGE_REWRAP), "Only an operator"),
        E_IDENTITY);
    pair.members[1].world.keys_status = E_KEY_DENIED;
    const link_t link = order(&pair, 1, ROLE_OPERATOR, MESSAGE_REWRAP);

    pair_run(&pair);
    EXPECT_STATUS(refusal(&pair, 1, link, "kms:ReEncrypt"), E_KEY_DENIED);
    pair.members[1].world.keys_status = OK;
    pair_append(&pair, 7, 500);
    pair_advance(&pair, SPAN_S(1));
    expect_in_step(&pair, 1);
    pair_free(&pair);
}
