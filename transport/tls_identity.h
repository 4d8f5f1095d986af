/* Who are we on a TLS connection, and whom do we accept?
 *
 * Two kinds, both of files in PEM:
 *
 * Links (tls_identity_load): TLS 1.3 only, only TLS_AES_256_GCM_SHA384 (a default OpenSSL
 * server would pick AES-128), groups X25519 and P-256; no tickets, no resumption, no 0-RTT, no
 * compression, no renegotiation; ALPN sealift/1 demanded on both sides. Both sides must show a
 * certificate: of our CA (verify depth 2), in time, for this use (EKU), no CA itself, with
 * exactly one URI SAN that is an identity of our own deployment. No host name is checked: the
 * URI names the peer, and the node decides whether that member may do what it does.
 *
 * HTTPS servers (tls_identity_load_https): TLS 1.3 and 1.2 with 256-bit AEAD ciphers (in 1.2:
 * ECDHE with AES-256-GCM or CHACHA20-POLY1305), ALPN http/1.1, no client certificate. It is for
 * the key service only: it speaks the AWS KMS API, and stock AWS SDKs and the aws command must
 * be able to connect: some are built on TLS stacks that end at 1.2, and all authenticate by
 * SigV4, not by certificate. No WAL byte ever passes there, so R9 (links) is not concerned.
 *
 * Revocation (links, where `crl` is given): the file must hold a CRL of our CA that is in its time.
 * Peers that it names are refused. When its time runs out while we run, every new handshake is
 * refused (E_CRL) until a newer one is loaded: whoever hides new lists must not win by it.
 *
 * Reload: load a new one and give it to the listeners and dialers; then free the old one.
 * Engines made from the old one live on (they hold what they need); tls_engine_recheck judges
 * their peers by the new one.
 *
 * Statuses of a handshake, as tls_engine reports them: E_CERTIFICATE, E_EXPIRED, E_REVOKED,
 * E_IDENTITY, E_DEPLOYMENT for the peer's certificate; E_CRL; E_TLS for all else. */
#ifndef SEALIFT_TRANSPORT_TLS_IDENTITY_H
#define SEALIFT_TRANSPORT_TLS_IDENTITY_H

#include "base/status.h"
#include "node/identity.h"

#include <stdint.h>

enum { TRANSPORT_WHY_MAX = 256 }; /* room for one sentence to a person, with its NUL */

#define TLS_ALPN_LINK "sealift/1"
#define TLS_ALPN_HTTP "http/1.1"

struct tls_files {
    const char *ca;
    const char *certificate;
    const char *key;
    const char *crl; /* NULL: nobody is revoked. Not used for HTTPS */
};

struct tls_identity;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* On failure `why` (TRANSPORT_WHY_MAX) says which file and what is wrong with it. E_MISSING, E_IO,
 * E_MALFORMED; E_IDENTITY: our own certificate has no identity; E_USAGE: the key is of another
 * certificate; E_CERTIFICATE: our certificate is not of that CA or not for this use; E_EXPIRED: it
 * or the CA is out of its time, which the sentence states; E_CRL: the CRL is of another CA or out
 * of its time. That our own certificate is in it is no failure: see tls_identity_is_revoked. */
NODISCARD enum status tls_identity_load(struct tls_identity **identity,
                                        const struct tls_files *files, char *why);

/* `files->ca` and `files->crl` are not used. The certificate needs no URI, but a name to be reached
 * by. Besides the above, E_CERTIFICATE: it names no DNS name and no address, by which every client
 * would refuse it; it is a CA's, or its extended key usage leaves out servers. */
NODISCARD enum status tls_identity_load_https(struct tls_identity **identity,
                                              const struct tls_files *files, char *why);

void tls_identity_free(struct tls_identity *identity);

/* Our own name; for HTTPS zeros (ROLE_NONE) where the certificate has none. Borrowed. */
const struct identity *tls_identity_self(const struct tls_identity *identity);

/* UNIX seconds at which our certificate ends: for alarms and metrics. */
int64_t tls_identity_expires_at(const struct tls_identity *identity);

/* UNIX seconds at which the CRL stops to count, 0 without one; and how many it names. */
int64_t tls_identity_crl_expires_at(const struct tls_identity *identity);
unsigned tls_identity_crl_count(const struct tls_identity *identity);

/* Our own certificate is in the CRL: every peer that has it refuses us. At start that is a reason
 * to stop; at a reload the list must be heeded all the same, for what else it says. */
bool tls_identity_is_revoked(const struct tls_identity *identity);

/* For tls_engine. */
struct ssl_ctx_st *tls_identity_context(const struct tls_identity *identity);
bool tls_identity_is_https(const struct tls_identity *identity);

#endif
