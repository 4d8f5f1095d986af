/* A request becomes JSON, is signed, and goes to the endpoint of its region; the answer comes back
 * as one of the KEYS statuses with the service's own sentence.
 *
 * Each call is a small block that lives until its answer. A region without an endpoint is answered
 * from the loop as well, and says what setting is missing. What a service refuses is traced when it
 * changes, not with every call: a member may ask again and again. Data keys are wiped from every
 * buffer of ours as soon as the node has had its answer. */
#include "host/key_client.h"

#include "base/check.h"
#include "host/clock.h"
#include "host/key_json.h"
#include "transport/http_client.h"
#include "transport/sigv4.h"

#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URL_HOST_MAX = 256, CALL_HEADERS_MAX = 6 };

struct endpoint {
    char region[REGION_TEXT_MAX];
    char url[URL_HOST_MAX + 16];
    char host[URL_HOST_MAX];
    enum status last; /* what the last call came to */
};

struct key_client {
    struct key_client_settings settings;
    struct http_client *http;
    struct key_credentials credentials;
    struct endpoint endpoints[KEY_SERVICES_MAX];
    struct call *calls; /* under way */
};

struct call {
    struct key_client *client;
    struct call *next;
    uint64_t ticket;
    enum keys_op op;
    bool is_plain; /* of key_client_call: whoever asked reads the answer himself */
    struct endpoint *endpoint; /* NULL: there is none */
    enum status status; /* of a refusal of our own */
    struct event *refusal; /* where there was nobody to ask: answered from the loop as well */
    char why[KEY_WHY_MAX];
};

/* Where no key service is named none are needed, but they are taken out of the environment. */
static enum status look_for_credentials(struct key_client *client, char *why)
{
    struct key_credentials *found = &client->credentials;
    char said[KEY_PROFILE_WHY_MAX];
    const char *from = "environment";
    enum status status = key_environment_take(found, said);

    if (client->settings.service_count == 0) {
        return OK;
    }
    if (status == OK && found->access_key[0] == '\0') {
        from = "profile";
        status = key_profile_load(found, said);
    }
    if (status == OK) {
        trace_event(&client->settings.trace, "keys.credentials from=%s", from);
    } else if (status == E_MISSING) {
        snprintf(why, KEY_WHY_MAX,
                 "a key service is named, but there are no credentials for it: AWS_ACCESS_KEY_ID "
                 "and AWS_SECRET_ACCESS_KEY are not in the environment, and %.900s (E_USAGE)",
                 said);
        status = E_USAGE;
    } else {
        snprintf(why, KEY_WHY_MAX, "%.1200s", said);
    }
    return status;
}

static enum status find_credentials(struct key_client *client, char *why)
{
    struct key_credentials *keep = client->settings.keep;

    if (keep != NULL && keep->access_key[0] != '\0') {
        client->credentials = *keep;
        return OK;
    }
    TRY(look_for_credentials(client, why));
    if (keep != NULL) {
        *keep = client->credentials;
    }
    return OK;
}

static enum status add_endpoint(struct key_client *client, const struct key_service *service,
                                struct endpoint *endpoint, char *why)
{
    const bool plain = client->settings.allow_plain && strncmp(service->url, "http://", 7) == 0;
    const bool secure = strncmp(service->url, "https://", 8) == 0;
    const char *host = service->url + (plain ? 7 : 8);
    const size_t size = secure || plain ? strcspn(host, "/") : 0;

    if (size == 0 || size >= sizeof endpoint->host || strlen(host) > size + 1
        || strlen(service->region) >= sizeof endpoint->region || service->region[0] == '\0') {
        snprintf(why, KEY_WHY_MAX, "key service %s=%s: must be REGION=https://HOST:PORT (E_USAGE)",
                 service->region, service->url);
        return E_USAGE;
    }
    snprintf(endpoint->region, sizeof endpoint->region, "%s", service->region);
    snprintf(endpoint->host, sizeof endpoint->host, "%.*s", (int)size, host);
    snprintf(endpoint->url, sizeof endpoint->url, "%s://%.*s/", plain ? "http" : "https", (int)size,
             host);
    return OK;
}

static enum status open_parts(struct key_client *client, char *why)
{
    const struct http_client_settings http = {
        .base = client->settings.base, .ca = client->settings.ca, .crl = client->settings.crl};

    TRY(find_credentials(client, why));
    for (unsigned i = 0; i < client->settings.service_count; i++) {
        TRY(add_endpoint(client, &client->settings.services[i], &client->endpoints[i], why));
    }
    if (http_client_new(&client->http, &http) != OK) {
        snprintf(why, KEY_WHY_MAX, "key service CA %s%s%s: cannot be read (E_USAGE)",
                 http.ca != NULL ? http.ca : "of the system", http.crl != NULL ? ", CRL " : "",
                 http.crl != NULL ? http.crl : "");
        return E_USAGE;
    }
    return OK;
}

