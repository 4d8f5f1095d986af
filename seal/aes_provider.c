/* The provider: one algorithm, AES-256-GCM, as libipsec-mb does it in pieces.
 *
 * A cipher context gathers AAD until the first byte of data (libipsec-mb wants it whole), begins
 * the message then, and hands every piece on. The key schedule and the state of a message are
 * aligned to cache lines by hand, since OpenSSL's heap is not.
 *
 * How it goes wrong: what OpenSSL's own cipher would refuse (no key, no nonce, AAD after data, a
 * tag that does not match) is 0 here too. Freeing wipes the key schedule. */
#include "seal/aes_provider.h"

#ifdef SEALIFT_IPSEC_MB

#include "base/check.h"

#include <intel-ipsec-mb.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <string.h>

enum {
    KEY_BYTES = 32,
    NONCE_BYTES = 12,
    NONCE_BYTES_MAX = 128, /* as OpenSSL's own */
    TAG_BYTES = 16,
    LINE_BYTES = 64,
};

static const char PROVIDER[] = "sealift";

/* Its function pointers keep no state in it: all threads share it. */
static IMB_MGR *imb;
static OSSL_PROVIDER *stock, *own;
static bool in_use;

struct gcm {
    struct gcm_key_data key;
    struct gcm_context_data message;
    void *memory; /* what was allocated; this struct is the aligned part of it */
    uint8_t *aad;
    size_t aad_size, aad_room;
    size_t nonce_size, tag_size;
    uint8_t nonce[NONCE_BYTES_MAX];
    uint8_t tag[TAG_BYTES];
    bool sealing;
    bool keyed, nonced; /* a nonce serves one message */
    bool begun;
};

static struct gcm *gcm_new(void)
{
    uint8_t *memory = OPENSSL_zalloc(sizeof(struct gcm) + LINE_BYTES);

    if (memory == NULL) {
        return NULL;
    }

    struct gcm *gcm = (void *)(memory + LINE_BYTES - (uintptr_t)memory % LINE_BYTES);

    gcm->memory = memory;
    gcm->nonce_size = NONCE_BYTES;
    return gcm;
}

static void *context_new(void *provider)
{
    (void)provider;
    return gcm_new();
}

static void context_free(void *context)
{
    struct gcm *gcm = context;

    if (gcm != NULL) {
        OPENSSL_clear_free(gcm->aad, gcm->aad_room);
        OPENSSL_clear_free(gcm->memory, sizeof *gcm + LINE_BYTES);
    }
}

static void *context_copy(void *context)
{
    const struct gcm *from = context;
    struct gcm *gcm = gcm_new();

    if (gcm == NULL) {
        return NULL;
    }

    void *memory = gcm->memory;

    *gcm = *from;
    gcm->memory = memory;
    if (from->aad_room > 0) {
        gcm->aad = OPENSSL_memdup(from->aad, from->aad_room);
        if (gcm->aad == NULL) {
            gcm->aad_room = 0;
            context_free(gcm);
            return NULL;
        }
    }
    return gcm;
}

static int context_set(void *context, const OSSL_PARAM parameters[]);

static int context_init(struct gcm *gcm, bool sealing, const unsigned char *key, size_t key_size,
                        const unsigned char *nonce, size_t nonce_size,
                        const OSSL_PARAM parameters[])
{
    gcm->sealing = sealing;
    if (key != NULL) {
        if (key_size != KEY_BYTES) {
            return 0;
        }
        IMB_AES256_GCM_PRE(imb, key, &gcm->key);
        gcm->keyed = true;
    }
    if (nonce != NULL) {
        if (nonce_size == 0 || nonce_size > NONCE_BYTES_MAX) {
            return 0;
        }
        memcpy(gcm->nonce, nonce, nonce_size);
        gcm->nonce_size = nonce_size;
        gcm->nonced = true;
    }
    gcm->begun = false;
    gcm->aad_size = 0;
    gcm->tag_size = sealing ? 0 : gcm->tag_size;
    return context_set(gcm, parameters);
}

