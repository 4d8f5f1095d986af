/* Parse, look up, connect to each address in turn, then hand the socket to the link.
 *
 * The TLS engine is made at once, so that the certificate of the moment of dialing is used and
 * the identity need not outlive the call.
 *
 * How it goes wrong: no form (E_USAGE), no name, nobody there (E_UNREACHABLE with the last
 * reason), a UNIX server that is not ours (E_IDENTITY). All are told from the loop, as `down`. */
#include "transport/dialer.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/link_internal.h"
#include "transport/resolver.h"
#include "transport/socket.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct dialing {
    struct link *link;
    struct tls_engine *engine;
    struct address address;
    struct addrinfo *list;
    const struct addrinfo *next; /* to be tried */
    int file; /* the pipe of the resolver, or the socket that connects */
    struct loop_event event;
    bool has_event;
    int error; /* errno of the last attempt */
};

static void dialing_drop_file(struct dialing *dialing)
{
    if (dialing->has_event) {
        event_del(&dialing->event);
        dialing->has_event = false;
    }
    if (dialing->file >= 0) {
        close(dialing->file);
        dialing->file = -1;
    }
}

void dialing_free(struct dialing *dialing)
{
    if (dialing != NULL) {
        dialing_drop_file(dialing);
        if (dialing->list != NULL) {
            freeaddrinfo(dialing->list);
        }
        tls_engine_free(dialing->engine);
        free(dialing);
    }
}

static void dialing_wait(struct dialing *dialing, short what, event_callback_fn callback)
{
    CHECK(event_assign(&dialing->event, dialing->link->loop->base, dialing->file, what, callback,
                       dialing)
          == 0);
    CHECK(event_add(&dialing->event, NULL) == 0);
    dialing->has_event = true;
}

static void dialing_connected(struct dialing *dialing, int family)
{
    struct link *link = dialing->link;
    struct tls_engine *engine = dialing->engine;
    const int file = dialing->file;

    event_del(&dialing->event);
    dialing->has_event = false;
    dialing->file = -1;
    dialing->engine = NULL;
    link->dialing = NULL;
    dialing_free(dialing);
    socket_tune(file, family, link->settings.socket_buffer);
    link_start(link, file, engine);
    if (family == AF_UNIX && !socket_peer_is_us(file)) {
        link_break(link, E_IDENTITY, "the socket belongs to another user");
    }
}

static void dialing_try_next(struct dialing *dialing);

static void on_connect(evutil_socket_t file, short what, void *context)
{
    struct dialing *dialing = context;
    struct link *link = dialing->link;
    int error = 0;
    socklen_t size = sizeof error;

    (void)what;
    link_enter(link);
    if (getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        dialing->error = error;
        dialing_drop_file(dialing);
        dialing_try_next(dialing);
    } else {
        dialing_connected(dialing, dialing->address.is_unix ? AF_UNIX : AF_INET);
    }
    link_leave(link);
}

/* False: refused at once. */
static bool dialing_connect(struct dialing *dialing, const struct sockaddr *to, socklen_t size)
{
    dialing->file = socket_open(to->sa_family);
    if (dialing->file < 0) {
        dialing->error = errno;
        return false;
    }
    if (connect(dialing->file, to, size) != 0 && errno != EINPROGRESS) {
        dialing->error = errno;
        dialing_drop_file(dialing);
        return false;
    }
    address_format(to, size, dialing->link->peer.address);
    dialing_wait(dialing, EV_WRITE, on_connect);
    return true;
}

static void dialing_try_next(struct dialing *dialing)
{
    while (dialing->next != NULL) {
        const struct addrinfo *to = dialing->next;

        dialing->next = to->ai_next;
        if (dialing_connect(dialing, to->ai_addr, to->ai_addrlen)) {
            return;
        }
    }
    link_break(dialing->link, E_UNREACHABLE, strerror(dialing->error));
}

static void on_resolved(evutil_socket_t file, short what, void *context)
{
    struct dialing *dialing = context;
    struct link *link = dialing->link;
    struct resolver_answer answer = {.error = EAI_FAIL};

    (void)what;
    link_enter(link);
    if (recv(file, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) {
        answer = (struct resolver_answer){.error = EAI_FAIL};
    }
    dialing_drop_file(dialing);
    if (answer.list == NULL) {
        link_break(link, E_UNREACHABLE, gai_strerror(answer.error));
    } else {
        dialing->list = answer.list;
        dialing->next = answer.list;
        dialing_try_next(dialing);
    }
    link_leave(link);
}

static void dialing_begin(struct dialing *dialing)
{
    if (dialing->address.is_unix) {
        const struct sockaddr_un path = address_unix(&dialing->address);

        if (!dialing_connect(dialing, (const struct sockaddr *)&path, sizeof path)) {
            link_break(dialing->link, E_UNREACHABLE, strerror(dialing->error));
        }
        return;
    }
    if (address_numeric(&dialing->address, false, &dialing->list) == OK) {
        dialing->next = dialing->list;
        dialing_try_next(dialing);
        return;
    }
    if (resolver_start(&dialing->address, &dialing->file) != OK) {
        link_break(dialing->link, E_UNREACHABLE, "the name cannot be looked up now");
        return;
    }
    dialing_wait(dialing, EV_READ, on_resolved);
}

struct link *dialer_dial(const struct dialer_order *order)
{
    struct link *link = link_new(order->loop, &order->link, &order->callbacks, order->context);
    struct dialing *dialing = allocate_zeroed(sizeof *dialing);

    link->state = LINK_DIALING;
    link->peer.dialed = true;
    link->dialing = dialing;
    snprintf(link->peer.address, sizeof link->peer.address, "%s", order->address);
    dialing->link = link;
    dialing->file = -1;
    if (address_parse(&dialing->address, order->address) != OK) {
        link_break(link, E_USAGE, "the address is neither HOST:PORT nor unix:PATH");
        return link;
    }
    if (!dialing->address.is_unix) {
        CHECK(order->identity != NULL);
        dialing->engine = tls_engine_new(order->identity, TLS_CLIENT);
    }
    dialing_begin(dialing);
    return link;
}
