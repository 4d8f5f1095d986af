/* One HTTP/1.1 request out of a growing buffer, strictly. (Inside of http_server.)
 *
 * The owner appends bytes to its buffer and calls advance; the parser remembers offsets, so the
 * buffer may move between calls. It writes NULs over separators and takes chunk framing out of the
 * body in place (*size shrinks). */
#ifndef SEALIFT_TRANSPORT_HTTP_PARSER_H
#define SEALIFT_TRANSPORT_HTTP_PARSER_H

#include "transport/http.h"

enum http_progress {
    HTTP_MORE, /* not complete */
    HTTP_COMPLETE, /* http_parser_request tells */
    HTTP_REFUSED, /* refusal: the status to answer with, then close */
};

enum http_part {
    HTTP_PART_HEADER,
    HTTP_PART_BODY,
    HTTP_PART_CHUNK_LINE,
    HTTP_PART_CHUNK_DATA,
    HTTP_PART_CHUNK_END,
    HTTP_PART_TRAILER,
    HTTP_PART_DONE,
};

struct http_parser {
    enum http_part part;
    unsigned refusal; /* 400, 413, 431, 501, 505 */
    bool keep_alive;
    bool expects_continue; /* and nothing of the body is here yet */
    size_t header_bytes;
    size_t body_bytes; /* decoded so far */
    size_t wanted; /* Content-Length, or left of a chunk */
    uint32_t method; /* offsets into the buffer */
    uint32_t target;
    unsigned header_count;
    struct {
        uint32_t name;
        uint32_t value;
    } headers[HTTP_HEADERS_MAX];
};

enum http_progress http_parser_advance(struct http_parser *parser, uint8_t *data, size_t *size);

/* Bytes of the buffer that the complete request used. */
size_t http_parser_used(const struct http_parser *parser);

/* What the buffer must be able to hold for the parser to go on. */
size_t http_parser_room(const struct http_parser *parser);

/* `headers` has HTTP_HEADERS_MAX; all borrowed from the buffer. */
struct http_request http_parser_request(const struct http_parser *parser, const uint8_t *data,
                                        struct http_header *headers);

#endif
