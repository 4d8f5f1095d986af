/* Reads the files, checks that they fit together, and builds one SSL_CTX that all connections
 * share.
 *
 * What is refused here is an operator's mistake, found at start or at SIGHUP, so each has a
 * sentence that names the file and, where time is the matter, the date. Our own certificate is
 * verified against our own CA for both uses: better to refuse to start than to be refused by
 * every peer.
 *
 * TLS_method with both bounds set to 1.3 serves both sides; the ALPN callback is the server's
 * half of demanding ALPN, the engine checks the client's half when the handshake is done. */
#include "transport/tls_identity.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/certificates.h"
#include "transport/revocations.h"
#include "transport/tls_verify.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

struct tls_identity {
    SSL_CTX *context;
    bool https;
    struct identity self;
    int64_t expires_at;
    int64_t crl_expires_at;
    unsigned crl_count;
    bool revoked;
};

enum { DATE_TEXT_MAX = 32 };

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
    /* A kept-alive connection would hold the last request, perhaps with a key in it. */
    SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
}

/* The sentence that an operator reads: which file, what is wrong, and under which name. */
__attribute__((format(printf, 4, 5))) static enum status
explain(enum status status, const char *path, char *why, const char *format, ...)
{
    char what[TRANSPORT_WHY_MAX];
    va_list arguments;

    if (status != OK) {
        va_start(arguments, format);
        vsnprintf(what, sizeof what, format, arguments);
        va_end(arguments);
        /* Cut in the middle rather than at the end, where the name of the status stands. */
        snprintf(why, TRANSPORT_WHY_MAX, "%.110s: %.110s (%s)", path, what, status_name(status));
    }
    return status;
}

static const char *date(int64_t seconds, char text[DATE_TEXT_MAX])
{
    const time_t time = (time_t)seconds;
    struct tm parts;

    gmtime_r(&time, &parts);
    strftime(text, DATE_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text;
}

NODISCARD static enum status check_time(enum status status, struct certificate_validity validity,
                                        const char *path, char *why)
{
    const int64_t now = time(NULL);
    char text[DATE_TEXT_MAX];

    if (now < validity.not_before) {
        return explain(status, path, why, "not valid before %s", date(validity.not_before, text));
    }
    if (now >= validity.not_after) {
        return explain(status, path, why, "expired at %s", date(validity.not_after, text));
    }
    return OK;
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

/* X509_V_OK, or what OpenSSL has against our own certificate. */
static int verify_own(SSL_CTX *context, X509 *own, const char *purpose, unsigned long flags)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    int error = X509_V_OK;

    CHECK(store != NULL);
    CHECK(X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context), own, NULL) == 1);
    CHECK(X509_STORE_CTX_set_default(store, purpose) == 1);
    X509_STORE_CTX_set_flags(store, flags);
    if (X509_verify_cert(store) != 1) {
        error = X509_STORE_CTX_get_error(store);
    }
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return error;
}

NODISCARD static enum status check_own(SSL_CTX *context, X509 *own, const char *path, char *why)
{
    static const char *const purposes[] = {"ssl_server", "ssl_client"};

    for (unsigned i = 0; i < COUNT_OF(purposes); i++) {
        const int error = verify_own(context, own, purposes[i], 0);

        TRY(explain(tls_verify_status(error), path, why, "%s",
                    X509_verify_cert_error_string(error)));
    }
    return OK;
}

NODISCARD static enum status read_crl(X509_CRL **crl, const struct certificate *ca,
                                      const struct tls_files *files, char *why)
{
    const enum status status = revocations_read(crl, files->crl, ca, time(NULL));

    if (*crl != NULL) {
        return check_time(E_CRL, revocations_validity_of(*crl), files->crl, why);
    }
    return explain(status, files->crl, why, "%s",
                   status == E_CRL ? "not a list of the CA that --ca names" : status_text(status));
}

/* Peers are judged by it in handshakes from now on (the flag is that of the handshake). */
NODISCARD static enum status load_crl(struct tls_identity *identity, const struct certificate *ca,
                                      const struct tls_files *files, char *why)
{
    X509_CRL *crl;
    const enum status status = read_crl(&crl, ca, files, why);

    if (status == OK) {
        SSL_CTX *context = identity->context;

        CHECK(X509_STORE_add_crl(SSL_CTX_get_cert_store(context), crl) == 1);
        CHECK(X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK) == 1);
        identity->crl_expires_at = revocations_validity_of(crl).not_after;
        identity->crl_count = revocations_count(crl);
    }
    revocations_free(crl);
    return status;
}

