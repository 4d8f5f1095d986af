/* How bytes move: the socket to the channel to the owner, and the owner to the channel to the
 * socket.
 *
 * In: one recv of 256 KiB into the loop's own buffer, then messages until there are none, and
 * again, up to 4 MiB: then other links have their turn. Where the owner pauses in the middle,
 * what is unread is copied aside, since the buffer is shared. Out: what was sent gathers in the
 * outbox; it leaves by writev at the latest before the loop waits, and a large message leaves
 * piece by piece while its pieces are still in cache.
 *
 * How it goes wrong: the channel refuses (its status); the stream ends (E_CLOSED, E_CUT); the
 * peer does not take what waits (E_SLOW). A write that fails says little: whatever the peer
 * said before it closed is still to be read, so the read decides. */
#include "base/check.h"
#include "proto/message.h"
#include "transport/allocate.h"
#include "transport/link_internal.h"

#include <errno.h>
#include <sys/socket.h>

enum { WRITE_PARTS_MAX = 8, FLUSH_AT_BYTES = OUTBOX_BLOCK_BYTES };

static bool link_takes(const struct link *link)
{
    return !link->closed && !link->paused && link->broken == OK && link->state != LINK_ENDING;
}

static void link_go_up(struct link *link)
{
    struct tls_engine *engine = channel_engine(link->channel);

    if (link->census != NULL) {
        link->census->shaking--;
    }
    link->state = LINK_UP;
    if (engine != NULL) {
        link->peer.identity = *tls_engine_peer(engine);
        tls_engine_exporter(engine, link->peer.exporter);
    } else {
        link->peer.unix_socket = true;
        link->peer.identity = link->settings.unix_identity;
    }
    const struct span span = link->settings.progress_span;
    const struct timeval time = {.tv_sec = (time_t)(span.ns / 1000000000u),
                                 .tv_usec = (suseconds_t)(span.ns % 1000000000u / 1000)};

    CHECK(event_add(&link->timer, &time) == 0);
    if (link->census != NULL && link->census->changed != NULL) {
        link->census->changed(link->census->context);
    }
    link_begin_life(link);
    link->callbacks.up(link->context, link, &link->peer);
}

static void link_fetch(struct link *link)
{
    struct tls_engine *engine = channel_engine(link->channel);
    const enum status status = channel_next(link->channel, &link->held, &link->has_held);

    if (status != OK) {
        link_break(link, status, engine == NULL ? "" : tls_engine_why(engine));
    } else if (link->state == LINK_SHAKING && channel_is_ready(link->channel)) {
        link_go_up(link);
    }
}

static void link_deliver(struct link *link)
{
    switch (link->callbacks.message(link->context, link, &link->held)) {
    case LINK_TAKEN:
        link->has_held = false;
        link->counters.messages_in++;
        break;
    case LINK_DEFERRED:
        if (!link->closed) {
            link_pause(link);
        }
        break;
    }
}

void link_take_messages(struct link *link)
{
    while (link_takes(link)) {
        if (!link->has_held) {
            link_fetch(link);
            if (!link->has_held) {
                break;
            }
        } else {
            link_deliver(link);
        }
    }
    if (link->kept != NULL && link_takes(link) && !link->has_held) {
        free(link->kept); /* all of it is consumed now */
        link->kept = NULL;
    }
}

/* The shared buffer is about to be used by others. */
static void link_keep_unread(struct link *link)
{
    const struct bytes rest = channel_take_back(link->channel);

    if (rest.size > 0 && link->broken == OK && !link->closed) {
        CHECK(link->kept == NULL);
        link->kept = allocate_aligned(64, rest.size);
        memcpy(link->kept, rest.data, rest.size);
        channel_feed(link->channel, bytes_of(link->kept, rest.size));
    }
}

/* True where more may be there. */
static bool link_receive(struct link *link)
{
    uint8_t *scratch = link->loop->scratch;
    const ssize_t got = recv(link->file, scratch, LINK_READ_BYTES, 0);

    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            link_break(link, E_CUT, strerror(errno));
        }
        return false;
    }
    if (got == 0) {
        channel_feed_end(link->channel);
        event_del(&link->readable);
    }
    link->counters.bytes_in += (uint64_t)got;
    channel_feed(link->channel, bytes_of(scratch, (size_t)got));
    link_take_messages(link);
    link_keep_unread(link);
    return got == LINK_READ_BYTES;
}

/* An ending link reads only to find the other side's end. */
static void link_discard(struct link *link)
{
    const ssize_t got = recv(link->file, link->loop->scratch, LINK_READ_BYTES, 0);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        event_del(&link->readable);
        event_active(&link->timer, EV_TIMEOUT, 0);
    }
}

