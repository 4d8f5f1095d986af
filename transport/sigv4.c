/* Signing: which headers, the text to sign, the key from secret and scope, the signature.
 * Verifying does the same from what the request claims, and compares.
 *
 * How it goes wrong, as AWS names it: MissingAuthenticationToken (E_UNSIGNED),
 * IncompleteSignature (E_MALFORMED), InvalidSignature (E_SIGNATURE), and a signature of another
 * time (E_SKEW). */
#include "transport/sigv4.h"

#include "base/check.h"
#include "base/hex.h"
#include "transport/sigv4_canonical.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

enum { DATE_TIME_CHARS = 16, DATE_CHARS = 8 };

static void date_format(uint64_t now, char text[DATE_TIME_CHARS + 1])
{
    const time_t seconds = (time_t)now;
    struct tm parts;

    gmtime_r(&seconds, &parts);
    CHECK(strftime(text, DATE_TIME_CHARS + 1, "%Y%m%dT%H%M%SZ", &parts) == DATE_TIME_CHARS);
}

NODISCARD static enum status date_parse(const char *text, uint64_t *seconds)
{
    struct tm parts = {0};
    char again[DATE_TIME_CHARS + 1];
    const char *end = strptime(text, "%Y%m%dT%H%M%SZ", &parts);
    const time_t time = end == NULL || *end != '\0' ? -1 : timegm(&parts);

    if (time < 0 || strlen(text) != DATE_TIME_CHARS) {
        return E_MALFORMED;
    }
    *seconds = (uint64_t)time;
    date_format(*seconds, again); /* strptime takes the 31st of June and blanks */
    return strcmp(again, text) == 0 ? OK : E_MALFORMED;
}

/* HMAC of HMAC of HMAC of HMAC: date, region, service, terminator. */
static struct digest signing_key(const char *secret, const char *date, const char *region,
                                 const char *service)
{
    char first[512];
    const int size = snprintf(first, sizeof first, "AWS4%s", secret);

    CHECK(size > 0 && (size_t)size < sizeof first);
    struct digest key = sigv4_hmac(bytes_of(first, (size_t)size), bytes_of(date, DATE_CHARS));

    OPENSSL_cleanse(first, sizeof first);
    key = sigv4_hmac(bytes_of(key.bytes, sizeof key.bytes), bytes_text(region));
    key = sigv4_hmac(bytes_of(key.bytes, sizeof key.bytes), bytes_text(service));
    return sigv4_hmac(bytes_of(key.bytes, sizeof key.bytes), bytes_text(TERMINATOR));
}

/* `date` is the whole 20150830T123600Z. */
static void signature_make(const struct digest *canonical, const char *secret, const char *date,
                           const struct sigv4_scope *scope, char hex[65])
{
    char text[256];
    char digest_hex[65];
    const int size =
        snprintf(text, sizeof text, ALGORITHM "\n%s\n%.8s/%s/%s/" TERMINATOR "\n%s", date, date,
                 scope->region, scope->service,
                 hex_encode(bytes_of(canonical->bytes, sizeof canonical->bytes), digest_hex));

    CHECK(size > 0 && (size_t)size < sizeof text);
    struct digest key = signing_key(secret, date, scope->region, scope->service);
    const struct digest signature =
        sigv4_hmac(bytes_of(key.bytes, sizeof key.bytes), bytes_of(text, (size_t)size));

    OPENSSL_cleanse(&key, sizeof key);
    hex_encode(bytes_of(signature.bytes, sizeof signature.bytes), hex);
}

