/* Takes frames apart and puts them together, over TLS or in clear.
 *
 * Receiving goes part by part: prefix, head, tail. Small parts are cut from a staging buffer of
 * one record, so that many small messages cost one decryption; a large rest of a tail is
 * decrypted straight into its place. Sending fills the first record with prefix, head and the
 * start of the tail; the rest follows in pieces, for which the parts stay borrowed until the
 * last.
 *
 * How it goes wrong: a prefix that is no frame or over a cap, before memory is taken; an end in
 * the middle of a message (E_CUT, also where the peer said goodbye there); what TLS refuses.
 * All final. */
#include "transport/channel.h"

#include "base/check.h"
#include "proto/message.h"
#include "transport/allocate.h"

enum { SEND_PIECE_BYTES = 256 * 1024, SEND_PARTS = 3 };

enum part { PART_PREFIX, PART_HEAD, PART_TAIL, PART_WHOLE };

struct buffer {
    uint8_t *data;
    size_t room;
};

struct channel {
    struct tls_engine *engine; /* NULL: in clear */
    struct channel_limits limits;
    struct bytes clear_in;
    bool clear_ended;
    struct outbox clear_out;

    enum part part;
    size_t got; /* of the part */
    struct frame frame;
    uint8_t prefix[FRAME_PREFIX_BYTES];
    struct buffer head;
    struct buffer tail;
    uint64_t received;
    enum status finished;

    struct bytes sending[SEND_PARTS]; /* what is left of a frame: head, tail, tail */
    size_t staged_begin;
    size_t staged_end;
    uint8_t staged[TLS_RECORD_PLAIN_MAX];
};

struct channel *channel_new(struct tls_engine *engine, const struct channel_limits *limits)
{
    struct channel *channel = allocate_zeroed(sizeof *channel);

    channel->engine = engine;
    channel->limits = *limits;
    if (channel->limits.head_bytes_max == 0) {
        channel->limits.head_bytes_max = FRAME_HEAD_BYTES_MAX;
    }
    if (channel->limits.tail_bytes_max == 0) {
        channel->limits.tail_bytes_max = FRAME_TAIL_BYTES_MAX;
    }
    return channel;
}

void channel_free(struct channel *channel)
{
    if (channel != NULL) {
        tls_engine_free(channel->engine);
        outbox_free(&channel->clear_out);
        free(channel->head.data);
        free(channel->tail.data);
        free(channel);
    }
}

void channel_feed(struct channel *channel, struct bytes received)
{
    if (channel->engine != NULL) {
        tls_engine_feed(channel->engine, received);
        return;
    }
    CHECK(channel->clear_in.size == 0);
    channel->clear_in = received;
}

struct bytes channel_take_back(struct channel *channel)
{
    if (channel->engine != NULL) {
        return tls_engine_take_back(channel->engine);
    }
    const struct bytes rest = channel->clear_in;

    channel->clear_in = bytes_none();
    return rest;
}

void channel_feed_end(struct channel *channel)
{
    channel->clear_ended = true;
    if (channel->engine != NULL) {
        tls_engine_feed_end(channel->engine);
    }
}

NODISCARD static enum status source_read(struct channel *channel, void *into, size_t room,
                                         size_t *got)
{
    if (channel->engine != NULL) {
        TRY(tls_engine_read(channel->engine, into, room, got));
    } else {
        const struct bytes part = bytes_part(channel->clear_in, 0, room);

        *got = part.size;
        if (part.size == 0) {
            return channel->clear_ended ? E_CLOSED : OK;
        }
        memcpy(into, part.data, part.size);
        channel->clear_in = bytes_part(channel->clear_in, part.size, channel->clear_in.size);
    }
    channel->received += *got;
    return OK;
}

/* Some bytes of the part, or none where nothing is there. */
NODISCARD static enum status channel_fill(struct channel *channel, uint8_t *into, size_t wanted,
                                          size_t *got)
{
    if (channel->staged_begin == channel->staged_end) {
        if (wanted >= sizeof channel->staged) {
            return source_read(channel, into, wanted, got);
        }
        channel->staged_begin = 0;
        channel->staged_end = 0;
        TRY(source_read(channel, channel->staged, sizeof channel->staged, &channel->staged_end));
    }
    const size_t there = channel->staged_end - channel->staged_begin;

    *got = wanted < there ? wanted : there;
    memcpy(into, channel->staged + channel->staged_begin, *got);
    channel->staged_begin += *got;
    return OK;
}

/* Memory only grows to what a message needs, and its old content is never needed. */
static void buffer_reserve(struct buffer *buffer, size_t size)
{
    if (size > buffer->room) {
        free(buffer->data);
        buffer->data = allocate_aligned(CHANNEL_ALIGN, size);
        buffer->room = (size + CHANNEL_ALIGN - 1) / CHANNEL_ALIGN * CHANNEL_ALIGN;
    }
}

static void buffer_give_back(struct buffer *buffer)
{
    if (buffer->room > CHANNEL_KEEP_BYTES) {
        free(buffer->data);
        *buffer = (struct buffer){0};
    }
}

NODISCARD static enum status channel_on_prefix(struct channel *channel)
{
    TRY(frame_decode(&channel->frame, bytes_of(channel->prefix, sizeof channel->prefix)));
    if (channel->frame.head_bytes > channel->limits.head_bytes_max
        || channel->frame.tail_bytes > channel->limits.tail_bytes_max) {
        return E_TOO_LARGE;
    }
    buffer_reserve(&channel->head, channel->frame.head_bytes);
    buffer_reserve(&channel->tail, channel->frame.tail_bytes);
    return OK;
}