void link_on_readable(evutil_socket_t file, short what, void *context)
{
    struct link *link = context;
    size_t turn = 0;

    (void)file;
    (void)what;
    if (link->state == LINK_ENDING) {
        link_discard(link);
        return;
    }
    link_enter(link);
    link_take_messages(link); /* what a pause had left comes first */
    while (link_takes(link) && turn < LINK_READ_TURN_BYTES && link_receive(link)) {
        turn += LINK_READ_BYTES;
    }
    link_leave(link);
}

static void link_write_failed(struct link *link, int error)
{
    struct outbox *outbox = channel_outbox(link->channel);

    link->write_failed = true;
    outbox_drop(outbox, outbox_bytes(outbox));
    if (link->state == LINK_ENDING) {
        event_active(&link->timer, EV_TIMEOUT, 0);
    } else if (link->paused) {
        link_break(link, E_CUT, strerror(error));
    }
}

static void link_half_close(struct link *link)
{
    if (!link->half_closed) {
        link->half_closed = true;
        shutdown(link->file, SHUT_WR);
    }
}

void link_flush(struct link *link)
{
    struct outbox *outbox = channel_outbox(link->channel);
    struct iovec parts[WRITE_PARTS_MAX];

    while (outbox_bytes(outbox) > 0 && !link->write_failed) {
        const struct msghdr message = {.msg_iov = parts,
                                       .msg_iovlen = outbox_show(outbox, parts, WRITE_PARTS_MAX)};
        const ssize_t sent = sendmsg(link->file, &message, MSG_NOSIGNAL);

        if (sent >= 0) {
            link->counters.bytes_out += (uint64_t)sent;
            outbox_drop(outbox, (size_t)sent);
        } else if (errno == EAGAIN) {
            CHECK(event_add(&link->writable, NULL) == 0);
            return;
        } else if (errno != EINTR) {
            link_write_failed(link, errno);
        }
    }
    if (link->state == LINK_ENDING) {
        link_half_close(link);
    }
}

void link_flush_soon(struct link *link)
{
    if (!link->is_unflushed && link->channel != NULL && link_output_bytes(link) > 0) {
        if (TAILQ_EMPTY(&link->loop->unflushed)) {
            event_active(&link->loop->flush_soon, EV_TIMEOUT, 0);
        }
        link->is_unflushed = true;
        TAILQ_INSERT_TAIL(&link->loop->unflushed, link, unflushed);
    }
}

void link_loop_flush(struct link_loop *loop)
{
    struct link *link;

    while ((link = TAILQ_FIRST(&loop->unflushed)) != NULL) {
        TAILQ_REMOVE(&loop->unflushed, link, unflushed);
        link->is_unflushed = false;
        link_flush(link);
        if (link->full) {
            CHECK(event_add(&link->writable, NULL) == 0); /* `drained` is told from there */
        }
    }
}

void link_on_writable(evutil_socket_t file, short what, void *context)
{
    struct link *link = context;

    (void)file;
    (void)what;
    if (link->state == LINK_ENDING) {
        link_flush(link);
        return;
    }
    link_enter(link);
    link_flush(link);
    if (link->full && link_output_bytes(link) <= link->settings.output_soft / 2) {
        link->full = false;
        if (link->callbacks.drained != NULL && !link->closed && link->broken == OK) {
            link->callbacks.drained(link->context, link);
        }
    }
    link_leave(link);
}

static void link_send_pieces(struct link *link, unsigned type, struct bytes head,
                             const struct bytes tail[2])
{
    size_t left = 0;
    enum status status = channel_send_begin(link->channel, type, head, tail, &left);

    while (status == OK && left > 0) {
        status = channel_send_more(link->channel, &left);
        if (link_output_bytes(link) >= FLUSH_AT_BYTES
            && !event_pending(&link->writable, EV_WRITE, NULL)) {
            link_flush(link);
        }
    }
    if (status != OK) {
        link_break(link, status, tls_engine_why(channel_engine(link->channel)));
    }
}

void link_send(struct link *link, unsigned type, struct bytes head, struct bytes tail,
               struct bytes more)
{
    const size_t size = FRAME_PREFIX_BYTES + head.size + tail.size + more.size;

    if (link->broken != OK || link->closed || link->write_failed) {
        return;
    }
    CHECK(link->state == LINK_UP);
    if (link_output_bytes(link) + size > link->settings.output_hard) {
        link_break(link, E_SLOW, "what was sent is not taken");
        return;
    }
    link_send_pieces(link, type, head, (const struct bytes[2]){tail, more});
    link->counters.messages_out++;
    link->full = link->full || link_is_full(link);
    link_flush_soon(link);
}
