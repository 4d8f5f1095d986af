/* RFC 9112, the part of it that clients of ours speak, and nothing that two readers could read
 * in two ways: request smuggling lives on leniency.
 *
 * The header is looked at when all of it is there. Then the body: a length, chunks, or none.
 * Chunks are moved together as they come, so a body never takes more room than it has bytes. */
#include "transport/http_parser.h"

#include <ctype.h>
#include <strings.h>

enum { CHUNK_LINE_MAX = 64, TRAILER_LINE_MAX = 1024 };

static bool refuse(struct http_parser *parser, unsigned status)
{
    parser->refusal = status;
    return false;
}

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && memchr("!#$%&'*+-.^_`|~", text[i], 15) == NULL) {
            return false;
        }
    }
    return size > 0;
}

static bool is_visible(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) {
            return false;
        }
    }
    return size > 0;
}

/* Field values: no control characters but tabs. A bare CR or NUL is among them. */
static bool is_field_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* `line` is without its end; NULs are put at the ends of its parts. */
static bool parse_request_line(struct http_parser *parser, char *data, size_t begin, size_t end)
{
    char *line = data + begin;
    char *first = memchr(line, ' ', end - begin);
    char *second = first == NULL ? NULL : memchr(first + 1, ' ', (size_t)(data + end - first - 1));

    if (second == NULL || !is_token(line, (size_t)(first - line))
        || !is_visible(first + 1, (size_t)(second - first - 1)) || first[1] != '/') {
        return refuse(parser, 400);
    }
    const struct bytes version = bytes_of(second + 1, (size_t)(data + end - second - 1));

    if (bytes_equal(version, bytes_text("HTTP/1.1"))) {
        parser->keep_alive = true;
    } else if (!bytes_equal(version, bytes_text("HTTP/1.0"))) {
        return refuse(parser, version.size == 8
                                      && bytes_equal(bytes_part(version, 0, 5), bytes_text("HTTP/"))
                                  ? 505
                                  : 400);
    }
    *first = '\0';
    *second = '\0';
    parser->method = (uint32_t)begin;
    parser->target = (uint32_t)(first + 1 - data);
    return true;
}

static bool parse_header_line(struct http_parser *parser, char *data, size_t begin, size_t end)
{
    char *line = data + begin;
    char *colon = memchr(line, ':', end - begin);

    /* A blank before the name would be folding, one before the colon is forbidden: both no
     * token. */
    if (colon == NULL || !is_token(line, (size_t)(colon - line))) {
        return refuse(parser, 400);
    }
    if (parser->header_count == HTTP_HEADERS_MAX) {
        return refuse(parser, 431);
    }
    size_t value = (size_t)(colon + 1 - data);

    while (value < end && (data[value] == ' ' || data[value] == '\t')) {
        value++;
    }
    while (end > value && (data[end - 1] == ' ' || data[end - 1] == '\t')) {
        end--;
    }
    if (!is_field_value(data + value, end - value)) {
        return refuse(parser, 400);
    }
    *colon = '\0';
    data[end] = '\0'; /* a blank or the CR of the line's end */
    parser->headers[parser->header_count].name = (uint32_t)begin;
    parser->headers[parser->header_count++].value = (uint32_t)value;
    return true;
}

static bool parse_lines(struct http_parser *parser, char *data, size_t size)
{
    size_t begin = 0;
    bool first = true;

    while (begin < size - 2) {
        const char *end = memmem(data + begin, size - begin, "\r\n", 2);
        const size_t line_end = (size_t)(end - data);

        if (!(first ? parse_request_line(parser, data, begin, line_end)
                    : parse_header_line(parser, data, begin, line_end))) {
            return false;
        }
        first = false;
        begin = line_end + 2;
    }
    return first ? refuse(parser, 400) : true; /* nothing but an empty line */
}

static const char *find_one(const struct http_parser *parser, const char *data, const char *name,
                            unsigned *count)
{
    const char *found = NULL;

    *count = 0;
    for (unsigned i = 0; i < parser->header_count; i++) {
        if (strcasecmp(data + parser->headers[i].name, name) == 0) {
            found = data + parser->headers[i].value;
            *count += 1;
        }
    }
    return found;
}

