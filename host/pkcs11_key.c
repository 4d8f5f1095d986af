/* Find the key by its label, seal or open.
 *
 * Of two keys with one label a new store takes neither; an old one tries both, since the tag tells
 * which of them it was sealed under.
 *
 * What a token answers to a wrong tag differs from maker to maker: the answers that some give are
 * taken for "another key", and everything else is the token's failure. */
#include "host/pkcs11.h"

#include <stdio.h>
#include <string.h>
#define CRYPTOKI_GNU 1 /* the names of the standard in our spelling */
#include <p11-kit/pkcs11.h>

static const char bound_to[] = "sealift-keyd root key"; /* so nothing else sealed there opens */

#define YES ((unsigned char[]){1})
#define NO ((unsigned char[]){0})

static enum status refuse_key(const struct pkcs11 *pkcs11, enum status status, const char *what,
                              char *why)
{
    char text[512];

    snprintf(text, sizeof text, "%s: key %.64s", what, pkcs11->place->key);
    return pkcs11_refuse(pkcs11, status, text, why);
}

static enum status find_keys(struct pkcs11 *pkcs11, ck_object_handle_t keys[PKCS11_KEYS_MAX],
                             unsigned long *count, char *why)
{
    ck_object_class_t class = CKO_SECRET_KEY;
    ck_key_type_t type = CKK_AES;
    char *label = (char *)(uintptr_t)pkcs11->place->key;
    struct ck_attribute wanted[] = {{CKA_CLASS, &class, sizeof class},
                                    {CKA_KEY_TYPE, &type, sizeof type},
                                    {CKA_TOKEN, YES, 1},
                                    {CKA_LABEL, label, strlen(label)}};
    ck_rv_t result = pkcs11->module->C_FindObjectsInit(pkcs11->session, wanted,
                                                       sizeof wanted / sizeof wanted[0]);

    if (result == CKR_OK) {
        result = pkcs11->module->C_FindObjects(pkcs11->session, keys, PKCS11_KEYS_MAX, count);
        pkcs11->module->C_FindObjectsFinal(pkcs11->session);
    }
    return result == CKR_OK ? OK : pkcs11_failed(pkcs11, "the search for the key", result, why);
}

static enum status make_key(struct pkcs11 *pkcs11, char *why)
{
    unsigned long bytes = SECRET_BYTES;
    char *label = (char *)(uintptr_t)pkcs11->place->key;
    struct ck_attribute key[] = {{CKA_TOKEN, YES, 1},
                                 {CKA_PRIVATE, YES, 1},
                                 {CKA_SENSITIVE, YES, 1},
                                 {CKA_ENCRYPT, YES, 1},
                                 {CKA_DECRYPT, YES, 1},
                                 {CKA_EXTRACTABLE, NO, 1},
                                 {CKA_WRAP, NO, 1},
                                 {CKA_UNWRAP, NO, 1},
                                 {CKA_VALUE_LEN, &bytes, sizeof bytes},
                                 {CKA_LABEL, label, strlen(label)}};
    struct ck_mechanism how = {CKM_AES_KEY_GEN, NULL, 0};
    const ck_rv_t result = pkcs11->module->C_GenerateKey(pkcs11->session, &how, key,
                                                         sizeof key / sizeof key[0], &pkcs11->key);

    return result == CKR_OK
               ? OK
               : pkcs11_failed(
                   pkcs11,
                   "making its AES-256 key (or make one with the token's own tools: label as "
                   "in --pkcs11-key, sensitive, for encryption and decryption)",
                   result, why);
}

static enum status check_key(struct pkcs11 *pkcs11, char *why)
{
    unsigned long bytes = 0;
    unsigned char sensitive = 0;
    struct ck_attribute about[] = {{CKA_VALUE_LEN, &bytes, sizeof bytes},
                                   {CKA_SENSITIVE, &sensitive, sizeof sensitive}};
    const ck_rv_t result =
        pkcs11->module->C_GetAttributeValue(pkcs11->session, pkcs11->key, about, 2);

    if (result != CKR_OK) {
        return pkcs11_failed(pkcs11, "C_GetAttributeValue of the key", result, why);
    }
    if (bytes != SECRET_BYTES || sensitive == 0) {
        return refuse_key(pkcs11, E_USAGE,
                          "the key must have 256 bits and be sensitive (CKA_SENSITIVE)", why);
    }
    return OK;
}

