/* An SSL object between a view of borrowed bytes and an outbox.
 *
 * Read: finish the handshake if it is not done, check what must hold then (ALPN on the client's
 * side too), then SSL_read. Write: SSL_write until all is taken; our BIO takes everything, so
 * it never wants to be called again. Between two writes, count records and bytes and ask for
 * new keys.
 *
 * How it goes wrong: a peer that fails the handshake or sends what is no record (E_TLS, or what
 * the verification said); an end without close_notify (E_CUT); a peer that asks for new keys as
 * a way to burn our time (E_TLS). All are final. OpenSSL's error queue is emptied on the way
 * out, since it is shared by all connections of the thread. */
#include "transport/tls_engine.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/tls_bio.h"
#include "transport/tls_verify.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum {
    UPDATE_EARNED_RECORDS = 1024, /* a peer earns one more key update by this many records */
    KEY_UPDATE_MESSAGE = SSL3_MT_KEY_UPDATE,
};

struct tls_engine {
    SSL *ssl;
    struct tls_bytes bytes;
    struct tls_verdict verdict;
    struct identity self; /* a copy: the tls_identity may be freed before the engine */
    struct tls_limits limits;
    struct tls_counters counters;
    uint64_t key_records; /* under the key in use for sending */
    uint64_t key_bytes;
    uint64_t records_in;
    enum status finished; /* the final status, once there is one */
    bool https;
    bool ready;
    char why[TRANSPORT_WHY_MAX];
};

/* Counts records and key updates as they come; OpenSSL has no other way to tell. */
static void on_protocol(int written, int version, int content, const void *data, size_t size,
                        SSL *ssl, void *context)
{
    struct tls_engine *engine = context;

    (void)version;
    (void)ssl;
    if (content == SSL3_RT_HEADER) {
        *(written ? &engine->counters.records_out : &engine->records_in) += 1;
        engine->key_records += written ? 1 : 0;
    }
    if (content == SSL3_RT_HANDSHAKE && size > 0 && engine->ready
        && *(const uint8_t *)data == KEY_UPDATE_MESSAGE) {
        *(written ? &engine->counters.key_updates_out : &engine->counters.key_updates_in) += 1;
        if (written) {
            engine->key_records = 0;
            engine->key_bytes = 0;
        }
    }
}

struct tls_engine *tls_engine_new(const struct tls_identity *identity, enum tls_side side)
{
    struct tls_engine *engine = allocate_zeroed(sizeof *engine);

    engine->limits = (struct tls_limits){.records_per_key = TLS_RECORDS_PER_KEY,
                                         .bytes_per_key = TLS_BYTES_PER_KEY,
                                         .peer_updates_max = TLS_PEER_UPDATES_MAX};
    engine->self = *tls_identity_self(identity);
    engine->https = tls_identity_is_https(identity);
    engine->ssl = SSL_new(tls_identity_context(identity));
    CHECK(engine->ssl != NULL);
    engine->verdict.self = &engine->self;
    tls_verify_attach(engine->ssl, &engine->verdict);
    SSL_set_msg_callback(engine->ssl, on_protocol);
    SSL_set_msg_callback_arg(engine->ssl, engine);

    BIO *bio = tls_bio_new(&engine->bytes);

    SSL_set_bio(engine->ssl, bio, bio);
    if (side == TLS_CLIENT) {
        SSL_set_connect_state(engine->ssl);
    } else {
        SSL_set_accept_state(engine->ssl);
    }
    return engine;
}

void tls_engine_free(struct tls_engine *engine)
{
    if (engine != NULL) {
        SSL_free(engine->ssl);
        outbox_free(&engine->bytes.out);
        free(engine);
    }
}

void tls_engine_set_limits(struct tls_engine *engine, const struct tls_limits *limits)
{
    engine->limits = *limits;
}

void tls_engine_feed(struct tls_engine *engine, struct bytes ciphertext)
{
    CHECK(engine->bytes.in.size == 0);
    engine->bytes.in = ciphertext;
}

struct bytes tls_engine_take_back(struct tls_engine *engine)
{
    const struct bytes rest = engine->bytes.in;

    engine->bytes.in = bytes_none();
    return rest;
}

void tls_engine_feed_end(struct tls_engine *engine)
{
    engine->bytes.in_ended = true;
}

static enum status engine_finish(struct tls_engine *engine, enum status status, const char *why)
{
    engine->finished = status;
    engine->bytes.in = bytes_none();
    snprintf(engine->why, sizeof engine->why, "%s", why);
    ERR_clear_error();
    return status;
}

/* Alerts that complain about our certificate have a status of their own on the other side, not
 * here: to this side all of them are "the peer refused". The text of OpenSSL says which. */
static enum status engine_fail(struct tls_engine *engine)
{
    const unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);

    if (engine->verdict.status != OK) {
        return engine_finish(engine, engine->verdict.status, engine->verdict.why);
    }
    if (engine->bytes.in_ended
        && (error == 0 || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        return engine_finish(engine, E_CUT, "");
    }
    if (ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        return engine_finish(engine, E_CERTIFICATE, "the peer showed no certificate");
    }
    return engine_finish(engine, E_TLS, reason == NULL ? "" : reason);
}

