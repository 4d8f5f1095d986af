/* AWS Signature Version 4: who sent this HTTP request, and is it unchanged?
 *
 * Signing and verifying are pure functions over a request and `now` (UNIX seconds). Source: AWS IAM
 * user guide, "Create a signed AWS API request"; tested with the published examples and with the
 * stock aws command. Only the Authorization header is supported (no presigned URLs, no chunked
 * payload signing). Verification demands that host and x-amz-date are among the signed headers, as
 * AWS does, and x-amz-security-token and x-amz-target where they are sent.
 *
 * Path: taken as sent and URI-encoded once more, as every service but S3 does. */
#ifndef SEALIFT_TRANSPORT_SIGV4_H
#define SEALIFT_TRANSPORT_SIGV4_H

#include "base/status.h"
#include "transport/http.h"

#include <stdint.h>

enum {
    SIGV4_SKEW_SECONDS_MAX = 15 * 60, /* AWS's own */
    SIGV4_ACCESS_KEY_MAX = 129, /* IAM: 16 to 128 characters */
    SIGV4_SCOPE_PART_MAX = 64,
    SIGV4_AUTHORIZATION_MAX = 1024,
    SIGV4_SIGNED_HEADERS_MAX = 512,
};

struct sigv4_credentials {
    const char *access_key;
    const char *secret_key;
    const char *session_token; /* NULL: none */
};

struct sigv4_scope {
    const char *region;
    const char *service; /* "kms" */
};

/* What to add to the request. */
struct sigv4_signature {
    char date[17]; /* X-Amz-Date: 20150830T123600Z */
    char authorization[SIGV4_AUTHORIZATION_MAX]; /* Authorization */
};

/* Signs method, target, body, all given headers and X-Amz-Date. The request must have a Host header
 * and, where there is a session token, X-Amz-Security-Token; it must not have X-Amz-Date or
 * Authorization yet (E_USAGE). */
NODISCARD enum status sigv4_sign(const struct http_request *request,
                                 const struct sigv4_credentials *credentials,
                                 const struct sigv4_scope *scope, uint64_t now,
                                 struct sigv4_signature *signature);

/* What a request claims, before anything is verified: look up the secret by the access key. */
struct sigv4_claim {
    char access_key[SIGV4_ACCESS_KEY_MAX];
    char date[9]; /* 20150830 */
    char region[SIGV4_SCOPE_PART_MAX];
    char service[SIGV4_SCOPE_PART_MAX];
    char signed_headers[SIGV4_SIGNED_HEADERS_MAX]; /* "host;x-amz-date" */
    char signature[65];
    uint64_t signed_at; /* UNIX seconds, of X-Amz-Date */
};

/* E_UNSIGNED: no Authorization header. E_MALFORMED: it is not of the form, has other dates in scope
 * and X-Amz-Date, or leaves a header unsigned that must be. E_TOO_LARGE. */
NODISCARD enum status sigv4_parse(const struct http_request *request, struct sigv4_claim *claim);

/* E_SKEW: signed more than 15 minutes before or after now. E_SIGNATURE: another key, or something
 * that was signed has changed. Compares in constant time. */
NODISCARD enum status sigv4_verify(const struct http_request *request,
                                   const struct sigv4_claim *claim, const char *secret_key,
                                   uint64_t now);

#endif