enum status key_client_open(struct key_client **into, const struct key_client_settings *settings,
                            char *why)
{
    struct key_client *client = calloc(1, sizeof *client);

    CHECK(client != NULL && settings->service_count <= KEY_SERVICES_MAX);
    key_json_init();
    client->settings = *settings;

    const enum status status = open_parts(client, why);

    if (status != OK) {
        key_client_close(client);
        return status;
    }
    *into = client;
    return OK;
}

static void drop_call(struct call *call)
{
    struct call **place = &call->client->calls;

    while (*place != call) {
        place = &(*place)->next;
    }
    *place = call->next;
    if (call->refusal != NULL) {
        event_free(call->refusal);
    }
    free(call);
}

void key_client_close(struct key_client *client)
{
    if (client->http != NULL) {
        http_client_free(client->http);
    }
    while (client->calls != NULL) {
        drop_call(client->calls);
    }
    OPENSSL_cleanse(client, sizeof *client);
    free(client);
}

enum status key_client_status_of(const char *type, const char *message)
{
    static const struct {
        const char *type;
        enum status status;
    } known[] = {
        {"AccessDeniedException", E_KEY_DENIED},
        {"AccessDenied", E_KEY_DENIED},
        {"NotFoundException", E_KEY_NOT_FOUND},
        {"InvalidArnException", E_KEY_NOT_FOUND},
        {"InvalidCiphertextException", E_KEY_CIPHERTEXT},
        {"IncorrectKeyException", E_KEY_CIPHERTEXT},
        {"UnrecognizedClientException", E_KEY_CREDENTIALS},
        {"InvalidClientTokenId", E_KEY_CREDENTIALS},
        {"InvalidSignatureException", E_KEY_CREDENTIALS},
        {"SignatureDoesNotMatch", E_KEY_CREDENTIALS},
        {"IncompleteSignature", E_KEY_CREDENTIALS},
        {"IncompleteSignatureException", E_KEY_CREDENTIALS},
        {"MissingAuthenticationToken", E_KEY_CREDENTIALS},
        {"MissingAuthenticationTokenException", E_KEY_CREDENTIALS},
        {"ExpiredToken", E_KEY_CREDENTIALS},
        {"ExpiredTokenException", E_KEY_CREDENTIALS},
        {"OptInRequired", E_KEY_CREDENTIALS},
    };
    const bool disabled = strcmp(type, "DisabledException") == 0;

    if (disabled || strcmp(type, "KMSInvalidStateException") == 0) {
        if (strstr(message, "pending deletion") != NULL) {
            return E_KEY_PENDING_DELETION;
        }
        return disabled ? E_KEY_DISABLED : E_KEY_UNREACHABLE;
    }
    if (strncmp(message, "Signature expired", 17) == 0
        || strncmp(message, "Signature not yet current", 25) == 0) {
        return E_KEY_UNREACHABLE; /* of the clocks: they may come together */
    }
    for (unsigned i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(type, known[i].type) == 0) {
            return known[i].status;
        }
    }
    return E_KEY_UNREACHABLE;
}

static void trace_change(const struct call *call, enum status status, const char *why)
{
    struct endpoint *endpoint = call->endpoint;
    const struct trace *trace = &call->client->settings.trace;
    const char *op = key_json_target(call->op) + strlen("TrentService.");

    if (endpoint == NULL) {
        trace_event(trace, "keys.refused op=%s status=%s text=\"%s\"", op, status_name(status),
                    why);
    } else if (endpoint->last != status) {
        trace_event(trace, "keys.%s op=%s region=%s status=%s text=\"%s\"",
                    status == OK ? "answered" : "refused", op, endpoint->region,
                    status_name(status), why);
        endpoint->last = status;
    }
}

static void deliver(struct call *call, enum status status, const struct keys_answer *answer)
{
    struct key_client *client = call->client;
    const uint64_t ticket = call->ticket;

    trace_change(call, status, answer->why);
    client->settings.on_answer(client->settings.context, ticket, status, answer);
    drop_call(call);
}

static void deliver_reply(struct call *call, const struct http_answer *reply)
{
    call->client->settings.on_reply(call->client->settings.context, call->ticket, reply);
    drop_call(call);
}

static void refuse(struct call *call, enum status status)
{
    const struct keys_answer answer = {.why = call->why};
    const struct http_answer reply = {.status = status, .why = call->why, .request_id = ""};

    if (call->is_plain) {
        deliver_reply(call, &reply);
    } else {
        deliver(call, status, &answer);
    }
}

static void deliver_good(struct call *call, struct bytes body)
{
    struct key_json_answer decoded;
    struct keys_answer answer = {.why = ""};

    if (key_json_decode(call->op, body, &decoded) != OK) {
        snprintf(call->why, sizeof call->why, "the key service's answer cannot be understood");
        refuse(call, E_KEY_UNREACHABLE);
    } else {
        memcpy(answer.key_arn, decoded.arn, sizeof answer.key_arn);
        answer.blob = bytes_of(decoded.blob, decoded.blob_size);
        answer.plain = bytes_of(decoded.plain, decoded.plain_size);
        deliver(call, OK, &answer);
    }
    OPENSSL_cleanse(&decoded, sizeof decoded);
}

