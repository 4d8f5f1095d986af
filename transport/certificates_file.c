/* Certificates and keys in PEM files.
 *
 * Written once, never over another file, the key first: whoever finds a certificate finds its key.
 * A key is never readable by others, not for a moment: the mode is given at creation.
 *
 * How it goes wrong: files that are there already or cannot be made, and files that hold something
 * else than they should. A half-written file is removed. */
#include "transport/certificates.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return E_MISSING;
    case EEXIST:
        return E_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return E_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return E_DISK_FULL;
    default: /* foreign: errno */
        return E_IO;
    }
}

static bool write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(file, data, size);

        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return fsync(file) == 0;
}

NODISCARD static enum status file_create(const char *path, BIO *content, mode_t mode)
{
    char *data;
    const long size = BIO_get_mem_data(content, &data);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    enum status status = OK;

    if (file < 0) {
        return status_of_errno(errno);
    }
    if (!write_all(file, data, (size_t)size)) {
        status = status_of_errno(errno);
    }
    if (close(file) != 0 && status == OK) {
        status = status_of_errno(errno);
    }
    if (status != OK) {
        unlink(path);
    }
    return status;
}

enum status certificate_write(const struct certificate *certificate, const char *path,
                              const char *key_path)
{
    BIO *content = BIO_new(BIO_s_secmem()); /* wiped when freed: it holds the key */
    enum status status = OK;

    CHECK(content != NULL);
    if (key_path != NULL) {
        CHECK(certificate->key != NULL);
        CHECK(PEM_write_bio_PKCS8PrivateKey(content, certificate->key, NULL, NULL, 0, NULL, NULL)
              == 1);
        status = file_create(key_path, content, 0600);
    }
    if (status == OK) {
        CHECK(BIO_reset(content) == 1);
        CHECK(PEM_write_bio_X509(content, certificate->x509) == 1);
        status = file_create(path, content, 0644);
        if (status != OK && key_path != NULL) {
            unlink(key_path); /* ours: it was created a moment ago */
        }
    }
    BIO_free(content);
    return status;
}

static enum status file_open(const char *path, BIO **file)
{
    errno = 0;
    *file = BIO_new_file(path, "r");
    if (*file == NULL) {
        const int error = errno;

        ERR_clear_error();
        return error == ENOENT || error == ENOTDIR ? E_MISSING : E_IO;
    }
    return OK;
}

/* Never asks the terminal for a passphrase: an encrypted key is refused. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

NODISCARD static enum status read_certificate(struct certificate *certificate, const char *path)
{
    BIO *file;

    TRY(file_open(path, &file));
    certificate->x509 = PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
    BIO_free(file);
    ERR_clear_error();
    return certificate->x509 == NULL ? E_MALFORMED : OK;
}

NODISCARD static enum status read_key(struct certificate *certificate, const char *path)
{
    BIO *file;

    TRY(file_open(path, &file));
    certificate->key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL);
    BIO_free(file);
    ERR_clear_error();
    if (certificate->key == NULL) {
        return E_MALFORMED;
    }
    const bool pair = X509_check_private_key(certificate->x509, certificate->key) == 1;

    ERR_clear_error();
    return pair ? OK : E_USAGE;
}

enum status certificate_read(struct certificate *certificate, const char *path,
                             const char *key_path)
{
    *certificate = (struct certificate){0};
    TRY(read_certificate(certificate, path));
    return key_path == NULL ? OK : read_key(certificate, key_path);
}
