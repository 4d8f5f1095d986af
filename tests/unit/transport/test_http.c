/* The HTTP server against raw bytes, our client, and the stock aws command. */
#include "tests/support/pki.h"

#include "base/check.h"
#include "transport/http_client.h"
#include "transport/http_parser.h"
#include "transport/http_server.h"
#include "transport/loop.h"
#include "transport/sigv4.h"
#include "transport/socket.h"

#include <fcntl.h>
#include <sys/wait.h>

static struct event_base *base;
static struct http_server *server;
static unsigned requests;
static uint64_t waiting; /* the token of a request whose target is /later */
static char last_body[64];
static bool timed_out;
static enum status aws_verdict;
static char aws_target[64];

static enum http_progress parse_all(const char *text, struct http_parser *parser, size_t step)
{
    static uint8_t data[HTTP_HEADER_BYTES_MAX + HTTP_BODY_BYTES_MAX];
    size_t size = 0;
    enum http_progress progress = HTTP_MORE;

    *parser = (struct http_parser){0};
    for (size_t fed = 0; fed < strlen(text) && progress == HTTP_MORE; fed += step) {
        const struct bytes part = bytes_part(bytes_text(text), fed, step);

        memcpy(data + size, part.data, part.size);
        size += part.size;
        progress = http_parser_advance(parser, data, &size);
        EXPECT(size <= http_parser_room(parser) || progress != HTTP_MORE);
    }
    if (progress == HTTP_COMPLETE) {
        struct http_header headers[HTTP_HEADERS_MAX];
        const struct http_request request = http_parser_request(parser, data, headers);

        snprintf(last_body, sizeof last_body, "%s %s %.*s", request.method, request.target,
                 (int)request.body.size, (const char *)request.body.data);
    }
    return progress;
}

TEST(requests_are_read_whatever_their_split)
{
    static const char length[] =
        "POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    static const char chunks[] = "POST / HTTP/1.1\r\nhost:x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n";
    struct http_parser parser;

    for (size_t step = 1; step < 120; step++) {
        EXPECT(parse_all(length, &parser, step) == HTTP_COMPLETE);
        EXPECT(strcmp(last_body, "POST /a?b=c hello") == 0);
        EXPECT(parser.keep_alive);
        EXPECT(parse_all(chunks, &parser, step) == HTTP_COMPLETE);
        EXPECT(strcmp(last_body, "POST / hello") == 0);
    }
    EXPECT(parse_all("GET / HTTP/1.0\r\n\r\n", &parser, 99) == HTTP_COMPLETE);
    EXPECT(!parser.keep_alive);
    EXPECT(parse_all("GET / HTTP/1.1\r\nHost: x\r\n", &parser, 99) == HTTP_MORE);
}

TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const struct {
        const char *text;
        unsigned refusal;
    } rows[] = {
        {"\r\n\r\n", 400},
        {"\r\n\r\nGET / HTTP/1.0\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
         413},
    };
    struct http_parser parser;

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        EXPECT(parse_all(rows[i].text, &parser, 7) == HTTP_REFUSED);
        EXPECT(parser.refusal == rows[i].refusal);
    }
}

TEST(headers_have_limits)
{
    static char text[HTTP_HEADER_BYTES_MAX + 100];
    struct http_parser parser;

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: ");
    memset(text + strlen(text), 'x', HTTP_HEADER_BYTES_MAX);
    EXPECT(parse_all(text, &parser, 4096) == HTTP_REFUSED && parser.refusal == 431);
    memset(text, 0, sizeof text);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (unsigned i = 0; i < HTTP_HEADERS_MAX; i++) {
        strcat(text, "a: b\r\n");
    }
    strcat(text, "\r\n");
    EXPECT(parse_all(text, &parser, 4096) == HTTP_REFUSED && parser.refusal == 431);
}

static void reply_text(uint64_t token, unsigned status, const char *text)
{
    const struct http_header type = {"Content-Type", "application/x-amz-json-1.1"};

    http_server_reply(
        server, token,
        &(struct http_reply){
            .status = status, .headers = &type, .header_count = 1, .body = bytes_text(text)});
}

static void on_request(void *context, uint64_t token, const struct http_request *request)
{
    const char *target = http_header_find(request->headers, request->header_count, "x-amz-target");

    (void)context;
    requests++;
    if (target != NULL) {
        struct sigv4_claim claim;

        snprintf(aws_target, sizeof aws_target, "%s", target);
        aws_verdict = sigv4_parse(request, &claim);
        if (aws_verdict == OK) {
            aws_verdict = sigv4_verify(request, &claim, "secret-of-the-test", (uint64_t)time(NULL));
        }
        reply_text(token, 200, "{\"Keys\": [{\"KeyId\": \"it-works\"}]}");
    } else if (strcmp(request->target, "/later") == 0) {
        waiting = token;
    } else {
        snprintf(last_body, sizeof last_body, "%.*s", (int)request->body.size,
                 (const char *)request->body.data);
        reply_text(token, 200, last_body);
    }
}