static void deliver_bad(struct call *call, const struct http_answer *http)
{
    struct key_json_error error;

    if (key_json_decode_error(http->body, &error) != OK) {
        snprintf(call->why, sizeof call->why, "the key service answered HTTP %u", http->code);
        refuse(call, E_KEY_UNREACHABLE);
        return;
    }
    snprintf(call->why, sizeof call->why, "%s: %s", error.type, error.message);
    refuse(call,
           http->code >= 500 ? E_KEY_UNREACHABLE : key_client_status_of(error.type, error.message));
}

static void on_http(void *context, const struct http_answer *http)
{
    struct call *call = context;

    if (call->is_plain) {
        deliver_reply(call, http);
    } else if (http->status != OK) {
        snprintf(call->why, sizeof call->why, "%s", http->why);
        refuse(call, E_KEY_UNREACHABLE);
    } else if (http->code == 200) {
        deliver_good(call, http->body);
    } else {
        deliver_bad(call, http);
    }
}

static void on_refusal(evutil_socket_t fd, short what, void *context)
{
    struct call *call = context;

    (void)fd;
    (void)what;
    refuse(call, call->status);
}

/* Answered from the loop, as if somebody had been asked. */
static void refuse_later(struct call *call, enum status status)
{
    call->status = status;
    call->refusal = event_new(call->client->settings.base, -1, 0, on_refusal, call);
    CHECK(call->refusal != NULL);
    event_active(call->refusal, EV_TIMEOUT, 0);
}

static struct endpoint *find_endpoint(struct key_client *client, const char *region)
{
    for (unsigned i = 0; i < client->settings.service_count; i++) {
        if (strcmp(client->endpoints[i].region, region) == 0) {
            return &client->endpoints[i];
        }
    }
    return NULL;
}

static void send_signed(struct call *call, const struct key_call *order)
{
    struct key_client *client = call->client;
    const struct endpoint *endpoint = call->endpoint;
    const struct key_credentials *own = &client->credentials;
    struct http_header headers[CALL_HEADERS_MAX] = {
        {"Host", endpoint->host},
        {"Content-Type", "application/x-amz-json-1.1"},
        {"X-Amz-Target", order->target},
    };
    unsigned count = 3;

    if (own->session_token[0] != '\0') {
        headers[count++] = (struct http_header){"X-Amz-Security-Token", own->session_token};
    }

    const struct http_request request = {"POST", "/", headers, count, order->body};
    const struct sigv4_credentials credentials = {own->access_key, own->secret_key,
                                                  own->session_token[0] != '\0' ? own->session_token
                                                                                : NULL};
    const struct sigv4_scope scope = {endpoint->region, order->service};
    struct sigv4_signature signature;

    if (sigv4_sign(&request, &credentials, &scope, clock_wall_ns() / 1000000000u, &signature)
        != OK) {
        snprintf(call->why, sizeof call->why,
                 "the request cannot be signed with these credentials");
        refuse_later(call, E_KEY_CREDENTIALS);
        return;
    }
    headers[count++] = (struct http_header){"X-Amz-Date", signature.date};
    headers[count++] = (struct http_header){"Authorization", signature.authorization};

    const struct http_call http = {.method = "POST",
                                   .url = endpoint->url,
                                   .headers = headers,
                                   .header_count = count,
                                   .body = order->body,
                                   .on_answer = on_http,
                                   .context = call};

    (void)http_client_send(client->http, &http);
}

static struct call *begin_call(struct key_client *client, uint64_t ticket, const char *region)
{
    struct call *call = calloc(1, sizeof *call);

    CHECK(call != NULL);
    *call = (struct call){.client = client,
                          .next = client->calls,
                          .ticket = ticket,
                          .endpoint = find_endpoint(client, region)};
    client->calls = call;
    return call;
}

/* To the region's endpoint, where there is one. */
static void send_call(struct call *call, const struct key_call *order)
{
    if (call->endpoint == NULL) {
        snprintf(call->why, sizeof call->why, "no --key-service is given for region %s",
                 order->region);
        refuse_later(call, E_KEY_NO_SERVICE);
        return;
    }
    send_signed(call, order);
}

void key_client_ask(struct key_client *client, uint64_t ticket, const struct keys_request *request)
{
    struct call *call = begin_call(client, ticket, request->region);
    char *body = key_json_request(request);
    const struct key_call order = {.region = request->region,
                                   .service = "kms",
                                   .target = key_json_target(request->op),
                                   .body = bytes_text(body)};

    call->op = request->op;
    send_call(call, &order);
    key_json_free(body);
}

void key_client_call(struct key_client *client, uint64_t ticket, const struct key_call *order)
{
    struct call *call = begin_call(client, ticket, order->region);

    CHECK(client->settings.on_reply != NULL);
    call->is_plain = true;
    send_call(call, order);
}

unsigned key_client_states(const struct key_client *client,
                           struct key_service_state states[KEY_SERVICES_MAX])
{
    for (unsigned i = 0; i < client->settings.service_count; i++) {
        states[i] =
            (struct key_service_state){client->endpoints[i].region, client->endpoints[i].last};
    }
    return client->settings.service_count;
}
