/* Reads the files, checks that they fit together, and builds one SSL_CTX that all connections
 * share.
 *
 * What is refused here is an operator's mistake, found at start or at SIGHUP, so each has a
 * sentence that names the file. Our own certificate is verified against our own CA for both
 * uses: better to refuse to start than to be refused by every peer.
 *
 * TLS_method with both bounds set to 1.3 serves both sides; the ALPN callback is the server's
 * half of demanding ALPN, the engine checks the client's half when the handshake is done. */
#include "transport/tls_identity.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/certificates.h"
#include "transport/tls_verify.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

struct tls_identity {
    SSL_CTX *context;
    bool https;
    struct identity self;
    int64_t expires_at;
};

static const unsigned char alpn_link[] = "\x09" TLS_ALPN_LINK;
static const unsigned char alpn_http[] = "\x08" TLS_ALPN_HTTP;

static int alpn_choose(const unsigned char *offered, unsigned size, const unsigned char *ours,
                       const unsigned char **chosen, unsigned char *chosen_size)
{
    const unsigned ours_size = ours[0] + 1u;
    unsigned char *found;

    if (SSL_select_next_proto(&found, chosen_size, ours, ours_size, offered, size)
        != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static int alpn_link_chosen(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                            const unsigned char *offered, unsigned size, void *context)
{
    (void)ssl;
    (void)context;
    return alpn_choose(offered, size, alpn_link, chosen, chosen_size);
}

static int alpn_http_chosen(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                            const unsigned char *offered, unsigned size, void *context)
{
    (void)ssl;
    (void)context;
    return alpn_choose(offered, size, alpn_http, chosen, chosen_size);
}

static SSL_CTX *context_new(int version_min)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    CHECK(context != NULL);
    CHECK(SSL_CTX_set_min_proto_version(context, version_min) == 1);
    CHECK(SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1);
    CHECK(SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                                     | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    CHECK(SSL_CTX_set_num_tickets(context, 0) == 1);
    CHECK(SSL_CTX_set_max_early_data(context, 0) == 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

static void context_restrict_to_links(SSL_CTX *context)
{
    CHECK(SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") == 1);
    /* Returns 0 for success, unlike its neighbours. */
    CHECK(SSL_CTX_set_alpn_protos(context, alpn_link, sizeof alpn_link - 1) == 0);
    SSL_CTX_set_alpn_select_cb(context, alpn_link_chosen, NULL);
    tls_verify_demand(context);
}

static void context_restrict_to_https(SSL_CTX *context)
{
    CHECK(SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
          == 1);
    CHECK(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM+AES256:ECDHE+CHACHA20") == 1);
    SSL_CTX_set_alpn_select_cb(context, alpn_http_chosen, NULL);
}

static enum status explain(enum status status, const char *path, char *why)
{
    if (status != OK) {
        snprintf(why, TRANSPORT_WHY_MAX, "%.160s: %s", path,
                 status == E_USAGE ? "the key is not that of the certificate"
                                   : status_text(status));
    }
    return status;
}

NODISCARD static enum status use_own(SSL_CTX *context, const struct certificate *own)
{
    if (SSL_CTX_use_certificate(context, own->x509) != 1
        || SSL_CTX_use_PrivateKey(context, own->key) != 1) {
        ERR_clear_error();
        return E_CERTIFICATE; /* a kind of key that TLS 1.3 does not take */
    }
    return OK;
}

NODISCARD static enum status verify_own(SSL_CTX *context, X509 *own, const char *purpose)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    enum status status = OK;

    CHECK(store != NULL);
    CHECK(X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context), own, NULL) == 1);
    CHECK(X509_STORE_CTX_set_default(store, purpose) == 1);
    if (X509_verify_cert(store) != 1) {
        status = tls_verify_status(X509_STORE_CTX_get_error(store));
    }
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return status;
}

NODISCARD static enum status load_ca(SSL_CTX *context, const char *path)
{
    struct certificate ca;
    const enum status status = certificate_read(&ca, path, NULL);

    if (status == OK) {
        CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.x509) == 1);
    }
    certificate_free(&ca);
    return status;
}

NODISCARD static enum status load_own(struct tls_identity *identity, const struct tls_files *files,
                                      char *why)
{
    struct certificate own;
    enum status status = certificate_read(&own, files->certificate, files->key);

    if (status != OK) {
        const bool key = own.x509 != NULL;

        explain(status, key ? files->key : files->certificate, why);
        goto out;
    }
    identity->expires_at = certificate_validity_of(own.x509).not_after;
    status = use_own(identity->context, &own);
    if (status == OK && !identity->https) {
        status = certificate_identity(own.x509, &identity->self);
    }
    if (status == OK && !identity->https) {
        status = verify_own(identity->context, own.x509, "ssl_server");
    }
    if (status == OK && !identity->https) {
        status = verify_own(identity->context, own.x509, "ssl_client");
    }
    explain(status, files->certificate, why);
out:
    certificate_free(&own);
    return status;
}

enum status tls_identity_load(struct tls_identity **identity, const struct tls_files *files,
                              char *why)
{
    struct tls_identity *made = allocate_zeroed(sizeof *made);
    enum status status;

    *identity = NULL;
    made->context = context_new(TLS1_3_VERSION);
    context_restrict_to_links(made->context);
    status = explain(load_ca(made->context, files->ca), files->ca, why);
    if (status == OK) {
        status = load_own(made, files, why);
    }
    if (status != OK) {
        tls_identity_free(made);
        return status;
    }
    *identity = made;
    return OK;
}

enum status tls_identity_load_https(struct tls_identity **identity, const struct tls_files *files,
                                    char *why)
{
    struct tls_identity *made = allocate_zeroed(sizeof *made);

    *identity = NULL;
    made->https = true;
    made->context = context_new(TLS1_2_VERSION);
    context_restrict_to_https(made->context);

    const enum status status = load_own(made, files, why);

    if (status != OK) {
        tls_identity_free(made);
        return status;
    }
    *identity = made;
    return OK;
}

void tls_identity_free(struct tls_identity *identity)
{
    if (identity != NULL) {
        SSL_CTX_free(identity->context);
        free(identity);
    }
}

const struct identity *tls_identity_self(const struct tls_identity *identity)
{
    return &identity->self;
}

int64_t tls_identity_expires_at(const struct tls_identity *identity)
{
    return identity->expires_at;
}

struct ssl_ctx_st *tls_identity_context(const struct tls_identity *identity)
{
    return identity->context;
}

bool tls_identity_is_https(const struct tls_identity *identity)
{
    return identity->https;
}
