/* libcurl's multi interface on a libevent loop: curl says which sockets and what timeout it
 * wants, we call it when they are ready, and collect what is done.
 *
 * How it goes wrong: no connection, no name, a certificate of another CA, no answer in time:
 * all of them are "no answer" (E_KEY_UNREACHABLE) with curl's sentence. An answer beyond the
 * limit is cut off (E_TOO_LARGE). Calls that cannot start are answered from the loop like all
 * others. */
#include "transport/http_client.h"

#include "base/check.h"
#include "transport/allocate.h"
#include "transport/loop.h"
#include "transport/wiping_memory.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/queue.h>
#include <unistd.h>

enum { CONNECT_MS = 3000, CALL_MS = 10000, HEADER_LINE_MAX = 4096 };

struct call {
    TAILQ_ENTRY(call) entry;
    struct http_client *client;
    uint64_t number;
    CURL *easy;
    struct curl_slist *headers;
    uint8_t *body;
    size_t body_size;
    uint8_t *answer;
    size_t answer_size;
    enum status refused; /* not OK: it never started, or was cut off */
    char why[CURL_ERROR_SIZE];
    char request_id[HTTP_REQUEST_ID_MAX];
    void (*on_answer)(void *context, const struct http_answer *answer);
    void *context;
};

TAILQ_HEAD(calls, call);

struct watched {
    TAILQ_ENTRY(watched) entry;
    struct loop_event event;
};

TAILQ_HEAD(watched_list, watched);

struct http_client {
    struct event_base *base;
    char *ca;
    char *crl;
    long connect_ms;
    long call_ms;
    CURLM *multi;
    struct calls calls;
    unsigned count;
    uint64_t last_number;
    struct watched_list watched;
    struct loop_event timer;
    struct loop_event refusals;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_works;

static void curl_begin(void)
{
    /* Its buffers hold requests and answers whole, DEKs among them. */
    curl_works = curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiping_malloc, wiping_free,
                                      wiping_realloc, wiping_strdup, wiping_calloc)
                 == 0;
}

static void call_free(struct call *call)
{
    TAILQ_REMOVE(&call->client->calls, call, entry);
    call->client->count--;
    if (call->easy != NULL) {
        curl_multi_remove_handle(call->client->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }
    curl_slist_free_all(call->headers);
    if (call->body != NULL) {
        OPENSSL_cleanse(call->body, call->body_size); /* a DEK may have been in it */
    }
    if (call->answer != NULL) {
        OPENSSL_cleanse(call->answer, call->answer_size);
    }
    free(call->body);
    free(call->answer);
    free(call);
}

/* Letters, digits and hyphens: it goes into texts for people. */
static void note_request_id(struct call *call)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    struct curl_header *header;

    if (curl_easy_header(call->easy, "x-amzn-RequestId", 0, CURLH_HEADER, -1, &header) == CURLHE_OK
        && strlen(header->value) < sizeof call->request_id
        && strspn(header->value, allowed) == strlen(header->value)) {
        snprintf(call->request_id, sizeof call->request_id, "%s", header->value);
    }
}

/* The call is gone before its owner hears, so that the owner may free the client. */
static void call_finish(struct call *call, CURLcode result)
{
    struct http_answer answer = {.status = call->refused,
                                 .body = bytes_of(call->answer, call->answer_size),
                                 .why = call->why,
                                 .request_id = call->request_id};
    long code = 0;

    if (call->easy != NULL) {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &code);
        note_request_id(call);
    }
    if (answer.status == OK && result != CURLE_OK) {
        answer.status = E_KEY_UNREACHABLE;
        if (call->why[0] == '\0') {
            answer.why = curl_easy_strerror(result);
        }
    }
    answer.code = (unsigned)code;
    if (answer.status != OK) {
        answer.body = bytes_none();
    }
    TAILQ_REMOVE(&call->client->calls, call, entry);
    TAILQ_INSERT_HEAD(&call->client->calls, call, entry);
    call->number = 0; /* cannot be cancelled any more */
    call->on_answer(call->context, &answer);
    call_free(call);
}

