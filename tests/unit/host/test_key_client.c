/* The key client against a small false key service on the loopback. */
#include "base/check.h"
#include "host/clock.h"
#include "host/key_client.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"
#include "transport/http_server.h"
#include "transport/sigv4.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

struct service {
    struct event_base *base;
    struct http_server *server;
    struct key_client *client;
    unsigned code; /* what it answers with */
    const char *body;
    char target[64]; /* what it was asked */
    char region[64];
    char token[64]; /* X-Amz-Security-Token, as it was signed; "" */
    bool signature_is_good;
    unsigned requests;

    uint64_t ticket; /* what came back */
    enum status status;
    char why[KEY_WHY_MAX];
    char arn[KEY_ARN_TEXT_MAX];
    uint8_t plain[DEK_BYTES];
    size_t plain_size, blob_size;
    unsigned answers;
};

/* Gone in the middle of a call. */
static void on_vanish(evutil_socket_t fd, short what, void *context)
{
    struct service *service = context;

    (void)fd;
    (void)what;
    http_server_close(service->server);
    service->server = NULL;
}

static void on_request(void *context, uint64_t token, const struct http_request *request)
{
    struct service *service = context;
    struct sigv4_claim claim = {0};
    const char *target = http_header_find(request->headers, request->header_count, "x-amz-target");
    const char *session =
        http_header_find(request->headers, request->header_count, "x-amz-security-token");
    const struct http_reply reply = {.status = service->code, .body = bytes_text(service->body)};

    service->requests++;
    snprintf(service->target, sizeof service->target, "%s", target == NULL ? "" : target);
    service->signature_is_good =
        sigv4_parse(request, &claim) == OK
        && sigv4_verify(request, &claim, secret, clock_wall_ns() / 1000000000u) == OK;
    snprintf(service->region, sizeof service->region, "%s", claim.region);
    snprintf(service->token, sizeof service->token, "%s",
             session != NULL && strstr(claim.signed_headers, "x-amz-security-token") != NULL
                 ? session
                 : "");
    if (service->code != 0) {
        http_server_reply(service->server, token, &reply);
    } else {
        event_base_once(service->base, -1, EV_TIMEOUT, on_vanish, service, NULL);
    }
}

static void on_answer(void *context, uint64_t ticket, enum status status,
                      const struct keys_answer *answer)
{
    struct service *service = context;

    service->answers++;
    service->ticket = ticket;
    service->status = status;
    service->plain_size = answer->plain.size;
    service->blob_size = answer->blob.size;
    snprintf(service->why, sizeof service->why, "%s", answer->why);
    snprintf(service->arn, sizeof service->arn, "%s", answer->key_arn);
    if (answer->plain.size == DEK_BYTES) {
        memcpy(service->plain, answer->plain.data, DEK_BYTES);
    }
    event_base_loopbreak(service->base);
}

static unsigned traced;

static void count_line(void *context, const char *line)
{
    (void)context;
    traced += strstr(line, "keys.") != NULL;
}

/* No credentials are found but those that a test gives. */
static void forget_credentials(void)
{
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_PROFILE");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
}

/* With the credentials of `keep`, or whatever is found. */
static void service_start_with(struct service *service, struct key_credentials *keep)
{
    char url[64], why[KEY_WHY_MAX];
    struct http_server_settings server = {
        .address = "127.0.0.1:0", .on_request = on_request, .context = service};

    memset(service, 0, sizeof *service);
    service->base = event_base_new();
    server.base = service->base;
    NEED(http_server_open(&service->server, &server, why) == OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(service->server));

    const struct key_client_settings client = {.base = service->base,
                                               .services = {{"eu-west-1", url}},
                                               .service_count = 1,
                                               .allow_plain = true,
                                               .keep = keep,
                                               .trace = {count_line, NULL},
                                               .on_answer = on_answer,
                                               .context = service};

    NEED(key_client_open(&service->client, &client, why) == OK);
}

static void service_start(struct service *service)
{
    forget_credentials();
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE123456", 1);
    setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    service_start_with(service, NULL);
}

static void service_stop(struct service *service)
{
    key_client_close(service->client);
    if (service->server != NULL) {
        http_server_close(service->server);
    }
    event_base_free(service->base);
}

static void ask(struct service *service, enum keys_op op, const char *region)
{
    static const uint8_t dek[DEK_BYTES] = {9};
    struct keys_request request = {
        .op = op, .blob = bytes_of("blob", 4), .plain = bytes_of(dek, sizeof dek)};

    snprintf(request.region, sizeof request.region, "%s", region);
    snprintf(request.key, sizeof request.key, "alias/sea");
    key_client_ask(service->client, 77, &request);
    EXPECT(service->answers == 0); /* never from inside */
    event_base_dispatch(service->base);
    EXPECT(service->answers == 1 && service->ticket == 77);
    service->answers = 0;
}

