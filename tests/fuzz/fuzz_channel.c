/* A stream in clear from somebody on our UNIX socket, in pieces as the kernel likes.
 *
 * The first byte says how large the pieces are, and whether the rest is the stream itself or a list
 * of messages for us to send, four bytes each. Messages must not depend on the pieces, and sending
 * them again must make the very bytes that they were taken from. */
#include "base/check.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"
#include "transport/channel.h"

#include <stdlib.h>

enum { STREAM_MAX = 256 << 10, LIST_BYTES_MAX = 32, HEAD_MAX = 4096, TAIL_MAX = 96 << 10 };

static const struct channel_limits limits = {HEAD_MAX, TAIL_MAX};
static const size_t piece_sizes[] = {1, 7, 12, 13, 100, 4096, 16384, STREAM_MAX};
static uint8_t made[STREAM_MAX], again[STREAM_MAX];

struct heard {
    size_t message_count, used; /* bytes that messages took */
    enum status end;
    bool started;
};

/* Sends a message and takes what it became off the outbox. */
static size_t send(struct channel *channel, const struct message *message, uint8_t *into,
                   size_t room)
{
    const size_t half = message->tail.size / 2;
    const struct bytes tail[2] = {bytes_part(message->tail, 0, half),
                                  bytes_part(message->tail, half, SIZE_MAX)};
    struct iovec part;
    size_t left, size = 0;

    CHECK(channel_send_begin(channel, message->type, message->head, tail, &left) == OK);
    while (left > 0) {
        CHECK(channel_send_more(channel, &left) == OK);
    }
    while (outbox_show(channel_outbox(channel), &part, 1) == 1) {
        CHECK(part.iov_len <= room - size);
        memcpy(into + size, part.iov_base, part.iov_len);
        size += part.iov_len;
        outbox_drop(channel_outbox(channel), part.iov_len);
    }
    return size;
}

/* Takes every message that is there, and finds what it was made of. */
static enum status take(struct channel *channel, struct channel *echo, struct bytes stream,
                        struct heard *heard)
{
    struct message message;
    bool there = true;

    while (there) {
        const enum status status = channel_next(channel, &message, &there);

        if (status != OK) {
            CHECK(!there);
            return status;
        }
        if (there) {
            CHECK(message.head.size <= HEAD_MAX && message.tail.size <= TAIL_MAX);

            const size_t size = send(echo, &message, again, sizeof again);

            CHECK(bytes_equal(bytes_of(again, size), bytes_part(stream, heard->used, size)));
            heard->used += size;
            heard->message_count++;
        }
    }
    return OK;
}

static struct heard listen_to(struct bytes stream, size_t piece)
{
    struct channel *channel = channel_new(NULL, &limits), *echo = channel_new(NULL, &limits);
    struct heard heard = {0};

    for (size_t at = 0; at < stream.size && heard.end == OK; at += piece) {
        channel_feed(channel, bytes_part(stream, at, piece));
        heard.end = take(channel, echo, stream, &heard);
        CHECK(heard.end != OK
              || channel_received(channel)
                     == (at + piece < stream.size ? at + piece : stream.size));
        CHECK(channel_take_back(channel).size == 0 || heard.end != OK);
    }
    heard.started = channel_started(channel);
    if (heard.end == OK) {
        channel_feed_end(channel);
        heard.end = take(channel, echo, stream, &heard);
        CHECK(heard.end == (heard.used == stream.size ? E_CLOSED : E_CUT));
        CHECK(heard.started == (heard.end == E_CUT));
    }
    channel_free(channel);
    channel_free(echo);
    return heard;
}

/* Type, head_bytes / 16, tail_bytes / 4 and a filling, a byte each. */
static size_t make_stream(struct bytes list)
{
    static uint8_t head[HEAD_MAX], tail[TAIL_MAX];
    struct channel *channel = channel_new(NULL, &limits);
    size_t size = 0;

    for (size_t at = 0; at + 4 <= list.size; at += 4) {
        const uint8_t *say = list.data + at;
        const struct message message = {say[0], bytes_of(head, say[1] * (size_t)16 % HEAD_MAX),
                                        bytes_of(tail, say[2] * (size_t)say[2] + say[3] % 2)};

        memset(head, say[3], sizeof head);
        memset(tail, ~say[3], sizeof tail);
        if (message.head.size + message.tail.size + FRAME_PREFIX_BYTES > sizeof made - size) {
            break;
        }
        size += send(channel, &message, made + size, sizeof made - size);
    }
    channel_free(channel);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > STREAM_MAX) {
        return 0;
    }

    struct bytes stream = bytes_of(data + 1, size - 1);

    if (data[0] & 8) {
        stream = bytes_of(made, make_stream(bytes_part(stream, 0, LIST_BYTES_MAX)));
    }

    /* Byte by byte only what is short: the fuzzer's time is better spent. */
    const size_t piece = piece_sizes[stream.size > 8192 ? (data[0] & 7) | 4 : data[0] & 7];
    const struct heard whole = listen_to(stream, STREAM_MAX);
    const struct heard pieces = listen_to(stream, piece);

    CHECK(whole.message_count == pieces.message_count && whole.used == pieces.used);
    CHECK(whole.end == pieces.end && whole.started == pieces.started);
    return 0;
}