/* What SSL_do_handshake or SSL_read said: OK means "nothing more at the moment". */
static enum status engine_judge(struct tls_engine *engine, int result)
{
    switch (SSL_get_error(engine->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return OK;
    case SSL_ERROR_ZERO_RETURN:
        return engine_finish(engine, E_CLOSED, "");
    default: /* foreign: SSL_ERROR_* */
        return engine_fail(engine);
    }
}

static bool alpn_is_ours(const struct tls_engine *engine)
{
    const unsigned char *protocol;
    unsigned size;

    if (engine->https) {
        return true; /* a client that offers no ALPN means http/1.1 */
    }
    SSL_get0_alpn_selected(engine->ssl, &protocol, &size);
    return bytes_equal(bytes_of(protocol, size), bytes_text(TLS_ALPN_LINK));
}

NODISCARD static enum status engine_handshake(struct tls_engine *engine)
{
    const int result = SSL_do_handshake(engine->ssl);

    if (result != 1) {
        return engine_judge(engine, result);
    }
    if (!alpn_is_ours(engine)) {
        return engine_finish(engine, E_TLS, "the peer did not agree to " TLS_ALPN_LINK);
    }
    engine->ready = true;
    return OK;
}

static bool updates_are_too_many(const struct tls_engine *engine)
{
    return engine->counters.key_updates_in
           > engine->limits.peer_updates_max + engine->records_in / UPDATE_EARNED_RECORDS;
}

enum status tls_engine_read(struct tls_engine *engine, void *into, size_t room, size_t *got)
{
    *got = 0;
    if (engine->finished != OK) {
        return engine->finished;
    }
    if (!engine->ready) {
        TRY(engine_handshake(engine));
        if (!engine->ready) {
            return OK;
        }
    }
    const int result = SSL_read_ex(engine->ssl, into, room, got);

    if (updates_are_too_many(engine)) {
        *got = 0;
        return engine_finish(engine, E_TLS, "the peer asks for new keys too often");
    }
    return result == 1 ? OK : engine_judge(engine, result);
}

static void engine_rekey_if_due(struct tls_engine *engine)
{
    if (engine->https
        || (engine->key_records < engine->limits.records_per_key
            && engine->key_bytes < engine->limits.bytes_per_key)
        || SSL_get_key_update_type(engine->ssl) != SSL_KEY_UPDATE_NONE) {
        return;
    }
    CHECK(SSL_key_update(engine->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
}

enum status tls_engine_write(struct tls_engine *engine, struct bytes plain)
{
    CHECK(engine->ready);
    if (engine->finished != OK) {
        return engine->finished;
    }
    while (plain.size > 0) {
        size_t written;

        engine_rekey_if_due(engine);
        const struct bytes piece = bytes_part(plain, 0, TLS_RECORD_PLAIN_MAX);
        const int result = SSL_write_ex(engine->ssl, piece.data, piece.size, &written);

        if (result != 1) {
            return engine_fail(engine);
        }
        engine->key_bytes += written;
        plain = bytes_part(plain, written, plain.size);
    }
    return OK;
}

void tls_engine_close(struct tls_engine *engine)
{
    if (engine->ready && engine->finished == OK) {
        SSL_shutdown(engine->ssl);
        ERR_clear_error();
    }
}

bool tls_engine_is_ready(const struct tls_engine *engine)
{
    return engine->ready;
}

struct outbox *tls_engine_outbox(struct tls_engine *engine)
{
    return &engine->bytes.out;
}

const struct identity *tls_engine_peer(const struct tls_engine *engine)
{
    CHECK(engine->ready);
    return &engine->verdict.peer;
}

int64_t tls_engine_peer_expires_at(const struct tls_engine *engine)
{
    CHECK(engine->ready);
    return engine->verdict.expires_at;
}

enum status tls_engine_recheck(struct tls_engine *engine, const struct tls_identity *identity,
                               const char **why)
{
    SSL_CTX *context = tls_identity_context(identity);

    CHECK(engine->ready && !engine->https);
    *why = "";
    if (context == SSL_get_SSL_CTX(engine->ssl)) {
        return OK;
    }
    return tls_verify_again(engine->ssl, context, why);
}

void tls_engine_exporter(struct tls_engine *engine, uint8_t exporter[TLS_EXPORTER_BYTES])
{
    CHECK(engine->ready);
    CHECK(SSL_export_keying_material(engine->ssl, exporter, TLS_EXPORTER_BYTES, TLS_EXPORTER_LABEL,
                                     sizeof TLS_EXPORTER_LABEL - 1, NULL, 0, 0)
          == 1);
}

const char *tls_engine_why(const struct tls_engine *engine)
{
    return engine->why;
}

struct tls_counters tls_engine_counters(const struct tls_engine *engine)
{
    return engine->counters;
}