static void on_timeout(evutil_socket_t file, short what, void *context)
{
    (void)file;
    (void)what;
    (void)context;
    timed_out = true;
}

#define TURN_UNTIL(condition, seconds) \
    do { \
        struct loop_event *limit = event_new(base, -1, 0, on_timeout, NULL); \
        const struct timeval until = {.tv_sec = (seconds)}; \
        timed_out = false; \
        event_add(limit, &until); \
        while (!(condition) && !timed_out) { \
            event_base_loop(base, EVLOOP_ONCE); \
        } \
        event_free(limit); \
        EXPECT(!timed_out); \
    } while (0)

static void server_begin(const struct tls_identity *tls)
{
    char why[TRANSPORT_WHY_MAX] = "";

    base = event_base_new();
    requests = 0;
    waiting = 0;
    NEED(http_server_open(&server,
                          &(struct http_server_settings){.base = base,
                                                         .address = "127.0.0.1:0",
                                                         .tls = tls,
                                                         .idle_max = SPAN_MS(200),
                                                         .on_request = on_request},
                          why)
         == OK);
}

static void server_end(void)
{
    http_server_close(server);
    event_base_free(base);
}

static int raw_connect(void)
{
    struct address address = {.host = "127.0.0.1"};
    struct addrinfo *list;

    snprintf(address.port, sizeof address.port, "%u", http_server_port(server));
    NEED(address_numeric(&address, false, &list) == OK);
    const int file = socket(AF_INET, SOCK_STREAM, 0);

    NEED(connect(file, list->ai_addr, list->ai_addrlen) == 0);
    NEED(fcntl(file, F_SETFL, O_NONBLOCK) == 0);
    freeaddrinfo(list);
    return file;
}

/* Reads what is there into one text; true once `wanted` is in it. */
static bool raw_has(int file, char *text, size_t room, const char *wanted)
{
    const size_t used = strlen(text);
    const ssize_t got = read(file, text + used, room - used - 1);

    text[used + (got > 0 ? (size_t)got : 0)] = '\0';
    return strstr(text, wanted) != NULL;
}

static bool raw_ended(int file)
{
    char byte;

    return read(file, &byte, 1) == 0;
}

static void raw_write(int file, const char *text)
{
    NEED(write(file, text, strlen(text)) == (ssize_t)strlen(text));
}

TEST(pipelined_requests_are_answered_one_after_the_other)
{
    char text[4096] = "";

    server_begin(NULL);
    const int file = raw_connect();

    raw_write(file,
              "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
              "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nthree");
    TURN_UNTIL(waiting != 0, 5);
    event_base_loop(base, EVLOOP_NONBLOCK);
    EXPECT(requests == 1); /* one at a time */
    reply_text(waiting, 403, "one");
    reply_text(waiting, 403, "again"); /* once a token: nothing happens */
    TURN_UNTIL(raw_has(file, text, sizeof text, "three"), 5);
    EXPECT(strncmp(text, "HTTP/1.1 403 Forbidden\r\n", 24) == 0);
    EXPECT(strstr(text, "one") < strstr(text, "two")
           && strstr(text, "two") < strstr(text, "three"));
    EXPECT(strstr(text, "again") == NULL);
    TURN_UNTIL(raw_ended(file), 5);
    close(file);
    server_end();
}