TEST(a_signed_call_brings_key_and_envelope)
{
    static struct service service;

    service_start(&service);
    EXPECT(getenv("AWS_SECRET_ACCESS_KEY") == NULL && getenv("AWS_SESSION_TOKEN") == NULL);
    service.code = 200;
    service.body = "{\"KeyId\":\"arn:x\",\"CiphertextBlob\":\"YmxvYg==\","
                   "\"Plaintext\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}";
    ask(&service, KEYS_GENERATE, "eu-west-1");
    EXPECT_STATUS(service.status, OK);
    EXPECT(service.signature_is_good && strcmp(service.region, "eu-west-1") == 0);
    EXPECT(strcmp(service.token, "token") == 0);
    EXPECT(strcmp(service.target, "TrentService.GenerateDataKey") == 0);
    EXPECT(service.plain_size == DEK_BYTES && service.plain[2] == 3 && service.blob_size == 4);
    EXPECT(strcmp(service.arn, "arn:x") == 0);
    ask(&service, KEYS_UNWRAP, "eu-west-1");
    EXPECT(strcmp(service.target, "TrentService.Decrypt") == 0 && service.blob_size == 0);
    ask(&service, KEYS_WRAP, "eu-west-1");
    EXPECT(strcmp(service.target, "TrentService.Encrypt") == 0 && service.plain_size == 0);
    service_stop(&service);
}

TEST(refusals_have_their_names_and_anything_else_is_no_answer)
{
    static const struct {
        unsigned code;
        enum status status;
        const char *body;
    } cases[] = {
        {400, E_KEY_DISABLED, "{\"__type\":\"DisabledException\",\"message\":\"k is disabled.\"}"},
        {400, E_KEY_PENDING_DELETION,
         "{\"__type\":\"KMSInvalidStateException\",\"message\":\"k is pending deletion.\"}"},
        {400, E_KEY_PENDING_DELETION,
         "{\"__type\":\"DisabledException\",\"message\":\"k is pending deletion.\"}"},
        {400, E_KEY_UNREACHABLE,
         "{\"__type\":\"KMSInvalidStateException\",\"message\":\"k is updating.\"}"},
        {400, E_KEY_DENIED, "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}"},
        {400, E_KEY_NOT_FOUND, "{\"__type\":\"NotFoundException\",\"message\":\"Invalid keyId\"}"},
        {400, E_KEY_CIPHERTEXT, "{\"__type\":\"InvalidCiphertextException\"}"},
        {400, E_KEY_CIPHERTEXT, "{\"__type\":\"IncorrectKeyException\"}"},
        {400, E_KEY_CREDENTIALS, "{\"__type\":\"InvalidSignatureException\"}"},
        {400, E_KEY_CREDENTIALS, "{\"__type\":\"UnrecognizedClientException\"}"},
        {403, E_KEY_CREDENTIALS, "{\"__type\":\"IncompleteSignature\"}"},
        {403, E_KEY_CREDENTIALS, "{\"__type\":\"MissingAuthenticationToken\"}"},
        {400, E_KEY_CREDENTIALS, "{\"__type\":\"ExpiredTokenException\"}"},
        {400, E_KEY_DENIED, "{\"__type\":\"AccessDenied\"}"},
        {400, E_KEY_UNREACHABLE,
         "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: 1 is now "
         "earlier than 2\"}"},
        {400, E_KEY_UNREACHABLE,
         "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature not yet current: 3\"}"},
        {500, E_KEY_UNREACHABLE, "{\"__type\":\"DisabledException\"}"},
        {503, E_KEY_UNREACHABLE, "{\"__type\":\"KeyUnavailableException\"}"},
        {403, E_KEY_UNREACHABLE, "<html>"},
        {200, E_KEY_UNREACHABLE, "{\"KeyId\":\"arn:x\"}"},
        {200, E_KEY_UNREACHABLE, ""},
    };
    static struct service service;

    service_start(&service);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        service.code = cases[i].code;
        service.body = cases[i].body;
        ask(&service, KEYS_UNWRAP, "eu-west-1");
        EXPECT_STATUS(service.status, cases[i].status);
        EXPECT(service.why[0] != '\0' && service.plain_size == 0);
    }
    service.code = 400;
    service.body = cases[0].body;
    ask(&service, KEYS_UNWRAP, "eu-west-1");
    EXPECT(strcmp(service.why, "DisabledException: k is disabled.") == 0);
    service_stop(&service);
}

TEST(silence_is_unreachable_and_a_region_without_a_service_is_said_so)
{
    static struct service service;

    service_start(&service);
    ask(&service, KEYS_UNWRAP, "us-east-1");
    EXPECT_STATUS(service.status, E_KEY_NO_SERVICE);
    EXPECT(strstr(service.why, "--key-service is given for region us-east-1") != NULL);
    EXPECT(service.requests == 0);
    service.body = "";
    ask(&service, KEYS_UNWRAP, "eu-west-1"); /* it hangs up instead of answering */
    EXPECT_STATUS(service.status, E_KEY_UNREACHABLE);
    EXPECT(service.requests == 1 && service.why[0] != '\0');
    service_stop(&service);
}

