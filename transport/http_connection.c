/* The life of a connection: read until a request is whole, hand it over and stop reading, send
 * the reply, and again with what is already in the buffer.
 *
 * Nothing calls back from inside a call: a reply only puts bytes into the outbox and wakes
 * `later`, so an owner that replies at once to a pipelining client does not pile up stack.
 *
 * How it goes wrong: a refused request gets its status and the end of the connection; a client
 * that is late at anything is closed; one that goes away while its request is answered makes
 * the reply void. Ending means half-closing and reading the rest, as a close with unread bytes
 * would be a reset and could overtake the reply. */
#include "transport/http_connection.h"

#include "base/check.h"
#include "transport/allocate.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 16 * 1024,
    BUFFER_BYTES_MAX = HTTP_HEADER_BYTES_MAX + HTTP_BODY_BYTES_MAX + 64 * 1024,
    WRITE_PARTS_MAX = 8,
    REPLY_SECONDS = 10,
    ENDING_SECONDS = 1,
    REPLY_HEADER_MAX = 8 * 1024,
    REPLY_JOINED_MAX = 8 * 1024, /* a body of this size is one TLS record with its header */
};

static void timer_set(struct http_connection *connection, struct span span)
{
    const struct timeval time = {.tv_sec = (time_t)(span.ns / 1000000000u),
                                 .tv_usec = (suseconds_t)(span.ns % 1000000000u / 1000)};

    CHECK(event_add(&connection->timer, &time) == 0);
}

static struct outbox *connection_outbox(struct http_connection *connection)
{
    return connection->engine == NULL ? &connection->plain_out
                                      : tls_engine_outbox(connection->engine);
}

/* What it holds moves to another buffer; the old one is wiped: a key may have been in it. */
static void in_resize(struct http_connection *connection, size_t room)
{
    uint8_t *in = malloc(room);

    CHECK(in != NULL && room >= connection->in_size);
    if (connection->in != NULL) {
        memcpy(in, connection->in, connection->in_size);
        OPENSSL_cleanse(connection->in, connection->in_room);
        free(connection->in);
    }
    connection->in = in;
    connection->in_room = room;
}

void http_connection_free(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    event_del(&connection->readable);
    event_del(&connection->writable);
    event_del(&connection->timer);
    event_del(&connection->later);
    close(connection->file);
    tls_engine_free(connection->engine);
    outbox_free(&connection->plain_out);
    if (connection->in != NULL) {
        OPENSSL_cleanse(connection->in, connection->in_room);
        free(connection->in);
    }
    TAILQ_REMOVE(&server->connections, connection, entry);
    server->count--;
    free(connection);
}

static void put(struct http_connection *connection, struct bytes bytes)
{
    if (connection->engine == NULL) {
        outbox_put(&connection->plain_out, bytes);
    } else if (tls_engine_write(connection->engine, bytes) != OK) {
        event_active(&connection->timer, EV_TIMEOUT, 0);
    }
}

static void connection_end(struct http_connection *connection)
{
    connection->state = HTTP_ENDING;
    connection->token = 0;
    if (connection->engine != NULL) {
        tls_engine_close(connection->engine);
    }
    CHECK(event_add(&connection->readable, NULL) == 0);
    timer_set(connection, SPAN_S(ENDING_SECONDS));
}

static void await_request(struct http_connection *connection)
{
    const size_t used = http_parser_used(&connection->parser);

    connection->in_size -= used;
    memmove(connection->in, connection->in + used, connection->in_size);
    OPENSSL_cleanse(connection->in + connection->in_size, used); /* idle, it holds no request */
    if (connection->in_room > 4 * (size_t)RECEIVE_BYTES
        && connection->in_size < (size_t)RECEIVE_BYTES) {
        in_resize(connection, 2 * (size_t)RECEIVE_BYTES);
    }
    connection->parser = (struct http_parser){0};
    connection->started = false;
    connection->state = HTTP_READING;
    timer_set(connection, connection->server->settings.idle_max);
    CHECK(event_add(&connection->readable, NULL) == 0);
}

