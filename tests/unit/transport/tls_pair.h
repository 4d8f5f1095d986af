/* Two ends of a TLS conversation in memory, ours or a stranger's, and a pump between them. */
#ifndef SEALIFT_TESTS_UNIT_TRANSPORT_TLS_PAIR_H
#define SEALIFT_TESTS_UNIT_TRANSPORT_TLS_PAIR_H

#include "tests/support/pki.h"
#include "transport/tls_engine.h"

#include <openssl/ssl.h>

enum { PAIR_WIRE_MAX = 1 << 16 };

/* Takes all that waits, at most PAIR_WIRE_MAX bytes a call. */
static inline size_t wire_take(struct outbox *outbox, uint8_t *wire)
{
    struct iovec part;
    size_t size = 0;

    while (outbox_bytes(outbox) > 0 && size < PAIR_WIRE_MAX) {
        NEED(outbox_show(outbox, &part, 1) == 1);
        const size_t room = PAIR_WIRE_MAX - size;
        const size_t taken = part.iov_len < room ? part.iov_len : room;

        memcpy(wire + size, part.iov_base, taken);
        outbox_drop(outbox, taken);
        size += taken;
    }
    return size;
}

/* Feeds and reads until nothing comes; the plaintext is counted and forgotten. */
static inline enum status engine_eat(struct tls_engine *engine, struct bytes wire, size_t *plain)
{
    static uint8_t into[TLS_RECORD_PLAIN_MAX];
    size_t got;

    tls_engine_feed(engine, wire);
    do {
        const enum status status = tls_engine_read(engine, into, sizeof into, &got);

        if (status != OK) {
            return status;
        }
        *plain += got;
    } while (got > 0);
    return OK;
}

struct tls_pair {
    struct tls_engine *client;
    struct tls_engine *server;
    enum status client_status;
    enum status server_status;
    size_t client_plain;
    size_t server_plain;
};

/* Carries bytes until both are silent or one has failed. */
static inline void pair_pump(struct tls_pair *pair)
{
    static uint8_t wire[PAIR_WIRE_MAX];
    size_t moved;

    do {
        size_t size;

        moved = 0;
        if (pair->client_status == OK) {
            pair->client_status = engine_eat(pair->client, bytes_none(), &pair->client_plain);
        }
        size = wire_take(tls_engine_outbox(pair->client), wire);
        if (size > 0 && pair->server_status == OK) {
            pair->server_status =
                engine_eat(pair->server, bytes_of(wire, size), &pair->server_plain);
            moved += size;
        }
        size = wire_take(tls_engine_outbox(pair->server), wire);
        if (size > 0 && pair->client_status == OK) {
            pair->client_status =
                engine_eat(pair->client, bytes_of(wire, size), &pair->client_plain);
            moved += size;
        }
    } while (moved > 0);
}

static inline void pair_make(struct tls_pair *pair, const struct tls_identity *client,
                             const struct tls_identity *server)
{
    *pair = (struct tls_pair){.client = tls_engine_new(client, TLS_CLIENT),
                              .server = tls_engine_new(server, TLS_SERVER)};
}

static inline void pair_free(struct tls_pair *pair)
{
    tls_engine_free(pair->client);
    tls_engine_free(pair->server);
}

/* A stranger speaks plain OpenSSL, with whatever a test gives its context. */
static inline SSL *stranger_new(SSL_CTX *context, bool client)
{
    SSL *ssl = SSL_new(context);

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (client) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

/* Shakes hands with our engine; returns what ours says in the end. */
static inline enum status stranger_meet(SSL *stranger, struct tls_engine *ours)
{
    static uint8_t wire[PAIR_WIRE_MAX];
    enum status status = OK;
    size_t plain = 0;
    char byte;

    for (int round = 0; round < 8 && status == OK; round++) {
        if (SSL_do_handshake(stranger) == 1) {
            (void)SSL_read(stranger, &byte, 1);
        }
        const int size = BIO_read(SSL_get_wbio(stranger), wire, sizeof wire);

        status = engine_eat(ours, bytes_of(wire, size > 0 ? (size_t)size : 0), &plain);
        const size_t answer = wire_take(tls_engine_outbox(ours), wire);

        BIO_write(SSL_get_rbio(stranger), wire, (int)answer);
    }
    return status;
}

#endif