static void collect(struct http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            const CURLcode result = message->data.result;
            struct call *call;

            CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK);
            call_finish(call, result);
        }
    }
}

static void on_socket(evutil_socket_t file, short what, void *context)
{
    struct http_client *client = context;
    const int action = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0)
                       | ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(client->multi, file, action, &running);
    collect(client);
}

static void on_timer(evutil_socket_t file, short what, void *context)
{
    struct http_client *client = context;
    int running;

    (void)file;
    (void)what;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(client);
}

static void on_refusals(evutil_socket_t file, short what, void *context)
{
    struct http_client *client = context;
    struct call *call = TAILQ_FIRST(&client->calls);

    (void)file;
    (void)what;
    while (call != NULL) {
        struct call *next = TAILQ_NEXT(call, entry);

        if (call->easy == NULL && call->number != 0) {
            event_active(&client->refusals, EV_TIMEOUT, 0); /* perhaps more: look again */
            call_finish(call, CURLE_OK);
            return;
        }
        call = next;
    }
}

static void unwatch(struct http_client *client, struct watched *watched)
{
    event_del(&watched->event);
    TAILQ_REMOVE(&client->watched, watched, entry);
    free(watched);
}

static int curl_wants_socket(CURL *easy, curl_socket_t file, int what, void *context, void *own)
{
    struct http_client *client = context;
    struct watched *watched = own;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL) {
            unwatch(client, watched);
        }
        return 0;
    }
    if (watched == NULL) {
        watched = allocate_zeroed(sizeof *watched);
        TAILQ_INSERT_TAIL(&client->watched, watched, entry);
        curl_multi_assign(client->multi, file, watched);
    } else {
        event_del(&watched->event);
    }
    const short events = (short)(((what & CURL_POLL_IN) != 0 ? EV_READ : 0)
                                 | ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST);

    CHECK(event_assign(&watched->event, client->base, file, events, on_socket, client) == 0);
    CHECK(event_add(&watched->event, NULL) == 0);
    return 0;
}

static int curl_wants_timer(CURLM *multi, long ms, void *context)
{
    struct http_client *client = context;

    (void)multi;
    if (ms < 0) {
        event_del(&client->timer);
    } else {
        const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

        CHECK(event_add(&client->timer, &time) == 0);
    }
    return 0;
}

enum status http_client_new(struct http_client **client,
                            const struct http_client_settings *settings)
{
    *client = NULL;
    pthread_once(&curl_once, curl_begin);
    if (!curl_works || (settings->ca != NULL && access(settings->ca, R_OK) != 0)
        || (settings->crl != NULL && access(settings->crl, R_OK) != 0)) {
        return E_USAGE;
    }
    struct http_client *made = allocate_zeroed(sizeof *made);

    made->base = settings->base;
    made->connect_ms =
        settings->connect_max.ns == 0 ? CONNECT_MS : (long)(settings->connect_max.ns / 1000000);
    made->call_ms = settings->call_max.ns == 0 ? CALL_MS : (long)(settings->call_max.ns / 1000000);
    made->ca = settings->ca == NULL ? NULL : strdup(settings->ca);
    made->crl = settings->crl == NULL ? NULL : strdup(settings->crl);
    made->multi = curl_multi_init();
    CHECK(made->multi != NULL);
    TAILQ_INIT(&made->calls);
    TAILQ_INIT(&made->watched);
    CHECK(event_assign(&made->timer, made->base, -1, 0, on_timer, made) == 0);
    CHECK(event_assign(&made->refusals, made->base, -1, 0, on_refusals, made) == 0);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, curl_wants_socket);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, curl_wants_timer);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
    *client = made;
    return OK;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    while (!TAILQ_EMPTY(&client->calls)) {
        call_free(TAILQ_FIRST(&client->calls));
    }
    curl_multi_cleanup(client->multi);
    while (!TAILQ_EMPTY(&client->watched)) {
        unwatch(client, TAILQ_FIRST(&client->watched));
    }
    event_del(&client->timer);
    event_del(&client->refusals);
    free(client->ca);
    free(client->crl);
    free(client);
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct call *call = context;

    (void)one;
    if (size > HTTP_BODY_BYTES_MAX - call->answer_size) {
        call->refused = E_TOO_LARGE;
        return 0; /* curl ends the transfer */
    }
    uint8_t *larger =
        malloc(call->answer_size + size + 1); /* not realloc: it leaves copies behind */

    CHECK(larger != NULL);
    if (call->answer != NULL) {
        memcpy(larger, call->answer, call->answer_size);
        OPENSSL_cleanse(call->answer, call->answer_size);
        free(call->answer);
    }
    memcpy(larger + call->answer_size, data, size);
    call->answer = larger;
    call->answer_size += size;
    return size;
}