TEST(a_profile_signs_where_the_environment_has_no_pair_and_its_token_is_signed_too)
{
    static struct service service;
    char folder[FOLDER_MAX], path[FOLDER_MAX + 16], text[512], why[SECRET_FILE_WHY_MAX];

    NEED(folder_make(folder) != NULL);
    snprintf(path, sizeof path, "%s/credentials", folder);
    snprintf(text, sizeof text,
             "[default]\naws_access_key_id = AKIDEXAMPLE123456\naws_secret_access_key = wrong\n"
             "[sea]\naws_access_key_id = AKIDEXAMPLE123456\naws_secret_access_key = %s\n"
             "aws_session_token = of the profile\n",
             secret);
    NEED(secret_file_create(path, text, why) == OK);
    forget_credentials();
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    setenv("AWS_PROFILE", "sea", 1);
    service_start_with(&service, NULL);
    service.code = 200;
    service.body = "{\"KeyId\":\"arn:x\",\"CiphertextBlob\":\"YmxvYg==\"}";
    ask(&service, KEYS_WRAP, "eu-west-1");
    EXPECT_STATUS(service.status, OK);
    EXPECT(service.signature_is_good && strcmp(service.token, "of the profile") == 0);
    service_stop(&service);

    service_start(&service); /* with a pair in the environment nobody looks at the file */
    service.code = 200;
    service.body = "{\"KeyId\":\"arn:x\",\"CiphertextBlob\":\"YmxvYg==\"}";
    ask(&service, KEYS_WRAP, "eu-west-1");
    EXPECT(service.signature_is_good && strcmp(service.token, "token") == 0);
    service_stop(&service);
    folder_remove(folder);
}

TEST(what_was_kept_comes_before_all_that_is_found)
{
    static struct service service;
    static struct key_credentials keep;

    snprintf(keep.access_key, sizeof keep.access_key, "AKIDEXAMPLE123456");
    snprintf(keep.secret_key, sizeof keep.secret_key, "%s", secret);
    forget_credentials();
    setenv("AWS_ACCESS_KEY_ID", "AKIDOTHEROTHEROTHER", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "other", 1);
    service_start_with(&service, &keep);
    service.code = 200;
    service.body = "{\"KeyId\":\"arn:x\",\"CiphertextBlob\":\"YmxvYg==\"}";
    ask(&service, KEYS_WRAP, "eu-west-1");
    EXPECT(service.signature_is_good && service.token[0] == '\0');
    service_stop(&service);
}

TEST(settings_without_form_or_credentials_are_refused)
{
    static const char *const bad[] = {"http://127.0.0.1:1", "https://", "ftp://x", "https://a/b",
                                      "127.0.0.1:1"};
    struct event_base *base = event_base_new();
    struct key_client_settings settings = {
        .base = base, .service_count = 1, .services = {{"eu-west-1", "https://127.0.0.1:1"}}};
    struct key_client *client;
    char why[KEY_WHY_MAX];

    forget_credentials();
    EXPECT_STATUS(key_client_open(&client, &settings, why), E_USAGE);
    EXPECT(strstr(why, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment")
           != NULL);
    EXPECT(strstr(why, "there is no /dev/null for a profile [default]") != NULL);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE123456", 1);
    EXPECT_STATUS(key_client_open(&client, &settings, why), E_USAGE);
    EXPECT(strstr(why, "but AWS_SECRET_ACCESS_KEY is not") != NULL);
    EXPECT(getenv("AWS_ACCESS_KEY_ID") == NULL);
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE123456", 1);
        setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
        settings.services[0].url = bad[i];
        EXPECT_STATUS(key_client_open(&client, &settings, why), E_USAGE);
        EXPECT(strstr(why, bad[i]) != NULL);
    }
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE123456", 1);
    settings.service_count = 0; /* nobody to sign for: half a pair is no mistake, but is wiped */
    NEED(key_client_open(&client, &settings, why) == OK);
    EXPECT(getenv("AWS_ACCESS_KEY_ID") == NULL);
    key_client_close(client);
    event_base_free(base);
}

TEST(what_a_service_says_again_and_again_is_traced_once_and_its_state_is_at_hand)
{
    static struct service service;
    struct key_service_state states[KEY_SERVICES_MAX];

    service_start(&service);
    service.code = 400;
    service.body = "{\"__type\":\"InvalidSignatureException\"}";
    traced = 0;
    for (unsigned i = 0; i < 5; i++) {
        ask(&service, KEYS_UNWRAP, "eu-west-1");
    }
    EXPECT(traced == 1);
    NEED(key_client_states(service.client, states) == 1);
    EXPECT(strcmp(states[0].region, "eu-west-1") == 0);
    EXPECT_STATUS(states[0].status, E_KEY_CREDENTIALS);
    service.body = "{\"__type\":\"DisabledException\"}";
    ask(&service, KEYS_UNWRAP, "eu-west-1");
    EXPECT(traced == 2);
    service_stop(&service);
}
