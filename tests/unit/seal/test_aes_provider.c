/* libipsec-mb under EVP against OpenSSL's own: the same bytes for whatever is asked. */
#include "base/check.h"
#include "base/prng.h"
#include "seal/aead.h"
#include "seal/aes_provider.h"
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { DATA_MAX = 70000, AAD_MAX = 600, NONCE_MAX = 128, CASES = 4000 };

struct message {
    uint8_t key[32], nonce[NONCE_MAX], aad[AAD_MAX];
    size_t nonce_size, aad_size, size;
    bool in_place;
};

static uint8_t plain[DATA_MAX], first[DATA_MAX], second[DATA_MAX], opened[DATA_MAX];
static EVP_CIPHER *stock, *fast;

/* False where this build or processor has none: nothing is there to compare. */
static bool both_are_there(void)
{
    if (!aes_provider_choose(AES_IPSEC_MB)) {
        printf("(no libipsec-mb here) ");
        return false;
    }
    stock = EVP_CIPHER_fetch(NULL, "AES-256-GCM", AES_PROVIDER_STOCK);
    fast = EVP_CIPHER_fetch(NULL, "AES-256-GCM", "provider=sealift");
    NEED(stock != NULL && fast != NULL);
    return true;
}

static void leave(void)
{
    EVP_CIPHER_free(stock);
    EVP_CIPHER_free(fast);
    aes_provider_leave();
}

static void draw(struct message *message, struct prng *prng)
{
    const size_t sizes[] = {0, 1 + prng_below(prng, 64), prng_below(prng, 4096),
                            prng_below(prng, DATA_MAX)};

    prng_fill(prng, message->key, sizeof message->key);
    prng_fill(prng, message->nonce, sizeof message->nonce);
    prng_fill(prng, message->aad, sizeof message->aad);
    message->nonce_size = prng_below(prng, 4) > 0 ? 12 : 1 + prng_below(prng, NONCE_MAX);
    message->aad_size = prng_below(prng, AAD_MAX + 1);
    message->size = sizes[prng_below(prng, COUNT_OF(sizes))];
    message->in_place = prng_below(prng, 2) == 1;
}

static bool feed(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t size,
                 struct prng *splits)
{
    for (size_t at = 0; at < size;) {
        const size_t left = size - at;
        const size_t piece = prng_below(splits, 3) == 0 ? left : 1 + prng_below(splits, left);
        int done = 0;

        if (EVP_CipherUpdate(context, out == NULL ? NULL : out + at, &done, in + at, (int)piece)
                != 1
            || (size_t)done != piece) {
            return false;
        }
        at += piece;
    }
    return true;
}

/* Sealing writes the tag, opening reads it. */
static bool run(const EVP_CIPHER *cipher, const struct message *message, bool sealing,
                const uint8_t *in, uint8_t *out, uint8_t tag[16], uint64_t seed)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    struct prng splits;
    uint8_t unused[16];
    int more = 0;

    prng_seed(&splits, seed);
    if (message->in_place) {
        memmove(out, in, message->size);
        in = out;
    }
    const bool done =
        EVP_CipherInit_ex2(context, cipher, NULL, NULL, sealing, NULL) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)message->nonce_size, NULL)
               == 1
        && EVP_CipherInit_ex2(context, NULL, message->key, message->nonce, sealing, NULL) == 1
        && (sealing || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1)
        && feed(context, NULL, message->aad, message->aad_size, &splits)
        && feed(context, out, in, message->size, &splits)
        && EVP_CipherFinal_ex(context, unused, &more) == 1
        && (!sealing || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1);

    EVP_CIPHER_CTX_free(context);
    return done;
}

