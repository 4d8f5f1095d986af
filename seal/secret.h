/* A 256-bit key that must not leak.
 *
 * The one type for keys. It is wiped by its owner (secret_wipe), copied only through secret_copy,
 * and has no way to be printed. A DEK of 32 zero bytes is the key of an unencrypted cluster. */
#ifndef SEALIFT_SEAL_SECRET_H
#define SEALIFT_SEAL_SECRET_H

#include "base/bytes.h"
#include "base/status.h"

enum { SECRET_BYTES = 32 };

struct secret {
    uint8_t bytes[SECRET_BYTES];
};

/* E_MALFORMED where `from` is not SECRET_BYTES long. */
NODISCARD enum status secret_from(struct secret *secret, struct bytes from);
void secret_copy(struct secret *to, const struct secret *from);
void secret_wipe(struct secret *secret);

/* In constant time. */
bool secret_equal(const struct secret *a, const struct secret *b);
bool secret_is_zero(const struct secret *secret);

/* Wipes any memory that held key material or plaintext. */
void secret_wipe_memory(void *memory, size_t size);

/* Compares MACs, proofs and check values: in constant time, sizes included. */
bool secret_bytes_equal(struct bytes a, struct bytes b);

#endif
