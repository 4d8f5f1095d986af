/* A small HTTP/1.1 server, for the key service (HTTPS) and for /metrics (plain, loopback only).
 *
 * One implementation over plain sockets or tls_engine. Bounded: header 16 KiB (431), body 1 MiB
 * (413), 64 headers, 256 connections, 10 s for a request to arrive, 60 s of idling between two,
 * 10 s for a reply to be taken. Keep-alive; one request at a time a connection (a pipelined one
 * waits). Bodies come with Content-Length or chunked; Expect: 100-continue is answered. What is
 * malformed or ambiguous (two lengths, length and chunked, obsolete folding, a bare CR) is 400
 * and the end of the connection. RFC 9110 and 9112.
 *
 * A request may be answered later: keep the token, reply from the loop's thread. A connection
 * that has gone meanwhile makes the reply a no-op. */
#ifndef SEALIFT_TRANSPORT_HTTP_SERVER_H
#define SEALIFT_TRANSPORT_HTTP_SERVER_H

#include "base/instant.h"
#include "base/status.h"
#include "transport/http.h"
#include "transport/tls_identity.h"

struct event_base;
struct http_server;

enum { HTTP_CONNECTIONS_MAX = 256 };

struct http_server_settings {
    struct event_base *base;
    const char *address; /* HOST:PORT; HOST numeric, localhost or empty */
    const struct tls_identity *tls; /* of tls_identity_load_https; NULL: plain, loopback only */
    unsigned connections_max; /* zero: the default, as below */
    struct span request_max;
    struct span idle_max;
    /* The request is borrowed until it returns. */
    void (*on_request)(void *context, uint64_t token, const struct http_request *request);
    void *context;
};

struct http_reply {
    unsigned status; /* 200 */
    const struct http_header *headers; /* Content-Length, Date and Connection are added */
    unsigned header_count;
    struct bytes body;
};

/* E_USAGE with `why` (TRANSPORT_WHY_MAX): no form, port in use, or plain on other than loopback. */
NODISCARD enum status http_server_open(struct http_server **server,
                                       const struct http_server_settings *settings, char *why);

/* Open connections are cut; tokens mean nothing any more. */
void http_server_close(struct http_server *server);

/* Copies. Once a token. */
void http_server_reply(struct http_server *server, uint64_t token, const struct http_reply *reply);

void http_server_set_identity(struct http_server *server, const struct tls_identity *tls);
unsigned http_server_port(const struct http_server *server);

#endif