static void compare(struct message *message, struct prng *prng)
{
    uint8_t tags[2][16];

    NEED(run(stock, message, true, plain, first, tags[0], prng_next(prng)));
    NEED(run(fast, message, true, plain, second, tags[1], prng_next(prng)));
    NEED(memcmp(tags[0], tags[1], 16) == 0);
    NEED(memcmp(first, second, message->size) == 0);
    NEED(run(fast, message, false, first, opened, tags[0], prng_next(prng)));
    NEED(memcmp(opened, plain, message->size) == 0);

    uint8_t *const places[] = {first, message->aad, message->nonce, tags[0]};
    const size_t sizes[] = {message->size, message->aad_size, message->nonce_size, 16};
    const size_t which = prng_below(prng, COUNT_OF(places));

    if (sizes[which] > 0) {
        places[which][prng_below(prng, sizes[which])] ^= (uint8_t)(1 << prng_below(prng, 8));
        NEED(!run(fast, message, false, first, opened, tags[0], prng_next(prng)));
    }
}

TEST(libipsec_mb_and_openssl_agree_on_any_message)
{
    struct message message;
    struct prng prng;

    if (!both_are_there()) {
        return;
    }
    prng_seed(&prng, 20);
    prng_fill(&prng, plain, sizeof plain);
    for (unsigned i = 0; i < CASES; i++) {
        draw(&message, &prng);
        compare(&message, &prng);
    }
    leave();
}

TEST(a_copied_context_goes_on_by_itself)
{
    EVP_CIPHER_CTX *one = EVP_CIPHER_CTX_new(), *two = EVP_CIPHER_CTX_new();
    uint8_t tags[2][16], key[32] = {7}, nonce[12] = {8};
    int done;

    if (!both_are_there()) {
        return;
    }
    NEED(EVP_EncryptInit_ex(one, fast, NULL, key, nonce) == 1);
    NEED(EVP_EncryptUpdate(one, NULL, &done, plain, 20) == 1);
    NEED(EVP_CIPHER_CTX_copy(two, one) == 1);
    EVP_CIPHER_CTX *const both[] = {one, two};

    for (unsigned i = 0; i < 2; i++) {
        NEED(EVP_EncryptUpdate(both[i], first, &done, plain, 100) == 1);
        NEED(EVP_EncryptFinal_ex(both[i], first, &done) == 1);
        NEED(EVP_CIPHER_CTX_ctrl(both[i], EVP_CTRL_AEAD_GET_TAG, 16, tags[i]) == 1);
        EVP_CIPHER_CTX_free(both[i]);
    }
    EXPECT(memcmp(tags[0], tags[1], 16) == 0);
    leave();
}

TEST(what_openssl_refuses_is_refused)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t tag[16], key[32] = {7}, nonce[12] = {8};
    int done;

    if (!both_are_there()) {
        return;
    }
    NEED(EVP_EncryptInit_ex(context, fast, NULL, NULL, NULL) == 1);
    EXPECT(EVP_EncryptUpdate(context, first, &done, plain, 100) == 0); /* no key */
    NEED(EVP_EncryptInit_ex(context, NULL, NULL, key, nonce) == 1);
    NEED(EVP_EncryptUpdate(context, first, &done, plain, 100) == 1);
    EXPECT(EVP_EncryptUpdate(context, NULL, &done, plain, 10) == 0); /* AAD after data */
    NEED(EVP_EncryptFinal_ex(context, first, &done) == 1);
    EXPECT(EVP_EncryptUpdate(context, first, &done, plain, 100) == 0); /* the nonce is used */
    EXPECT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, NONCE_MAX + 1, NULL) <= 0);
    NEED(EVP_DecryptInit_ex(context, fast, NULL, key, nonce) == 1);
    EXPECT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) <= 0);
    EXPECT(EVP_DecryptFinal_ex(context, first, &done) == 0); /* no tag to compare with */
    EVP_CIPHER_CTX_free(context);
    leave();
}

TEST(a_cipher_says_who_does_it)
{
    EXPECT(strcmp(aes_provider_name(), "OpenSSL") == 0);
    EXPECT(aes_provider_choose(AES_OPENSSL));
    EXPECT(strcmp(aes_provider_name(), "OpenSSL") == 0);
    if (both_are_there()) {
        EXPECT(strcmp(aes_provider_name(), "libipsec-mb") == 0);
        leave();
    }
    EXPECT(strcmp(aes_provider_name(), "OpenSSL") == 0);
    EXPECT(aes_provider_choose(AES_AUTO));
    aes_provider_leave();
}
