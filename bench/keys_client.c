/* Connect, sign, write, wait for whoever is readable.
 *
 * Answers are taken as our service sends them: a Content-Length, no chunks. Anything but a 200, an
 * end, or five seconds of silence fails the measurement. */
#include "bench/keys_client.h"

#include "base/check.h"
#include "client/session.h"
#include "transport/sigv4.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SILENCE_MS = 5000, REQUEST_BYTES_MAX = 8192, READY_MAX = 64 };

struct connection {
    SSL *ssl;
    int file;
    struct instant asked_at;
    bool waits;
    char in[KEYS_ANSWER_BYTES_MAX];
    size_t size;
};

struct keys_client {
    struct keys_service service;
    SSL_CTX *context;
    int epoll;
    unsigned count;
    char request[REQUEST_BYTES_MAX];
    size_t request_size;
    struct connection connections[KEYS_CLIENTS_MAX];
};

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "sealift-bench: keys: %s: %s\n", what, why);
    return false;
}

/* ---- connections ---- */

static bool connect_one(struct keys_client *client, struct connection *connection)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)client->service.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    const int on = 1;

    connection->file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connection->ssl = SSL_new(client->context);
    CHECK(connection->file >= 0 && connection->ssl != NULL);
    setsockopt(connection->file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    CHECK(SSL_set_fd(connection->ssl, connection->file) == 1);
    return connect(connection->file, (const struct sockaddr *)&address, sizeof address) == 0
           && SSL_connect(connection->ssl) == 1 && fcntl(connection->file, F_SETFL, O_NONBLOCK) == 0
           && epoll_ctl(client->epoll, EPOLL_CTL_ADD, connection->file, &event) == 0;
}

struct keys_client *keys_client_open(const struct keys_service *service, unsigned connections)
{
    struct keys_client *client = calloc(1, sizeof *client);

    CHECK(client != NULL && connections <= KEYS_CLIENTS_MAX);
    client->service = *service;
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->context = SSL_CTX_new(TLS_client_method());
    CHECK(client->epoll >= 0 && client->context != NULL);
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(client->context, TLS1_3_VERSION);
    if (SSL_CTX_load_verify_file(client->context, service->ca) != 1) {
        (void)fail(service->ca, "no CA certificate");
        keys_client_close(client);
        return NULL;
    }
    for (; client->count < connections; client->count++) {
        if (!connect_one(client, &client->connections[client->count])) {
            (void)fail("connection", ERR_reason_error_string(ERR_peek_last_error()));
            client->count++;
            keys_client_close(client);
            return NULL;
        }
    }
    return client;
}

void keys_client_close(struct keys_client *client)
{
    for (unsigned i = 0; i < client->count; i++) {
        SSL_free(client->connections[i].ssl);
        close(client->connections[i].file);
    }
    SSL_CTX_free(client->context);
    close(client->epoll);
    free(client);
}

/* ---- a request ---- */

static bool make_request(struct keys_client *client, const char *operation, const char *body)
{
    const struct keys_service *service = &client->service;
    char host[32], target[64];
    const struct http_header headers[] = {
        {"Host", host}, {"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", target}};
    const struct http_request request = {.method = "POST",
                                         .target = "/",
                                         .headers = headers,
                                         .header_count = COUNT_OF(headers),
                                         .body = bytes_text(body)};
    const struct sigv4_credentials credentials = {service->access_key, service->secret_key, NULL};
    const struct sigv4_scope scope = {service->region, "kms"};
    struct sigv4_signature signature;

    snprintf(host, sizeof host, "127.0.0.1:%u", service->port);
    snprintf(target, sizeof target, "TrentService.%s", operation);
    if (sigv4_sign(&request, &credentials, &scope, (uint64_t)time(NULL), &signature) != OK) {
        return fail(operation, "cannot be signed");
    }

    const int size =
        snprintf(client->request, sizeof client->request,
                 "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nX-Amz-Target: %s\r\n"
                 "X-Amz-Date: %s\r\nAuthorization: %s\r\nContent-Length: %zu\r\n\r\n%s",
                 host, headers[1].value, target, signature.date, signature.authorization,
                 strlen(body), body);

    client->request_size = (size_t)size;
    return size > 0 && (size_t)size < sizeof client->request ? true : fail(operation, "too large");
}

