/* Read the passphrase, stretch it, compare the check value, wipe the passphrase.
 *
 * The passphrase is the first line of its file, without the end of the line; nothing may follow. */
#include "host/root_key.h"

#include "base/check.h"
#include "base/hex.h"
#include "seal/passphrase.h"

#include <stdio.h>
#include <string.h>

static enum status explain(enum status status, const char *path, const char *what, char *why)
{
    snprintf(why, SECRET_FILE_WHY_MAX, "%s: %s (%s)", path, what, status_name(status));
    return status;
}

static enum status check_passphrase(const char *path, const char *text, size_t *size, char *why)
{
    *size = strcspn(text, "\r\n");
    if (text[*size + strspn(text + *size, "\r\n")] != '\0') {
        return explain(E_MALFORMED, path, "a passphrase is one line", why);
    }
    return *size >= PASSPHRASE_BYTES_MIN && *size <= PASSPHRASE_BYTES_MAX
               ? OK
               : explain(E_USAGE, path, "a passphrase has 12 to 1024 bytes", why);
}

static enum status stretch(const char *path, const struct passphrase_costs *costs,
                           struct secret *root, char *why)
{
    char *text;
    size_t size;

    TRY(secret_file_load(path, &text, why));

    enum status status = check_passphrase(path, text, &size, why);

    if (status == OK) {
        status = passphrase_stretch(bytes_of(text, size), costs, root);
        if (status != OK) {
            (void)explain(status, path, "not enough memory to stretch the passphrase", why);
        }
    }
    secret_file_forget(text);
    return status;
}

enum status root_passphrase_create(const char *passphrase_path, const char *costs_path,
                                   const struct entropy *entropy, char *why)
{
    struct passphrase_costs costs = {.log2_n = PASSPHRASE_LOG2_N_DEFAULT};
    uint8_t check[PASSPHRASE_CHECK_BYTES];
    char salt_text[2 * PASSPHRASE_SALT_BYTES + 1], check_text[2 * PASSPHRASE_CHECK_BYTES + 1];
    char text[256];
    struct secret root;

    entropy_fill(entropy, costs.salt, sizeof costs.salt);
    TRY(stretch(passphrase_path, &costs, &root, why));
    passphrase_check_value(&root, check);
    secret_wipe(&root);
    hex_encode(bytes_of(costs.salt, sizeof costs.salt), salt_text);
    hex_encode(bytes_of(check, sizeof check), check_text);
    snprintf(text, sizeof text, "scrypt log2_n=%u salt=%s check=%s\n", costs.log2_n, salt_text,
             check_text);
    return secret_file_create(costs_path, text, why);
}

static enum status parse_costs(const char *text, struct passphrase_costs *costs,
                               uint8_t check[PASSPHRASE_CHECK_BYTES])
{
    char salt_text[2 * PASSPHRASE_SALT_BYTES + 1], check_text[2 * PASSPHRASE_CHECK_BYTES + 1];
    int end = 0;

    if (sscanf(text, "scrypt log2_n=%2u salt=%64[0-9a-f] check=%64[0-9a-f]\n%n", &costs->log2_n,
               salt_text, check_text, &end)
            != 3
        || text[end] != '\0' || costs->log2_n < PASSPHRASE_LOG2_N_MIN
        || costs->log2_n > PASSPHRASE_LOG2_N_MAX || strlen(salt_text) != sizeof salt_text - 1
        || strlen(check_text) != sizeof check_text - 1) {
        return E_MALFORMED;
    }
    TRY(hex_decode(salt_text, costs->salt, sizeof costs->salt));
    return hex_decode(check_text, check, PASSPHRASE_CHECK_BYTES);
}

static enum status load_costs(const char *path, struct passphrase_costs *costs,
                              uint8_t check[PASSPHRASE_CHECK_BYTES], char *why)
{
    char *text;

    TRY(secret_file_load(path, &text, why));

    const enum status status = parse_costs(text, costs, check);

    secret_file_forget(text);
    return status == OK ? OK : explain(status, path, "not what a key service wrote", why);
}

enum status root_passphrase_load(const char *passphrase_path, const char *costs_path,
                                 struct secret *root, char *why)
{
    struct passphrase_costs costs;
    uint8_t check[PASSPHRASE_CHECK_BYTES], own[PASSPHRASE_CHECK_BYTES];

    TRY(load_costs(costs_path, &costs, check, why));
    TRY(stretch(passphrase_path, &costs, root, why));
    passphrase_check_value(root, own);
    if (bytes_equal(bytes_of(own, sizeof own), bytes_of(check, sizeof check))) {
        return OK;
    }
    secret_wipe(root);
    return explain(E_WRONG_KEY, passphrase_path, "not the passphrase that this store was made with",
                   why);
}
