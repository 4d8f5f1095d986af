/* recv into a whole chunk, stamp it, queue it; sendmsg what is due. With no delay a chunk goes out
 * at once and comes back to the pool still warm; a small one that has to wait is copied to a
 * chunk of its own size, so that a queue of small messages costs what they weigh.
 *
 * Everything that can have changed (readable, writable, time, the link) ends in stream_pump: bring
 * out what is due, then stream_pace: read or not, and when to look again.
 *
 * How it goes wrong: a reset of the sender travels as a mark behind the bytes. Writing fails: the
 * queue is dropped and the owner is told (WAN_BROKEN), who lets a reset travel the other way. */
#include "transport/wan_stream.h"

#include "base/check.h"
#include "transport/allocate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { SPARES_MAX = 16, PIECES_MAX = 16 };

struct instant wan_now(void)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (struct instant){(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
}

static struct wan_chunk *chunk_new(size_t capacity)
{
    struct wan_chunk *chunk = malloc(sizeof *chunk + capacity);

    CHECK(chunk != NULL); /* not zeroed: the bytes come from recv */
    *chunk = (struct wan_chunk){.capacity = capacity};
    return chunk;
}

static struct wan_chunk *pool_take(struct wan_pool *pool)
{
    struct wan_chunk *chunk = pool->spare;

    if (chunk == NULL) {
        return chunk_new(WAN_CHUNK_BYTES);
    }
    pool->spare = chunk->next;
    pool->spares--;
    *chunk = (struct wan_chunk){.capacity = WAN_CHUNK_BYTES};
    return chunk;
}

static void pool_give(struct wan_pool *pool, struct wan_chunk *chunk)
{
    if (chunk->capacity < WAN_CHUNK_BYTES || pool->spares == SPARES_MAX) {
        free(chunk);
        return;
    }
    chunk->next = pool->spare;
    pool->spare = chunk;
    pool->spares++;
}

void wan_pool_init(struct wan_pool *pool, struct event_base *base, uint64_t seed)
{
    *pool = (struct wan_pool){.base = base};
    prng_seed(&pool->dice, seed);
}

void wan_pool_clear(struct wan_pool *pool)
{
    while (pool->spare != NULL) {
        struct wan_chunk *chunk = pool->spare;

        pool->spare = chunk->next;
        free(chunk);
    }
    pool->spares = 0;
}

static void queue_push(struct wan_stream *stream, struct wan_chunk *chunk)
{
    const size_t cost = sizeof *chunk + chunk->capacity;
    struct wan_pool *pool = stream->pool;

    chunk->next = NULL;
    if (stream->first == NULL) {
        stream->first = chunk;
    } else {
        stream->last->next = chunk;
    }
    stream->last = chunk;
    stream->queued += cost;
    pool->bytes += cost;
    pool->bytes_peak = pool->bytes > pool->bytes_peak ? pool->bytes : pool->bytes_peak;
}

static void queue_pop(struct wan_stream *stream)
{
    struct wan_chunk *chunk = stream->first;
    const size_t cost = sizeof *chunk + chunk->capacity;

    stream->first = chunk->next;
    stream->queued -= cost;
    stream->pool->bytes -= cost;
    pool_give(stream->pool, chunk);
}

static struct instant stamp(struct wan_stream *stream, struct instant now, size_t size)
{
    struct wan_link *link = stream->link;
    const uint64_t most = link->path.jitter.ns;
    const struct span jitter = {most == 0 ? 0 : prng_below(&stream->pool->dice, most + 1)};
    const struct instant due = wan_link_send(link, now, size, jitter);