static void replied(struct http_connection *connection)
{
    if (connection->state == HTTP_REPLYING) {
        if (connection->parser.keep_alive && connection->parser.refusal == 0) {
            await_request(connection);
            event_active(&connection->later, EV_TIMEOUT, 0); /* perhaps the next is here already */
        } else {
            connection_end(connection);
            event_active(&connection->later, EV_TIMEOUT, 0);
        }
    } else if (connection->state == HTTP_ENDING) {
        shutdown(connection->file, SHUT_WR);
    }
}

/* False: the connection is broken. */
static bool flush(struct http_connection *connection)
{
    struct outbox *outbox = connection_outbox(connection);
    struct iovec parts[WRITE_PARTS_MAX];

    while (outbox_bytes(outbox) > 0) {
        const struct msghdr message = {.msg_iov = parts,
                                       .msg_iovlen = outbox_show(outbox, parts, WRITE_PARTS_MAX)};
        const ssize_t sent = sendmsg(connection->file, &message, MSG_NOSIGNAL);

        if (sent >= 0) {
            outbox_drop(outbox, (size_t)sent);
        } else if (errno == EAGAIN) {
            CHECK(event_add(&connection->writable, NULL) == 0);
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
    outbox_trim(outbox);
    replied(connection);
    return true;
}

static void room_make(struct http_connection *connection, size_t more)
{
    const size_t wanted = http_parser_room(&connection->parser) + more;
    const size_t needed = connection->in_size + more;
    const size_t room = wanted > needed ? wanted : needed;

    if (connection->in_room < needed) {
        CHECK(room <= BUFFER_BYTES_MAX);
        in_resize(connection, room);
    }
}

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default: /* number: an HTTP status */
        return "Status";
    }
}

static size_t header_format(const struct http_connection *connection,
                            const struct http_reply *reply, char *text, size_t room)
{
    const bool keep = connection->parser.keep_alive && connection->parser.refusal == 0;
    const time_t now = time(NULL);
    struct tm parts;
    char date[40];
    size_t used;

    gmtime_r(&now, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    used = (size_t)snprintf(
        text, room, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n",
        reply->status, reason_of(reply->status), date, reply->body.size,
        keep ? "keep-alive" : "close");
    for (unsigned i = 0; i < reply->header_count && used < room; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s: %s\r\n", reply->headers[i].name,
                                 reply->headers[i].value);
    }
    CHECK(used + 2 < room); /* our own headers: a page at most */
    memcpy(text + used, "\r\n", 2);
    return used + 2;
}

void http_connection_reply(struct http_connection *connection, const struct http_reply *reply)
{
    char text[REPLY_HEADER_MAX + REPLY_JOINED_MAX];
    size_t size = header_format(connection, reply, text, REPLY_HEADER_MAX);
    const bool bodiless =
        connection->parser.part == HTTP_PART_DONE
        && strcmp((const char *)connection->in + connection->parser.method, "HEAD") == 0;

    connection->state = HTTP_REPLYING;
    connection->token = 0;
    const struct bytes body = bodiless ? bytes_none() : reply->body;
    const bool joined = body.size > 0 && body.size <= REPLY_JOINED_MAX;

    if (joined) {
        memcpy(text + size, body.data, body.size);
        size += body.size;
    }
    put(connection, bytes_of(text, size));
    if (!joined) {
        put(connection, body);
    }
    OPENSSL_cleanse(text, size); /* a key may have been in it */
    timer_set(connection, SPAN_S(REPLY_SECONDS));
    event_active(&connection->later, EV_TIMEOUT, 0);
}

