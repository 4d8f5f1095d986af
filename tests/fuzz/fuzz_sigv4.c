/* A request that claims to be signed.
 *
 * The input is a request. Nobody can sign without the secret; what we sign ourselves is found good
 * after its way through our HTTP parser, and is found bad with another secret, body, method or
 * time. */
#include "base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/request.h"
#include "transport/sigv4.h"

enum { NOW = 1440938160, STREAM_MAX = 48 << 10 };

static const struct sigv4_credentials who = {.access_key = "AKIDEXAMPLE", .secret_key = "secret"};
static const struct sigv4_scope scope = {.region = "us-east-1", .service = "kms"};

/* What somebody sent, and what we make of it. */
struct sent {
    uint8_t bytes[REQUEST_BYTES_MAX];
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_request request;
};

static bool read_request(struct sent *sent, size_t size)
{
    struct http_parser parser = {.part = HTTP_PART_HEADER};

    if (http_parser_advance(&parser, sent->bytes, &size) != HTTP_COMPLETE) {
        return false;
    }
    sent->request = http_parser_request(&parser, sent->bytes, sent->headers);
    return true;
}

/* As it came: a claim may be well formed, but no signature is right by chance. */
static void try_claim(const struct http_request *request)
{
    struct sigv4_claim claim;

    if (sigv4_parse(request, &claim) == OK) {
        CHECK(strlen(claim.date) == 8 && strlen(claim.signature) == 64);
        CHECK(sigv4_verify(request, &claim, who.secret_key, claim.signed_at) != OK);
    }
}

/* The same without what signing adds. */
static void take_signature_off(struct http_request *request, struct http_header *headers)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < request->header_count; i++) {
        if (strcasecmp(headers[i].name, "authorization") != 0
            && strcasecmp(headers[i].name, "x-amz-date") != 0 && !request_is_framing(&headers[i])) {
            headers[kept++] = headers[i];
        }
    }
    request->header_count = kept;
}

static void try_signed(const struct http_request *request, uint64_t now)
{
    struct sigv4_claim claim;
    struct http_request changed = *request;
    struct http_header more[HTTP_HEADERS_MAX];

    CHECK(sigv4_parse(request, &claim) == OK && claim.signed_at == now);
    CHECK(sigv4_verify(request, &claim, who.secret_key, now + SIGV4_SKEW_SECONDS_MAX) == OK);
    CHECK(sigv4_verify(request, &claim, who.secret_key, now + SIGV4_SKEW_SECONDS_MAX + 1)
          == E_SKEW);
    CHECK(sigv4_verify(request, &claim, "Secret", now) == E_SIGNATURE);
    changed.body = request->body.size > 0 ? bytes_none() : bytes_text("never signed");
    CHECK(sigv4_verify(&changed, &claim, who.secret_key, now) == E_SIGNATURE);
    changed = *request;
    changed.method = "PATCH/";
    CHECK(sigv4_verify(&changed, &claim, who.secret_key, now) == E_SIGNATURE);
    changed = *request;
    if (request->header_count < HTTP_HEADERS_MAX
        && http_header_find(request->headers, request->header_count, "x-amz-target") == NULL) {
        memcpy(more, request->headers, request->header_count * sizeof more[0]);
        more[changed.header_count++] = (struct http_header){"X-Amz-Target", "unsigned"};
        changed.headers = more;
        CHECK(sigv4_parse(&changed, &claim) == E_MALFORMED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sent sent, again;
    struct sigv4_signature signature;
    struct http_request *const request = &sent.request;

    if (size < 1 || size > STREAM_MAX) {
        return 0;
    }

    const uint64_t now = NOW + (uint64_t)data[0] * 86400;

    memcpy(sent.bytes, data + 1, size - 1);
    if (!read_request(&sent, size - 1)) {
        return 0;
    }
    try_claim(request);
    take_signature_off(request, sent.headers);
    if (request->header_count + 2 > HTTP_HEADERS_MAX
        || sigv4_sign(request, &who, &scope, now, &signature) != OK) {
        return 0;
    }
    sent.headers[request->header_count++] = (struct http_header){"X-Amz-Date", signature.date};
    sent.headers[request->header_count++] =
        (struct http_header){"Authorization", signature.authorization};
    try_signed(request, now);

    const size_t written = request_write(request, again.bytes, sizeof again.bytes);

    if (written > 0 && read_request(&again, written)) {
        try_signed(&again.request, now);
    }
    return 0;
}
