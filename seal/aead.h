/* AES-256-GCM (NIST SP 800-38D) over bytes in several parts, with one key at a time.
 *
 * One context per key, set up once; sealing a message then only sets its nonce. An aead owns a
 * libcrypto context from aead_init to aead_drop, and the expanded key from aead_key to aead_forget.
 *
 * The suite NONE (an unencrypted cluster) runs the same calls with a zero key and the data as
 * AAD (GMAC): data passes through in clear; the tag finds accidents and authenticates nothing. */
#ifndef SEALIFT_SEAL_AEAD_H
#define SEALIFT_SEAL_AEAD_H

#include "base/bytes.h"
#include "base/ids.h"
#include "seal/nonce.h"
#include "seal/secret.h"

enum suite {
    SUITE_NONE = 0, /* not encrypted at rest */
    SUITE_AES_256_GCM = 1,
};

struct aead {
    void *context; /* EVP_CIPHER_CTX */
    enum suite suite;
    bool keyed;
};

void aead_init(struct aead *aead);
void aead_key(struct aead *aead, enum suite suite, const struct secret *key);
void aead_forget(struct aead *aead); /* wipes the key, keeps the context */
void aead_drop(struct aead *aead);

/* Seals the concatenation of `parts` into `out` (as many bytes as the parts have together; parts
 * and out must not overlap unless a single part is out itself). */
void aead_seal(struct aead *aead, const struct nonce *nonce, struct bytes aad,
               const struct bytes *parts, size_t part_count, uint8_t *out, struct tag *tag);

/* Opens `sealed` into `out` (same size; may be the same memory). E_FORGED where the tag does not
 * match: `out` has then been wiped. */
NODISCARD enum status aead_open(struct aead *aead, const struct nonce *nonce, struct bytes aad,
                                struct bytes sealed, const struct tag *tag, uint8_t *out);

/* The same, piece by piece: for those who do more with a piece while it is in cache. `in` and `out`
 * may be the same memory. What aead_pass opened is not to be believed before aead_end_open. */
enum { AEAD_PIECE_BYTES = 16 << 10 }; /* fits the first-level cache beside its ciphertext */
void aead_begin_seal(struct aead *aead, const struct nonce *nonce, struct bytes aad);
void aead_begin_open(struct aead *aead, const struct nonce *nonce, struct bytes aad);
void aead_pass(struct aead *aead, struct bytes in, uint8_t *out);
void aead_end_seal(struct aead *aead, struct tag *tag);
bool aead_end_open(struct aead *aead, const struct tag *tag); /* compares in constant time */

#endif