    stream->due = due.ns > stream->due.ns ? due : stream->due;
    return stream->due;
}

static bool is_due(const struct wan_stream *stream, struct instant due, struct instant now)
{
    return instant_reached(wan_link_arrival(stream->link, due), now);
}

static void stream_arm(struct wan_stream *stream, struct instant at, struct instant now)
{
    const uint64_t us = (instant_since(now, at).ns + 999) / 1000;
    const struct timeval wait = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

    if (at.ns == stream->timer_at.ns) {
        return;
    }
    stream->timer_at = at;
    if (at.ns == INSTANT_NEVER.ns) {
        event_del(&stream->timer);
    } else {
        CHECK(event_add(&stream->timer, &wait) == 0);
    }
}

static void stream_set_reading(struct wan_stream *stream, bool reading)
{
    if (reading == stream->reading) {
        return;
    }
    stream->reading = reading;
    if (reading) {
        CHECK(event_add(&stream->readable, NULL) == 0);
    } else {
        event_del(&stream->readable);
    }
}

/* To read or not, and when to look again. */
static void stream_pace(struct wan_stream *stream, struct instant now)
{
    const struct wan_link *link = stream->link;
    const bool wants = stream->open && !stream->stopped && stream->queued < wan_link_window(link);
    const struct instant send_at = wan_link_send_at(link);
    struct instant wake = INSTANT_NEVER;

    stream_set_reading(stream, wants && instant_reached(send_at, now));
    if (wants && !stream->reading) {
        wake = send_at;
    }
    if (stream->first != NULL && !stream->stuck) {
        wake = instant_min(wake, wan_link_arrival(link, stream->first->due));
    }
    stream_arm(stream, wake, now);
}

static void stream_break(struct wan_stream *stream)
{
    while (stream->first != NULL) {
        queue_pop(stream);
    }
    stream->stopped = true;
    stream->reset = true;
    stream->arrived(stream->context, stream, WAN_BROKEN);
}

static void stream_written(struct wan_stream *stream, size_t size)
{
    while (size > 0) {
        struct wan_chunk *chunk = stream->first;
        const size_t left = chunk->size - chunk->taken;

        if (size < left) {
            chunk->taken += size;
            return;
        }
        size -= left;
        queue_pop(stream);
    }
}

/* False where no more can be written for now. */
static bool stream_write(struct wan_stream *stream, struct instant now)
{
    struct iovec pieces[PIECES_MAX];
    struct msghdr message = {.msg_iov = pieces};

    for (struct wan_chunk *chunk = stream->first;
         chunk != NULL && chunk->mark == WAN_BYTES && message.msg_iovlen < PIECES_MAX
         && is_due(stream, chunk->due, now);
         chunk = chunk->next) {
        pieces[message.msg_iovlen++] =
            (struct iovec){chunk->data + chunk->taken, chunk->size - chunk->taken};
    }

    const ssize_t written = sendmsg(stream->to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (written >= 0) {
        stream_written(stream, (size_t)written);
        return true;
    }
    if (errno == EAGAIN || errno == EINTR) {
        stream->stuck = true;
        CHECK(event_add(&stream->writable, NULL) == 0);
    } else {
        stream_break(stream);
    }
    return false;
}

static void stream_pump(struct wan_stream *stream)
{
    const struct instant now = wan_now();

    while (stream->first != NULL && is_due(stream, stream->first->due, now)) {
        const enum wan_mark mark = stream->first->mark;

        if (mark == WAN_BYTES) {
            if (!stream_write(stream, now)) {
                break;
            }
            continue;
        }
        queue_pop(stream);
        stream->arrived(stream->context, stream, mark);
        if (mark != WAN_OPEN) {
            return; /* the stream may be gone */
        }
    }
    stream_pace(stream, now);
}

/* A chunk as large as what is in it, unless it can leave at once or is well filled. */
static struct wan_chunk *chunk_fit(struct wan_stream *stream, struct wan_chunk *whole,
                                   struct instant now)
{
    const bool leaves_now = stream->first == NULL && is_due(stream, whole->due, now);

    if (leaves_now || whole->size >= whole->capacity / 2) {
        return whole;
    }

    struct wan_chunk *fit = chunk_new(whole->size);

    fit->due = whole->due;
    fit->size = whole->size;
    memcpy(fit->data, whole->data, whole->size);
    pool_give(stream->pool, whole);
    return fit;
}

static void stream_read(struct wan_stream *stream)
{
    const struct instant now = wan_now();
    struct wan_chunk *chunk = pool_take(stream->pool);
    const ssize_t size =
        recv(stream->from, chunk->data, wan_link_quantum(stream->link), MSG_DONTWAIT);

    if (size > 0) {
        chunk->size = (size_t)size;
        chunk->due = stamp(stream, now, chunk->size);
        queue_push(stream, chunk_fit(stream, chunk, now));
        return;
    }
    const int error = errno;

    pool_give(stream->pool, chunk);
    if (size == 0) {
        wan_stream_mark(stream, WAN_END);
    } else if (error != EAGAIN && error != EINTR) {
        wan_stream_mark(stream, WAN_RESET);
    }
}

static void on_readable(evutil_socket_t file, short what, void *context)
{
    struct wan_stream *stream = context;

    (void)file;
    (void)what;
    /* The link is shared: another connection may have filled it since. */
    if (instant_reached(wan_link_send_at(stream->link), wan_now())) {
        stream_read(stream);
    }
    stream_pump(stream);
}

static void on_writable(evutil_socket_t file, short what, void *context)
{
    struct wan_stream *stream = context;

    (void)file;
    (void)what;
    stream->stuck = false;
    stream_pump(stream);
}

static void on_timer(evutil_socket_t file, short what, void *context)
{
    struct wan_stream *stream = context;

    (void)file;
    (void)what;
    stream->timer_at = INSTANT_NEVER;
    stream_pump(stream);
}

void wan_stream_init(struct wan_stream *stream, struct wan_pool *pool, struct wan_link *link)
{
    *stream = (struct wan_stream){
        .pool = pool, .link = link, .from = -1, .to = -1, .timer_at = INSTANT_NEVER};
    CHECK(event_assign(&stream->timer, pool->base, -1, 0, on_timer, stream) == 0);
}

void wan_stream_free(struct wan_stream *stream)
{
    event_del(&stream->timer);
    if (stream->from >= 0) {
        event_del(&stream->readable);
    }
    if (stream->to >= 0) {
        event_del(&stream->writable);
    }
    while (stream->first != NULL) {
        queue_pop(stream);
    }
}

void wan_stream_set_from(struct wan_stream *stream, int file)
{
    stream->from = file;
    CHECK(event_assign(&stream->readable, stream->pool->base, file, EV_READ | EV_PERSIST,
                       on_readable, stream)
          == 0);
}

void wan_stream_set_to(struct wan_stream *stream, int file)
{
    stream->to = file;
    CHECK(event_assign(&stream->writable, stream->pool->base, file, EV_WRITE, on_writable, stream)
          == 0);
}

void wan_stream_open(struct wan_stream *stream)
{
    CHECK(stream->from >= 0);
    stream->open = true;
    wan_stream_wake(stream);
}

void wan_stream_mark(struct wan_stream *stream, enum wan_mark mark)
{
    if (stream->reset || (stream->stopped && mark != WAN_RESET)) {
        return;
    }
    struct wan_chunk *chunk = chunk_new(0);

    stream->stopped = stream->stopped || mark != WAN_OPEN;
    stream->reset = mark == WAN_RESET;
    chunk->mark = mark;
    chunk->due = stamp(stream, wan_now(), 0);
    queue_push(stream, chunk);
    wan_stream_wake(stream);
}

void wan_stream_wake(struct wan_stream *stream)
{
    const struct instant now = wan_now();

    stream_arm(stream, now, now); /* never from inside a call: the owner is in the middle */
}
