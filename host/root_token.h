/* How does a root key live in a file that only a PKCS#11 token can open?
 *
 * The root key is 32 random bytes, sealed by the token under an AES key that never leaves it
 * (host/pkcs11.h). What the token made of it is a small file beside the catalog, which is useless
 * without the token, as is the token without it: it belongs into the backup.
 *
 *   pkcs11 aes-256-gcm iv=HEX sealed=HEX
 *
 * The token is needed at a start only. Its module runs in a process of its own, which alone reads
 * the PIN: foreign code and what it leaves in memory are gone before the first key is used. */
#ifndef SEALIFT_HOST_ROOT_TOKEN_H
#define SEALIFT_HOST_ROOT_TOKEN_H

#include "host/pkcs11.h"

enum {
    ROOT_TOKEN_SECONDS = 60, /* a login at one far away, busy with others, takes seconds */
    ROOT_TOKEN_PIN_MAX = 255,
};

struct root_token {
    struct pkcs11_place place;
    const char *pin_file; /* one line */
    unsigned seconds_max; /* how long a token may take */
};

/* Makes a root key and `sealed_path` of it; never over another (E_EXISTS). The token's key is made
 * where it is missing (`made_key`). `why` as in secret_file_load; statuses as in host/pkcs11.h, and
 * E_KEY_UNREACHABLE where the module crashed or took too long. */
NODISCARD enum status root_token_create(const struct root_token *token, const char *sealed_path,
                                        const struct entropy *entropy, bool *made_key, char *why);

/* The file is read first: where it is missing or damaged (E_MISSING, E_MALFORMED), no PIN is
 * tried. */
NODISCARD enum status root_token_load(const struct root_token *token, const char *sealed_path,
                                      struct secret *root, char *why);

#endif
