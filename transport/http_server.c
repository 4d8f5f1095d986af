/* Listens, accepts within limits, and finds the connection that a token belongs to.
 *
 * How it goes wrong: an address that cannot be listened on (E_USAGE, with the sentence); too many
 * connections (closed as they come); no descriptors (rest a moment, then go on). */
#include "transport/http_server.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/http_connection.h"
#include "transport/socket.h"

#include <errno.h>
#include <unistd.h>

enum { BACKLOG = 64, REST_MS = 100, REQUEST_SECONDS = 10, IDLE_SECONDS = 60 };

static void on_rested(evutil_socket_t file, short what, void *context)
{
    struct http_server *server = context;

    (void)file;
    (void)what;
    CHECK(event_add(&server->acceptable, NULL) == 0);
}

static void rest(struct http_server *server)
{
    const struct timeval time = {.tv_usec = REST_MS * 1000};

    event_del(&server->acceptable);
    CHECK(event_add(&server->rested, &time) == 0);
}

static void on_acceptable(evutil_socket_t file, short what, void *context)
{
    struct http_server *server = context;
    const int accepted = accept4(file, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (accepted < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(server);
        }
        return;
    }
    if (server->count >= server->settings.connections_max) {
        close(accepted);
        return;
    }
    socket_tune(accepted, AF_INET, 0);
    http_connection_new(server, accepted);
}

static struct http_server_settings with_defaults(const struct http_server_settings *given)
{
    struct http_server_settings settings = *given;

    settings.address = NULL; /* borrowed for the call */
    if (settings.connections_max == 0) {
        settings.connections_max = HTTP_CONNECTIONS_MAX;
    }
    if (settings.request_max.ns == 0) {
        settings.request_max = SPAN_S(REQUEST_SECONDS);
    }
    if (settings.idle_max.ns == 0) {
        settings.idle_max = SPAN_S(IDLE_SECONDS);
    }
    return settings;
}

enum status http_server_open(struct http_server **server,
                             const struct http_server_settings *settings, char *why)
{
    struct http_server *made = allocate_zeroed(sizeof *made);
    struct address address;
    const enum status status = socket_listen(settings->address, BACKLOG, settings->tls == NULL,
                                             &made->file, &address, why);

    *server = NULL;
    if (status != OK) {
        free(made);
        return status;
    }
    made->settings = with_defaults(settings);
    TAILQ_INIT(&made->connections);
    CHECK(event_assign(&made->acceptable, settings->base, made->file, EV_READ | EV_PERSIST,
                       on_acceptable, made)
          == 0);
    CHECK(event_assign(&made->rested, settings->base, -1, 0, on_rested, made) == 0);
    CHECK(event_add(&made->acceptable, NULL) == 0);
    *server = made;
    return OK;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    event_del(&server->acceptable);
    event_del(&server->rested);
    while (!TAILQ_EMPTY(&server->connections)) {
        http_connection_free(TAILQ_FIRST(&server->connections));
    }
    close(server->file);
    free(server);
}

void http_server_reply(struct http_server *server, uint64_t token, const struct http_reply *reply)
{
    struct http_connection *connection;

    TAILQ_FOREACH(connection, &server->connections, entry)
    {
        if (connection->token == token && token != 0) {
            http_connection_reply(connection, reply);
            return;
        }
    }
}

void http_server_set_identity(struct http_server *server, const struct tls_identity *tls)
{
    server->settings.tls = tls;
}

unsigned http_server_port(const struct http_server *server)
{
    return socket_port(server->file);
}