TEST(a_client_that_waits_to_continue_is_told_to)
{
    char text[4096] = "";

    server_begin(NULL);
    const int file = raw_connect();

    raw_write(file,
              "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    TURN_UNTIL(raw_has(file, text, sizeof text, "100 Continue\r\n\r\n"), 5);
    raw_write(file, "hi");
    TURN_UNTIL(raw_has(file, text, sizeof text, "hi"), 5);
    close(file);
    server_end();
}

TEST(a_refusal_arrives_although_more_was_sent)
{
    char text[4096] = "";

    server_begin(NULL);
    const int file = raw_connect();

    raw_write(file,
              "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\nxxxxxxxxxxxxxxxx");
    TURN_UNTIL(raw_has(file, text, sizeof text, "\r\n\r\n"), 5);
    EXPECT(strncmp(text, "HTTP/1.1 413 ", 13) == 0);
    TURN_UNTIL(raw_ended(file), 5);
    EXPECT(requests == 0);
    close(file);
    server_end();
}

TEST(an_idle_connection_ends_and_an_answer_to_nobody_is_nothing)
{
    server_begin(NULL);
    const int file = raw_connect();
    char text[4096] = "";

    raw_write(file, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
    TURN_UNTIL(raw_has(file, text, sizeof text, "ok"), 5);
    TURN_UNTIL(raw_ended(file), 5);
    close(file);
    const int gone = raw_connect();

    raw_write(gone, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    TURN_UNTIL(waiting != 0, 5);
    close(gone);
    event_base_loop(base, EVLOOP_NONBLOCK);
    reply_text(waiting, 200, "to nobody");
    for (int i = 0; i < 5; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    server_end();
}

TEST(without_tls_only_loopback_is_served)
{
    char why[TRANSPORT_WHY_MAX] = "";
    struct http_server *none;

    base = event_base_new();
    EXPECT_STATUS(http_server_open(&none,
                                   &(struct http_server_settings){.base = base,
                                                                  .address = "0.0.0.0:0",
                                                                  .on_request = on_request},
                                   why),
                  E_USAGE);
    EXPECT(strstr(why, "loopback") != NULL);
    event_base_free(base);
}

struct answers {
    unsigned count;
    enum status status;
    unsigned code;
    char body[64];
    char why[128];
};

static void on_answer(void *context, const struct http_answer *answer)
{
    struct answers *answers = context;

    answers->count++;
    answers->status = answer->status;
    answers->code = answer->code;
    snprintf(answers->body, sizeof answers->body, "%.*s", (int)answer->body.size,
             (const char *)answer->body.data);
    snprintf(answers->why, sizeof answers->why, "%s", answer->why);
}

static uint64_t call(struct http_client *client, const char *url, const char *body,
                     struct answers *answers)
{
    const struct http_header headers[] = {{"Content-Type", "application/x-amz-json-1.1"},
                                          {"X-Empty", ""}};

    return http_client_send(client, &(struct http_call){.method = "POST",
                                                        .url = url,
                                                        .headers = headers,
                                                        .header_count = 2,
                                                        .body = bytes_text(body),
                                                        .on_answer = on_answer,
                                                        .context = answers});
}

struct https {
    struct pki pki;
    struct tls_identity *identity;
    char url[64];
};

static void https_begin(struct https *https)
{
    char why[TRANSPORT_WHY_MAX] = "";

    pki_make(&https->pki, "prod");
    const struct certificate_order order = pki_order("prod", ROLE_KEYD, "keyd");
    const struct tls_files files = pki_member(&https->pki, &order);

    NEED(tls_identity_load_https(&https->identity, &files, why) == OK);
    server_begin(https->identity);
    snprintf(https->url, sizeof https->url, "https://127.0.0.1:%u/", http_server_port(server));
}

static void https_end(struct https *https)
{
    server_end();
    tls_identity_free(https->identity);
    pki_free(&https->pki);
}

TEST(our_client_and_our_server_understand_each_other)
{
    struct https https;
    struct http_client *client;
    struct answers answers = {0};
    char later[80];

    https_begin(&https);
    NEED(http_client_new(&client,
                         &(struct http_client_settings){.base = base, .ca = https.pki.paths[0]})
         == OK);
    for (unsigned i = 1; i <= 3; i++) {
        call(client, https.url, "ping", &answers);
        TURN_UNTIL(answers.count == i, 5);
        EXPECT(answers.status == OK && answers.code == 200);
        EXPECT(strcmp(answers.body, "ping") == 0);
    }
    call(client, "http://example.com/", "", &answers); /* not in clear to anybody */
    EXPECT(answers.count == 3);
    TURN_UNTIL(answers.count == 4, 5);
    EXPECT_STATUS(answers.status, E_KEY_UNREACHABLE);
    snprintf(later, sizeof later, "%slater", https.url);
    const uint64_t number = call(client, later, "", &answers);

    TURN_UNTIL(waiting != 0, 5);
    http_client_cancel(client, number);
    http_client_cancel(client, number);
    EXPECT(answers.count == 4);
    http_client_free(client);
    https_end(&https);
}

/* The file is read at each new connection: a list that came later counts without a reload. */
TEST(a_service_that_is_revoked_is_not_asked)
{
    static const struct {
        int64_t end;
        bool revoked;
        const char *text; /* NULL: it answers */
    } turns[] = {{3600, false, NULL}, {3600, true, "revoked"}, {-5, false, "CRL has expired"}};
    struct https https;
    struct http_client *client;
    struct certificate leaf = {0};

    https_begin(&https);
    NEED(certificate_read(&leaf, https.pki.paths[1], NULL) == OK);
    for (unsigned i = 0; i < COUNT_OF(turns); i++) {
        struct answers answers = {0};
        const char *crl = pki_revoke(&https.pki, turns[i].revoked ? leaf.x509 : NULL,
                                     pki_validity(-60, turns[i].end));

        NEED(http_client_new(
                 &client,
                 &(struct http_client_settings){.base = base, .ca = https.pki.paths[0], .crl = crl})
             == OK);
        call(client, https.url, "ping", &answers);
        TURN_UNTIL(answers.count == 1, 5);
        EXPECT_STATUS(answers.status, turns[i].text == NULL ? OK : E_KEY_UNREACHABLE);
        EXPECT(turns[i].text == NULL || strstr(answers.why, turns[i].text) != NULL);
        http_client_free(client);
    }
    EXPECT_STATUS(http_client_new(&client, &(struct http_client_settings){.base = base,
                                                                          .ca = https.pki.paths[0],
                                                                          .crl = "/no/such.crl"}),
                  E_USAGE);
    certificate_free(&leaf);
    https_end(&https);
}

TEST(no_answer_is_unreachable_and_says_why)
{
    struct https https;
    struct pki other;
    struct http_client *client;
    struct answers answers = {0};
    char later[80];

    https_begin(&https);
    pki_make(&other, "prod");
    EXPECT_STATUS(http_client_new(
                      &client, &(struct http_client_settings){.base = base, .ca = "/no/such.crt"}),
                  E_USAGE);
    NEED(http_client_new(&client, &(struct http_client_settings){.base = base,
                                                                 .ca = other.paths[0],
                                                                 .call_max = SPAN_MS(300)})
         == OK);
    call(client, https.url, "", &answers);
    TURN_UNTIL(answers.count == 1, 5);
    EXPECT_STATUS(answers.status, E_KEY_UNREACHABLE);
    EXPECT(strstr(answers.why, "certificate") != NULL);
    http_client_free(client);
    NEED(http_client_new(&client, &(struct http_client_settings){.base = base,
                                                                 .ca = https.pki.paths[0],
                                                                 .call_max = SPAN_MS(300)})
         == OK);
    snprintf(later, sizeof later, "%slater", https.url);
    call(client, later, "", &answers);
    TURN_UNTIL(answers.count == 2, 5);
    EXPECT_STATUS(answers.status, E_KEY_UNREACHABLE);
    http_client_free(client);
    pki_free(&other);
    https_end(&https);
}

/* NULL: this machine has none. */
static const char *aws_path(void)
{
    static const char *const paths[] = {"/usr/local/bin/aws", "/usr/bin/aws",
                                        "/root/.pyenv/shims/aws"};

    for (unsigned i = 0; i < COUNT_OF(paths); i++) {
        if (access(paths[i], X_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

static pid_t aws_start(const char *aws, const struct https *https, int out)
{
    const pid_t child = fork();

    if (child == 0) {
        setenv("AWS_ACCESS_KEY_ID", "AKIDOFTHETEST000", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test", 1);
        setenv("AWS_SESSION_TOKEN", "token/with=signs+", 1);
        setenv("AWS_CONFIG_FILE", "/dev/null", 1);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        execl(aws, aws, "kms", "list-keys", "--region", "eu-west-1", "--endpoint-url", https->url,
              "--ca-bundle", https->pki.paths[0], "--output", "json", (char *)NULL);
        _exit(127);
    }
    return child;
}

TEST(the_stock_aws_command_is_understood_and_verified)
{
    const char *aws = aws_path();
    struct https https;
    char text[4096] = "";
    int pipes[2];
    int status = -1;

    if (aws == NULL) {
        printf("skipped: the aws command is not installed\n");
        return;
    }
    https_begin(&https);
    NEED(pipe2(pipes, O_NONBLOCK) == 0);
    aws_verdict = E_UNSIGNED;
    const pid_t child = aws_start(aws, &https, pipes[1]);

    NEED(child > 0);
    const struct timeval tick = {.tv_usec = 20000};
    struct loop_event *ticks = event_new(base, -1, EV_PERSIST, on_timeout, NULL);

    event_add(ticks, &tick); /* so that the loop looks at the child */
    for (int i = 0; i < 1000 && waitpid(child, &status, WNOHANG) == 0; i++) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(ticks);
    EXPECT(raw_has(pipes[0], text, sizeof text, "it-works"));
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT(strcmp(aws_target, "TrentService.ListKeys") == 0);
    EXPECT_STATUS(aws_verdict, OK);
    close(pipes[0]);
    close(pipes[1]);
    https_end(&https);
}
