/* The life of a link: made by a dialer or listener, started with a socket, up, down.
 *
 * What callbacks and callers decide is only noted (closed, broken, paused); link_leave carries
 * it out when no callback is on the stack, so that nobody frees what somebody up the stack
 * still uses.
 *
 * An ending link flushes, half-closes and then reads and forgets until the other side ends too:
 * closing a socket with unread bytes would reset the connection and could destroy our last
 * words on their way. Five seconds after a goodbye, one after a fault; then it is closed
 * anyway.
 *
 * How it goes wrong: a handshake, a started message or waiting output that makes no progress is
 * found by the timer; all else by reading and writing (link_io.c). */
#include "transport/link.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/link_internal.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANDSHAKE_SECONDS = 5, PROGRESS_SECONDS = 10, GOODBYE_SECONDS = 5, FAULT_SECONDS = 1 };

static void on_flush_soon(evutil_socket_t file, short what, void *context)
{
    (void)file;
    (void)what;
    link_loop_flush(context);
}

struct link_loop *link_loop_new(struct event_base *base)
{
    struct link_loop *loop = allocate_zeroed(sizeof *loop);

    loop->base = base;
    TAILQ_INIT(&loop->all);
    TAILQ_INIT(&loop->unflushed);
    CHECK(event_assign(&loop->flush_soon, base, -1, 0, on_flush_soon, loop) == 0);
    return loop;
}

struct event_base *link_loop_base(const struct link_loop *loop)
{
    return loop->base;
}

static struct timeval timeval_of(struct span span)
{
    return (struct timeval){.tv_sec = (time_t)(span.ns / 1000000000u),
                            .tv_usec = (suseconds_t)(span.ns % 1000000000u / 1000)};
}

static void timer_set(struct link *link, struct span span)
{
    const struct timeval time = timeval_of(span);

    CHECK(event_add(&link->timer, &time) == 0);
}

static struct link_settings settings_with_defaults(const struct link_settings *given)
{
    struct link_settings settings = *given;

    if (settings.handshake_max.ns == 0) {
        settings.handshake_max = SPAN_S(HANDSHAKE_SECONDS);
    }
    if (settings.progress_span.ns == 0) {
        settings.progress_span = SPAN_S(PROGRESS_SECONDS);
    }
    if (settings.progress_bytes == 0) {
        settings.progress_bytes = LINK_PROGRESS_BYTES;
    }
    if (settings.output_soft == 0) {
        settings.output_soft = LINK_OUTPUT_SOFT_BYTES;
    }
    if (settings.output_hard == 0) {
        settings.output_hard = LINK_OUTPUT_HARD_BYTES;
    }
    return settings;
}

static void link_free(struct link *link)
{
    struct link_census *census = link->census;

    TAILQ_REMOVE(&link->loop->all, link, all);
    dialing_free(link->dialing);
    if (link->is_unflushed) {
        TAILQ_REMOVE(&link->loop->unflushed, link, unflushed);
    }
    event_del(&link->timer);
    event_del(&link->later);
    event_del(&link->life);
    if (link->has_events) {
        event_del(&link->readable);
        event_del(&link->writable);
        close(link->file);
    }
    channel_free(link->channel);
    free(link->kept);
    free(link);
    if (census != NULL) {
        census->links--;
        if (census->changed != NULL) {
            census->changed(census->context);
        } else if (census->links == 0) {
            free(census);
        }
    }
}

void link_loop_free(struct link_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    while (!TAILQ_EMPTY(&loop->all)) {
        struct link *link = TAILQ_FIRST(&loop->all);

        /* Its owner closed it, or was told that it is down: the last words may not be out yet. */
        CHECK(link->closed || link->state == LINK_ENDING);
        link_free(link);
    }
    event_del(&loop->flush_soon);
    free(loop);
}

bool link_loop_is_empty(const struct link_loop *loop)
{
    return TAILQ_EMPTY(&loop->all);
}

static void census_shaken(struct link *link)
{
    if (link->census != NULL && link->state == LINK_SHAKING) {
        link->census->shaking--;
        if (link->census->changed != NULL) {
            link->census->changed(link->census->context);
        }
    }
}

/* A message that began before the last tick must have moved since, and so must waiting output. */
static void link_tick(struct link *link)
{
    const bool started = !link->paused && channel_started(link->channel);
    const bool waiting = outbox_bytes(channel_outbox(link->channel)) > 0;
    const uint64_t received = channel_received(link->channel);

    if (started && link->tick.started && link->tick.messages_in == link->counters.messages_in
        && received - link->tick.received < link->settings.progress_bytes) {
        link_break(link, E_SILENT, "a started message does not go on");
    } else if (waiting && link->tick.waiting && link->tick.bytes_out == link->counters.bytes_out) {
        link_break(link, E_SLOW, "what was sent is not taken");
    }
    if (link->tick.bytes_out == link->counters.bytes_out) {
        outbox_trim(channel_outbox(link->channel));
    }
    link->tick.started = started;
    link->tick.waiting = waiting;
    link->tick.received = received;
    link->tick.messages_in = link->counters.messages_in;
    link->tick.bytes_out = link->counters.bytes_out;
    timer_set(link, link->settings.progress_span);
}

