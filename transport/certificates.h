/* How does a deployment get its certificates?
 *
 * One private CA a deployment (EC P-256, self-signed, CA:TRUE, pathlen 0, keyCertSign +
 * cRLSign), and leaves that it issues directly: exactly one URI SAN made from an identity, DNS
 * and IP names for those that serve HTTPS, EKU serverAuth + clientAuth, CA:FALSE,
 * digitalSignature. RFC 5280.
 *
 * Times are UNIX seconds; serial numbers are 128 random bits. Files are PEM; keys are PKCS#8,
 * unencrypted, created with mode 0600 and never replaced. What make, issue and read fill, the
 * caller frees, also after a failure. Used by `sealift pki` and by tests; daemons only read
 * (tls_identity.h). */
#ifndef SEALIFT_TRANSPORT_CERTIFICATES_H
#define SEALIFT_TRANSPORT_CERTIFICATES_H

#include "base/status.h"
#include "node/identity.h"

#include <stdbool.h>
#include <stdint.h>

enum { CERTIFICATE_NAMES_MAX = 8 }; /* a keyd has localhost, two loopbacks, a name or two */

struct x509_st; /* OpenSSL's X509 */
struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

struct certificate {
    struct x509_st *x509;
    struct evp_pkey_st *key; /* NULL: certificate only */
};

struct certificate_validity {
    int64_t not_before;
    int64_t not_after; /* the last second at which it is valid */
};

struct certificate_order {
    struct identity identity;
    const char *names[CERTIFICATE_NAMES_MAX]; /* "localhost", "127.0.0.1", "::1" */
    unsigned name_count;
    struct certificate_validity validity;
};

/* E_USAGE: an empty deployment, or a validity that ends before it begins. */
NODISCARD enum status certificate_make_ca(struct certificate *ca, const char *deployment,
                                          struct certificate_validity validity);

/* A new key and a leaf for it, signed by `ca`. E_IDENTITY: the identity has no valid URI.
 * E_USAGE: a name that is neither DNS nor IP, too many names, a bad validity, a `ca` without
 * key. */
NODISCARD enum status certificate_issue(struct certificate *leaf, const struct certificate *ca,
                                        const struct certificate_order *order);

/* The key first (0600), then the certificate (0644); `key_path` NULL: no key. E_EXISTS: a file is
 * there already. E_READ_ONLY, E_MISSING (the folder), E_DISK_FULL, E_IO. */
NODISCARD enum status certificate_write(const struct certificate *certificate, const char *path,
                                        const char *key_path);

/* `key_path` NULL: no key. E_MISSING, E_IO, E_MALFORMED (no PEM), E_USAGE (the key is of another
 * certificate). */
NODISCARD enum status certificate_read(struct certificate *certificate, const char *path,
                                       const char *key_path);

/* Empties the struct; an empty one is fine. */
void certificate_free(struct certificate *certificate);

/* The only URI SAN, parsed. E_IDENTITY: none, two or more, or one that is no identity. */
NODISCARD enum status certificate_identity(const struct x509_st *x509, struct identity *identity);

/* Whether a client that dialed a host can find that in it: a DNS name or an IP address. */
bool certificate_names_a_host(const struct x509_st *x509);

/* Whose CA it is: its subject's organization, into a text of DEPLOYMENT_TEXT_MAX; else
 * E_IDENTITY. */
NODISCARD enum status certificate_deployment(struct x509_st *ca, char *deployment);

struct certificate_validity certificate_validity_of(const struct x509_st *x509);

#endif
