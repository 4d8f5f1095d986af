/* A key service's own words, and where its audit has them: asked of a small false one, in a process
 * of its own, over TLS. */
#include "base/check.h"
#include "cli/key_calls.h"
#include "tests/support/pki.h"
#include "transport/http_server.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/wait.h>

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define EVENT(id, more) \
    "{\"EventId\":\"e-7\",\"CloudTrailEvent\":\"{\\\"requestID\\\":\\\"" id "\\\"" more "}\"}"
#define CHAINED \
    ",\\\"additionalEventData\\\":{\\\"sealiftAuditNumber\\\":7,\\\"sealiftAuditHash\\\":" \
    "\\\"" HASH "\\\"}"

/* What it answers to LookupEvents, page after page. */
struct trail_says {
    unsigned code;
    const char *pages[2];
};

static struct {
    struct pki pki;
    pid_t pid;
    char url[64];
    struct http_server *server;
    const struct trail_says *says;
    unsigned page;
    struct key_calls *calls;
} scene;

static void on_request(void *context, uint64_t token, const struct http_request *request)
{
    static const struct http_header id[] = {{"x-amzn-RequestId", "req-1"}};
    const char *target = http_header_find(request->headers, request->header_count, "x-amz-target");
    struct http_reply reply = {.status = 400, .headers = id, .header_count = 1};

    (void)context;
    if (strcmp(target, "TrentService.Decrypt") == 0) {
        reply.body = bytes_text("{\"__type\":\"IncorrectKeyException\",\"message\":\"not \\u001b "
                                "this one\"}");
    } else if (strcmp(target, "TrentService.DescribeKey") == 0) {
        reply.status = 200;
        reply.body =
            bytes_text("{\"KeyMetadata\":{\"Arn\":\"arn:k\",\"KeyState\":\"PendingDeletion\"}}");
    } else {
        reply.status = scene.says->code;
        reply.body = bytes_text(scene.says->pages[scene.page]);
        scene.page = scene.page + 1 < COUNT_OF(scene.says->pages) ? scene.page + 1 : scene.page;
    }
    http_server_reply(scene.server, token, &reply);
}

/* In the child; ends by a signal only. */
static void serve(const struct tls_files *files, int port)
{
    struct event_base *base = event_base_new();
    struct tls_identity *identity;
    char why[TRANSPORT_WHY_MAX];

    CHECK(tls_identity_load_https(&identity, files, why) == OK);
    const struct http_server_settings settings = {
        .base = base, .address = "127.0.0.1:0", .tls = identity, .on_request = on_request};

    CHECK(http_server_open(&scene.server, &settings, why) == OK);
    const unsigned number = http_server_port(scene.server);

    CHECK(write(port, &number, sizeof number) == (ssize_t)sizeof number);
    event_base_dispatch(base);
    _exit(1);
}

static void begin(const struct trail_says *says)
{
    static struct folder_keys_order order;
    struct certificate_order keyd;
    char why[KEY_WHY_MAX];
    unsigned port = 0;
    int pipe_of[2];

    memset(&scene, 0, sizeof scene);
    scene.says = says;
    pki_make(&scene.pki, "prod");
    keyd = pki_order("prod", ROLE_KEYD, "k1");
    const struct tls_files files = pki_member(&scene.pki, &keyd);

    NEED(pipe(pipe_of) == 0);
    scene.pid = fork();
    if (scene.pid == 0) {
        serve(&files, pipe_of[1]);
    }
    NEED(scene.pid > 0 && read(pipe_of[0], &port, sizeof port) == (ssize_t)sizeof port);
    close(pipe_of[0]);
    close(pipe_of[1]);
    snprintf(scene.url, sizeof scene.url, "https://127.0.0.1:%u", port);
    order = (struct folder_keys_order){
        .services = {{"eu-west-1", scene.url}}, .service_count = 1, .ca = files.ca};
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE123456", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    NEED(key_calls_open(&scene.calls, &order, why) == OK);
}