static int init_seal(void *context, const unsigned char *key, size_t key_size,
                     const unsigned char *nonce, size_t nonce_size, const OSSL_PARAM parameters[])
{
    return context_init(context, true, key, key_size, nonce, nonce_size, parameters);
}

static int init_open(void *context, const unsigned char *key, size_t key_size,
                     const unsigned char *nonce, size_t nonce_size, const OSSL_PARAM parameters[])
{
    return context_init(context, false, key, key_size, nonce, nonce_size, parameters);
}

static int add_aad(struct gcm *gcm, const unsigned char *in, size_t size)
{
    if (gcm->begun) {
        return 0;
    }
    if (gcm->aad_size + size > gcm->aad_room) {
        const size_t room = 2 * (gcm->aad_size + size);
        uint8_t *grown = OPENSSL_clear_realloc(gcm->aad, gcm->aad_room, room);

        if (grown == NULL) {
            return 0;
        }
        gcm->aad = grown;
        gcm->aad_room = room;
    }
    memcpy(gcm->aad + gcm->aad_size, in, size);
    gcm->aad_size += size;
    return 1;
}

static void begin(struct gcm *gcm)
{
    if (gcm->begun) {
        return;
    }
    if (gcm->nonce_size == NONCE_BYTES) {
        IMB_AES256_GCM_INIT(imb, &gcm->key, &gcm->message, gcm->nonce, gcm->aad, gcm->aad_size);
    } else {
        IMB_AES256_GCM_INIT_VAR_IV(imb, &gcm->key, &gcm->message, gcm->nonce, gcm->nonce_size,
                                   gcm->aad, gcm->aad_size);
    }
    gcm->begun = true;
}

/* `out` is NULL for AAD. */
static int update(void *context, unsigned char *out, size_t *done, size_t room,
                  const unsigned char *in, size_t size)
{
    struct gcm *gcm = context;

    *done = 0;
    if (!gcm->keyed || !gcm->nonced || (out != NULL && room < size)) {
        return 0;
    }
    if (size == 0) {
        return 1;
    }
    *done = size;
    if (out == NULL) {
        return add_aad(gcm, in, size);
    }
    begin(gcm);
    if (gcm->sealing) {
        IMB_AES256_GCM_ENC_UPDATE(imb, &gcm->key, &gcm->message, out, in, size);
    } else {
        IMB_AES256_GCM_DEC_UPDATE(imb, &gcm->key, &gcm->message, out, in, size);
    }
    return 1;
}

static int finish(void *context, unsigned char *out, size_t *done, size_t room)
{
    struct gcm *gcm = context;
    uint8_t tag[TAG_BYTES];

    (void)out;
    (void)room;
    *done = 0;
    if (!gcm->keyed || !gcm->nonced || (!gcm->sealing && gcm->tag_size == 0)) {
        return 0;
    }
    begin(gcm);
    gcm->begun = false;
    gcm->nonced = false;
    if (gcm->sealing) {
        IMB_AES256_GCM_ENC_FINALIZE(imb, &gcm->key, &gcm->message, gcm->tag, TAG_BYTES);
        gcm->tag_size = TAG_BYTES;
        return 1;
    }
    IMB_AES256_GCM_DEC_FINALIZE(imb, &gcm->key, &gcm->message, tag, TAG_BYTES);
    const bool same = CRYPTO_memcmp(tag, gcm->tag, gcm->tag_size) == 0;

    OPENSSL_cleanse(tag, sizeof tag);
    gcm->tag_size = 0;
    return same;
}

/* ---- what OpenSSL asks about ---- */

static int set_size(OSSL_PARAM parameters[], const char *name, size_t value)
{
    OSSL_PARAM *parameter = OSSL_PARAM_locate(parameters, name);

    return parameter == NULL || OSSL_PARAM_set_size_t(parameter, value);
}

