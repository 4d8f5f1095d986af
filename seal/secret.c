/* Copies, compares and wipes; nothing else may be done to a key by hand.
 *
 * Wiping goes through OPENSSL_cleanse, which no optimiser removes. Comparing takes as long for a
 * difference in the first byte as for one in the last. */
#include "seal/secret.h"

#include <openssl/crypto.h>

enum status secret_from(struct secret *secret, struct bytes from)
{
    if (from.size != SECRET_BYTES) {
        return E_MALFORMED;
    }
    memcpy(secret->bytes, from.data, SECRET_BYTES);
    return OK;
}

void secret_copy(struct secret *to, const struct secret *from)
{
    memmove(to->bytes, from->bytes, SECRET_BYTES);
}

void secret_wipe(struct secret *secret)
{
    OPENSSL_cleanse(secret->bytes, SECRET_BYTES);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, SECRET_BYTES) == 0;
}

bool secret_is_zero(const struct secret *secret)
{
    static const struct secret zero;

    return secret_equal(secret, &zero);
}

void secret_wipe_memory(void *memory, size_t size)
{
    if (size > 0) {
        OPENSSL_cleanse(memory, size);
    }
}

bool secret_bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || CRYPTO_memcmp(a.data, b.data, a.size) == 0);
}
