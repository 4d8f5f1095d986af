/* A PKCS#11 module that is in whatever trouble a test says: what a good token would never show.
 *
 * FAKE_TOKEN holds the words that are true of it: twins (two tokens of one label), final-try,
 * locked, crash, hang (at the login), public, short (what keys are), own-iv, broken (fails to
 * decrypt), and key=LETTERS, its keys: one letter each, which is also what they seal with; z is one
 * that cannot. Each login adds a byte to the file FAKE_TOKEN_LOGINS. The PIN is 1234. Nothing is
 * encrypted. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define CRYPTOKI_GNU 1
#include <p11-kit/pkcs11.h>

enum { PLAIN = 32, TAG = 16, IV = 12 };

static unsigned long used; /* the key's letter */

static bool is(const char *word)
{
    const char *words = getenv("FAKE_TOKEN");

    return words != NULL && strstr(words, word) != NULL;
}

static const char *keys(void)
{
    const char *words = getenv("FAKE_TOKEN");
    const char *found = words == NULL ? NULL : strstr(words, "key=");

    return found == NULL ? "" : found + strlen("key=");
}

static ck_rv_t nothing(void *arguments)
{
    (void)arguments;
    return CKR_OK;
}

static ck_rv_t list_slots(unsigned char present, ck_slot_id_t *slots, unsigned long *count)
{
    (void)present;
    *count = is("twins") ? 2 : 1;
    for (unsigned long i = 0; i < *count; i++) {
        slots[i] = i;
    }
    return CKR_OK;
}

static ck_rv_t describe_token(ck_slot_id_t slot, struct ck_token_info *info)
{
    (void)slot;
    memset(info, 0, sizeof *info);
    memset(info->label, ' ', sizeof info->label);
    memcpy(info->label, "fake", 4);
    info->flags =
        (is("final-try") ? CKF_USER_PIN_FINAL_TRY : 0) | (is("locked") ? CKF_USER_PIN_LOCKED : 0);
    return CKR_OK;
}

static ck_rv_t open_session(ck_slot_id_t slot, ck_flags_t flags, void *application,
                            ck_notify_t notify, ck_session_handle_t *session)
{
    (void)slot, (void)flags, (void)application, (void)notify;
    *session = 1;
    return CKR_OK;
}

static ck_rv_t log_in(ck_session_handle_t session, ck_user_type_t user, unsigned char *pin,
                      unsigned long pin_size)
{
    const int fd = open(getenv("FAKE_TOKEN_LOGINS"), O_WRONLY | O_CREAT | O_APPEND, 0600);

    (void)session, (void)user;
    if (fd < 0 || write(fd, "x", 1) != 1) {
        return CKR_DEVICE_ERROR;
    }
    close(fd);
    if (is("crash")) {
        raise(SIGKILL);
    }
    while (is("hang")) {
        pause();
    }
    return pin_size == 4 && memcmp(pin, "1234", 4) == 0 ? CKR_OK : CKR_PIN_INCORRECT;
}

static ck_rv_t begin_search(ck_session_handle_t session, struct ck_attribute *wanted,
                            unsigned long count)
{
    (void)session, (void)wanted, (void)count;
    return CKR_OK;
}

static ck_rv_t search(ck_session_handle_t session, ck_object_handle_t *objects, unsigned long max,
                      unsigned long *count)
{
    const char *letters = keys();

    (void)session;
    *count = 0;
    while (*count < max && letters[*count] >= 'a' && letters[*count] <= 'z') {
        objects[*count] = (unsigned char)letters[*count];
        ++*count;
    }
    return CKR_OK;
}

static ck_rv_t end_search(ck_session_handle_t session)
{
    (void)session;
    return CKR_OK;
}

static ck_rv_t get_attributes(ck_session_handle_t session, ck_object_handle_t object,
                              struct ck_attribute *wanted, unsigned long count)
{
    const unsigned long size = is("short") ? 16 : 32;

    (void)session, (void)object;
    for (unsigned long i = 0; i < count; i++) {
        if (wanted[i].type == CKA_VALUE_LEN) {
            memcpy(wanted[i].value, &size, sizeof size);
        } else if (wanted[i].type == CKA_SENSITIVE) {
            *(unsigned char *)wanted[i].value = !is("public");
        } else {
            return CKR_ATTRIBUTE_TYPE_INVALID;
        }
    }
    return CKR_OK;
}

static ck_rv_t use_key(ck_session_handle_t session, struct ck_mechanism *how,
                       ck_object_handle_t key)
{
    struct ck_gcm_params *gcm = how->parameter;

    (void)session;
    if (key == 'z') {
        return CKR_KEY_SIZE_RANGE;
    }
    if (how->mechanism != CKM_AES_GCM || gcm->iv_len != IV || gcm->tag_bits != 8 * TAG) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    used = key;
    return CKR_OK;
}

static ck_rv_t begin_sealing(ck_session_handle_t session, struct ck_mechanism *how,
                             ck_object_handle_t key)
{
    if (is("own-iv")) {
        memset(((struct ck_gcm_params *)how->parameter)->iv_ptr, 0x77, IV);
    }
    return use_key(session, how, key);
}

static ck_rv_t encrypt(ck_session_handle_t session, unsigned char *plain, unsigned long size,
                       unsigned char *sealed, unsigned long *sealed_size)
{
    (void)session;
    if (size != PLAIN || *sealed_size < PLAIN + TAG) {
        return CKR_DATA_LEN_RANGE;
    }
    for (unsigned long i = 0; i < PLAIN; i++) {
        sealed[i] = (unsigned char)(plain[i] ^ used);
    }
    memset(sealed + PLAIN, (int)used, TAG);
    *sealed_size = PLAIN + TAG;
    return CKR_OK;
}

static ck_rv_t decrypt(ck_session_handle_t session, unsigned char *sealed, unsigned long size,
                       unsigned char *plain, unsigned long *plain_size)
{
    (void)session;
    if (is("broken")) {
        return CKR_DEVICE_ERROR;
    }
    if (size != PLAIN + TAG || *plain_size < PLAIN || sealed[PLAIN] != used) {
        return CKR_ENCRYPTED_DATA_INVALID;
    }
    for (unsigned long i = 0; i < PLAIN; i++) {
        plain[i] = (unsigned char)(sealed[i] ^ used);
    }
    *plain_size = PLAIN;
    return CKR_OK;
}

static ck_rv_t generate(ck_session_handle_t session, struct ck_mechanism *how,
                        struct ck_attribute *attributes, unsigned long count,
                        ck_object_handle_t *key)
{
    (void)session, (void)how, (void)attributes, (void)count;
    *key = 'n';
    return CKR_OK;
}

ck_rv_t C_GetFunctionList(struct ck_function_list **functions)
{
    static struct ck_function_list ours = {
        .version = {2, 40},
        .C_Initialize = nothing,
        .C_Finalize = nothing,
        .C_GetSlotList = list_slots,
        .C_GetTokenInfo = describe_token,
        .C_OpenSession = open_session,
        .C_Login = log_in,
        .C_FindObjectsInit = begin_search,
        .C_FindObjects = search,
        .C_FindObjectsFinal = end_search,
        .C_GetAttributeValue = get_attributes,
        .C_GenerateKey = generate,
        .C_EncryptInit = begin_sealing,
        .C_Encrypt = encrypt,
        .C_DecryptInit = use_key,
        .C_Decrypt = decrypt,
    };

    *functions = &ours;
    return CKR_OK;
}
