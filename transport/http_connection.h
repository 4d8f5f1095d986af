/* One connection of the HTTP server. (Inside of http_server.) */
#ifndef SEALIFT_TRANSPORT_HTTP_CONNECTION_H
#define SEALIFT_TRANSPORT_HTTP_CONNECTION_H

#include "transport/http_parser.h"
#include "transport/http_server.h"
#include "transport/loop.h"
#include "transport/tls_engine.h"

#include <sys/queue.h>

enum http_state {
    HTTP_READING, /* a request is awaited or on its way */
    HTTP_ASKED, /* the owner has it; nothing is read */
    HTTP_REPLYING, /* the reply leaves */
    HTTP_ENDING, /* last words leave, then wait for the client's end */
};

struct http_connection {
    TAILQ_ENTRY(http_connection) entry;
    struct http_server *server;
    enum http_state state;
    int file;
    struct tls_engine *engine; /* NULL: plain */
    struct outbox plain_out;
    struct loop_event readable;
    struct loop_event writable;
    struct loop_event timer;
    struct loop_event later;
    struct http_parser parser;
    bool started; /* some byte of a request is here */
    uint64_t token;
    uint8_t *in; /* plain bytes */
    size_t in_size;
    size_t in_room;
};

TAILQ_HEAD(http_connections, http_connection);

struct http_server {
    struct http_server_settings settings;
    struct http_connections connections;
    unsigned count;
    uint64_t last_token;
    int file;
    struct loop_event acceptable;
    struct loop_event rested;
};

void http_connection_new(struct http_server *server, int file);
void http_connection_free(struct http_connection *connection);
void http_connection_reply(struct http_connection *connection, const struct http_reply *reply);

#endif
