/* Method, path, query, headers and body, each brought into the one form that both sides sign.
 *
 * Path: dot segments removed, then each byte outside the unreserved set percent-encoded (a
 * percent sign too: services other than S3 encode the path once more). Query: decoded, encoded
 * again, sorted by name and value. Headers: lower case, inner blanks made one. Body: its
 * SHA-256.
 *
 * All goes into one bounded text; what does not fit is refused (a request's header is bounded,
 * but encoding may triple it). */
#include "transport/sigv4_canonical.h"

#include "base/check.h"
#include "base/hex.h"

#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum { CANONICAL_BYTES_MAX = 3 * HTTP_HEADER_BYTES_MAX, PATH_SEGMENTS_MAX = 128 };

/* A bounded text; once it has overflowed it stays so, and the end of the story says E_TOO_LARGE. */
struct text {
    char *data;
    size_t size;
    size_t room;
    bool overflowed;
};

struct digest sigv4_sha256(struct bytes bytes)
{
    struct digest digest;

    CHECK(EVP_Digest(bytes.data, bytes.size, digest.bytes, NULL, EVP_sha256(), NULL) == 1);
    return digest;
}

/* To look an algorithm up takes longer than to use it on a line, and a signature has five. This
 * holds no key: each use has a copy, which wipes its own. */
static pthread_once_t hmac_once = PTHREAD_ONCE_INIT;
static EVP_MAC_CTX *hmac_sha256;

static void hmac_begin(void)
{
    static char name[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_END};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    hmac_sha256 = EVP_MAC_CTX_new(hmac);
    CHECK(hmac_sha256 != NULL && EVP_MAC_CTX_set_params(hmac_sha256, params) == 1);
    EVP_MAC_free(hmac); /* the context holds it */
}

struct digest sigv4_hmac(struct bytes key, struct bytes text)
{
    struct digest digest;
    size_t size = 0;

    pthread_once(&hmac_once, hmac_begin);

    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(hmac_sha256);

    CHECK(context != NULL && EVP_MAC_init(context, key.data, key.size, NULL) == 1);
    CHECK(EVP_MAC_update(context, text.data, text.size) == 1);
    CHECK(EVP_MAC_final(context, digest.bytes, &size, sizeof digest.bytes) == 1);
    EVP_MAC_CTX_free(context);
    return digest;
}

static void text_put(struct text *text, const char *from, size_t size)
{
    if (text->overflowed || size > text->room - text->size) {
        text->overflowed = true;
        return;
    }
    memcpy(text->data + text->size, from, size);
    text->size += size;
}

static void text_put_text(struct text *text, const char *from)
{
    text_put(text, from, strlen(from));
}

static bool is_unreserved(unsigned char byte)
{
    return isalnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static void text_put_encoded(struct text *text, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    const char encoded[3] = {'%', digits[byte >> 4], digits[byte & 15]};

    if (is_unreserved(byte)) {
        text_put(text, (const char *)&byte, 1);
    } else {
        text_put(text, encoded, sizeof encoded);
    }
}

static bool segment_is(struct bytes segment, const char *text)
{
    return bytes_equal(segment, bytes_text(text));
}

/* Cuts at slashes; "." and empty segments vanish, ".." takes its parent along. */
NODISCARD static enum status path_segments(struct bytes path, struct bytes *segments,
                                           unsigned *count)
{
    size_t begin = 0;

    *count = 0;
    for (size_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/') {
            continue;
        }
        const struct bytes segment = bytes_part(path, begin, i - begin);

        begin = i + 1;
        if (segment_is(segment, "..")) {
            *count -= *count > 0 ? 1 : 0;
        } else if (segment.size > 0 && !segment_is(segment, ".")) {
            if (*count == PATH_SEGMENTS_MAX) {
                return E_TOO_LARGE;
            }
            segments[(*count)++] = segment;
        }
    }
    return OK;
}

NODISCARD static enum status put_path(struct text *text, struct bytes path)
{
    struct bytes segments[PATH_SEGMENTS_MAX];
    unsigned count;

    TRY(path_segments(path, segments, &count));
    for (unsigned i = 0; i < count; i++) {
        text_put(text, "/", 1);
        for (size_t j = 0; j < segments[i].size; j++) {
            text_put_encoded(text, segments[i].data[j]);
        }
    }
    if (count == 0 || path.data[path.size - 1] == '/') {
        text_put(text, "/", 1);
    }
    return OK;
}

NODISCARD static enum status put_decoded_encoded(struct text *text, struct bytes part)
{
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];

        if (byte == '%') {
            char digits[3] = {0};

            if (i + 2 >= part.size) {
                return E_MALFORMED;
            }
            memcpy(digits, part.data + i + 1, 2);
            TRY(hex_decode(digits, &byte, 1));
            i += 2;
        }
        text_put_encoded(text, byte);
    }
    return OK;
}

struct parameter {
    struct bytes name; /* canonical, in the scratch text */
    struct bytes value;
};

static int bytes_compare(struct bytes a, struct bytes b)
{
    size_t i = 0;

    while (i < a.size && i < b.size && a.data[i] == b.data[i]) {
        i++;
    }
    if (i < a.size && i < b.size) {
        return a.data[i] - b.data[i];
    }
    return (a.size > b.size) - (a.size < b.size);
}

