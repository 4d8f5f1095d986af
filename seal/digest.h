/* SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104) and HKDF (RFC 5869), through libcrypto.
 *
 * These cannot fail on valid arguments; if libcrypto reports a failure all the same (out of
 * memory), the process stops: nothing may go on with a digest that was not computed. */
#ifndef SEALIFT_SEAL_DIGEST_H
#define SEALIFT_SEAL_DIGEST_H

#include "base/bytes.h"
#include "base/ids.h"
#include "seal/secret.h"

struct digest digest_of(struct bytes bytes);

/* Of the concatenation. */
struct digest digest_of_two(struct bytes first, struct bytes second);

/* Incremental, for whole segments. */
struct digest_stream {
    void *context; /* EVP_MD_CTX; NULL when not under way */
};

void digest_stream_start(struct digest_stream *stream);
void digest_stream_add(struct digest_stream *stream, struct bytes bytes);
struct digest digest_stream_end(struct digest_stream *stream); /* frees */
void digest_stream_drop(struct digest_stream *stream); /* frees, started or not */

/* One context for one digest after another, so that nothing is allocated in between: started once;
 * each digest is the result of what was added since the start or the last restart. */
void digest_stream_restart(struct digest_stream *stream);
struct digest digest_stream_result(struct digest_stream *stream); /* restart or drop comes next */

struct digest digest_hmac(struct bytes key, struct bytes message);

enum hkdf_hash { HKDF_SHA256, HKDF_SHA512 };

/* Extract and expand; `size` at most 255 hashes. */
void digest_hkdf(enum hkdf_hash hash, struct bytes salt, struct bytes key, struct bytes info,
                 void *into, size_t size);

#endif