static int cipher_get(OSSL_PARAM parameters[])
{
    OSSL_PARAM *mode = OSSL_PARAM_locate(parameters, OSSL_CIPHER_PARAM_MODE);
    OSSL_PARAM *aead = OSSL_PARAM_locate(parameters, OSSL_CIPHER_PARAM_AEAD);
    OSSL_PARAM *custom = OSSL_PARAM_locate(parameters, OSSL_CIPHER_PARAM_CUSTOM_IV);

    return (mode == NULL || OSSL_PARAM_set_uint(mode, EVP_CIPH_GCM_MODE))
           && (aead == NULL || OSSL_PARAM_set_int(aead, 1))
           && (custom == NULL || OSSL_PARAM_set_int(custom, 1))
           && set_size(parameters, OSSL_CIPHER_PARAM_KEYLEN, KEY_BYTES)
           && set_size(parameters, OSSL_CIPHER_PARAM_IVLEN, NONCE_BYTES)
           && set_size(parameters, OSSL_CIPHER_PARAM_BLOCK_SIZE, 1);
}

static int context_get(void *context, OSSL_PARAM parameters[])
{
    const struct gcm *gcm = context;
    OSSL_PARAM *tag = OSSL_PARAM_locate(parameters, OSSL_CIPHER_PARAM_AEAD_TAG);

    if (tag != NULL
        && (!gcm->sealing || tag->data_size == 0 || tag->data_size > gcm->tag_size
            || !OSSL_PARAM_set_octet_string(tag, gcm->tag, tag->data_size))) {
        return 0;
    }
    return set_size(parameters, OSSL_CIPHER_PARAM_KEYLEN, KEY_BYTES)
           && set_size(parameters, OSSL_CIPHER_PARAM_IVLEN, gcm->nonce_size)
           && set_size(parameters, OSSL_CIPHER_PARAM_AEAD_TAGLEN, TAG_BYTES);
}

static int set_nonce_size(struct gcm *gcm, const OSSL_PARAM *parameter)
{
    size_t size;

    if (!OSSL_PARAM_get_size_t(parameter, &size) || size == 0 || size > NONCE_BYTES_MAX) {
        return 0;
    }
    gcm->nonced = gcm->nonced && size == gcm->nonce_size;
    gcm->nonce_size = size;
    return 1;
}

static int context_set(void *context, const OSSL_PARAM parameters[])
{
    struct gcm *gcm = context;
    const OSSL_PARAM *nonce = OSSL_PARAM_locate_const(parameters, OSSL_CIPHER_PARAM_AEAD_IVLEN);
    const OSSL_PARAM *tag = OSSL_PARAM_locate_const(parameters, OSSL_CIPHER_PARAM_AEAD_TAG);

    if (nonce != NULL && !set_nonce_size(gcm, nonce)) {
        return 0;
    }
    if (tag != NULL) {
        void *into = gcm->tag;

        if (gcm->sealing
            || !OSSL_PARAM_get_octet_string(tag, &into, sizeof gcm->tag, &gcm->tag_size)) {
            return 0;
        }
    }
    return 1;
}

static const OSSL_PARAM *cipher_gettable(void *provider)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_uint(OSSL_CIPHER_PARAM_MODE, NULL),
                                       OSSL_PARAM_int(OSSL_CIPHER_PARAM_AEAD, NULL),
                                       OSSL_PARAM_int(OSSL_CIPHER_PARAM_CUSTOM_IV, NULL),
                                       OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
                                       OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
                                       OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_BLOCK_SIZE, NULL),
                                       OSSL_PARAM_END};

    (void)provider;
    return known;
}

static const OSSL_PARAM *context_gettable(void *context, void *provider)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
                                       OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL),
                                       OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_AEAD_TAGLEN, NULL),
                                       OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0),
                                       OSSL_PARAM_END};

    (void)context;
    (void)provider;
    return known;
}

static const OSSL_PARAM *context_settable(void *context, void *provider)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, NULL),
                                       OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, 0),
                                       OSSL_PARAM_END};

    (void)context;
    (void)provider;
    return known;
}

