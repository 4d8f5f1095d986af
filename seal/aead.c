/* A message is: nonce, AAD, data, tag. The key schedule is made once (aead_key) and survives.
 *
 * For SUITE_NONE the data goes in as further AAD and is copied; everything else is the same, and
 * the AAD proper has a fixed length for each use, so the border between the two is not in doubt.
 *
 * How it goes wrong: only a tag that does not match is a status. Whatever else libcrypto refuses
 * (no memory, no such cipher) stops the process: a batch must not go out half sealed. Forgetting
 * resets the context, which wipes the key schedule that libcrypto keeps on its heap. */
#include "seal/aead.h"

#include "base/check.h"

#include <limits.h>
#include <openssl/evp.h>

enum { VERIFY_PIECE_BYTES = 16 << 10 }; /* fits the first-level cache beside its ciphertext */

void aead_init(struct aead *aead)
{
    *aead = (struct aead){.context = EVP_CIPHER_CTX_new()};
    CHECK(aead->context != NULL);
}

void aead_key(struct aead *aead, enum suite suite, const struct secret *key)
{
    CHECK(EVP_CipherInit_ex2(aead->context, EVP_aes_256_gcm(), key->bytes, NULL, 1, NULL) == 1);
    aead->suite = suite;
    aead->keyed = true;
}

void aead_forget(struct aead *aead)
{
    CHECK(EVP_CIPHER_CTX_reset(aead->context) == 1);
    aead->keyed = false;
}

void aead_drop(struct aead *aead)
{
    EVP_CIPHER_CTX_free(aead->context);
    *aead = (struct aead){0};
}

/* `out` is NULL for AAD. */
static void update(struct aead *aead, struct bytes in, uint8_t *out)
{
    int done = 0;

    if (in.size == 0) {
        return;
    }
    CHECK(in.size <= INT_MAX);
    CHECK(EVP_CipherUpdate(aead->context, out, &done, in.data, (int)in.size) == 1);
    CHECK((size_t)done == in.size);
}

static void start(struct aead *aead, bool sealing, const struct nonce *nonce, struct bytes aad)
{
    CHECK(aead->keyed);
    CHECK(EVP_CipherInit_ex2(aead->context, NULL, NULL, nonce->bytes, sealing, NULL) == 1);
    update(aead, aad, NULL);
}

/* Data through the cipher, or past it. */
static void pass(struct aead *aead, struct bytes in, uint8_t *out)
{
    if (aead->suite == SUITE_AES_256_GCM) {
        update(aead, in, out);
        return;
    }
    update(aead, in, NULL);
    if (in.size > 0 && out != in.data) {
        memcpy(out, in.data, in.size);
    }
}

void aead_seal(struct aead *aead, const struct nonce *nonce, struct bytes aad,
               const struct bytes *parts, size_t part_count, uint8_t *out, struct tag *tag)
{
    uint8_t unused[EVP_MAX_BLOCK_LENGTH];
    int more = 0;

    start(aead, true, nonce, aad);
    for (size_t i = 0; i < part_count; i++) {
        pass(aead, parts[i], out);
        out += parts[i].size;
    }
    CHECK(EVP_CipherFinal_ex(aead->context, unused, &more) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(aead->context, EVP_CTRL_AEAD_GET_TAG, sizeof tag->bytes, tag->bytes)
          == 1);
}

/* Compares in constant time, inside libcrypto. */
static bool finish(struct aead *aead, const struct tag *tag)
{
    struct tag expected = *tag;
    uint8_t unused[EVP_MAX_BLOCK_LENGTH];
    int more = 0;

    CHECK(EVP_CIPHER_CTX_ctrl(aead->context, EVP_CTRL_AEAD_SET_TAG, sizeof expected.bytes,
                              expected.bytes)
          == 1);
    return EVP_CipherFinal_ex(aead->context, unused, &more) == 1;
}

enum status aead_open(struct aead *aead, const struct nonce *nonce, struct bytes aad,
                      struct bytes sealed, const struct tag *tag, uint8_t *out)
{
    start(aead, false, nonce, aad);
    pass(aead, sealed, out);
    if (!finish(aead, tag)) {
        secret_wipe_memory(out, sealed.size);
        return E_FORGED;
    }
    return OK;
}

/* How far the end of `whole` from `offset` on is zero is asked piece by piece. */
static bool piece_padding_is_zero(struct bytes piece, size_t offset, size_t padding_begin)
{
    uint8_t any = 0;

    for (size_t i = padding_begin > offset ? padding_begin - offset : 0; i < piece.size; i++) {
        any |= piece.data[i];
    }
    return any == 0;
}

enum status aead_verify(struct aead *aead, const struct nonce *nonce, struct bytes aad,
                        struct bytes sealed, const struct tag *tag, size_t padding)
{
    uint8_t plain[VERIFY_PIECE_BYTES];
    bool padded = true;

    CHECK(padding <= sealed.size);
    start(aead, false, nonce, aad);
    for (size_t offset = 0; offset < sealed.size; offset += sizeof plain) {
        const struct bytes piece = bytes_part(sealed, offset, sizeof plain);

        pass(aead, piece, plain);
        padded = piece_padding_is_zero(bytes_of(plain, piece.size), offset, sealed.size - padding)
                 && padded;
    }
    secret_wipe_memory(plain, sizeof plain);
    return finish(aead, tag) && padded ? OK : E_FORGED;
}
