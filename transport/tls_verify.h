/* Is the peer's certificate good for a link? (Inside of tls_identity and tls_engine.)
 *
 * The verdict is stored with the SSL connection, so that the engine can say which of E_CERTIFICATE,
 * E_EXPIRED, E_REVOKED, E_CRL, E_IDENTITY and E_DEPLOYMENT it was; the peer gets the matching
 * alert. */
#ifndef SEALIFT_TRANSPORT_TLS_VERIFY_H
#define SEALIFT_TRANSPORT_TLS_VERIFY_H

#include "base/status.h"
#include "node/identity.h"

#include <openssl/ssl.h>

struct tls_verdict {
    const struct identity *self; /* whose deployment is demanded */
    enum status status; /* OK until something is wrong; what was wrong first */
    struct identity peer;
    int64_t expires_at; /* UNIX seconds: the first end of all certificates in the verified chain */
    char why[256];
};

/* Demands a certificate on this context. */
void tls_verify_demand(SSL_CTX *context);

/* The verdict must outlive the connection. */
void tls_verify_attach(SSL *ssl, struct tls_verdict *verdict);

/* Judges the peer of an established connection once more, by another context: is its certificate of
 * that CA, in its time, and not in that CRL? `why` as in the verdict. */
NODISCARD enum status tls_verify_again(SSL *ssl, SSL_CTX *context, const char **why);

/* Which of the certificate statuses an X509_V_ERR_* is. */
enum status tls_verify_status(int error);

#endif
