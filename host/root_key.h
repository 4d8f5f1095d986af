/* Where does the key service get the key that seals all its keys?
 *
 * From a file of 64 hexadecimal digits (host/secret_file.h), or from a passphrase in a file of one
 * line, stretched by scrypt (seal/passphrase.h). What the stretching needs is in a small file
 * beside the catalog, made with the first start; it is no secret, and without it the passphrase
 * opens nothing: it belongs into the backup.
 *
 *   scrypt log2_n=17 salt=HEX check=HEX */
#ifndef SEALIFT_HOST_ROOT_KEY_H
#define SEALIFT_HOST_ROOT_KEY_H

#include "host/secret_file.h"

enum { PASSPHRASE_BYTES_MIN = 12, PASSPHRASE_BYTES_MAX = 1024 };

/* Makes `costs_path` for the passphrase; never over another (E_EXISTS). `why` as in
 * secret_file_load. */
NODISCARD enum status root_passphrase_create(const char *passphrase_path, const char *costs_path,
                                             const struct entropy *entropy, char *why);

/* E_WRONG_KEY: another passphrase. E_MALFORMED: no such file. E_USAGE: the passphrase is shorter
 * than 12 bytes, or others may read its file. */
NODISCARD enum status root_passphrase_load(const char *passphrase_path, const char *costs_path,
                                           struct secret *root, char *why);

#endif
