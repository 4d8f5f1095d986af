/* How is key material kept, and what does a ciphertext look like?
 *
 * A KMS key is 32 random bytes. It is kept sealed under the root key and opened for one use at a
 * time. Each sealing, of material under the root or of a caller's plaintext under a key, draws 32
 * fresh bytes of salt and derives a key of its own:
 *
 * k = HKDF-SHA-256(salt, key, label, 32)      AES-256-GCM(k, nonce zero, AAD = label || what binds)
 *
 * so that no (key, nonce) pair repeats however often a key is used, and nobody counts uses.
 *
 * Ciphertext blob, little-endian, version 1:
 *
 *   "SLK" version:u8=1 key_version:u32 arn:u16 length and bytes salt[32] | ciphertext | tag[16]
 *
 * The AAD is the label, all of the blob before the ciphertext, and the canonical encryption
 * context: what opens is what was sealed, with that key, in that region and account. */
#ifndef SEALIFT_KEYS_KEY_MATERIAL_H
#define SEALIFT_KEYS_KEY_MATERIAL_H

#include "base/entropy.h"
#include "keys/arn.h"
#include "seal/aead.h"
#include "seal/secret.h"

enum {
    KEY_SALT_BYTES = 32,
    KEY_MATERIAL_ID_TEXT_MAX = 65,
    BLOB_PLAIN_BYTES_MAX = 4096, /* AWS KMS: Encrypt takes 1 to 4096 bytes */
    BLOB_BYTES_MAX = KEY_BLOB_BYTES_MAX,
    BLOB_CONTEXT_BYTES_MAX = 8192,
};

enum key_origin { KEY_MADE, KEY_ROTATED_BY_ITSELF, KEY_ROTATED_ON_DEMAND, KEY_ORIGINS };

/* A key's own bytes in one of its versions, sealed under the root key. */
struct key_material {
    uint32_t version; /* the first is 1 */
    enum key_origin origin;
    uint64_t made_wall_ns;
    uint8_t salt[KEY_SALT_BYTES];
    uint8_t sealed[SECRET_BYTES];
    struct tag tag;
};

/* What sealing and opening need beside the bytes themselves. */
struct key_sealer {
    struct aead aead;
    struct secret root;
    struct entropy entropy;
};

/* Which key, opened how. */
struct key_use {
    const struct key_material *material;
    const char *arn; /* of the key */
    struct bytes context; /* canonical; at most BLOB_CONTEXT_BYTES_MAX */
};

void key_sealer_init(struct key_sealer *sealer, const struct secret *root,
                     const struct entropy *entropy);
void key_sealer_drop(struct key_sealer *sealer);

/* Draws a new key and seals it; the caller has set version, origin and time. */
void key_material_make(struct key_sealer *sealer, const char *arn, struct key_material *material);

/* 64 hexadecimal digits that name one version of one key, and tell nothing of it. */
void key_material_id(const struct key_material *material, const char *arn,
                     char text[KEY_MATERIAL_ID_TEXT_MAX]);

/* E_WRONG_KEY where the root key does not open it. */
NODISCARD enum status key_material_check(struct key_sealer *sealer,
                                         const struct key_material *material, const char *arn);

/* `plain` has 1 to BLOB_PLAIN_BYTES_MAX bytes, `blob` room for BLOB_BYTES_MAX. E_WRONG_KEY as
 * above. */
NODISCARD enum status blob_seal(struct key_sealer *sealer, const struct key_use *use,
                                struct bytes plain, uint8_t *blob, size_t *blob_size);

/* Reads only which version of which key a blob names: `arn` has room for ARN_TEXT_MAX.
 * E_KEY_CIPHERTEXT for what is no blob of ours. */
NODISCARD enum status blob_key(struct bytes blob, char *arn, uint32_t *version);

/* `plain` has room for BLOB_PLAIN_BYTES_MAX. E_KEY_CIPHERTEXT for a changed blob, another key or
 * another context; E_WRONG_KEY as above. */
NODISCARD enum status blob_open(struct key_sealer *sealer, const struct key_use *use,
                                struct bytes blob, uint8_t *plain, size_t *plain_size);

#endif
