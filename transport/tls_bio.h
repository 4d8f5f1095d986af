/* OpenSSL's view of an engine's bytes: reads take from borrowed ciphertext, writes go to an
 * outbox. */
#ifndef SEALIFT_TRANSPORT_TLS_BIO_H
#define SEALIFT_TRANSPORT_TLS_BIO_H

#include "base/bytes.h"
#include "transport/outbox.h"

#include <openssl/bio.h>

struct tls_bytes {
    struct bytes in;
    bool in_ended;
    struct outbox out;
};

/* The bytes must outlive the BIO. */
BIO *tls_bio_new(struct tls_bytes *bytes);

#endif
