/* How does a PKCS#11 token seal a secret under a key that never leaves it?
 *
 * One module, one token, one login, for a process that does just this and ends (host/root_token.c):
 * a module is foreign code. A PIN is tried once for each opening, and not at all where one more
 * wrong one would lock the token. Each failure is a sentence in `why` (SECRET_FILE_WHY_MAX), with
 * the number of the CKR where the token gave one. */
#ifndef SEALIFT_HOST_PKCS11_H
#define SEALIFT_HOST_PKCS11_H

#include "host/secret_file.h"

enum {
    PKCS11_IV_BYTES = 12,
    PKCS11_TAG_BYTES = 16,
    PKCS11_SEALED_BYTES = SECRET_BYTES + PKCS11_TAG_BYTES,
    PKCS11_SLOTS_MAX = 256, /* hardware has a handful; partitions of a large one some dozens */
    PKCS11_KEYS_MAX = 8, /* of one label: two services that were born at once made two */
};

struct pkcs11_place {
    const char *module; /* a shared library */
    const char *token; /* labels */
    const char *key;
};

struct pkcs11_seal {
    uint8_t iv[PKCS11_IV_BYTES]; /* random; some tokens replace it by their own */
    uint8_t sealed[PKCS11_SEALED_BYTES]; /* AES-256-GCM, the tag last */
};

struct pkcs11 {
    const struct pkcs11_place *place;
    struct ck_function_list *module;
    unsigned long session, key;
};

/* Loads the module, finds the token, logs in. With `writable` a key can be made. E_USAGE: no such
 * module, or two tokens of that label; E_MISSING: no such token; E_KEY_CREDENTIALS: the PIN;
 * E_KEY_UNREACHABLE: the token failed, here and below. Nothing to close where it fails. */
NODISCARD enum status pkcs11_open(struct pkcs11 *pkcs11, const struct pkcs11_place *place,
                                  struct bytes pin, bool writable, char *why);
void pkcs11_close(struct pkcs11 *pkcs11);

/* The AES-256 key of that label, which the token must not give away in plain (E_USAGE); `made`
 * where there was none: sensitive and not extractable. */
NODISCARD enum status pkcs11_choose_key(struct pkcs11 *pkcs11, bool *made, char *why);

/* Under the chosen key. */
NODISCARD enum status pkcs11_seal(struct pkcs11 *pkcs11, const struct secret *secret,
                                  struct pkcs11_seal *seal, char *why);

/* With whichever key of that label opens it. E_KEY_NOT_FOUND: there is none; E_WRONG_KEY: none
 * does. */
NODISCARD enum status pkcs11_unseal(struct pkcs11 *pkcs11, const struct pkcs11_seal *seal,
                                    struct secret *secret, char *why);

/* For the parts of this module: a sentence with the token's label; one with the call, too. */
NODISCARD enum status pkcs11_refuse(const struct pkcs11 *pkcs11, enum status status,
                                    const char *what, char *why);
NODISCARD enum status pkcs11_failed(const struct pkcs11 *pkcs11, const char *call,
                                    unsigned long result, char *why);

#endif