static int parameter_compare(const void *left, const void *right)
{
    const struct parameter *a = left;
    const struct parameter *b = right;
    const int order = bytes_compare(a->name, b->name);

    return order != 0 ? order : bytes_compare(a->value, b->value);
}

NODISCARD static enum status canonical_part(struct text *scratch, struct bytes part,
                                            struct bytes *canonical)
{
    const size_t begin = scratch->size;

    TRY(put_decoded_encoded(scratch, part));
    *canonical = bytes_of(scratch->data + begin, scratch->size - begin);
    return scratch->overflowed ? E_TOO_LARGE : OK;
}

NODISCARD static enum status parse_parameter(struct text *scratch, struct bytes pair,
                                             struct parameter *parameter)
{
    const uint8_t *equals = pair.size == 0 ? NULL : memchr(pair.data, '=', pair.size);
    const size_t name_size = equals == NULL ? pair.size : (size_t)(equals - pair.data);

    TRY(canonical_part(scratch, bytes_part(pair, 0, name_size), &parameter->name));
    return canonical_part(scratch, bytes_part(pair, name_size + 1, pair.size), &parameter->value);
}

NODISCARD static enum status put_query(struct text *text, struct text *scratch, struct bytes query)
{
    struct parameter parameters[SIGV4_QUERY_PARAMETERS_MAX];
    unsigned count = 0;
    size_t begin = 0;

    for (size_t i = 0; i <= query.size && query.size > 0; i++) {
        if (i < query.size && query.data[i] != '&') {
            continue;
        }
        if (i > begin) {
            if (count == SIGV4_QUERY_PARAMETERS_MAX) {
                return E_TOO_LARGE;
            }
            TRY(parse_parameter(scratch, bytes_part(query, begin, i - begin),
                                &parameters[count++]));
        }
        begin = i + 1;
    }
    qsort(parameters, count, sizeof parameters[0], parameter_compare);
    for (unsigned i = 0; i < count; i++) {
        text_put(text, "&", i > 0 ? 1 : 0);
        text_put(text, (const char *)parameters[i].name.data, parameters[i].name.size);
        text_put(text, "=", 1);
        text_put(text, (const char *)parameters[i].value.data, parameters[i].value.size);
    }
    return OK;
}

static void put_header_value(struct text *text, const char *value)
{
    bool blank = true; /* leading ones vanish */

    for (; *value != '\0'; value++) {
        const bool is_blank = *value == ' ' || *value == '\t';

        if (!is_blank) {
            text_put(text, value, 1);
        } else if (!blank && value[strspn(value, " \t")] != '\0') {
            text_put(text, " ", 1);
        }
        blank = is_blank;
    }
}

/* Several headers of one name are one, their values joined by commas, in the order as sent. */
NODISCARD static enum status put_header(struct text *text, const struct http_request *request,
                                        const char *name, size_t name_size)
{
    bool found = false;

    text_put(text, name, name_size);
    text_put(text, ":", 1);
    for (unsigned i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];

        if (strlen(header->name) == name_size && strncasecmp(header->name, name, name_size) == 0) {
            text_put(text, ",", found ? 1 : 0);
            put_header_value(text, header->value);
            found = true;
        }
    }
    text_put(text, "\n", 1);
    return found ? OK : E_MALFORMED;
}

NODISCARD static enum status put_headers(struct text *text, const struct http_request *request,
                                         const char *signed_headers)
{
    const char *name = signed_headers;

    while (*name != '\0') {
        const size_t size = strcspn(name, ";");

        TRY(put_header(text, request, name, size));
        name += size + (name[size] == ';' ? 1 : 0);
    }
    text_put(text, "\n", 1);
    text_put_text(text, signed_headers);
    text_put(text, "\n", 1);
    return OK;
}

NODISCARD static enum status put_request(struct text *text, struct text *scratch,
                                         const struct http_request *request,
                                         const char *signed_headers)
{
    const struct bytes target = bytes_text(request->target);
    const size_t path_size = strcspn(request->target, "?");
    const struct digest body = sigv4_sha256(request->body);
    char hex[65];

    text_put_text(text, request->method);
    text_put(text, "\n", 1);
    TRY(put_path(text, bytes_part(target, 0, path_size)));
    text_put(text, "\n", 1);
    TRY(put_query(text, scratch, bytes_part(target, path_size + 1, target.size)));
    text_put(text, "\n", 1);
    TRY(put_headers(text, request, signed_headers));
    text_put_text(text, hex_encode(bytes_of(body.bytes, sizeof body.bytes), hex));
    return text->overflowed ? E_TOO_LARGE : OK;
}

enum status sigv4_canonical_digest(const struct http_request *request, const char *signed_headers,
                                   struct digest *digest)
{
    char *memory = malloc(2 * (size_t)CANONICAL_BYTES_MAX);
    struct text text = {.data = memory, .room = CANONICAL_BYTES_MAX};
    struct text scratch = {.data = memory + CANONICAL_BYTES_MAX, .room = CANONICAL_BYTES_MAX};

    CHECK(memory != NULL);
    const enum status status = put_request(&text, &scratch, request, signed_headers);

    if (status == OK) {
        *digest = sigv4_sha256(bytes_of(text.data, text.size));
    }
    free(memory);
    return status;
}
