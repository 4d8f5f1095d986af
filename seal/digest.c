/* libcrypto's one-shot calls where there is one, a context that is freed at once where not.
 *
 * A context that held a key (HMAC, HKDF) is freed before the call returns: it keeps the key in the
 * ordinary heap, and freeing wipes it. libcrypto does not take NULL for an empty key or message
 * everywhere, so empty views are given an address. */
#include "seal/digest.h"

#include "base/check.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static const void *address_of(struct bytes bytes)
{
    return bytes.size == 0 ? "" : (const void *)bytes.data;
}

struct digest digest_of(struct bytes bytes)
{
    struct digest digest;

    CHECK(EVP_Digest(address_of(bytes), bytes.size, digest.bytes, NULL, EVP_sha256(), NULL) == 1);
    return digest;
}

struct digest digest_of_two(struct bytes first, struct bytes second)
{
    struct digest_stream stream;

    digest_stream_start(&stream);
    digest_stream_add(&stream, first);
    digest_stream_add(&stream, second);
    return digest_stream_end(&stream);
}

void digest_stream_start(struct digest_stream *stream)
{
    stream->context = EVP_MD_CTX_new();
    CHECK(stream->context != NULL);
    CHECK(EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) == 1);
}

void digest_stream_add(struct digest_stream *stream, struct bytes bytes)
{
    CHECK(EVP_DigestUpdate(stream->context, address_of(bytes), bytes.size) == 1);
}

struct digest digest_stream_end(struct digest_stream *stream)
{
    const struct digest digest = digest_stream_result(stream);

    digest_stream_drop(stream);
    return digest;
}

void digest_stream_restart(struct digest_stream *stream)
{
    CHECK(EVP_DigestInit_ex(stream->context, NULL, NULL) == 1);
}

struct digest digest_stream_result(struct digest_stream *stream)
{
    struct digest digest;

    CHECK(EVP_DigestFinal_ex(stream->context, digest.bytes, NULL) == 1);
    return digest;
}

void digest_stream_drop(struct digest_stream *stream)
{
    EVP_MD_CTX_free(stream->context);
    stream->context = NULL;
}

struct digest digest_hmac(struct bytes key, struct bytes message)
{
    struct digest digest;
    unsigned size = 0;

    CHECK(key.size <= INT32_MAX);
    CHECK(HMAC(EVP_sha256(), address_of(key), (int)key.size, address_of(message), message.size,
               digest.bytes, &size)
          != NULL);
    CHECK(size == sizeof digest.bytes);
    return digest;
}

static OSSL_PARAM octets(const char *name, struct bytes bytes)
{
    /* OSSL_PARAM wants a writable pointer; a KDF only reads it. */
    union {
        const void *read;
        void *taken;
    } address = {.read = address_of(bytes)};

    return OSSL_PARAM_construct_octet_string(name, address.taken, bytes.size);
}

void digest_hkdf(enum hkdf_hash hash, struct bytes salt, struct bytes key, struct bytes info,
                 void *into, size_t size)
{
    static char sha256[] = "SHA256";
    static char sha512[] = "SHA512";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[5];
    size_t count = 0;

    CHECK(context != NULL);
    CHECK(size <= (size_t)255 * (hash == HKDF_SHA256 ? 32 : 64));
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                       hash == HKDF_SHA256 ? sha256 : sha512, 0);
    params[count++] = octets(OSSL_KDF_PARAM_KEY, key);
    if (salt.size > 0) { /* none means as many zeros as the hash has bytes */
        params[count++] = octets(OSSL_KDF_PARAM_SALT, salt);
    }
    if (info.size > 0) {
        params[count++] = octets(OSSL_KDF_PARAM_INFO, info);
    }
    params[count] = OSSL_PARAM_construct_end();
    CHECK(EVP_KDF_derive(context, into, size, params) == 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}