static bool url_is_allowed(const char *url)
{
    static const char *const loopbacks[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    if (strncmp(url, "https://", 8) == 0) {
        return true;
    }
    for (unsigned i = 0; i < COUNT_OF(loopbacks); i++) {
        const size_t size = strlen(loopbacks[i]);

        if (strncmp(url, loopbacks[i], size) == 0 && strchr(":/", url[size]) != NULL) {
            return true;
        }
    }
    return false;
}

static void call_set_headers(struct call *call, const struct http_call *order)
{
    char line[HEADER_LINE_MAX];

    for (unsigned i = 0; i < order->header_count; i++) {
        /* An empty value is written with a semicolon, or curl would drop the header. */
        const bool empty = order->headers[i].value[0] == '\0';
        const int size = snprintf(line, sizeof line, empty ? "%s;" : "%s: %s",
                                  order->headers[i].name, order->headers[i].value);

        CHECK(size > 0 && (size_t)size < sizeof line);
        call->headers = curl_slist_append(call->headers, line);
        CHECK(call->headers != NULL);
    }
    call->headers = curl_slist_append(call->headers, "Expect:"); /* never wait for 100 Continue */
    CHECK(call->headers != NULL);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void call_set_method(struct call *call, const struct http_call *order)
{
    if (strcmp(order->method, "GET") == 0) {
        curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
        return;
    }
    call->body = allocate_zeroed(order->body.size + 1);
    call->body_size = order->body.size;
    memcpy(call->body, order->body.size > 0 ? order->body.data : (const uint8_t *)"",
           order->body.size);
    curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, order->method);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
}

static void call_set_options(struct call *call, const struct http_client *client)
{
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, client->connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, client->call_ms);
    if (client->ca != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (client->crl != NULL) {
        curl_easy_setopt(easy, CURLOPT_CRLFILE, client->crl);
    }
}

static void call_refuse(struct call *call, enum status status, const char *why)
{
    call->refused = status;
    snprintf(call->why, sizeof call->why, "%s", why);
    event_active(&call->client->refusals, EV_TIMEOUT, 0);
}

uint64_t http_client_send(struct http_client *client, const struct http_call *order)
{
    struct call *call = allocate_zeroed(sizeof *call);

    call->client = client;
    call->number = ++client->last_number;
    call->on_answer = order->on_answer;
    call->context = order->context;
    TAILQ_INSERT_TAIL(&client->calls, call, entry);
    if (++client->count > HTTP_CALLS_MAX) {
        call_refuse(call, E_FULL, "too many calls at once");
        return call->number;
    }
    if (!url_is_allowed(order->url)) {
        call_refuse(call, E_KEY_UNREACHABLE, "not an https address");
        return call->number;
    }
    call->easy = curl_easy_init();
    CHECK(call->easy != NULL);
    call_set_options(call, client);
    curl_easy_setopt(call->easy, CURLOPT_URL, order->url);
    call_set_method(call, order);
    call_set_headers(call, order);
    CHECK(curl_multi_add_handle(client->multi, call->easy) == CURLM_OK);
    return call->number;
}

void http_client_cancel(struct http_client *client, uint64_t number)
{
    struct call *call;

    TAILQ_FOREACH(call, &client->calls, entry)
    {
        if (call->number == number && number != 0) {
            call_free(call);
            return;
        }
    }
}
