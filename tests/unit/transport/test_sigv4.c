/* AWS's own published examples, and whatever is changed after signing is noticed. */
#include "transport/sigv4.h"

#include "base/check.h"
#include "tests/support/test.h"

#include <stdio.h>

/* 20150830T123600Z, and the credentials of AWS's examples */
enum { EXAMPLE_TIME = 1440938160 };

static const struct sigv4_credentials example = {
    .access_key = "AKIDEXAMPLE",
    .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
static const struct sigv4_scope scope = {.region = "us-east-1", .service = "service"};
static const struct http_header host = {"Host", "example.amazonaws.com"};

static struct http_request request_of(const char *method, const char *target)
{
    return (struct http_request){
        .method = method, .target = target, .headers = &host, .header_count = 1};
}

static bool signs_as(const struct http_request *request, const struct sigv4_scope *where,
                     const char *expected)
{
    struct sigv4_signature signature;

    NEED(sigv4_sign(request, &example, where, EXAMPLE_TIME, &signature) == OK);
    EXPECT(strcmp(signature.date, "20150830T123600Z") == 0);
    return strcmp(strstr(signature.authorization, "Signature=") + 10, expected) == 0;
}

TEST(the_published_examples_are_signed_as_published)
{
    struct http_request request = request_of("GET", "/");

    EXPECT(signs_as(&request, &scope,
                    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
    request = request_of("GET", "/?Param2=value2&Param1=value1");
    EXPECT(signs_as(&request, &scope,
                    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
    request = request_of("POST", "/");
    EXPECT(signs_as(&request, &scope,
                    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));

    const struct http_header headers[] = {
        {"Host", "iam.amazonaws.com"},
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
    };
    const struct sigv4_scope iam = {.region = "us-east-1", .service = "iam"};

    request = request_of("GET", "/?Action=ListUsers&Version=2010-05-08");
    request.headers = headers;
    request.header_count = 2;
    EXPECT(signs_as(&request, &iam,
                    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"));
}

static bool same_signature(const char *a, const char *b)
{
    struct sigv4_signature first;
    struct sigv4_signature second;
    const struct http_request left = request_of("GET", a);
    const struct http_request right = request_of("GET", b);

    NEED(sigv4_sign(&left, &example, &scope, EXAMPLE_TIME, &first) == OK);
    NEED(sigv4_sign(&right, &example, &scope, EXAMPLE_TIME, &second) == OK);
    return strcmp(first.authorization, second.authorization) == 0;
}

TEST(targets_that_mean_the_same_are_signed_the_same)
{
    EXPECT(same_signature("/", ""));
    EXPECT(same_signature("/a/../b", "/b"));
    EXPECT(same_signature("/./a//b/", "/a/b/"));
    EXPECT(same_signature("/?a=b", "/?%61=b"));
    EXPECT(same_signature("/?b&a", "/?a=&b="));
    EXPECT(!same_signature("/a", "/a/"));
    EXPECT(!same_signature("/a%20b", "/a b"));
    EXPECT(!same_signature("/?a=b", "/?a=c"));
}

struct signed_request {
    struct http_header headers[6];
    struct http_request request;
    struct sigv4_signature signature;
    char authorization[SIGV4_AUTHORIZATION_MAX];
};

static void sign(struct signed_request *made)
{
    *made = (struct signed_request){
        .headers = {host,
                    {"X-Amz-Target", "TrentService.ListKeys"},
                    {"Content-Type", "application/x-amz-json-1.1"}},
        .request = {.method = "POST", .target = "/", .header_count = 3, .body = bytes_text("{}")}};
    made->request.headers = made->headers;
    NEED(sigv4_sign(&made->request, &example, &scope, EXAMPLE_TIME, &made->signature) == OK);
    snprintf(made->authorization, sizeof made->authorization, "%s", made->signature.authorization);
    made->headers[3] = (struct http_header){"x-amz-date", made->signature.date};
    made->headers[4] = (struct http_header){"authorization", made->authorization};
    made->headers[5] = (struct http_header){"x-forwarded-for", "unsigned headers may be added"};
    made->request.header_count = 6;
}

static enum status check(const struct signed_request *made, uint64_t now)
{
    struct sigv4_claim claim;

    TRY(sigv4_parse(&made->request, &claim));
    EXPECT(strcmp(claim.access_key, "AKIDEXAMPLE") == 0);
    return sigv4_verify(&made->request, &claim, example.secret_key, now);
}

TEST(what_was_signed_is_verified_and_taken_apart)
{
    struct signed_request made;
    struct sigv4_claim claim;

    sign(&made);
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), OK);
    NEED(sigv4_parse(&made.request, &claim) == OK);
    EXPECT(strcmp(claim.region, "us-east-1") == 0 && strcmp(claim.service, "service") == 0);
    EXPECT(claim.signed_at == EXAMPLE_TIME);
    EXPECT(strcmp(claim.signed_headers, "content-type;host;x-amz-date;x-amz-target") == 0);
    EXPECT_STATUS(sigv4_verify(&made.request, &claim, "another secret", EXAMPLE_TIME), E_SIGNATURE);
}

TEST(a_signature_is_good_for_a_quarter_of_an_hour_either_way)
{
    struct signed_request made;

    sign(&made);
    EXPECT_STATUS(check(&made, EXAMPLE_TIME + 900), OK);
    EXPECT_STATUS(check(&made, EXAMPLE_TIME - 900), OK);
    EXPECT_STATUS(check(&made, EXAMPLE_TIME + 901), E_SKEW);
    EXPECT_STATUS(check(&made, EXAMPLE_TIME - 901), E_SKEW);
}

TEST(whatever_is_changed_after_signing_is_noticed)
{
    struct signed_request made;

    sign(&made);
    made.request.method = "GET";
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
    sign(&made);
    made.request.target = "/?a";
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
    sign(&made);
    made.request.body = bytes_text("{} ");
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
    sign(&made);
    made.headers[1].value = "TrentService.Decrypt";
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
    sign(&made);
    made.headers[5] = (struct http_header){"host", "twice"};
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
    sign(&made);
    made.headers[3].value = "20150830T123601Z";
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
    sign(&made);
    char *digit = strstr(made.authorization, "Signature=") + 20;
    *digit = *digit == '0' ? '1' : '0';
    EXPECT_STATUS(check(&made, EXAMPLE_TIME), E_SIGNATURE);
}

TEST(what_is_no_signature_is_refused_by_name)
{
    static const char *const broken[] = {
        "",
        "Basic abc",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=AK/20150830/r/s/aws4_request, SignedHeaders=host;x-amz-date",
        "AWS4-HMAC-SHA256 Credential=AK/20150830/r/aws4_request, SignedHeaders=host;x-amz-date, "
        "Signature=0000000000000000000000000000000000000000000000000000000000000000",
        "AWS4-HMAC-SHA256 Credential=AK/20150831/r/s/aws4_request, SignedHeaders="
        "host;x-amz-date;x-amz-target, "
        "Signature=0000000000000000000000000000000000000000000000000000000000000000",
        "AWS4-HMAC-SHA256 Credential=AK/20150830/r/s/aws4_request, SignedHeaders=host;x-amz-date, "
        "Signature=0000000000000000000000000000000000000000000000000000000000000000",
        "AWS4-HMAC-SHA256 Credential=AK/20150830/r/s/aws4_request, SignedHeaders="
        "host;x-amz-date;x-amz-target, Signature=00",
    };
    struct signed_request made;
    struct sigv4_claim claim;

    for (unsigned i = 0; i < COUNT_OF(broken); i++) {
        sign(&made);
        made.headers[4].value = broken[i];
        EXPECT_STATUS(sigv4_parse(&made.request, &claim), E_MALFORMED);
    }
    sign(&made);
    made.headers[4].name = "x";
    EXPECT_STATUS(sigv4_parse(&made.request, &claim), E_UNSIGNED);
    sign(&made);
    made.headers[3].value = "20150230T123600Z";
    EXPECT_STATUS(sigv4_parse(&made.request, &claim), E_MALFORMED);
    made.headers[3].name = "x";
    EXPECT_STATUS(sigv4_parse(&made.request, &claim), E_MALFORMED);
}

TEST(what_cannot_be_signed_is_not)
{
    struct sigv4_signature signature;
    struct http_request request = request_of("GET", "/");
    struct sigv4_credentials with_token = example;

    request.header_count = 0;
    EXPECT_STATUS(sigv4_sign(&request, &example, &scope, EXAMPLE_TIME, &signature), E_USAGE);
    request.header_count = 1;
    with_token.session_token = "token";
    EXPECT_STATUS(sigv4_sign(&request, &with_token, &scope, EXAMPLE_TIME, &signature), E_USAGE);
    request.target = "/?a=%4";
    EXPECT_STATUS(sigv4_sign(&request, &example, &scope, EXAMPLE_TIME, &signature), E_MALFORMED);
}
