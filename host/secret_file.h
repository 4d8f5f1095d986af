/* How are the small files kept that must not be read by others: a root key, credentials?
 *
 * A regular file that only its owner may read or write (mode 0600 or less): a file that others
 * can read is refused, since what it holds is no secret any more. */
#ifndef SEALIFT_HOST_SECRET_FILE_H
#define SEALIFT_HOST_SECRET_FILE_H

#include "base/entropy.h"
#include "seal/secret.h"

#include <limits.h>

enum { SECRET_FILE_WHY_MAX = PATH_MAX + 256, SECRET_FILE_BYTES_MAX = 1 << 20 };

bool secret_file_exists(const char *path);

/* The text, with a NUL behind it. E_MISSING, E_USAGE (others may read it), E_TOO_LARGE, E_IO; `why`
 * (SECRET_FILE_WHY_MAX) says so. */
NODISCARD enum status secret_file_load(const char *path, char **text, char *why);

/* Wipes and frees; NULL is nothing. */
void secret_file_forget(char *text);

/* Durable, with mode 0600. E_EXISTS: never overwrites. */
NODISCARD enum status secret_file_create(const char *path, const char *text, char *why);

/* A root key: 64 hexadecimal digits and a newline. E_MALFORMED for anything else. */
NODISCARD enum status root_key_load(const char *path, struct secret *root, char *why);
NODISCARD enum status root_key_create(const char *path, const struct entropy *entropy, char *why);

#endif
