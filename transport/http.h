/* The words that HTTP client, server and SigV4 share. All is borrowed and NUL-terminated text. */
#ifndef SEALIFT_TRANSPORT_HTTP_H
#define SEALIFT_TRANSPORT_HTTP_H

#include "base/bytes.h"

enum {
    HTTP_HEADERS_MAX = 64,
    HTTP_HEADER_BYTES_MAX = 16 * 1024, /* request line and headers together */
    HTTP_BODY_BYTES_MAX = 1 << 20, /* the AWS KMS API stays far below */
};

struct http_header {
    const char *name;
    const char *value; /* without surrounding blanks */
};

struct http_request {
    const char *method;
    const char *target; /* path and query as sent: "/a%20b?x=1" */
    const struct http_header *headers;
    unsigned header_count;
    struct bytes body;
};

/* The first header of that name, in any case of letters; NULL: there is none. */
const char *http_header_find(const struct http_header *headers, unsigned count, const char *name);

#endif
