/* From the accepted socket to the last end.
 *
 * Each end of a direction is passed on as such (half close); a reset that has travelled to the
 * other side ends both.
 *
 * How it goes wrong: nobody listens at the target (the refusal travels back as a reset); a caller
 * gives up before it is open (kept for 10 s, since a half close looks alike). */
#include "transport/wan_relay.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/socket.h"

#include <errno.h>
#include <unistd.h>

enum { LEFT_S = 10 };

static void close_file(int file, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};

    if (file < 0) {
        return;
    }
    if (reset) {
        (void)setsockopt(file, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close(file);
}

static void relay_end(struct wan_relay *relay, bool reset)
{
    wan_stream_free(&relay->there);
    wan_stream_free(&relay->back);
    event_del(&relay->left);
    if (relay->dialing) {
        event_del(&relay->dialed);
    }
    close_file(relay->near, reset);
    close_file(relay->far, reset);
    *relay->place = relay->next;
    if (relay->next != NULL) {
        relay->next->place = relay->place;
    }
    free(relay);
}

void wan_relay_reset(struct wan_relay *relay)
{
    relay_end(relay, true);
}

void wan_relay_wake(struct wan_relay *relay)
{
    wan_stream_wake(&relay->there);
    wan_stream_wake(&relay->back);
}

static void target_answered(struct wan_relay *relay)
{
    socket_tune(relay->far, relay->target->name.ss_family, 0);
    wan_stream_set_to(&relay->there, relay->far);
    wan_stream_set_from(&relay->back, relay->far);
    wan_stream_mark(&relay->back, WAN_OPEN);
    wan_stream_open(&relay->back);
}

static void on_dialed(evutil_socket_t file, short what, void *context)
{
    struct wan_relay *relay = context;
    int error = 0;
    socklen_t size = sizeof error;

    (void)what;
    relay->dialing = false;
    if (getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
        target_answered(relay);
    } else {
        wan_stream_mark(&relay->back, WAN_RESET);
    }
}

static void target_dial(struct wan_relay *relay)
{
    const struct wan_target *target = relay->target;

    relay->far = socket_open(target->name.ss_family);
    if (relay->far < 0) {
        wan_stream_mark(&relay->back, WAN_RESET);
        return;
    }
    if (connect(relay->far, (const struct sockaddr *)&target->name, target->size) == 0) {
        target_answered(relay);
    } else if (errno == EINPROGRESS) {
        relay->dialing = true;
        CHECK(event_assign(&relay->dialed, relay->there.pool->base, relay->far, EV_WRITE, on_dialed,
                           relay)
              == 0);
        CHECK(event_add(&relay->dialed, NULL) == 0);
    } else {
        wan_stream_mark(&relay->back, WAN_RESET);
    }
}

static void on_opening(struct wan_relay *relay, const struct wan_stream *stream)
{
    if (stream == &relay->there) {
        target_dial(relay);
    } else {
        event_del(&relay->left);
        wan_stream_open(&relay->there);
    }
}

static void on_end(struct wan_relay *relay, const struct wan_stream *stream)
{
    relay->ends++;
    if (relay->ends == 2) {
        relay_end(relay, false);
    } else {
        (void)shutdown(stream->to, SHUT_WR); /* if it is gone, the other direction learns it */
    }
}

static void on_arrived(void *context, struct wan_stream *stream, enum wan_mark mark)
{
    struct wan_relay *relay = context;

    switch (mark) {
    case WAN_OPEN:
        on_opening(relay, stream);
        return;
    case WAN_END:
        on_end(relay, stream);
        return;
    case WAN_RESET:
        relay_end(relay, true);
        return;
    case WAN_BROKEN:
        wan_stream_mark(stream == &relay->there ? &relay->back : &relay->there, WAN_RESET);
        return;
    case WAN_BYTES:
        break;
    }
    UNREACHABLE();
}

static void on_left(evutil_socket_t file, short what, void *context)
{
    struct wan_relay *relay = context;
    const struct timeval wait = {.tv_sec = LEFT_S};

    (void)file;
    if ((what & EV_TIMEOUT) != 0) {
        relay_end(relay, true);
        return;
    }
    CHECK(event_assign(&relay->left, relay->there.pool->base, -1, 0, on_left, relay) == 0);
    CHECK(event_add(&relay->left, &wait) == 0);
}

static void stream_begin(struct wan_relay *relay, struct wan_stream *stream,
                         const struct wan_relay_order *order, struct wan_link *link)
{
    wan_stream_init(stream, order->pool, link);
    stream->arrived = on_arrived;
    stream->context = relay;
}

void wan_relay_begin(const struct wan_relay_order *order)
{
    struct wan_relay *relay = allocate_zeroed(sizeof *relay);

    relay->target = order->target;
    relay->near = order->caller;
    relay->far = -1;
    relay->next = *order->list;
    relay->place = order->list;
    if (relay->next != NULL) {
        relay->next->place = &relay->next;
    }
    *order->list = relay;
    stream_begin(relay, &relay->there, order, order->there);
    stream_begin(relay, &relay->back, order, order->back);
    wan_stream_set_from(&relay->there, relay->near);
    wan_stream_set_to(&relay->back, relay->near);
    CHECK(event_assign(&relay->left, order->pool->base, relay->near, EV_CLOSED, on_left, relay)
          == 0);
    CHECK(event_add(&relay->left, NULL) == 0);
    wan_stream_mark(&relay->there, WAN_OPEN);
}
