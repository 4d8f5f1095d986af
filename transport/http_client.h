/* Calls to HTTPS services from a libevent loop, through libcurl.
 *
 * Connections are kept and used again. The server's certificate must be of the given CA and carry
 * the host name of the URL (libcurl's own check); TLS 1.2 at least; no redirects, no proxy from the
 * environment. An answer of any HTTP code is an answer; whether it is good is the caller's matter.
 * libcurl resolves names on its own thread (AsynchDNS), so the loop does not block. */
#ifndef SEALIFT_TRANSPORT_HTTP_CLIENT_H
#define SEALIFT_TRANSPORT_HTTP_CLIENT_H

#include "base/instant.h"
#include "base/status.h"
#include "transport/http.h"

struct event_base;
struct http_client;

enum {
    HTTP_CALLS_MAX = 256, /* at once; beyond, the call fails with E_FULL */
    HTTP_REQUEST_ID_MAX = 64,
};

struct http_client_settings {
    struct event_base *base;
    const char *ca; /* PEM file; NULL: the system's store. Copied */
    const char *crl; /* PEM file, read at each new connection; NULL: nobody is revoked. Copied */
    struct span connect_max; /* zero: 3 s */
    struct span call_max; /* zero: 10 s, with connect */
};

struct http_answer {
    enum status status; /* OK: there is an answer. E_KEY_UNREACHABLE: none. E_TOO_LARGE. E_FULL */
    unsigned code; /* HTTP status, where OK */
    struct bytes body; /* at most HTTP_BODY_BYTES_MAX */
    const char *why; /* "" or what libcurl said */
    const char *request_id; /* x-amzn-RequestId; "" where it has none, or one of another form */
};

struct http_call {
    const char *method; /* "POST" */
    const char *url; /* https://HOST:PORT/PATH; http:// only to loopback */
    const struct http_header *headers;
    unsigned header_count;
    struct bytes body;
    /* Exactly once, from the loop, unless cancelled; the answer is borrowed until it returns. */
    void (*on_answer)(void *context, const struct http_answer *answer);
    void *context;
};

/* E_USAGE: libcurl cannot start, or the CA or CRL file cannot be read. */
NODISCARD enum status http_client_new(struct http_client **client,
                                      const struct http_client_settings *settings);

/* Calls under way are cancelled without an answer. */
void http_client_free(struct http_client *client);

/* Copies everything. Returns a number for http_client_cancel. */
uint64_t http_client_send(struct http_client *client, const struct http_call *call);

/* No answer comes. Nothing happens where it has come already. */
void http_client_cancel(struct http_client *client, uint64_t call);

#endif
