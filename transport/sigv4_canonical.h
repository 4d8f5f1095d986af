/* The two texts that AWS Signature Version 4 signs. (Inside of sigv4.)
 *
 * Source: AWS IAM user guide, "Create a signed AWS API request", steps 1 to 3. */
#ifndef SEALIFT_TRANSPORT_SIGV4_CANONICAL_H
#define SEALIFT_TRANSPORT_SIGV4_CANONICAL_H

#include "base/ids.h"
#include "base/status.h"
#include "transport/http.h"

enum { SIGV4_QUERY_PARAMETERS_MAX = 64 };

/* SHA-256 of the canonical request. `signed_headers` is "a;b;c", sorted. E_MALFORMED: a signed
 * header that is not there, a path or query with broken percent-encoding. E_TOO_LARGE: more
 * than fits into what HTTP_HEADER_BYTES_MAX allows. */
NODISCARD enum status sigv4_canonical_digest(const struct http_request *request,
                                             const char *signed_headers, struct digest *digest);

struct digest sigv4_sha256(struct bytes bytes);
struct digest sigv4_hmac(struct bytes key, struct bytes text);

#endif
