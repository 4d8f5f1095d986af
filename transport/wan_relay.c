/* Read, stamp, wait, write.
 *
 * Each direction is pumped after whatever could have changed: readable, writable, its timer, or a
 * word of the owner. Pumping delivers what has arrived, then takes what the wire has room for, then
 * arms the one timer for whichever comes next. How it goes wrong: any error of a socket resets both
 * ends, since bytes under way are then lost, and TCP would say so. */
#include "transport/wan_relay.h"

#include "base/check.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct instant wan_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (struct instant){(uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec};
}

static void pipe_free(struct wan_pipe *pipe)
{
    while (pipe->head != NULL) {
        struct wan_chunk *chunk = pipe->head;

        pipe->head = chunk->next;
        free(chunk);
    }
    event_free(pipe->readable);
    event_free(pipe->writable);
    event_free(pipe->timer);
}

static void relay_free(struct wan_relay *relay)
{
    *relay->place = relay->next;
    if (relay->next != NULL) {
        relay->next->place = relay->place;
    }
    pipe_free(&relay->there);
    pipe_free(&relay->back);
    close(relay->there.from);
    close(relay->there.to);
    free(relay);
}

void wan_relay_reset(struct wan_relay *relay)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(relay->there.from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    setsockopt(relay->there.to, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    relay_free(relay);
}

static void put_chunk(struct wan_pipe *pipe, struct wan_chunk *chunk, struct instant now)
{
    const uint64_t jitter_ns = pipe->link->path.jitter.ns;
    const struct span jitter = {jitter_ns == 0 ? 0 : prng_below(pipe->relay->dice, jitter_ns + 1)};
    const struct instant due = wan_link_send(pipe->link, now, chunk->size, jitter);

    /* Jitter delays; it does not let bytes overtake each other. */
    chunk->due = due.ns > pipe->last_due.ns ? due : pipe->last_due;
    pipe->last_due = chunk->due;
    chunk->next = NULL;
    if (pipe->head == NULL) {
        pipe->head = chunk;
    } else {
        pipe->tail->next = chunk;
    }
    pipe->tail = chunk;
    pipe->queued += chunk->size;
}

static bool may_read(const struct wan_pipe *pipe, struct instant now)
{
    return !pipe->ended && pipe->queued < wan_link_window(pipe->link)
           && instant_reached(wan_link_send_at(pipe->link), now);
}

/* False: the socket is broken. */
static bool take_in(struct wan_pipe *pipe, struct instant now)
{
    while (may_read(pipe, now)) {
        const size_t room = wan_link_quantum(pipe->link);
        struct wan_chunk *chunk = malloc(sizeof *chunk + room);

        CHECK(chunk != NULL);
        const ssize_t got = recv(pipe->from, chunk->bytes, room, 0);

        if (got < 0) {
            free(chunk);
            return errno == EAGAIN || errno == EINTR;
        }
        chunk->size = (size_t)got;
        chunk->sent = 0;
        pipe->ended = got == 0;
        put_chunk(pipe, chunk, now);
    }
    return true;
}

static void drop_head(struct wan_pipe *pipe)
{
    struct wan_chunk *chunk = pipe->head;

    pipe->head = chunk->next;
    pipe->queued -= chunk->size;
    free(chunk);
}

/* False: the socket is broken. `blocked`: it takes no more now. */
static bool hand_out(struct wan_pipe *pipe, struct instant now, bool *blocked)
{
    while (pipe->head != NULL
           && instant_reached(wan_link_arrival(pipe->link, pipe->head->due), now)) {
        struct wan_chunk *chunk = pipe->head;

        if (chunk->size == 0) {
            shutdown(pipe->to, SHUT_WR);
            pipe->delivered = true;
            drop_head(pipe);
            return true;
        }
        const ssize_t put =
            send(pipe->to, chunk->bytes + chunk->sent, chunk->size - chunk->sent, MSG_NOSIGNAL);

        if (put < 0) {
            *blocked = errno == EAGAIN || errno == EINTR;
            return *blocked;
        }
        chunk->sent += (size_t)put;
        if (chunk->sent == chunk->size) {
            drop_head(pipe);
        }
    }
    return true;
}

static void arm_at(struct event *timer, struct instant when, struct instant now)
{
    if (when.ns == INSTANT_NEVER.ns) {
        return;
    }
    const uint64_t ns = instant_since(now, when).ns;
    const struct timeval wait = {.tv_sec = (time_t)(ns / 1000000000u),
                                 .tv_usec = (suseconds_t)(ns % 1000000000u / 1000 + 1)};

    evtimer_add(timer, &wait);
}

static void arm(struct wan_pipe *pipe, struct instant now, bool blocked)
{
    struct instant wake = INSTANT_NEVER;

    event_del(pipe->readable);
    evtimer_del(pipe->timer);
    if (may_read(pipe, now)) {
        event_add(pipe->readable, NULL);
    } else if (!pipe->ended && pipe->queued < wan_link_window(pipe->link)) {
        wake = wan_link_send_at(pipe->link);
    }
    if (blocked) {
        event_add(pipe->writable, NULL);
    } else if (pipe->head != NULL) {
        wake = instant_min(wake, wan_link_arrival(pipe->link, pipe->head->due));
    }
    arm_at(pipe->timer, wake, now);
}

static bool pump(struct wan_pipe *pipe)
{
    const struct instant now = wan_now();
    bool blocked = false;

    if (!hand_out(pipe, now, &blocked) || !take_in(pipe, now)) {
        return false;
    }
    if (!blocked && !hand_out(pipe, now, &blocked)) {
        return false; /* without any delay what was taken in has arrived */
    }
    arm(pipe, now, blocked);
    return true;
}

void wan_relay_pump(struct wan_relay *relay)
{
    if (!pump(&relay->there) || !pump(&relay->back)) {
        wan_relay_reset(relay);
    } else if (relay->there.delivered && relay->back.delivered) {
        relay_free(relay);
    }
}

static void on_event(evutil_socket_t file, short what, void *context)
{
    struct wan_pipe *pipe = context;
    struct wan_relay *relay = pipe->relay;

    (void)file;
    (void)what;
    if (!pump(pipe)) {
        wan_relay_reset(relay);
    } else if (relay->there.delivered && relay->back.delivered) {
        relay_free(relay);
    }
}

static void pipe_begin(struct wan_pipe *pipe, struct wan_relay *relay, struct event_base *base,
                       struct wan_link *link)
{
    pipe->relay = relay;
    pipe->link = link;
    pipe->readable = event_new(base, pipe->from, EV_READ, on_event, pipe);
    pipe->writable = event_new(base, pipe->to, EV_WRITE, on_event, pipe);
    pipe->timer = evtimer_new(base, on_event, pipe);
    CHECK(pipe->readable != NULL && pipe->writable != NULL && pipe->timer != NULL);
}

void wan_relay_begin(const struct wan_relay_order *order)
{
    struct wan_relay *relay = calloc(1, sizeof *relay);

    CHECK(relay != NULL);
    relay->dice = order->dice;
    relay->there.from = relay->back.to = order->client;
    relay->there.to = relay->back.from = order->target;
    pipe_begin(&relay->there, relay, order->base, order->there);
    pipe_begin(&relay->back, relay, order->base, order->back);
    relay->next = *order->list;
    relay->place = order->list;
    if (relay->next != NULL) {
        relay->next->place = &relay->next;
    }
    *order->list = relay;
    wan_relay_pump(relay);
}
