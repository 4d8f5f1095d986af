/* HTTP requests for fuzz targets: read with our parser, written in the plainest way. */
#ifndef SEALIFT_TESTS_FUZZ_REQUEST_H
#define SEALIFT_TESTS_FUZZ_REQUEST_H

#include "transport/http_parser.h"

#include <stdio.h>
#include <strings.h>

enum { REQUEST_BYTES_MAX = 64 << 10 };

/* Says where the body ends; it is said anew when a request is written. */
static inline bool request_is_framing(const struct http_header *header)
{
    return strcasecmp(header->name, "content-length") == 0
           || strcasecmp(header->name, "transfer-encoding") == 0;
}

/* The bytes; 0 where `room` or the parser's own limit on headers is too small. HTTP/1.0 where there
 * is no Host. */
static inline size_t request_write(const struct http_request *request, void *into, size_t room)
{
    const bool has_host = http_header_find(request->headers, request->header_count, "host") != NULL;
    FILE *file = fmemopen(into, room, "w");

    if (file == NULL) {
        return 0;
    }
    fprintf(file, "%s %s HTTP/1.%d\r\n", request->method, request->target, has_host ? 1 : 0);
    for (unsigned i = 0; i < request->header_count; i++) {
        if (!request_is_framing(&request->headers[i])) {
            fprintf(file, "%s: %s\r\n", request->headers[i].name, request->headers[i].value);
        }
    }
    if (request->body.size > 0) {
        fprintf(file, "Content-Length: %zu\r\n", request->body.size);
    }
    fprintf(file, "\r\n");

    const long head = ftell(file);

    if (request->body.size > 0) {
        fwrite(request->body.data, 1, request->body.size, file);
    }

    const long size = ftell(file);
    const bool fits = fflush(file) == 0 && head <= HTTP_HEADER_BYTES_MAX && size < (long)room;

    fclose(file);
    return fits ? (size_t)size : 0;
}

#endif
