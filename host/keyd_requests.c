/* A request gets a place and a link, waits in the inbox, goes to the node, and leaves as a reply.
 *
 * Nothing is stepped from a callback of the HTTP server: the loop delivers what its turn brought,
 * so that one commit serves all of it. A deferred request keeps its place and comes again when it
 * is resumed. The body is copied up to one byte more than the node takes: enough to be refused.
 *
 * A client that has gone is not noticed here: its request is served, as one that was on its way is
 * by any server, and the reply goes nowhere. */
#include "host/keyd_parts.h"

#include "base/check.h"
#include "host/entropy.h"
#include "keys/arn.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    unsigned http;
    const char *error, *message;
} refusals[KEYD_REFUSALS] = {
#define KEYD_REFUSAL_ROW(name, label, http, error, message) {http, error, message},
    KEYD_REFUSAL_LIST(KEYD_REFUSAL_ROW)
#undef KEYD_REFUSAL_ROW
};

static void draw_request_id(char text[KEY_ID_TEXT_MAX])
{
    const struct entropy entropy = host_entropy();
    uint8_t random[16];

    entropy_fill(&entropy, random, sizeof random);
    key_id_make(random, text);
}

static void reply(struct keyd *keyd, uint64_t token, const struct kms_reply *head,
                  const char *request_id, struct bytes body)
{
    const struct http_header headers[] = {
        {"Content-Type", "application/x-amz-json-1.1"},
        {"x-amzn-RequestId", request_id},
        {"Cache-Control", "no-cache, no-store, must-revalidate, private"},
        {"x-amzn-ErrorType", head->error},
    };
    const struct http_reply answer = {
        .status = head->http_status,
        .headers = headers,
        .header_count = COUNT_OF(headers) - (head->error[0] == '\0'), /* the last is for errors */
        .body = body,
    };

    http_server_reply(keyd->https, token, &answer);
}

static void refuse(struct keyd *keyd, uint64_t token, enum keyd_refusal why)
{
    struct kms_reply head = {.http_status = (uint16_t)refusals[why].http};
    char id[KEY_ID_TEXT_MAX], body[512];
    const int size = snprintf(body, sizeof body, "{\"__type\":\"%s\",\"message\":\"%s\"}",
                              refusals[why].error, refusals[why].message);

    CHECK(size > 0 && (size_t)size < sizeof body);
    keyd->refusals[why]++;
    draw_request_id(id);
    snprintf(head.error, sizeof head.error, "%s", refusals[why].error);
    reply(keyd, token, &head, id, bytes_of(body, (size_t)size));
}

/* The two services that are spoken here. */
static const struct service {
    const char *name; /* in the scope of a signature */
    const char *target; /* what X-Amz-Target begins with */
} services[] = {
    {"kms", "TrentService."},
    {"cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."},
};

enum { SERVICE_KMS, SERVICE_CLOUDTRAIL };

/* Which service the request is for; kms where it says nothing that is known. */
static unsigned service_of(const struct http_request *request)
{
    const char *target = http_header_find(request->headers, request->header_count, "X-Amz-Target");
    const char *cloudtrail = services[SERVICE_CLOUDTRAIL].target;

    return target != NULL && strncmp(target, cloudtrail, strlen(cloudtrail)) == 0
               ? SERVICE_CLOUDTRAIL
               : SERVICE_KMS;
}

/* The operation's name, where the request is one; it must fit, or it is none that exists. */
static bool take_operation(const struct http_request *request, unsigned service,
                           struct kms_request *caller)
{
    const char *start = services[service].target;
    const char *target = http_header_find(request->headers, request->header_count, "X-Amz-Target");

    if (strcmp(request->method, "POST") != 0 || strcmp(request->target, "/") != 0 || target == NULL
        || strncmp(target, start, strlen(start)) != 0) {
        return false;
    }
    target += strlen(start);
    if (target[0] == '\0' || strlen(target) >= sizeof caller->operation
        || (service == SERVICE_CLOUDTRAIL && strcmp(target, "LookupEvents") != 0)) {
        return false;
    }
    memcpy(caller->operation, target, strlen(target) + 1);
    return true;
}

static unsigned place_of(link_t link)
{
    return (unsigned)(link % KEYD_REQUESTS_MAX);
}

static void queue_push(struct keyd_queue *queue, unsigned place)
{
    CHECK(queue->count < KEYD_REQUESTS_MAX);
    queue->places[(queue->first + queue->count++) % KEYD_REQUESTS_MAX] = place;
}

static unsigned queue_pop(struct keyd_queue *queue)
{
    const unsigned place = queue->places[queue->first];

    CHECK(queue->count > 0);
    queue->first = (queue->first + 1) % KEYD_REQUESTS_MAX;
    queue->count--;
    return place;
}

/* A link's number says its place, and none comes twice. */
static void accept_request(struct keyd *keyd, uint64_t token, const struct kms_request *caller,
                           struct bytes body)
{
    unsigned place = 0;

    while (keyd->requests[place].link != 0) {
        place++;
    }

    struct keyd_request *request = &keyd->requests[place];
    const struct bytes kept = bytes_part(body, 0, KMS_REQUEST_BYTES_MAX + 1);

    *request = (struct keyd_request){
        .link = ++keyd->links_drawn * KEYD_REQUESTS_MAX + place,
        .token = token,
        .caller = *caller,
        .body = malloc(kept.size + 1),
        .body_size = kept.size,
    };
    CHECK(request->body != NULL);
    if (kept.size > 0) {
        memcpy(request->body, kept.data, kept.size);
    }
    keyd->requests_under_way++;
    queue_push(&keyd->inbox, place);
}