static void hand_over(struct http_connection *connection)
{
    const struct http_server_settings *settings = &connection->server->settings;
    struct http_header headers[HTTP_HEADERS_MAX];
    const struct http_request request =
        http_parser_request(&connection->parser, connection->in, headers);

    connection->state = HTTP_ASKED;
    connection->token = ++connection->server->last_token;
    event_del(&connection->readable);
    event_del(&connection->timer);
    settings->on_request(settings->context, connection->token, &request);
}

static void parse(struct http_connection *connection)
{
    if (connection->state != HTTP_READING || connection->in_size == 0) {
        return;
    }
    if (!connection->started) {
        connection->started = true;
        timer_set(connection, connection->server->settings.request_max);
    }
    switch (http_parser_advance(&connection->parser, connection->in, &connection->in_size)) {
    case HTTP_MORE:
        if (connection->parser.expects_continue) {
            connection->parser.expects_continue = false;
            put(connection, bytes_text("HTTP/1.1 100 Continue\r\n\r\n"));
        }
        break;
    case HTTP_COMPLETE:
        hand_over(connection);
        break;
    case HTTP_REFUSED:
        event_del(&connection->readable);
        http_connection_reply(connection,
                              &(struct http_reply){.status = connection->parser.refusal});
        break;
    }
}

/* Plain bytes go to the end of the buffer. */
static enum status take_in(struct http_connection *connection, struct bytes received)
{
    size_t got = received.size;

    if (connection->engine == NULL) {
        room_make(connection, received.size);
        memcpy(connection->in + connection->in_size, received.data, received.size);
        connection->in_size += received.size;
        return OK;
    }
    tls_engine_feed(connection->engine, received);
    while (got > 0) {
        room_make(connection, RECEIVE_BYTES);
        TRY(tls_engine_read(connection->engine, connection->in + connection->in_size,
                            connection->in_room - connection->in_size, &got));
        connection->in_size += got;
    }
    return OK;
}

static void on_readable(evutil_socket_t file, short what, void *context)
{
    struct http_connection *connection = context;
    uint8_t received[RECEIVE_BYTES];
    const ssize_t got = recv(file, received, sizeof received, 0);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        http_connection_free(connection);
        return;
    }
    if (connection->state == HTTP_ENDING) {
        return;
    }
    const enum status status = take_in(connection, bytes_of(received, (size_t)got));

    parse(connection);
    if (status != OK && connection->state == HTTP_READING) {
        connection_end(connection); /* an alert may have to leave */
    }
    if (!flush(connection)) {
        http_connection_free(connection);
    }
}

static void on_writable(evutil_socket_t file, short what, void *context)
{
    struct http_connection *connection = context;

    (void)file;
    (void)what;
    if (!flush(connection)) {
        http_connection_free(connection);
    }
}

static void on_later(evutil_socket_t file, short what, void *context)
{
    struct http_connection *connection = context;

    parse(connection);
    on_writable(file, what, context);
}

static void on_timer(evutil_socket_t file, short what, void *context)
{
    (void)file;
    (void)what;
    http_connection_free(context);
}

void http_connection_new(struct http_server *server, int file)
{
    struct http_connection *connection = allocate_zeroed(sizeof *connection);
    struct event_base *base = server->settings.base;

    connection->server = server;
    connection->file = file;
    if (server->settings.tls != NULL) {
        connection->engine = tls_engine_new(server->settings.tls, TLS_SERVER);
    }
    CHECK(event_assign(&connection->readable, base, file, EV_READ | EV_PERSIST, on_readable,
                       connection)
          == 0);
    CHECK(event_assign(&connection->writable, base, file, EV_WRITE, on_writable, connection) == 0);
    CHECK(event_assign(&connection->timer, base, -1, 0, on_timer, connection) == 0);
    CHECK(event_assign(&connection->later, base, -1, 0, on_later, connection) == 0);
    TAILQ_INSERT_TAIL(&server->connections, connection, entry);
    server->count++;
    CHECK(event_add(&connection->readable, NULL) == 0);
    timer_set(connection, server->settings.request_max);
}
