/* Certificates and keys in PEM files.
 *
 * Written once, never over another file, the key first: whoever finds a certificate finds its key.
 * A key is never readable by others, not for a moment: the mode is given at creation.
 *
 * How it goes wrong: files that are there already or cannot be made, and files that hold something
 * else than they should. */
#include "transport/certificates.h"

#include "base/check.h"
#include "transport/pem_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

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
        status = pem_file_create(key_path, content, 0600);
    }
    if (status == OK) {
        CHECK(BIO_reset(content) == 1);
        CHECK(PEM_write_bio_X509(content, certificate->x509) == 1);
        status = pem_file_create(path, content, 0644);
        if (status != OK && key_path != NULL) {
            unlink(key_path); /* ours: it was created a moment ago */
        }
    }
    BIO_free(content);
    return status;
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

    TRY(pem_file_open(path, &file));
    certificate->x509 = PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
    BIO_free(file);
    ERR_clear_error();
    return certificate->x509 == NULL ? E_MALFORMED : OK;
}

NODISCARD static enum status read_key(struct certificate *certificate, const char *path)
{
    BIO *file;

    TRY(pem_file_open(path, &file));
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
