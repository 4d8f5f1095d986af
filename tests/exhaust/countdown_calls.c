/* The calls of libcrypto that seal/ makes for a member, wrapped by the linker, and the allocations
 * that libcrypto makes for them. One that shall fail does nothing and says so. */
#include "base/check.h"
#include "tests/exhaust/countdown.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <stdlib.h>

#define WRAP(type, failed, name, parameters, arguments) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters \
    { \
        return countdown_strikes(COUNTDOWN_CALLS) ? (failed) : __real_##name arguments; \
    }

WRAP(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), ())
WRAP(int, 0, EVP_CIPHER_CTX_reset, (EVP_CIPHER_CTX * context), (context))
WRAP(int, 0, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * context, int type, int size, void *data),
     (context, type, size, data))
WRAP(int, 0, EVP_CipherInit_ex2,
     (EVP_CIPHER_CTX * context, const EVP_CIPHER *cipher, const unsigned char *key,
      const unsigned char *nonce, int seals, const OSSL_PARAM params[]),
     (context, cipher, key, nonce, seals, params))
WRAP(int, 0, EVP_CipherUpdate,
     (EVP_CIPHER_CTX * context, unsigned char *out, int *done, const unsigned char *in, int size),
     (context, out, done, in, size))
WRAP(int, 0, EVP_Digest,
     (const void *data, size_t size, unsigned char *digest, unsigned *digest_size,
      const EVP_MD *type, ENGINE *engine),
     (data, size, digest, digest_size, type, engine))
WRAP(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void), ())
WRAP(int, 0, EVP_DigestInit_ex, (EVP_MD_CTX * context, const EVP_MD *type, ENGINE *engine),
     (context, type, engine))
WRAP(int, 0, EVP_DigestUpdate, (EVP_MD_CTX * context, const void *data, size_t size),
     (context, data, size))
WRAP(int, 0, EVP_DigestFinal_ex,
     (EVP_MD_CTX * context, unsigned char *digest, unsigned *digest_size),
     (context, digest, digest_size))
WRAP(unsigned char *, NULL, HMAC,
     (const EVP_MD *type, const void *key, int key_size, const unsigned char *data, size_t size,
      unsigned char *code, unsigned *code_size),
     (type, key, key_size, data, size, code, code_size))
WRAP(EVP_KDF *, NULL, EVP_KDF_fetch, (OSSL_LIB_CTX * library, const char *name, const char *wish),
     (library, name, wish))
WRAP(EVP_KDF_CTX *, NULL, EVP_KDF_CTX_new, (EVP_KDF * kdf), (kdf))
WRAP(int, 0, EVP_KDF_derive,
     (EVP_KDF_CTX * context, unsigned char *key, size_t size, const OSSL_PARAM params[]),
     (context, key, size, params))

/* The only call whose refusal has a meaning: that the seal is broken. */
int __real_EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *done);
int __wrap_EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *done);
int __wrap_EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *done)
{
    if (!countdown_strikes(COUNTDOWN_CALLS)) {
        return __real_EVP_CipherFinal_ex(context, out, done);
    }
    if (!EVP_CIPHER_CTX_is_encrypting(context)) {
        countdown_disbelieve();
    }
    return 0;
}

/* ---- memory ---- */

/* Before each block that libcrypto has. */
union front {
    struct countdown_block block;
    max_align_t aligned;
};

static void *give(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size == 0 || countdown_strikes(COUNTDOWN_ALLOCATIONS)) {
        return NULL;
    }
    union front *front = malloc(sizeof *front + size);

    CHECK(front != NULL);
    countdown_keep(&front->block);
    return front + 1;
}

static void take_back(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    if (memory != NULL) {
        union front *front = (union front *)memory - 1;

        countdown_forget(&front->block);
        free(front);
    }
}

static void *resize(void *memory, size_t size, const char *file, int line)
{
    if (memory == NULL) {
        return give(size, file, line);
    }
    if (size == 0) {
        take_back(memory, file, line);
        return NULL;
    }
    if (countdown_strikes(COUNTDOWN_ALLOCATIONS)) {
        return NULL;
    }
    union front *front = (union front *)memory - 1;

    countdown_forget(&front->block);
    front = realloc(front, sizeof *front + size);
    CHECK(front != NULL);
    countdown_keep(&front->block);
    return front + 1;
}

/* libcrypto takes it only before its first allocation. */
__attribute__((constructor)) static void lend_memory(void)
{
    CHECK(CRYPTO_set_mem_functions(give, resize, take_back) == 1);
}
