/* Accepts sockets and makes links of them, within limits.
 *
 * How it goes wrong: too many handshakes (stop accepting until one is done, or has had its time:
 * strangers that say nothing must not keep members out), too many links
 * (close what comes), no descriptors or memory (rest 100 ms: accept would fail again and again
 * while the backlog makes the socket readable), a UNIX peer of another user (closed: it has no
 * TLS to be told in). */
#include "transport/listener.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/link_internal.h"
#include "transport/socket.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { REST_MS = 100 };

struct listener {
    struct listener_settings settings;
    struct address address;
    int file;
    struct loop_event acceptable;
    struct loop_event rested;
    bool resting;
    struct link_census *census;
};

static struct instant monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct instant){(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
}

static bool listener_is_full(const struct listener *listener)
{
    return listener->census->shaking >= listener->settings.handshakes_max;
}

static bool listener_may_accept(const struct listener *listener)
{
    return !listener->resting && !listener_is_full(listener);
}

/* Called whenever a count has changed. */
static void listener_pump(void *context)
{
    struct listener *listener = context;

    if (listener_may_accept(listener)) {
        CHECK(event_add(&listener->acceptable, NULL) == 0);
    } else {
        event_del(&listener->acceptable);
    }
}

static void listener_rest(struct listener *listener)
{
    const struct timeval time = {.tv_usec = REST_MS * 1000};

    listener->resting = true;
    CHECK(event_add(&listener->rested, &time) == 0);
}

/* The oldest handshake of this listener; links stand in the order in which they came. */
static struct link *listener_oldest(const struct listener *listener)
{
    struct link *link;

    TAILQ_FOREACH(link, &listener->settings.loop->all, all)
    {
        if (link->census == listener->census && link->state == LINK_SHAKING && link->broken == OK) {
            return link;
        }
    }
    return NULL;
}

/* While the house is full, those inside have their time and no more. */
static void listener_make_way(struct listener *listener)
{
    struct link *oldest = listener_oldest(listener);
    const struct instant now = monotonic();

    while (
        oldest != NULL
        && instant_reached(instant_add(oldest->began, listener->settings.handshake_grace), now)) {
        link_break(oldest, E_SILENT, "the handshake took long, and others wait");
        oldest = listener_oldest(listener);
    }
}

static void on_rested(evutil_socket_t file, short what, void *context)
{
    struct listener *listener = context;

    (void)file;
    (void)what;
    listener->resting = false;
    if (listener_is_full(listener)) {
        listener_make_way(listener);
        listener_rest(listener); /* and look again, unless a place is free before */
    }
    listener_pump(listener);
}

static void listener_welcome(struct listener *listener, int file,
                             const struct sockaddr_storage *from, socklen_t size)
{
    const struct listener_settings *settings = &listener->settings;
    struct link *link;
    struct tls_engine *engine = NULL;

    if (listener->census->links >= settings->links_max
        || (listener->address.is_unix && !socket_peer_is_us(file))) {
        close(file);
        return;
    }
    socket_tune(file, from->ss_family, settings->link.socket_buffer);
    if (!listener->address.is_unix) {
        engine = tls_engine_new(settings->identity, TLS_SERVER);
    }
    link = link_new(settings->loop, &settings->link, &settings->callbacks, settings->context);
    address_format((const struct sockaddr *)from, size, link->peer.address);
    link->began = monotonic();
    link->census = listener->census;
    link->census->links++;
    link->census->shaking++;
    link_start(link, file, engine);
}

static bool error_passes(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_acceptable(evutil_socket_t file, short what, void *context)
{
    struct listener *listener = context;

    (void)what;
    while (listener_may_accept(listener)) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof from;
        const int accepted =
            accept4(file, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (accepted >= 0) {
            listener_welcome(listener, accepted, &from, size);
        } else if (error_passes(errno)) {
            listener_rest(listener);
        } else if (errno == EAGAIN) {
            break;
        }
        /* Else that one connection failed before it was accepted: the next. */
    }
    if (listener_is_full(listener) && !listener->resting) {
        listener_rest(listener);
    }
    listener_pump(listener);
}

enum status listener_open(struct listener **listener, const struct listener_settings *settings,
                          char *why)
{
    struct listener *made = allocate_zeroed(sizeof *made);
    const enum status status =
        socket_listen(settings->address, LISTENER_BACKLOG, false, &made->file, &made->address, why);

    *listener = NULL;
    if (status != OK) {
        free(made);
        return status;
    }
    CHECK(made->address.is_unix || settings->identity != NULL);
    made->settings = *settings;
    made->settings.address = NULL; /* borrowed for the call */
    if (made->settings.handshakes_max == 0) {
        made->settings.handshakes_max = LISTENER_HANDSHAKES_MAX;
    }
    if (made->settings.handshake_grace.ns == 0) {
        made->settings.handshake_grace = SPAN_MS(LISTENER_GRACE_MS);
    }
    if (made->settings.links_max == 0) {
        made->settings.links_max = LISTENER_LINKS_MAX;
    }
    made->census = allocate_zeroed(sizeof *made->census);
    made->census->changed = listener_pump;
    made->census->context = made;

    struct event_base *base = link_loop_base(settings->loop);

    CHECK(
        event_assign(&made->acceptable, base, made->file, EV_READ | EV_PERSIST, on_acceptable, made)
        == 0);
    CHECK(event_assign(&made->rested, base, -1, 0, on_rested, made) == 0);
    listener_pump(made);
    *listener = made;
    return OK;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL) {
        return;
    }
    event_del(&listener->acceptable);
    event_del(&listener->rested);
    close(listener->file);
    if (listener->address.is_unix) {
        unlink(listener->address.host);
    }
    listener->census->changed = NULL;
    if (listener->census->links == 0) {
        free(listener->census);
    }
    free(listener);
}

void listener_set_identity(struct listener *listener, const struct tls_identity *identity)
{
    listener->settings.identity = identity;
}

unsigned listener_port(const struct listener *listener)
{
    return socket_port(listener->file);
}
