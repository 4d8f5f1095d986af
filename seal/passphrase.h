/* What root key does a passphrase stand for?
 *
 * scrypt (RFC 7914) through libcrypto, slow and hungry on purpose: guessing must cost more than
 * asking. Salt and costs are no secrets and are kept beside what the key seals; a check value tells
 * a wrong passphrase from a right one, and costs a guesser the same. */
#ifndef SEALIFT_SEAL_PASSPHRASE_H
#define SEALIFT_SEAL_PASSPHRASE_H

#include "base/bytes.h"
#include "base/status.h"
#include "seal/secret.h"

enum {
    PASSPHRASE_SALT_BYTES = 32,
    PASSPHRASE_CHECK_BYTES = 32,
    PASSPHRASE_LOG2_N_DEFAULT = 17, /* 128 MiB and a third of a second (OWASP, 2023) */
    PASSPHRASE_LOG2_N_MIN = 14,
    PASSPHRASE_LOG2_N_MAX = 22, /* 4 GiB */
    PASSPHRASE_R = 8,
    PASSPHRASE_P = 1,
};

struct passphrase_costs {
    unsigned log2_n; /* within the limits above */
    uint8_t salt[PASSPHRASE_SALT_BYTES];
};

/* E_FULL where there is not enough memory. */
NODISCARD enum status passphrase_stretch(struct bytes passphrase,
                                         const struct passphrase_costs *costs, struct secret *root);

void passphrase_check_value(const struct secret *root, uint8_t check[PASSPHRASE_CHECK_BYTES]);

#endif
