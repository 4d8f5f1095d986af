/* How do PEM files get to disk and back? (Inside of certificates and revocations.)
 *
 * What is written is on the disk when the call returns. E_MISSING, E_EXISTS, E_READ_ONLY,
 * E_DISK_FULL, E_IO. */
#ifndef SEALIFT_TRANSPORT_PEM_FILE_H
#define SEALIFT_TRANSPORT_PEM_FILE_H

#include "base/status.h"

#include <openssl/bio.h>
#include <sys/types.h>

/* Never over another file (E_EXISTS). `content` is a memory BIO. */
NODISCARD enum status pem_file_create(const char *path, BIO *content, mode_t mode);

/* Whoever reads `path` sees the old content or the new, never a part. E_USAGE: the path is too
 * long. */
NODISCARD enum status pem_file_replace(const char *path, BIO *content, mode_t mode);

/* E_MISSING or E_IO; the caller frees the BIO. */
NODISCARD enum status pem_file_open(const char *path, BIO **file);

#endif
