/* Which certificates are no longer good, though their time has not come?
 *
 * One CRL (RFC 5280 section 5, version 2, PEM) that the deployment's CA has signed: serial numbers,
 * when it was made and until when it counts. Out of its time it says nothing: whoever was told to
 * heed one then trusts nobody (tls_identity.h), so it must be made anew before its end. Entries are
 * never removed: a CRL does not know when a certificate ends.
 *
 * Used by `sealift pki` and by tests to make, by tls_identity to read. Times are UNIX seconds. */
#ifndef SEALIFT_TRANSPORT_REVOCATIONS_H
#define SEALIFT_TRANSPORT_REVOCATIONS_H

#include "transport/certificates.h"

struct X509_crl_st; /* OpenSSL's X509_CRL */

/* E_MISSING, E_IO, E_MALFORMED (no PEM); E_CRL: not of this CA, or `now` is not in its time (then
 * *crl is set all the same: who makes it anew needs the entries). The caller frees *crl, also after
 * a failure. */
NODISCARD enum status revocations_read(struct X509_crl_st **crl, const char *path,
                                       const struct certificate *ca, int64_t now);
void revocations_free(struct X509_crl_st *crl);

/* Signs the CRL at `path` anew, or the first one where there is none: `revoked` (NULL: nobody) is
 * added unless it is in it, the number rises by one. E_USAGE: a `ca` without key, a bad validity, a
 * `revoked` that is not of this CA. Else what reading and writing say; the old file stays then. */
NODISCARD enum status revocations_renew(const char *path, const struct certificate *ca,
                                        struct x509_st *revoked,
                                        struct certificate_validity validity);

bool revocations_hold(struct X509_crl_st *crl, struct x509_st *certificate);
unsigned revocations_count(struct X509_crl_st *crl);
struct certificate_validity revocations_validity_of(const struct X509_crl_st *crl);

#endif