static void end(void)
{
    key_calls_close(scene.calls);
    NEED(kill(scene.pid, SIGKILL) == 0 && waitpid(scene.pid, NULL, 0) == scene.pid);
    pki_free(&scene.pki);
}

static void decrypt(const char *region, struct key_trial *trial)
{
    struct keys_request request = {.op = KEYS_UNWRAP, .blob = bytes_of("blob", 4)};

    snprintf(request.region, sizeof request.region, "%s", region);
    snprintf(request.key, sizeof request.key, "arn:k");
    key_calls_decrypt(scene.calls, &request, trial);
}

TEST(what_the_service_says_is_kept_word_for_word_and_fit_for_a_terminal)
{
    static const struct trail_says nothing = {200, {"{}", "{}"}};
    struct key_description description;
    struct key_trial trial;

    begin(&nothing);
    decrypt("eu-west-1", &trial);
    EXPECT_STATUS(trial.status, E_KEY_CIPHERTEXT);
    EXPECT(strcmp(trial.said, "IncorrectKeyException: not ? this one") == 0);
    EXPECT(strcmp(trial.request_id, "req-1") == 0);
    decrypt("us-east-1", &trial);
    EXPECT_STATUS(trial.status, E_KEY_NO_SERVICE);
    EXPECT(strstr(trial.said, "us-east-1") != NULL && trial.request_id[0] == '\0');
    key_calls_describe(scene.calls, "eu-west-1", "alias/k", &description);
    EXPECT_STATUS(description.status, OK);
    EXPECT(strcmp(description.arn, "arn:k") == 0);
    EXPECT(strcmp(description.state, "PendingDeletion") == 0);
    key_calls_describe(scene.calls, "us-east-1", "alias/k", &description);
    EXPECT_STATUS(description.status, E_KEY_NO_SERVICE);
    EXPECT(description.state[0] == '\0' && description.why[0] != '\0');
    end();
}

TEST(the_entry_of_a_chained_audit_is_found_on_a_later_page)
{
    static const struct trail_says says = {
        200,
        {"{\"Events\":[" EVENT("req-0", CHAINED) "],\"NextToken\":\"more\"}",
         "{\"Events\":[" EVENT("req-2", CHAINED) "," EVENT("req-1", CHAINED) "]}"}};
    struct key_entry entry;

    begin(&says);
    key_calls_look_up(scene.calls, "eu-west-1", "req-1", "AKIDEXAMPLE123456", &entry);
    EXPECT(entry.is_known && entry.number == 7 && entry.hash.bytes[1] == 0x11);
    EXPECT(strcmp(entry.event_id, "e-7") == 0 && entry.why[0] == '\0');
    end();
}

TEST(a_service_without_a_chained_audit_gives_a_reason_instead)
{
    static const struct {
        struct trail_says says;
        const char *request_id, *why;
    } cases[] = {
        {{400, {"{\"__type\":\"UnknownOperationException\"}", ""}},
         "req-1",
         "no chained audit is shown at the key service's endpoint (UnknownOperationException"},
        {{200, {"{\"Events\":[" EVENT("req-1", "") "]}", ""}}, "req-1", "keeps no chain of hashes"},
        {{200, {"{\"Events\":[" EVENT("req-0", CHAINED) "]}", ""}},
         "req-1",
         "does not show the call"},
        {{200, {"[", ""}}, "req-1", "cannot be understood"},
        {{200, {"{}", ""}}, "", "no request ID"},
    };
    struct key_entry entry;

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        begin(&cases[i].says);
        key_calls_look_up(scene.calls, "eu-west-1", cases[i].request_id, "AKIDEXAMPLE123456",
                          &entry);
        EXPECT(!entry.is_known && strstr(entry.why, cases[i].why) != NULL);
        end();
    }
}
