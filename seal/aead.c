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

static void begin(struct aead *aead, bool sealing, const struct nonce *nonce, struct bytes aad)
{
    CHECK(aead->keyed);
    CHECK(EVP_CipherInit_ex2(aead->context, NULL, NULL, nonce->bytes, sealing, NULL) == 1);
    update(aead, aad, NULL);
}

void aead_begin_seal(struct aead *aead, const struct nonce *nonce, struct bytes aad)
{
    begin(aead, true, nonce, aad);
}

void aead_begin_open(struct aead *aead, const struct nonce *nonce, struct bytes aad)
{
    begin(aead, false, nonce, aad);
}

/* Data through the cipher, or past it. */
void aead_pass(struct aead *aead, struct bytes in, uint8_t *out)
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

void aead_end_seal(struct aead *aead, struct tag *tag)
{
    uint8_t unused[EVP_MAX_BLOCK_LENGTH];
    int more = 0;

    CHECK(EVP_CipherFinal_ex(aead->context, unused, &more) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(aead->context, EVP_CTRL_AEAD_GET_TAG, sizeof tag->bytes, tag->bytes)
          == 1);
}

bool aead_end_open(struct aead *aead, const struct tag *tag)
{
    struct tag expected = *tag;
    uint8_t unused[EVP_MAX_BLOCK_LENGTH];
    int more = 0;

    CHECK(EVP_CIPHER_CTX_ctrl(aead->context, EVP_CTRL_AEAD_SET_TAG, sizeof expected.bytes,
                              expected.bytes)
          == 1);
    return EVP_CipherFinal_ex(aead->context, unused, &more) == 1;
}

void aead_seal(struct aead *aead, const struct nonce *nonce, struct bytes aad,
               const struct bytes *parts, size_t part_count, uint8_t *out, struct tag *tag)
{
    begin(aead, true, nonce, aad);
    for (size_t i = 0; i < part_count; i++) {
        aead_pass(aead, parts[i], out);
        out += parts[i].size;
    }
    aead_end_seal(aead, tag);
}

enum status aead_open(struct aead *aead, const struct nonce *nonce, struct bytes aad,
                      struct bytes sealed, const struct tag *tag, uint8_t *out)
{
    begin(aead, false, nonce, aad);
    aead_pass(aead, sealed, out);
    if (!aead_end_open(aead, tag)) {
        secret_wipe_memory(out, sealed.size);
        return E_FORGED;
    }
    return OK;
}