static struct buffer part_place(struct channel *channel)
{
    switch (channel->part) {
    case PART_PREFIX:
        return (struct buffer){channel->prefix, sizeof channel->prefix};
    case PART_HEAD:
        return (struct buffer){channel->head.data, channel->frame.head_bytes};
    case PART_TAIL:
        return (struct buffer){channel->tail.data, channel->frame.tail_bytes};
    case PART_WHOLE:
        break;
    }
    UNREACHABLE();
}

/* Fills the part as far as bytes are there; *complete says whether that was all of it. */
NODISCARD static enum status channel_fill_part(struct channel *channel, bool *complete)
{
    const struct buffer place = part_place(channel);

    while (channel->got < place.room) {
        size_t got;

        TRY(channel_fill(channel, place.data + channel->got, place.room - channel->got, &got));
        if (got == 0) {
            *complete = false;
            return OK;
        }
        channel->got += got;
    }
    channel->got = 0;
    *complete = true;
    return OK;
}

NODISCARD static enum status channel_advance(struct channel *channel)
{
    bool complete = true;

    while (complete && channel->part != PART_WHOLE) {
        TRY(channel_fill_part(channel, &complete));
        if (complete) {
            if (channel->part == PART_PREFIX) {
                TRY(channel_on_prefix(channel));
            }
            channel->part++;
        }
    }
    return OK;
}

enum status channel_next(struct channel *channel, struct message *message, bool *there)
{
    *there = false;
    if (channel->finished != OK) {
        return channel->finished;
    }
    if (channel->part == PART_WHOLE) {
        channel->part = PART_PREFIX;
        buffer_give_back(&channel->head);
        buffer_give_back(&channel->tail);
    }
    channel->finished = channel_advance(channel);
    if (channel->finished == E_CLOSED && channel_started(channel)) {
        channel->finished = E_CUT;
    }
    if (channel->finished != OK || channel->part != PART_WHOLE) {
        return channel->finished;
    }
    *there = true;
    *message = (struct message){
        .type = channel->frame.type,
        .head = bytes_of(channel->head.data, channel->frame.head_bytes),
        .tail = bytes_of(channel->tail.data, channel->frame.tail_bytes),
    };
    return OK;
}

NODISCARD static enum status sink_write(struct channel *channel, struct bytes bytes)
{
    if (channel->engine != NULL) {
        return tls_engine_write(channel->engine, bytes);
    }
    outbox_put(&channel->clear_out, bytes);
    return OK;
}

static size_t sending_left(const struct channel *channel)
{
    size_t left = 0;

    for (unsigned i = 0; i < SEND_PARTS; i++) {
        left += channel->sending[i].size;
    }
    return left;
}

/* Moves the beginning of what is to be sent into a record that has some bytes already. */
static size_t sending_gather(struct channel *channel, uint8_t *record, size_t used, size_t room)
{
    for (unsigned i = 0; i < SEND_PARTS; i++) {
        const struct bytes part = bytes_part(channel->sending[i], 0, room - used);

        if (part.size > 0) {
            memcpy(record + used, part.data, part.size);
            used += part.size;
            channel->sending[i] = bytes_part(channel->sending[i], part.size, SIZE_MAX);
        }
    }
    return used;
}

enum status channel_send_begin(struct channel *channel, unsigned type, struct bytes head,
                               const struct bytes tail[2], size_t *left)
{
    const size_t tail_bytes = tail[0].size + tail[1].size;
    uint8_t record[TLS_RECORD_PLAIN_MAX];

    CHECK(channel_is_ready(channel) && sending_left(channel) == 0);
    CHECK(head.size <= FRAME_HEAD_BYTES_MAX && tail_bytes <= FRAME_TAIL_BYTES_MAX);
    frame_encode(&(struct frame){.type = (uint16_t)type,
                                 .head_bytes = (uint32_t)head.size,
                                 .tail_bytes = (uint32_t)tail_bytes},
                 record);
    channel->sending[0] = head;
    channel->sending[1] = tail[0];
    channel->sending[2] = tail[1];

    const size_t used = sending_gather(channel, record, FRAME_PREFIX_BYTES, sizeof record);

    *left = sending_left(channel);
    return sink_write(channel, bytes_of(record, used));
}

enum status channel_send_more(struct channel *channel, size_t *left)
{
    for (unsigned i = 0; i < SEND_PARTS; i++) {
        const struct bytes piece = bytes_part(channel->sending[i], 0, SEND_PIECE_BYTES);

        if (piece.size > 0) {
            channel->sending[i] = bytes_part(channel->sending[i], piece.size, SIZE_MAX);
            *left = sending_left(channel);
            return sink_write(channel, piece);
        }
    }
    *left = 0;
    return OK;
}

void channel_close(struct channel *channel)
{
    if (channel->engine != NULL) {
        tls_engine_close(channel->engine);
    }
}

bool channel_is_ready(const struct channel *channel)
{
    return channel->engine == NULL || tls_engine_is_ready(channel->engine);
}

struct outbox *channel_outbox(struct channel *channel)
{
    return channel->engine == NULL ? &channel->clear_out : tls_engine_outbox(channel->engine);
}

bool channel_started(const struct channel *channel)
{
    return !channel_is_ready(channel) || channel->got > 0
           || (channel->part != PART_PREFIX && channel->part != PART_WHOLE);
}

uint64_t channel_received(const struct channel *channel)
{
    return channel->received;
}

struct tls_engine *channel_engine(struct channel *channel)
{
    return channel->engine;
}
