/* OpenSSL builds and checks the chain; for the leaf we then demand more: it is no CA, it names
 * its uses (EKU), it holds exactly one identity, and that is of our own deployment.
 *
 * OpenSSL calls back for each certificate of the chain and for each error. The first error is
 * kept: later ones are its consequences. Refusing here, inside the handshake, lets the peer
 * learn why from the alert; refusing after the handshake would look like a cut. */
#include "transport/tls_verify.h"

#include "base/check.h"
#include "transport/certificates.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>

static pthread_once_t verdict_once = PTHREAD_ONCE_INIT;
static int verdict_index = -1;

static void verdict_register(void)
{
    verdict_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    CHECK(verdict_index >= 0);
}

void tls_verify_attach(SSL *ssl, struct tls_verdict *verdict)
{
    pthread_once(&verdict_once, verdict_register);
    CHECK(SSL_set_ex_data(ssl, verdict_index, verdict) == 1);
}

enum status tls_verify_status(int error)
{
    switch (error) {
    case X509_V_OK:
        return OK;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return E_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return E_REVOKED;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        return E_CRL;
    default: /* foreign: X509_V_ERR_* */
        return E_CERTIFICATE;
    }
}

static bool leaf_is_for_links(X509 *leaf)
{
    const uint32_t flags = X509_get_extension_flags(leaf);

    return (flags & EXFLAG_CA) == 0 && (flags & EXFLAG_XKUSAGE) != 0;
}

static enum status verify_leaf(struct tls_verdict *verdict, X509 *leaf)
{
    if (!leaf_is_for_links(leaf)) {
        return E_CERTIFICATE;
    }
    TRY(certificate_identity(leaf, &verdict->peer));
    if (strcmp(verdict->peer.deployment, verdict->self->deployment) != 0) {
        return E_DEPLOYMENT;
    }
    return OK;
}

static void verdict_set(struct tls_verdict *verdict, enum status status, const char *why)
{
    if (verdict->status == OK) {
        verdict->status = status;
        snprintf(verdict->why, sizeof verdict->why, "%s", why);
    }
}

/* With the name that a refused leaf gives itself, verified or not: it is a hint for a person. */
static void verdict_refuse(struct tls_verdict *verdict, X509_STORE_CTX *store)
{
    const int error = X509_STORE_CTX_get_error(store);
    const char *text = X509_verify_cert_error_string(error);
    const X509 *leaf = X509_STORE_CTX_get_current_cert(store);
    struct identity named;
    char why[sizeof verdict->why];

    if (X509_STORE_CTX_get_error_depth(store) == 0 && leaf != NULL
        && certificate_identity(leaf, &named) == OK) {
        snprintf(why, sizeof why, "%.100s: it calls itself %s %s of %s", text,
                 role_name(named.role), named.member, named.region);
        text = why;
    }
    verdict_set(verdict, tls_verify_status(error), text);
}

static void verdict_lower_end(struct tls_verdict *verdict, const X509 *certificate)
{
    const int64_t end = certificate_validity_of(certificate).not_after;

    if (verdict->expires_at == 0 || end < verdict->expires_at) {
        verdict->expires_at = end;
    }
}

static int verify_callback(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_verdict *verdict = SSL_get_ex_data(ssl, verdict_index);

    if (good != 1) {
        verdict_refuse(verdict, store);
        return 0;
    }
    verdict_lower_end(verdict, X509_STORE_CTX_get_current_cert(store));
    if (X509_STORE_CTX_get_error_depth(store) > 0) {
        return 1;
    }
    const enum status status = verify_leaf(verdict, X509_STORE_CTX_get_current_cert(store));

    if (status != OK) {
        verdict_set(verdict, status, status_text(status));
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return 1;
}

enum status tls_verify_again(SSL *ssl, SSL_CTX *context, const char **why)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    int error = X509_V_OK;

    CHECK(leaf != NULL && store != NULL);
    CHECK(X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context), leaf,
                              SSL_get_peer_cert_chain(ssl))
          == 1);
    CHECK(X509_STORE_CTX_set_default(store, SSL_is_server(ssl) ? "ssl_client" : "ssl_server") == 1);
    CHECK(X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store), SSL_CTX_get0_param(context))
          == 1);
    if (X509_verify_cert(store) != 1) {
        error = X509_STORE_CTX_get_error(store);
    }
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    *why = X509_verify_cert_error_string(error);
    return tls_verify_status(error);
}

void tls_verify_demand(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify_callback);
    SSL_CTX_set_verify_depth(context, 2);
    CHECK(X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_X509_STRICT) == 1);
}