/* ---- the provider and its choice ---- */

#define ANSWER(id, function) \
    { \
        (id), (void (*)(void))(function) \
    }

static const OSSL_DISPATCH gcm_calls[] = {
    ANSWER(OSSL_FUNC_CIPHER_NEWCTX, context_new),
    ANSWER(OSSL_FUNC_CIPHER_FREECTX, context_free),
    ANSWER(OSSL_FUNC_CIPHER_DUPCTX, context_copy),
    ANSWER(OSSL_FUNC_CIPHER_ENCRYPT_INIT, init_seal),
    ANSWER(OSSL_FUNC_CIPHER_DECRYPT_INIT, init_open),
    ANSWER(OSSL_FUNC_CIPHER_UPDATE, update),
    ANSWER(OSSL_FUNC_CIPHER_FINAL, finish),
    ANSWER(OSSL_FUNC_CIPHER_GET_PARAMS, cipher_get),
    ANSWER(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, context_get),
    ANSWER(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, context_set),
    ANSWER(OSSL_FUNC_CIPHER_GETTABLE_PARAMS, cipher_gettable),
    ANSWER(OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS, context_gettable),
    ANSWER(OSSL_FUNC_CIPHER_SETTABLE_CTX_PARAMS, context_settable),
    {0, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_store)
{
    static const OSSL_ALGORITHM ciphers[] = {
        {"AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", "provider=sealift", gcm_calls, NULL},
        {NULL, NULL, NULL, NULL},
    };

    (void)provider;
    *no_store = 0;
    return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
                         const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH calls[] = {ANSWER(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                          {0, NULL}};
    static int unused;

    (void)handle;
    (void)core;
    *out = calls;
    *context = &unused;
    return 1;
}

static bool is_worth_it(enum aes_choice choice)
{
    const uint64_t fast = IMB_FEATURE_AVX512_SKX | IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;

    return choice == AES_IPSEC_MB
           || ((imb->features & fast) == fast && OPENSSL_version_major() == 3
               && OPENSSL_version_minor() == 0);
}

/* When the process ends: OpenSSL forgets no provider that somebody still holds. */
static void unload(void)
{
    (void)OSSL_PROVIDER_unload(own);
    (void)OSSL_PROVIDER_unload(stock);
    own = stock = NULL;
}

static bool load(void)
{
    if (own != NULL) {
        return true;
    }
    stock = OSSL_PROVIDER_load(NULL, "default"); /* naming one provider turns the default off */
    own = stock != NULL && OSSL_PROVIDER_add_builtin(NULL, PROVIDER, provider_init) == 1
              ? OSSL_PROVIDER_load(NULL, PROVIDER)
              : NULL;
    CHECK(OPENSSL_atexit(unload) == 1);
    return own != NULL;
}

bool aes_provider_choose(enum aes_choice choice)
{
    if (choice == AES_OPENSSL || EVP_default_properties_is_fips_enabled(NULL)) {
        return choice != AES_IPSEC_MB;
    }
    if (imb == NULL) {
        imb = alloc_mb_mgr(0);
        CHECK(imb != NULL);
        init_mb_mgr_auto(imb, NULL);
    }
    in_use = imb_get_errno(imb) == 0 && is_worth_it(choice) && load()
             && EVP_set_default_properties(NULL, "?provider=sealift") == 1;
    ERR_clear_error();
    return in_use || choice == AES_AUTO;
}

void aes_provider_leave(void)
{
    if (in_use) {
        CHECK(EVP_set_default_properties(NULL, "") == 1);
        in_use = false;
    }
}

const char *aes_provider_name(void)
{
    return in_use ? "libipsec-mb" : "OpenSSL";
}

#else

bool aes_provider_choose(enum aes_choice choice)
{
    return choice != AES_IPSEC_MB;
}

void aes_provider_leave(void)
{
}

const char *aes_provider_name(void)
{
    return "OpenSSL";
}

#endif