NODISCARD static enum status load_ca(struct tls_identity *identity, const struct tls_files *files,
                                     char *why)
{
    struct certificate ca;
    enum status status = certificate_read(&ca, files->ca, NULL);

    explain(status, files->ca, why, "%s", status_text(status));
    if (status == OK) {
        status = check_time(E_EXPIRED, certificate_validity_of(ca.x509), files->ca, why);
    }
    if (status == OK) {
        CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(identity->context), ca.x509) == 1);
        status = files->crl == NULL ? OK : load_crl(identity, &ca, files, why);
    }
    certificate_free(&ca);
    return status;
}

/* Whether the CRL names ourselves. Whatever else speaks against it (an extension that OpenSSL does
 * not know) would refuse every peer later: better now, and by name. */
NODISCARD static enum status check_own_crl(struct tls_identity *identity, X509 *own,
                                           const struct tls_files *files, char *why)
{
    const int error = verify_own(identity->context, own, "ssl_server", X509_V_FLAG_CRL_CHECK);
    const enum status status = tls_verify_status(error);

    identity->revoked = status == E_REVOKED;
    return identity->revoked
               ? OK
               : explain(status, files->crl, why, "%s", X509_verify_cert_error_string(error));
}

NODISCARD static enum status check_link_leaf(struct tls_identity *identity, X509 *own,
                                             const struct tls_files *files, char *why)
{
    const enum status status = certificate_identity(own, &identity->self);

    TRY(explain(status, files->certificate, why, "%s", status_text(status)));
    TRY(check_own(identity->context, own, files->certificate, why));
    return files->crl == NULL ? OK : check_own_crl(identity, own, files, why);
}

/* Found now, at the side that can mend it, rather than by every client. */
NODISCARD static enum status check_https_leaf(struct tls_identity *identity, X509 *own,
                                              const char *path, char *why)
{
    if (certificate_identity(own, &identity->self) != OK) {
        identity->self = (struct identity){0}; /* of another CA than `sealift pki`: it needs none */
    }
    if (X509_check_purpose(own, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        return explain(E_CERTIFICATE, path, why, "not for a TLS server");
    }
    return certificate_names_a_host(own)
               ? OK
               : explain(E_CERTIFICATE, path, why,
                         "no DNS name and no IP address is in it, so every client would refuse it: "
                         "issue one with --host");
}

NODISCARD static enum status load_own(struct tls_identity *identity, const struct tls_files *files,
                                      char *why)
{
    struct certificate own;
    enum status status = certificate_read(&own, files->certificate, files->key);

    if (status != OK) {
        explain(status, own.x509 != NULL ? files->key : files->certificate, why, "%s",
                status == E_USAGE ? "the key is not that of the certificate" : status_text(status));
        goto out;
    }
    const struct certificate_validity validity = certificate_validity_of(own.x509);

    identity->expires_at = validity.not_after;
    status = check_time(E_EXPIRED, validity, files->certificate, why);
    if (status == OK) {
        status = explain(use_own(identity->context, &own), files->certificate, why,
                         "its kind of key cannot be used with TLS 1.3");
    }
    if (status == OK) {
        status = identity->https ? check_https_leaf(identity, own.x509, files->certificate, why)
                                 : check_link_leaf(identity, own.x509, files, why);
    }
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
    status = load_ca(made, files, why);
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

int64_t tls_identity_crl_expires_at(const struct tls_identity *identity)
{
    return identity->crl_expires_at;
}

unsigned tls_identity_crl_count(const struct tls_identity *identity)
{
    return identity->crl_count;
}

bool tls_identity_is_revoked(const struct tls_identity *identity)
{
    return identity->revoked;
}

struct ssl_ctx_st *tls_identity_context(const struct tls_identity *identity)
{
    return identity->context;
}

bool tls_identity_is_https(const struct tls_identity *identity)
{
    return identity->https;
}
