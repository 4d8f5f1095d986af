/* One HKDF, cut into four. The derivation's own bytes are wiped: they are all four keys. */
#include "seal/segment_key.h"

#include "base/writer.h"
#include "seal/digest.h"

static const char label[] = "sealift/segment/v1";

enum {
    LABEL_BYTES = sizeof label - 1,
    OKM_BYTES = SECRET_BYTES + NONCE_BYTES + 32 + SECRET_BYTES,
};
_Static_assert(OKM_BYTES == 108, "docs/FORMAT.md");

void segment_key_derive(struct segment_key *key, const struct secret *dek,
                        const uint8_t salt[SEGMENT_SALT_BYTES], const struct digest *header_hash)
{
    uint8_t info_bytes[LABEL_BYTES + sizeof header_hash->bytes];
    uint8_t okm[OKM_BYTES];
    struct writer info = writer_of(info_bytes, sizeof info_bytes);

    writer_copy(&info, label, LABEL_BYTES);
    writer_copy(&info, header_hash->bytes, sizeof header_hash->bytes);
    digest_hkdf(HKDF_SHA512, bytes_of(salt, SEGMENT_SALT_BYTES), bytes_of(dek->bytes, SECRET_BYTES),
                writer_bytes(&info), okm, sizeof okm);

    memcpy(key->seal.bytes, okm, SECRET_BYTES);
    memcpy(key->base_nonce.bytes, okm + 32, NONCE_BYTES);
    memcpy(key->commitment.bytes, okm + 44, sizeof key->commitment.bytes);
    memcpy(key->header_mac.bytes, okm + 76, SECRET_BYTES);
    secret_wipe_memory(okm, sizeof okm);
}

void segment_key_wipe(struct segment_key *key)
{
    secret_wipe_memory(key, sizeof *key);
}