static int name_compare(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* All given headers, lower case, sorted, each name once. */
NODISCARD static enum status headers_to_sign(const struct http_request *request, char *text,
                                             size_t room)
{
    const char *names[HTTP_HEADERS_MAX];
    size_t used = 0;

    for (unsigned i = 0; i < request->header_count; i++) {
        names[i] = request->headers[i].name;
    }
    qsort(names, request->header_count, sizeof names[0], name_compare);
    text[0] = '\0';
    for (unsigned i = 0; i < request->header_count; i++) {
        const size_t size = strlen(names[i]);

        if (i > 0 && strcasecmp(names[i], names[i - 1]) == 0) {
            continue;
        }
        if (used + size + 2 > room) {
            return E_TOO_LARGE;
        }
        text[used] = ';';
        used += i > 0 ? 1 : 0;
        for (size_t j = 0; j <= size; j++) {
            text[used + j] = (char)tolower((unsigned char)names[i][j]);
        }
        used += size;
    }
    return OK;
}

static bool request_has(const struct http_request *request, const char *name)
{
    return http_header_find(request->headers, request->header_count, name) != NULL;
}

static bool can_be_signed(const struct http_request *request,
                          const struct sigv4_credentials *credentials,
                          const struct sigv4_scope *scope)
{
    return request->header_count < HTTP_HEADERS_MAX && request_has(request, "host")
           && !request_has(request, "x-amz-date") && !request_has(request, "authorization")
           && (credentials->session_token == NULL || request_has(request, "x-amz-security-token"))
           && strlen(credentials->access_key) < SIGV4_ACCESS_KEY_MAX
           && strlen(credentials->secret_key) < 256 && strlen(scope->region) < SIGV4_SCOPE_PART_MAX
           && strlen(scope->service) < SIGV4_SCOPE_PART_MAX;
}

enum status sigv4_sign(const struct http_request *request,
                       const struct sigv4_credentials *credentials, const struct sigv4_scope *scope,
                       uint64_t now, struct sigv4_signature *signature)
{
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_request dated = *request;
    char names[SIGV4_SIGNED_HEADERS_MAX];
    char hex[65];
    struct digest canonical;

    if (!can_be_signed(request, credentials, scope)) {
        return E_USAGE;
    }
    date_format(now, signature->date);
    memcpy(headers, request->headers, request->header_count * sizeof headers[0]);
    headers[dated.header_count++] = (struct http_header){"x-amz-date", signature->date};
    dated.headers = headers;
    TRY(headers_to_sign(&dated, names, sizeof names));
    TRY(sigv4_canonical_digest(&dated, names, &canonical));
    signature_make(&canonical, credentials->secret_key, signature->date, scope, hex);

    const int size = snprintf(
        signature->authorization, sizeof signature->authorization,
        ALGORITHM " Credential=%s/%.8s/%s/%s/" TERMINATOR ", SignedHeaders=%s, Signature=%s",
        credentials->access_key, signature->date, scope->region, scope->service, names, hex);

    return size > 0 && (size_t)size < sizeof signature->authorization ? OK : E_TOO_LARGE;
}

/* Copies up to one of `ends`; the place after it. NULL: it does not fit or is empty. */
static const char *take(const char *from, const char *ends, char *into, size_t room)
{
    const size_t size = strcspn(from, ends);

    if (size == 0 || size >= room) {
        return NULL;
    }
    memcpy(into, from, size);
    into[size] = '\0';
    return from + size + (from[size] != '\0' ? 1 : 0);
}

static bool take_credential(const char *from, struct sigv4_claim *claim)
{
    char terminator[16];

    return (from = take(from, "/", claim->access_key, sizeof claim->access_key)) != NULL
           && (from = take(from, "/", claim->date, sizeof claim->date)) != NULL
           && (from = take(from, "/", claim->region, sizeof claim->region)) != NULL
           && (from = take(from, "/", claim->service, sizeof claim->service)) != NULL
           && (from = take(from, ", ", terminator, sizeof terminator)) != NULL
           && strcmp(terminator, TERMINATOR) == 0;
}

/* The value of "name=" among the comma-separated fields; NULL: none or two. */
static const char *field_find(const char *fields, const char *name)
{
    const size_t size = strlen(name);
    const char *found = NULL;

    for (const char *field = fields; *field != '\0';) {
        field += strspn(field, ", ");
        if (strncmp(field, name, size) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = field + size;
        }
        field += strcspn(field, ",");
    }
    return found;
}

NODISCARD static enum status authorization_parse(const char *text, struct sigv4_claim *claim)
{
    static const char begin[] = ALGORITHM " ";

    if (strncmp(text, begin, sizeof begin - 1) != 0) {
        return E_MALFORMED;
    }
    text += sizeof begin - 1;
    const char *credential = field_find(text, "Credential=");
    const char *headers = field_find(text, "SignedHeaders=");
    const char *signature = field_find(text, "Signature=");

    if (credential == NULL || headers == NULL || signature == NULL
        || !take_credential(credential, claim)
        || take(headers, ", ", claim->signed_headers, sizeof claim->signed_headers) == NULL
        || take(signature, ", ", claim->signature, sizeof claim->signature) == NULL) {
        return E_MALFORMED;
    }
    return strlen(claim->signature) == 64 ? OK : E_MALFORMED;
}

static bool is_signed(const struct sigv4_claim *claim, const char *name)
{
    const size_t size = strlen(name);

    for (const char *field = claim->signed_headers; *field != '\0';) {
        const size_t here = strcspn(field, ";");

        if (here == size && strncmp(field, name, size) == 0) {
            return true;
        }
        field += here + (field[here] == ';' ? 1 : 0);
    }
    return false;
}

static bool signs_what_it_must(const struct http_request *request, const struct sigv4_claim *claim)
{
    static const char *const names[] = {"x-amz-security-token", "x-amz-target"};

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (request_has(request, names[i]) && !is_signed(claim, names[i])) {
            return false;
        }
    }
    return is_signed(claim, "host") && is_signed(claim, "x-amz-date");
}

enum status sigv4_parse(const struct http_request *request, struct sigv4_claim *claim)
{
    const char *text = http_header_find(request->headers, request->header_count, "authorization");
    const char *date = http_header_find(request->headers, request->header_count, "x-amz-date");

    memset(claim, 0, sizeof *claim);
    if (text == NULL) {
        return E_UNSIGNED;
    }
    if (date == NULL) {
        return E_MALFORMED;
    }
    TRY(authorization_parse(text, claim));
    TRY(date_parse(date, &claim->signed_at));
    if (strlen(claim->date) != DATE_CHARS || strncmp(claim->date, date, DATE_CHARS) != 0
        || !signs_what_it_must(request, claim)) {
        return E_MALFORMED;
    }
    return OK;
}

enum status sigv4_verify(const struct http_request *request, const struct sigv4_claim *claim,
                         const char *secret_key, uint64_t now)
{
    const uint64_t distance =
        now > claim->signed_at ? now - claim->signed_at : claim->signed_at - now;
    const struct sigv4_scope scope = {.region = claim->region, .service = claim->service};
    struct digest canonical;
    char date[DATE_TIME_CHARS + 1];
    char hex[65];

    if (distance > SIGV4_SKEW_SECONDS_MAX) {
        return E_SKEW;
    }
    date_format(claim->signed_at, date);
    TRY(sigv4_canonical_digest(request, claim->signed_headers, &canonical));
    signature_make(&canonical, secret_key, date, &scope, hex);
    return CRYPTO_memcmp(hex, claim->signature, 64) == 0 ? OK : E_SIGNATURE;
}
