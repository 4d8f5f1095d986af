/* Messages arrive whole however their bytes are split, and never larger than allowed. */
#include "tests/unit/transport/tls_pair.h"

#include "base/check.h"
#include "base/prng.h"
#include "proto/message.h"
#include "transport/channel.h"

static const struct channel_limits no_limits;

static void send_whole(struct channel *channel, unsigned type, struct bytes head, struct bytes tail,
                       struct bytes more)
{
    size_t left;

    NEED(channel_send_begin(channel, type, head, (const struct bytes[2]){tail, more}, &left) == OK);
    while (left > 0) {
        NEED(channel_send_more(channel, &left) == OK);
    }
}

/* Feeds up to `step` bytes at a time; checks and counts messages whose tail counts up. */
static enum status carry(struct channel *from, struct channel *to, size_t step, unsigned *messages)
{
    struct outbox *outbox = channel_outbox(from);
    struct message message;
    struct iovec part;
    bool there;

    while (outbox_bytes(outbox) > 0) {
        NEED(outbox_show(outbox, &part, 1) == 1);
        const size_t size = part.iov_len < step ? part.iov_len : step;

        channel_feed(to, bytes_of(part.iov_base, size));
        do {
            const enum status status = channel_next(to, &message, &there);

            if (status != OK) {
                return status;
            }
            if (there) {
                EXPECT(message.tail.size == 0
                       || message.tail.data[message.tail.size - 1]
                              == (uint8_t)(message.tail.size * 7));
                EXPECT((uintptr_t)message.tail.data % CHANNEL_ALIGN == 0);
                *messages += 1;
            }
        } while (there);
        outbox_drop(outbox, size);
    }
    return OK;
}

static uint8_t *tail_make(size_t size)
{
    uint8_t *tail = calloc(1, size + 1);

    NEED(tail != NULL);
    tail[size > 0 ? size - 1 : 0] = (uint8_t)(size * 7);
    return tail;
}

static void exchange(struct channel *a, struct channel *b, struct prng *dice, size_t step)
{
    static const size_t sizes[] = {0, 1, 11, 12, 16371, 16372, 16384, 16385, 70000, 300000};
    unsigned messages = 0;

    for (unsigned i = 0; i < COUNT_OF(sizes) && sizes[i] / step < 20000; i++) {
        uint8_t *tail = tail_make(sizes[i]);
        const size_t cut = prng_below(dice, sizes[i] + 1);

        messages = 0;
        send_whole(a, MESSAGE_BATCH, bytes_of("headheadhead", i), bytes_of(tail, cut),
                   bytes_of(tail + cut, sizes[i] - cut));
        send_whole(a, MESSAGE_ACK, bytes_text("ack"), bytes_none(), bytes_none());
        EXPECT_STATUS(carry(a, b, step == 0 ? 1 + prng_below(dice, 40000) : step, &messages), OK);
        EXPECT(messages == 2);
        EXPECT(!channel_started(b));
        free(tail);
    }
}

TEST(messages_survive_any_split_of_their_bytes)
{
    struct channel *a = channel_new(NULL, &no_limits);
    struct channel *b = channel_new(NULL, &no_limits);
    struct prng dice;

    prng_seed(&dice, 1);
    exchange(a, b, &dice, 1);
    exchange(a, b, &dice, 13);
    exchange(a, b, &dice, 4096);
    exchange(a, b, &dice, SIZE_MAX);
    channel_free(a);
    channel_free(b);
}

