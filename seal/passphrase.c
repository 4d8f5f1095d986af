/* One call of libcrypto's scrypt, whose limit of memory is set to what the costs need.
 *
 * What can go wrong is memory: the parameters are checked before. */
#include "seal/passphrase.h"

#include "base/check.h"
#include "seal/digest.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum status passphrase_stretch(struct bytes passphrase, const struct passphrase_costs *costs,
                               struct secret *root)
{
    CHECK(costs->log2_n >= PASSPHRASE_LOG2_N_MIN && costs->log2_n <= PASSPHRASE_LOG2_N_MAX);

    uint64_t n = 1ull << costs->log2_n;
    uint64_t memory = 128 * n * PASSPHRASE_R + (1 << 20);
    uint32_t r = PASSPHRASE_R;
    uint32_t p = PASSPHRASE_P;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
                                          (void *)(uintptr_t)passphrase.data, passphrase.size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)costs->salt,
                                          sizeof costs->salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    const bool done =
        context != NULL && EVP_KDF_derive(context, root->bytes, SECRET_BYTES, parameters) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    if (!done) {
        ERR_clear_error();
        secret_wipe(root);
        return E_FULL;
    }
    return OK;
}

void passphrase_check_value(const struct secret *root, uint8_t check[PASSPHRASE_CHECK_BYTES])
{
    digest_hkdf(HKDF_SHA256, bytes_none(), bytes_of(root->bytes, SECRET_BYTES),
                bytes_text("sealift/keyd/root-check/v1"), check, PASSPHRASE_CHECK_BYTES);
}