static bool ask(struct keys_client *client, struct connection *connection)
{
    connection->asked_at = session_now();
    connection->size = 0;
    connection->waits = true;
    return SSL_write(connection->ssl, client->request, (int)client->request_size)
                   == (int)client->request_size
               ? true
               : fail("connection", "the request could not be written");
}

/* ---- an answer ---- */

/* Where the body begins, once all of it is here; NULL: not yet, or no 200. */
static char *body_of(struct connection *connection)
{
    static const char name[] = "\r\nContent-Length: ";
    char *length, *end;

    connection->in[connection->size] = '\0';
    end = strstr(connection->in, "\r\n\r\n");
    length = end == NULL ? NULL : strstr(connection->in, name);
    if (length == NULL || length > end) {
        return NULL;
    }

    const size_t body_size = strtoul(length + sizeof name - 1, NULL, 10);

    return (size_t)(connection->in + connection->size - (end + 4)) >= body_size ? end + 4 : NULL;
}

/* Reads what is there. NULL with *broken false: more must come. */
static char *take_answer(struct connection *connection, bool *broken)
{
    static const char good[] = "HTTP/1.1 200 ";

    for (;;) {
        const size_t room = sizeof connection->in - 1 - connection->size;
        const int got = SSL_read(connection->ssl, connection->in + connection->size, (int)room);

        if (got <= 0) {
            *broken = SSL_get_error(connection->ssl, got) != SSL_ERROR_WANT_READ;
            break;
        }
        connection->size += (size_t)got;
    }
    *broken = *broken && fail("connection", "it ended early");

    char *body = body_of(connection);

    if (body != NULL && strncmp(connection->in, good, sizeof good - 1) != 0) {
        *broken = true;
        (void)fail("answer", connection->in);
        return NULL;
    }
    return body;
}

/* All that are ready: counts their answers, and asks again until `end`. */
static bool turn(struct keys_client *client, struct instant end, struct histogram *times,
                 unsigned *waiting)
{
    struct epoll_event ready[READY_MAX];
    const int count = epoll_wait(client->epoll, ready, READY_MAX, SILENCE_MS);
    bool broken = false;

    if (count <= 0) {
        return fail("answer", "none for five seconds");
    }
    for (int i = 0; i < count && !broken; i++) {
        struct connection *connection = ready[i].data.ptr;

        if (take_answer(connection, &broken) == NULL) {
            continue;
        }

        const struct instant now = session_now();

        histogram_add(times, instant_since(connection->asked_at, now).ns);
        connection->waits = !instant_reached(end, now);
        broken = connection->waits && !ask(client, connection);
        *waiting -= !connection->waits;
    }
    return !broken;
}

bool keys_client_run(struct keys_client *client, const char *operation, const char *body,
                     double seconds, struct histogram *times)
{
    const struct instant end = instant_add(session_now(), (struct span){(uint64_t)(seconds * 1e9)});
    unsigned waiting = client->count;

    if (!make_request(client, operation, body)) {
        return false;
    }
    for (unsigned i = 0; i < client->count; i++) {
        if (!ask(client, &client->connections[i])) {
            return false;
        }
    }
    while (waiting > 0) {
        if (!turn(client, end, times, &waiting)) {
            return false;
        }
    }
    return true;
}

bool keys_client_call(struct keys_client *client, const char *operation, const char *body,
                      char *answer)
{
    struct connection *first = &client->connections[0];
    struct epoll_event ready;
    bool broken = false;
    char *got = NULL;

    if (!make_request(client, operation, body) || !ask(client, first)) {
        return false;
    }
    while (got == NULL && !broken) {
        if (epoll_wait(client->epoll, &ready, 1, SILENCE_MS) <= 0) {
            return fail(operation, "no answer for five seconds");
        }
        got = take_answer(first, &broken);
    }
    if (got != NULL) {
        snprintf(answer, KEYS_ANSWER_BYTES_MAX, "%s", got);
    }
    return got != NULL;
}