/* What reads the audit does not go through the node: it uses no key. */
static void answer_lookup(struct keyd *keyd, uint64_t token, const struct kms_request *caller,
                          struct bytes body)
{
    struct keyd_lookup_refusal refusal;
    struct kms_reply head = {.http_status = 200};
    struct bytes answer = keyd_lookup(keyd, caller->account, body, &refusal);
    char text[512];

    if (refusal.error != NULL) {
        head.http_status = strcmp(refusal.error, "InternalFailure") == 0 ? 500 : 400;
        snprintf(head.error, sizeof head.error, "%s", refusal.error);
        snprintf(text, sizeof text, "{\"__type\":\"%s\",\"message\":\"%s\"}", refusal.error,
                 refusal.why);
        answer = bytes_text(text);
    }
    reply(keyd, token, &head, caller->request_id, answer);
}

static void on_request(void *context, uint64_t token, const struct http_request *request)
{
    struct keyd *keyd = context;
    struct kms_request caller = {0};
    const unsigned service = service_of(request);
    enum keyd_refusal refusal =
        keyd_check_signature(keyd, request, services[service].name, &caller);

    keyd->requests_total++;
    if (refusal == KEYD_REFUSALS && !take_operation(request, service, &caller)) {
        refusal = KEYD_OPERATION;
    }
    if (refusal == KEYD_REFUSALS && keyd->stopping) {
        refusal = KEYD_STOPPING;
    }
    if (refusal == KEYD_REFUSALS && keyd->requests_under_way == KEYD_REQUESTS_MAX) {
        refusal = KEYD_BUSY;
    }
    if (refusal != KEYD_REFUSALS) {
        refuse(keyd, token, refusal);
        return;
    }
    draw_request_id(caller.request_id);
    if (service == SERVICE_CLOUDTRAIL) {
        answer_lookup(keyd, token, &caller, request->body);
        return;
    }
    accept_request(keyd, token, &caller, request->body);
}

enum status keyd_listen(struct keyd *keyd, char *why)
{
    const struct http_server_settings settings = {.base = keyd->base,
                                                  .address = keyd->settings.listen,
                                                  .tls = keyd->identity,
                                                  .on_request = on_request,
                                                  .context = keyd};

    TRY(http_server_open(&keyd->https, &settings, why));
    trace_event(&keyd->settings.trace, "listen address=%s port=%u", settings.address,
                http_server_port(keyd->https));
    return OK;
}

static void deliver(struct keyd *keyd, struct keyd_request *request)
{
    uint8_t head[KMS_REQUEST_HEAD_MAX];

    if (!request->is_up) {
        struct event up = {.kind = EVENT_LINK_UP, .link = {.link = request->link}};

        request->is_up = true;
        keyd_step(keyd, &up);
    }

    struct event event = {.kind = EVENT_MESSAGE};

    event.message = (struct event_message){
        request->link,
        {KMS_MESSAGE_REQUEST, kms_request_encode(&request->caller, head),
         bytes_of(request->body, request->body_size)},
    };
    keyd_step(keyd, &event);
}

void keyd_deliver(struct keyd *keyd)
{
    for (unsigned count = keyd->inbox.count; count > 0 && !keyd->halted; count--) {
        deliver(keyd, &keyd->requests[queue_pop(&keyd->inbox)]);
    }
}

static struct keyd_request *find_request(struct keyd *keyd, link_t link)
{
    struct keyd_request *request = &keyd->requests[place_of(link)];

    return link != 0 && request->link == link ? request : NULL;
}

static void end_request(struct keyd *keyd, struct keyd_request *request)
{
    secret_wipe_memory(request->body, request->body_size);
    free(request->body);
    keyd->ended[keyd->ended_count++] = request->link;
    *request = (struct keyd_request){0};
    keyd->requests_under_way--;
}

void keyd_end_links(struct keyd *keyd)
{
    while (keyd->ended_count > 0 && !keyd->halted) {
        struct event down = {.kind = EVENT_LINK_DOWN,
                             .link = {.link = keyd->ended[--keyd->ended_count]}};

        keyd_step(keyd, &down);
    }
}

void keyd_send(struct keyd *keyd, const struct effect_send *send)
{
    struct keyd_request *request = find_request(keyd, send->link);
    struct kms_reply head;

    CHECK(request != NULL && send->type == KMS_MESSAGE_REPLY && send->tail[1].size == 0);
    CHECK(kms_reply_decode(&head, send->head) == OK);
    reply(keyd, request->token, &head, request->caller.request_id, send->tail[0]);
    end_request(keyd, request);
}

void keyd_hang_up(struct keyd *keyd, link_t link)
{
    struct keyd_request *request = find_request(keyd, link);

    CHECK(request != NULL);
    refuse(keyd, request->token, KEYD_INTERNAL);
    end_request(keyd, request);
}

void keyd_resume(struct keyd *keyd, link_t link)
{
    CHECK(find_request(keyd, link) != NULL);
    queue_push(&keyd->inbox, place_of(link));
}

void keyd_refuse_rest(struct keyd *keyd)
{
    keyd->ended_count = 0; /* nobody is told any more */
    for (unsigned place = 0; place < KEYD_REQUESTS_MAX; place++) {
        struct keyd_request *request = &keyd->requests[place];

        if (request->link != 0) {
            refuse(keyd, request->token, KEYD_STOPPING);
            end_request(keyd, request);
        }
    }
}