TEST(messages_survive_any_split_inside_tls_too)
{
    struct pki pki;
    unsigned messages = 0;
    struct prng dice;

    pki_make(&pki, "prod");
    struct tls_identity *identity = pki_identity(&pki, "prod", ROLE_PRIMARY, "p1");
    struct channel *a = channel_new(tls_engine_new(identity, TLS_CLIENT), &no_limits);
    struct channel *b = channel_new(tls_engine_new(identity, TLS_SERVER), &no_limits);
    struct message message;
    bool there;

    prng_seed(&dice, 2);
    EXPECT(channel_started(a));
    NEED(channel_next(a, &message, &there) == OK);
    for (int i = 0; i < 3; i++) {
        EXPECT_STATUS(carry(a, b, 1, &messages), OK);
        EXPECT_STATUS(carry(b, a, 1, &messages), OK);
    }
    NEED(channel_is_ready(a) && channel_is_ready(b));
    exchange(a, b, &dice, 1);
    exchange(b, a, &dice, 17);
    exchange(a, b, &dice, 5000);
    exchange(b, a, &dice, SIZE_MAX);
    channel_close(a);
    EXPECT_STATUS(carry(a, b, 1, &messages), E_CLOSED);
    channel_free(a);
    channel_free(b);
    tls_identity_free(identity);
    pki_free(&pki);
}

static enum status feed_prefix(const struct channel_limits *limits, struct frame frame)
{
    struct channel *channel = channel_new(NULL, limits);
    uint8_t prefix[FRAME_PREFIX_BYTES];
    struct message message;
    bool there;

    frame_encode(&frame, prefix);
    channel_feed(channel, bytes_of(prefix, sizeof prefix));
    const enum status status = channel_next(channel, &message, &there);

    EXPECT(channel_next(channel, &message, &there) == status);
    channel_free(channel);
    return status;
}

TEST(caps_are_checked_on_the_prefix)
{
    const struct channel_limits tight = {.head_bytes_max = 100, .tail_bytes_max = 1000};

    EXPECT_STATUS(feed_prefix(&no_limits, (struct frame){MESSAGE_BATCH, 10, 1 << 20}), OK);
    EXPECT_STATUS(feed_prefix(&no_limits, (struct frame){MESSAGE_BATCH, 10, 0xffffffff}),
                  E_TOO_LARGE);
    EXPECT_STATUS(feed_prefix(&no_limits, (struct frame){MESSAGE_BATCH, 0xffffffff, 0}),
                  E_TOO_LARGE);
    EXPECT_STATUS(feed_prefix(&tight, (struct frame){MESSAGE_BATCH, 100, 1000}), OK);
    EXPECT_STATUS(feed_prefix(&tight, (struct frame){MESSAGE_BATCH, 101, 1000}), E_TOO_LARGE);
    EXPECT_STATUS(feed_prefix(&tight, (struct frame){MESSAGE_BATCH, 100, 1001}), E_TOO_LARGE);
    EXPECT_STATUS(feed_prefix(&no_limits, (struct frame){999, 1, 0}), E_PROTOCOL);
    EXPECT_STATUS(feed_prefix(&no_limits, (struct frame){MESSAGE_ACK, 1, 1}), E_PROTOCOL);
}

TEST(in_clear_an_end_between_messages_is_closed_and_inside_one_cut)
{
    for (size_t size = 0; size <= FRAME_PREFIX_BYTES + 3; size++) {
        struct channel *a = channel_new(NULL, &no_limits);
        struct channel *b = channel_new(NULL, &no_limits);
        struct message message;
        struct iovec part;
        bool there;

        send_whole(a, MESSAGE_ACK, bytes_text("ack"), bytes_none(), bytes_none());
        NEED(outbox_show(channel_outbox(a), &part, 1) == 1);
        channel_feed(b, bytes_of(part.iov_base, size));
        channel_feed_end(b);
        enum status status = channel_next(b, &message, &there);

        if (size == FRAME_PREFIX_BYTES + 3) {
            EXPECT(status == OK && there && message.head.size == 3);
            status = channel_next(b, &message, &there);
        }
        EXPECT_STATUS(status, size == 0 || size == FRAME_PREFIX_BYTES + 3 ? E_CLOSED : E_CUT);
        channel_free(a);
        channel_free(b);
    }
}