static void on_timer(evutil_socket_t file, short what, void *context)
{
    struct link *link = context;

    (void)file;
    (void)what;
    if (link->state == LINK_ENDING) {
        link_free(link);
        return;
    }
    link_enter(link);
    switch (link->state) {
    case LINK_DIALING:
        link_break(link, E_UNREACHABLE, "no answer in time");
        break;
    case LINK_SHAKING:
        link_break(link, E_SILENT, "the handshake took too long");
        break;
    case LINK_UP:
        link_tick(link);
        break;
    case LINK_ENDING:
        UNREACHABLE();
    }
    link_leave(link);
}

static void on_later(evutil_socket_t file, short what, void *context)
{
    struct link *link = context;

    (void)file;
    (void)what;
    link_enter(link);
    if (link->channel != NULL) {
        link_take_messages(link);
    }
    link_leave(link);
}

struct link *link_new(struct link_loop *loop, const struct link_settings *settings,
                      const struct link_callbacks *callbacks, void *context)
{
    struct link *link = allocate_zeroed(sizeof *link);

    link->loop = loop;
    link->settings = settings_with_defaults(settings);
    link->callbacks = *callbacks;
    link->context = context;
    link->file = -1;
    CHECK(event_assign(&link->timer, loop->base, -1, 0, on_timer, link) == 0);
    CHECK(event_assign(&link->later, loop->base, -1, 0, on_later, link) == 0);
    CHECK(event_assign(&link->life, loop->base, -1, 0, link_on_life, link) == 0);
    TAILQ_INSERT_TAIL(&loop->all, link, all);
    timer_set(link, link->settings.handshake_max);
    return link;
}

void link_start(struct link *link, int file, struct tls_engine *engine)
{
    link->file = file;
    link->state = LINK_SHAKING;
    link->channel = channel_new(engine, &link->settings.channel);
    CHECK(event_assign(&link->readable, link->loop->base, file, EV_READ | EV_PERSIST,
                       link_on_readable, link)
          == 0);
    CHECK(event_assign(&link->writable, link->loop->base, file, EV_WRITE, link_on_writable, link)
          == 0);
    link->has_events = true;
    CHECK(event_add(&link->readable, NULL) == 0);
    event_active(&link->later, EV_TIMEOUT,
                 0); /* a client speaks first; in clear it is up at once */
}

void link_break(struct link *link, enum status why, const char *text)
{
    if (link->broken == OK && link->state != LINK_ENDING) {
        link->broken = why;
        snprintf(link->why, sizeof link->why, "%s", text);
        if (!link->busy) {
            event_active(&link->later, EV_TIMEOUT, 0);
        }
    }
}

void link_enter(struct link *link)
{
    CHECK(!link->busy);
    link->busy = true;
}

/* From here on the owner knows nothing of it. */
static void link_end(struct link *link, unsigned seconds)
{
    census_shaken(link);
    if (link->channel == NULL) {
        link_free(link);
        return;
    }
    link->state = LINK_ENDING;
    event_del(&link->later);
    event_del(&link->life);
    free(link->kept);
    link->kept = NULL;
    CHECK(event_add(&link->readable, NULL) == 0);
    timer_set(link, SPAN_S(seconds));
    link_flush(link);
}

/* Whether the peer should hear our last words: an alert, a goodbye, or nothing at all. */
static bool link_has_last_words(const struct link *link)
{
    return link->channel != NULL && !link->expelled && link->broken != E_CUT
           && link->broken != E_CLOSED && link->broken != E_SLOW && link->broken != E_SILENT;
}

void link_leave(struct link *link)
{
    CHECK(link->busy);
    link->busy = false;
    if (link->state == LINK_ENDING) {
        return;
    }
    if (link->broken != OK && !link->closed) {
        link->busy = true; /* link_close from inside `down` must not free it under our feet */
        link->callbacks.down(link->context, link, link->broken, link->why);
        link->busy = false;
        if (link->broken == E_AGED) {
            channel_close(link->channel);
            link_end(link, GOODBYE_SECONDS);
            return;
        }
        if (link_has_last_words(link)) {
            link_end(link, FAULT_SECONDS);
            return;
        }
        census_shaken(link);
        link_free(link);
        return;
    }
    if (!link->closed) {
        link_flush_soon(link);
        return;
    }
    if (link->ending == LINK_AT_ONCE || link->broken != OK || link->state == LINK_DIALING) {
        census_shaken(link);
        link_free(link);
        return;
    }
    channel_close(link->channel);
    link_end(link, GOODBYE_SECONDS);
}

void link_close(struct link *link, enum link_ending ending)
{
    if (link->closed) {
        return;
    }
    link->closed = true;
    link->ending = ending;
    if (!link->busy) {
        link_enter(link);
        link_leave(link);
    }
}

void link_pause(struct link *link)
{
    if (!link->paused && link->has_events && link->state != LINK_ENDING) {
        event_del(&link->readable);
    }
    link->paused = true;
}

void link_resume(struct link *link)
{
    if (!link->paused) {
        return;
    }
    link->paused = false;
    if (link->has_events) {
        CHECK(event_add(&link->readable, NULL) == 0);
    }
    event_active(&link->later, EV_TIMEOUT, 0);
}

size_t link_output_bytes(const struct link *link)
{
    return link->channel == NULL ? 0 : outbox_bytes(channel_outbox(link->channel));
}

bool link_is_full(const struct link *link)
{
    return link_output_bytes(link) > link->settings.output_soft;
}

void link_set_context(struct link *link, void *context)
{
    link->context = context;
}

struct link_counters link_counters(const struct link *link)
{
    return link->counters;
}
