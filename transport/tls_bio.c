/* A BIO of four functions. OpenSSL hands over one TLS record a write; here they gather, so that
 * one writev carries many. Reading at the end of what was fed is "try again" until the stream
 * has ended, then end of file: OpenSSL makes the difference between a goodbye and a cut of it.
 *
 * The method table is made once for the process; several loops may start at the same time. */
#include "transport/tls_bio.h"

#include "base/check.h"

#include <pthread.h>

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static int bio_read(BIO *bio, char *into, size_t room, size_t *got)
{
    struct tls_bytes *bytes = BIO_get_data(bio);
    const struct bytes part = bytes_part(bytes->in, 0, room);

    BIO_clear_retry_flags(bio);
    if (part.size == 0) {
        if (!bytes->in_ended) {
            BIO_set_retry_read(bio);
        }
        *got = 0;
        return 0;
    }
    memcpy(into, part.data, part.size);
    bytes->in = bytes_part(bytes->in, part.size, bytes->in.size);
    *got = part.size;
    return 1;
}

static int bio_write(BIO *bio, const char *from, size_t size, size_t *written)
{
    struct tls_bytes *bytes = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    outbox_put(&bytes->out, bytes_of(from, size));
    *written = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_bytes *bytes = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return bytes->in_ended && bytes->in.size == 0;
    default: /* foreign: the many commands of a BIO */
        return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void method_make(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sealift bytes");
    CHECK(method != NULL);
    CHECK(BIO_meth_set_read_ex(method, bio_read) == 1);
    CHECK(BIO_meth_set_write_ex(method, bio_write) == 1);
    CHECK(BIO_meth_set_ctrl(method, bio_control) == 1);
    CHECK(BIO_meth_set_create(method, bio_create) == 1);
}

BIO *tls_bio_new(struct tls_bytes *bytes)
{
    pthread_once(&method_once, method_make);
    BIO *bio = BIO_new(method);

    CHECK(bio != NULL);
    BIO_set_data(bio, bytes);
    return bio;
}