static bool parse_length(struct http_parser *parser, const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits == 0 || text[digits] != '\0') {
        return refuse(parser, 400);
    }
    parser->wanted = 0;
    for (size_t i = 0; i < digits; i++) {
        parser->wanted = parser->wanted * 10 + (size_t)(text[i] - '0');
        if (parser->wanted > HTTP_BODY_BYTES_MAX) {
            return refuse(parser, 413);
        }
    }
    parser->part = HTTP_PART_BODY;
    return true;
}

/* How long the body is, and what comes after the request. */
static bool parse_framing(struct http_parser *parser, const char *data)
{
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    unsigned count;
    const char *length;
    const char *coding;
    const char *value;

    find_one(parser, data, "host", &hosts);
    length = find_one(parser, data, "content-length", &lengths);
    coding = find_one(parser, data, "transfer-encoding", &codings);
    if (hosts > 1 || (hosts == 0 && parser->keep_alive) || lengths + codings > 1) {
        return refuse(parser, 400);
    }
    value = find_one(parser, data, "connection", &count);
    if (value != NULL && strcasecmp(value, "close") == 0) {
        parser->keep_alive = false;
    }
    value = find_one(parser, data, "expect", &count);
    parser->expects_continue = value != NULL && strcasecmp(value, "100-continue") == 0;
    if (length != NULL) {
        return parse_length(parser, length);
    }
    if (coding == NULL) {
        parser->part = HTTP_PART_DONE;
        return true;
    }
    parser->part = HTTP_PART_CHUNK_LINE;
    return strcasecmp(coding, "chunked") == 0 ? true : refuse(parser, 501);
}

static bool advance_header(struct http_parser *parser, uint8_t *data, size_t size)
{
    const size_t seen = size < HTTP_HEADER_BYTES_MAX ? size : HTTP_HEADER_BYTES_MAX;
    const uint8_t *end = memmem(data, seen, "\r\n\r\n", 4);

    if (end == NULL) {
        return seen < HTTP_HEADER_BYTES_MAX ? false : refuse(parser, 431);
    }
    parser->header_bytes = (size_t)(end - data) + 4;
    return parse_lines(parser, (char *)data, parser->header_bytes - 2)
           && parse_framing(parser, (const char *)data);
}

static size_t body_end(const struct http_parser *parser)
{
    return parser->header_bytes + parser->body_bytes;
}

/* Takes `count` bytes of framing out, right behind what is decoded. */
static void cut_out(const struct http_parser *parser, uint8_t *data, size_t *size, size_t count)
{
    uint8_t *at = data + body_end(parser);

    memmove(at, at + count, *size - body_end(parser) - count);
    *size -= count;
}