enum status pkcs11_choose_key(struct pkcs11 *pkcs11, bool *made, char *why)
{
    ck_object_handle_t keys[PKCS11_KEYS_MAX];
    unsigned long count;

    TRY(find_keys(pkcs11, keys, &count, why));
    *made = count == 0;
    if (count == 0) {
        return make_key(pkcs11, why);
    }
    if (count > 1) {
        return refuse_key(pkcs11, E_USAGE, "several keys have this label", why);
    }
    pkcs11->key = keys[0];
    return check_key(pkcs11, why);
}

static struct ck_gcm_params gcm_of(uint8_t iv[PKCS11_IV_BYTES])
{
    return (struct ck_gcm_params){.iv_ptr = iv,
                                  .iv_len = PKCS11_IV_BYTES,
                                  .iv_bits = 8 * (unsigned long)PKCS11_IV_BYTES,
                                  .aad_ptr = (unsigned char *)(uintptr_t)bound_to,
                                  .aad_len = sizeof bound_to - 1,
                                  .tag_bits = 8 * (unsigned long)PKCS11_TAG_BYTES};
}

enum status pkcs11_seal(struct pkcs11 *pkcs11, const struct secret *secret,
                        struct pkcs11_seal *seal, char *why)
{
    struct ck_gcm_params gcm = gcm_of(seal->iv);
    struct ck_mechanism how = {CKM_AES_GCM, &gcm, sizeof gcm};
    unsigned long size = sizeof seal->sealed;
    ck_rv_t result = pkcs11->module->C_EncryptInit(pkcs11->session, &how, pkcs11->key);

    if (result == CKR_OK) {
        result =
            pkcs11->module->C_Encrypt(pkcs11->session, (unsigned char *)(uintptr_t)secret->bytes,
                                      SECRET_BYTES, seal->sealed, &size);
    }
    if (result != CKR_OK || size != sizeof seal->sealed) {
        return pkcs11_failed(pkcs11, "sealing by CKM_AES_GCM", result, why);
    }
    return OK;
}

static ck_rv_t try_key(struct pkcs11 *pkcs11, ck_object_handle_t key,
                       const struct pkcs11_seal *seal, struct secret *secret)
{
    struct pkcs11_seal copy = *seal; /* the module's pointers are not const */
    struct ck_gcm_params gcm = gcm_of(copy.iv);
    struct ck_mechanism how = {CKM_AES_GCM, &gcm, sizeof gcm};
    uint8_t plain[PKCS11_SEALED_BYTES];
    unsigned long size = sizeof plain;
    ck_rv_t result = pkcs11->module->C_DecryptInit(pkcs11->session, &how, key);

    if (result == CKR_OK) {
        result = pkcs11->module->C_Decrypt(pkcs11->session, copy.sealed, sizeof copy.sealed, plain,
                                           &size);
    }
    if (result == CKR_OK && secret_from(secret, bytes_of(plain, size)) != OK) {
        result = CKR_ENCRYPTED_DATA_INVALID;
    }
    secret_wipe_memory(plain, sizeof plain);
    return result;
}

static bool means_another_key(ck_rv_t result)
{
    return result == CKR_ENCRYPTED_DATA_INVALID || result == CKR_ENCRYPTED_DATA_LEN_RANGE
           || result == CKR_GENERAL_ERROR || result == CKR_FUNCTION_FAILED;
}

enum status pkcs11_unseal(struct pkcs11 *pkcs11, const struct pkcs11_seal *seal,
                          struct secret *secret, char *why)
{
    ck_object_handle_t keys[PKCS11_KEYS_MAX];
    unsigned long count;

    TRY(find_keys(pkcs11, keys, &count, why));
    if (count == 0) {
        return refuse_key(pkcs11, E_KEY_NOT_FOUND,
                          "the key that this store was made with is missing; bring it back from "
                          "the token's own backup",
                          why);
    }

    ck_rv_t trouble = CKR_OK;

    for (unsigned long i = 0; i < count; i++) {
        const ck_rv_t result = try_key(pkcs11, keys[i], seal, secret);

        if (result == CKR_OK) {
            return OK;
        }
        trouble = means_another_key(result) ? trouble : result;
    }
    return trouble != CKR_OK
               ? pkcs11_failed(pkcs11, "opening by CKM_AES_GCM", trouble, why)
               : refuse_key(pkcs11, E_WRONG_KEY, "not the key that this store was made with", why);
}
