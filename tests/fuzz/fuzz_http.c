/* Requests from whoever reaches the key service's port, one after the other on one connection.
 *
 * The first byte says in what pieces the network brings the rest. What is understood must not
 * depend on that; and what was understood, written again in the plainest way, is understood as the
 * same. */
#include "base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/request.h"

#include <stdlib.h>

enum { STREAM_MAX = 48 << 10, TOLD_MAX = 2 * STREAM_MAX };

struct told {
    size_t size;
    char text[TOLD_MAX];
};

static struct http_parser parser;
static struct told whole, pieces, before, after;

static void tell(struct told *told, const char *what, unsigned number)
{
    told->size += (size_t)snprintf(told->text + told->size, 32, "%s %u ", what, number);
    CHECK(told->size < TOLD_MAX - 32);
}

static void tell_bytes(struct told *told, struct bytes bytes)
{
    tell(told, "", (unsigned)bytes.size);
    CHECK(bytes.size < TOLD_MAX - told->size);
    if (bytes.size > 0) {
        memcpy(told->text + told->size, bytes.data, bytes.size);
    }
    told->size += bytes.size;
}

/* Framing is told by the body; whatever else was said, in order. */
static void tell_request(struct told *told, const struct http_request *request)
{
    tell_bytes(told, bytes_text(request->method));
    tell_bytes(told, bytes_text(request->target));
    for (unsigned i = 0; i < request->header_count; i++) {
        if (!request_is_framing(&request->headers[i])) {
            tell_bytes(told, bytes_text(request->headers[i].name));
            tell_bytes(told, bytes_text(request->headers[i].value));
        }
    }
    tell_bytes(told, request->body);
}

static bool same(const struct told *a, const struct told *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static void try_again(const struct http_request *request)
{
    static uint8_t plain[REQUEST_BYTES_MAX];
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t size = request_write(request, plain, sizeof plain);

    before.size = after.size = 0;
    tell_request(&before, request);
    if (size == 0 || request->header_count == HTTP_HEADERS_MAX) {
        return; /* the plainest way needs more room, or a header more */
    }

    struct http_parser again = {.part = HTTP_PART_HEADER};

    CHECK(http_parser_advance(&again, plain, &size) == HTTP_COMPLETE);
    CHECK(http_parser_used(&again) == size);

    const struct http_request read = http_parser_request(&again, plain, headers);

    tell_request(&after, &read);
    CHECK(same(&before, &after));
}

/* One connection to its end, or to the first refusal. */
static void listen_to(struct told *told, struct bytes stream, size_t piece)
{
    static uint8_t buffer[STREAM_MAX];
    size_t size = 0, taken = 0;
    enum http_progress progress = HTTP_MORE;

    told->size = 0;
    parser = (struct http_parser){.part = HTTP_PART_HEADER};
    while (progress != HTTP_REFUSED && (taken < stream.size || progress == HTTP_COMPLETE)) {
        const struct bytes next = bytes_part(stream, taken, piece);

        fuzz_forbid(buffer, size + next.size, sizeof buffer);
        memcpy(buffer + size, next.size > 0 ? next.data : buffer, next.size);
        taken += next.size;
        size += next.size;
        progress = http_parser_advance(&parser, buffer, &size);
        fuzz_forbid(buffer, size, sizeof buffer);
        if (progress == HTTP_COMPLETE) {
            struct http_header headers[HTTP_HEADERS_MAX];
            const struct http_request request = http_parser_request(&parser, buffer, headers);
            const size_t used = http_parser_used(&parser);

            CHECK(used <= size && request.body.size <= HTTP_BODY_BYTES_MAX);
            tell(told, "keep", parser.keep_alive);
            tell_request(told, &request);
            try_again(&request);
            memmove(buffer, buffer + used, size - used);
            size -= used;
            parser = (struct http_parser){.part = HTTP_PART_HEADER};
        }
        CHECK(progress != HTTP_MORE || piece > 1 || size < http_parser_room(&parser));
    }
    fuzz_forbid(buffer, sizeof buffer, sizeof buffer);
    tell(told, "end", progress == HTTP_REFUSED ? parser.refusal : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > STREAM_MAX) {
        return 0;
    }

    const struct bytes stream = bytes_of(data + 1, size - 1);

    listen_to(&whole, stream, stream.size);
    listen_to(&pieces, stream, data[0] + (size_t)1);
    CHECK(same(&whole, &pieces));
    return 0;
}