/* A line of framing, with its end; 0: not all of it is here, or (refused) it is too long. */
static size_t line_bytes(struct http_parser *parser, const uint8_t *data, size_t size, size_t max)
{
    const uint8_t *begin = data + body_end(parser);
    const size_t there = size - body_end(parser);
    const uint8_t *end = memmem(begin, there < max ? there : max, "\r\n", 2);

    if (end == NULL) {
        if (there >= max) {
            refuse(parser, 400);
        }
        return 0;
    }
    return (size_t)(end - begin) + 2;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool advance_chunk_line(struct http_parser *parser, uint8_t *data, size_t *size)
{
    const uint8_t *line = data + body_end(parser);
    const size_t bytes = line_bytes(parser, data, *size, CHUNK_LINE_MAX);
    size_t digits = 0;

    if (bytes == 0) {
        return false;
    }
    parser->wanted = 0;
    for (; hex_digit(line[digits]) >= 0; digits++) {
        parser->wanted = parser->wanted * 16 + (size_t)hex_digit(line[digits]);
        if (parser->wanted > HTTP_BODY_BYTES_MAX - parser->body_bytes) {
            return refuse(parser, 413);
        }
    }
    if (digits == 0 || (line[digits] != '\r' && line[digits] != ';')) {
        return refuse(parser, 400);
    }
    cut_out(parser, data, size, bytes);
    parser->part = parser->wanted == 0 ? HTTP_PART_TRAILER : HTTP_PART_CHUNK_DATA;
    return true;
}

static bool advance_data(struct http_parser *parser, size_t size, enum http_part next)
{
    const size_t there = size - body_end(parser);
    const size_t taken = there < parser->wanted ? there : parser->wanted;

    parser->body_bytes += taken;
    parser->wanted -= taken;
    if (parser->wanted > 0) {
        return false;
    }
    parser->part = next;
    return true;
}

static bool advance_chunk_end(struct http_parser *parser, uint8_t *data, size_t *size)
{
    if (*size - body_end(parser) < 2) {
        return false;
    }
    if (!bytes_equal(bytes_of(data + body_end(parser), 2), bytes_text("\r\n"))) {
        return refuse(parser, 400);
    }
    cut_out(parser, data, size, 2);
    parser->part = HTTP_PART_CHUNK_LINE;
    return true;
}

static bool advance_trailer(struct http_parser *parser, uint8_t *data, size_t *size)
{
    const size_t bytes = line_bytes(parser, data, *size, TRAILER_LINE_MAX);

    if (bytes == 0) {
        return false;
    }
    cut_out(parser, data, size, bytes);
    parser->part = bytes == 2 ? HTTP_PART_DONE : HTTP_PART_TRAILER;
    return true;
}

/* True: the part is done, try the next. */
static bool advance_part(struct http_parser *parser, uint8_t *data, size_t *size)
{
    switch (parser->part) {
    case HTTP_PART_HEADER:
        return advance_header(parser, data, *size);
    case HTTP_PART_BODY:
        return advance_data(parser, *size, HTTP_PART_DONE);
    case HTTP_PART_CHUNK_LINE:
        return advance_chunk_line(parser, data, size);
    case HTTP_PART_CHUNK_DATA:
        return advance_data(parser, *size, HTTP_PART_CHUNK_END);
    case HTTP_PART_CHUNK_END:
        return advance_chunk_end(parser, data, size);
    case HTTP_PART_TRAILER:
        return advance_trailer(parser, data, size);
    case HTTP_PART_DONE:
        break;
    }
    return false;
}

enum http_progress http_parser_advance(struct http_parser *parser, uint8_t *data, size_t *size)
{
    while (parser->refusal == 0 && advance_part(parser, data, size)) {
    }
    if (parser->refusal != 0) {
        return HTTP_REFUSED;
    }
    if (parser->part != HTTP_PART_DONE) {
        if (parser->header_bytes > 0 && *size > parser->header_bytes) {
            parser->expects_continue = false; /* it did not wait */
        }
        return HTTP_MORE;
    }
    return HTTP_COMPLETE;
}

size_t http_parser_used(const struct http_parser *parser)
{
    return body_end(parser);
}

size_t http_parser_room(const struct http_parser *parser)
{
    switch (parser->part) {
    case HTTP_PART_HEADER:
    case HTTP_PART_DONE:
        return HTTP_HEADER_BYTES_MAX;
    case HTTP_PART_BODY:
        return body_end(parser) + parser->wanted;
    case HTTP_PART_CHUNK_LINE:
    case HTTP_PART_CHUNK_DATA:
    case HTTP_PART_CHUNK_END:
    case HTTP_PART_TRAILER:
        return body_end(parser) + parser->wanted + TRAILER_LINE_MAX;
    }
    return HTTP_HEADER_BYTES_MAX;
}

struct http_request http_parser_request(const struct http_parser *parser, const uint8_t *data,
                                        struct http_header *headers)
{
    const char *text = (const char *)data;

    for (unsigned i = 0; i < parser->header_count; i++) {
        headers[i] = (struct http_header){.name = text + parser->headers[i].name,
                                          .value = text + parser->headers[i].value};
    }
    return (struct http_request){
        .method = text + parser->method,
        .target = text + parser->target,
        .headers = headers,
        .header_count = parser->header_count,
        .body = bytes_of(data + parser->header_bytes, parser->body_bytes),
    };
}
