/* Load the module, find the token by its label, log in. What is done with its keys: pkcs11_key.c.
 *
 * Labels are all that an operator sees of tokens, and two may have the same: then neither is sent a
 * PIN. Nor is one whose next wrong PIN would be its last. */
#include "host/pkcs11.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#define CRYPTOKI_GNU 1 /* the names of the standard in our spelling */
#include <p11-kit/pkcs11.h>

enum status pkcs11_refuse(const struct pkcs11 *pkcs11, enum status status, const char *what,
                          char *why)
{
    snprintf(why, SECRET_FILE_WHY_MAX, "PKCS#11 token %s: %s (%s)", pkcs11->place->token, what,
             status_name(status));
    return status;
}

enum status pkcs11_failed(const struct pkcs11 *pkcs11, const char *call, unsigned long result,
                          char *why)
{
    snprintf(why, SECRET_FILE_WHY_MAX, "PKCS#11 token %s: %s failed with CKR 0x%lx (%s)",
             pkcs11->place->token, call, result, status_name(E_KEY_UNREACHABLE));
    return E_KEY_UNREACHABLE;
}

/* Never unloaded: the process ends, and modules are known to crash on the way out. */
static enum status load_module(struct pkcs11 *pkcs11, char *why)
{
    const char *path = pkcs11->place->module;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_rv_t (*get_functions)(struct ck_function_list **) = NULL;

    if (library == NULL) {
        snprintf(why, SECRET_FILE_WHY_MAX, "cannot load the PKCS#11 module: %s (E_USAGE)",
                 dlerror());
        return E_USAGE;
    }
    *(void **)&get_functions = dlsym(library, "C_GetFunctionList");
    if (get_functions == NULL || get_functions(&pkcs11->module) != CKR_OK) {
        snprintf(why, SECRET_FILE_WHY_MAX,
                 "%s: not a PKCS#11 module: it has no C_GetFunctionList (E_USAGE)", path);
        return E_USAGE;
    }
    return OK;
}

/* Labels are padded with blanks. */
static bool label_is(const unsigned char label[32], const char *text)
{
    const size_t size = strlen(text);
    unsigned char padded[32];

    memset(padded, ' ', sizeof padded);
    if (size > sizeof padded) {
        return false;
    }
    memcpy(padded, text, size);
    return bytes_equal(bytes_of(padded, sizeof padded), bytes_of(label, sizeof padded));
}

static enum status find_token(struct pkcs11 *pkcs11, ck_slot_id_t *slot, ck_flags_t *flags,
                              char *why)
{
    ck_slot_id_t slots[PKCS11_SLOTS_MAX];
    unsigned long count = PKCS11_SLOTS_MAX;
    struct ck_token_info about;
    unsigned found = 0;
    const ck_rv_t result = pkcs11->module->C_GetSlotList(1, slots, &count);

    if (result != CKR_OK) {
        return pkcs11_failed(pkcs11, "C_GetSlotList", result, why);
    }
    for (unsigned long i = 0; i < count; i++) {
        if (pkcs11->module->C_GetTokenInfo(slots[i], &about) == CKR_OK
            && label_is(about.label, pkcs11->place->token)) {
            *slot = slots[i];
            *flags = about.flags;
            found++;
        }
    }
    if (found == 0) {
        return pkcs11_refuse(pkcs11, E_MISSING, "the module has no token of this label", why);
    }
    return found == 1
               ? OK
               : pkcs11_refuse(pkcs11, E_USAGE,
                               "several tokens have this label, and none is sent the PIN", why);
}

/* A service that is started again and again must not use up the tries of a token. */
static enum status check_tries(const struct pkcs11 *pkcs11, ck_flags_t flags, char *why)
{
    if ((flags & CKF_USER_PIN_LOCKED) != 0) {
        return pkcs11_refuse(pkcs11, E_KEY_CREDENTIALS,
                             "its PIN is locked; unlock it with the token's own tools", why);
    }
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0) {
        return pkcs11_refuse(
            pkcs11, E_KEY_CREDENTIALS,
            "one more wrong PIN would lock it, so none is tried; log in once with the "
            "token's own tools",
            why);
    }
    return OK;
}

static enum status log_in(struct pkcs11 *pkcs11, struct bytes pin, char *why)
{
    const ck_rv_t result = pkcs11->module->C_Login(pkcs11->session, CKU_USER,
                                                   (unsigned char *)(uintptr_t)pin.data, pin.size);

    if (result == CKR_PIN_INCORRECT || result == CKR_PIN_INVALID || result == CKR_PIN_LEN_RANGE) {
        return pkcs11_refuse(
            pkcs11, E_KEY_CREDENTIALS,
            "the PIN is wrong; it was tried once, and every start is one more of the few "
            "tries that a token allows",
            why);
    }
    if (result == CKR_PIN_LOCKED) {
        return check_tries(pkcs11, CKF_USER_PIN_LOCKED, why);
    }
    return result == CKR_OK ? OK : pkcs11_failed(pkcs11, "C_Login", result, why);
}

static enum status open_session(struct pkcs11 *pkcs11, bool writable, char *why)
{
    ck_slot_id_t slot;
    ck_flags_t flags;

    TRY(find_token(pkcs11, &slot, &flags, why));
    TRY(check_tries(pkcs11, flags, why));

    const ck_rv_t result = pkcs11->module->C_OpenSession(
        slot, CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0), NULL, NULL, &pkcs11->session);

    return result == CKR_OK ? OK : pkcs11_failed(pkcs11, "C_OpenSession", result, why);
}

enum status pkcs11_open(struct pkcs11 *pkcs11, const struct pkcs11_place *place, struct bytes pin,
                        bool writable, char *why)
{
    *pkcs11 = (struct pkcs11){.place = place};
    TRY(load_module(pkcs11, why));

    const ck_rv_t result = pkcs11->module->C_Initialize(NULL);

    if (result != CKR_OK) {
        return pkcs11_failed(pkcs11, "C_Initialize", result, why);
    }

    enum status status = open_session(pkcs11, writable, why);

    if (status == OK) {
        status = log_in(pkcs11, pin, why);
    }
    if (status != OK) {
        pkcs11_close(pkcs11);
    }
    return status;
}

void pkcs11_close(struct pkcs11 *pkcs11)
{
    pkcs11->module->C_Finalize(NULL); /* ends the session, and with it the login */
}
