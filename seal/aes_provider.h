/* Which AES-256-GCM does this process use: OpenSSL's own, or the same cipher made for VAES?
 *
 * OpenSSL before 3.1 has no AES-GCM for processors with VAES (AVX-512), and libipsec-mb has: there
 * it is 2 to 2.6 times as fast (`sealift-bench seal`; docs/PERFORMANCE.md has the figures). A
 * program that calls aes_provider_choose first thing gives OpenSSL an in-process provider over
 * libipsec-mb for exactly one algorithm; sealing and TLS reach it through the EVP calls that they
 * make anyhow. Without that call, on another processor, in FIPS mode or with a newer OpenSSL,
 * nothing changes. Both give the same bytes (NIST SP 800-38D); tests compare them.
 *
 * The provider knows TLS 1.3 (any AEAD user); the record form of TLS 1.2 is not offered. Call
 * once, before the first cipher and the first thread. */
#ifndef SEALIFT_SEAL_AES_PROVIDER_H
#define SEALIFT_SEAL_AES_PROVIDER_H

#include <stdbool.h>

enum aes_choice {
    AES_AUTO, /* libipsec-mb where it is faster */
    AES_OPENSSL,
    AES_IPSEC_MB, /* wherever it runs at all: for tests on any processor */
};

/* False where the choice cannot be met; then OpenSSL's own is in use. */
bool aes_provider_choose(enum aes_choice choice);

/* Back to OpenSSL's own, for ciphers and TLS contexts made from now on. */
void aes_provider_leave(void);

/* "OpenSSL" or "libipsec-mb": what new ciphers of this process use. */
const char *aes_provider_name(void);

/* The property query with which a caller gets OpenSSL's own, whatever was chosen. */
#define AES_PROVIDER_STOCK "provider=default"

#endif
