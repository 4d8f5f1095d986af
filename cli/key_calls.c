/* Each answer is copied out of the loop before it is read.
 *
 * How it goes wrong: no answer, or one of another form, is E_KEY_UNREACHABLE and says nothing of
 * the key. AWS KMS knows no LookupEvents at its own endpoint: its refusal is then the reason why
 * there is no entry to show. Texts are made printable: they end in files and on terminals. */
#include "cli/key_calls.h"

#include "base/check.h"
#include "base/hex.h"
#include "cli/clean.h"
#include "host/clock.h"
#include "host/key_json.h"
#include "transport/loop.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAGES_MAX = 20, /* others use the key too: so many thousand rows may lie behind ours */
    CLOCKS_DIFFER_SECONDS = 1000, /* a service takes signatures that are 15 minutes off */
};

struct reply {
    enum status status;
    unsigned code;
    uint8_t *body;
    size_t size;
    char why[KEY_WHY_MAX];
    char request_id[HTTP_REQUEST_ID_MAX];
};

struct key_calls {
    struct event_base *base;
    struct key_client *client;
    struct reply reply;
};

static void drop_reply(struct reply *reply)
{
    if (reply->body != NULL) {
        secret_wipe_memory(reply->body, reply->size);
        free(reply->body);
    }
    *reply = (struct reply){.status = E_KEY_UNREACHABLE};
}

static void on_reply(void *context, uint64_t ticket, const struct http_answer *answer)
{
    struct key_calls *calls = context;
    struct reply *reply = &calls->reply;

    (void)ticket;
    drop_reply(reply);
    reply->status = answer->status;
    reply->code = answer->code;
    snprintf(reply->why, sizeof reply->why, "%s", answer->why);
    snprintf(reply->request_id, sizeof reply->request_id, "%s", answer->request_id);
    if (answer->body.size > 0) {
        reply->body = malloc(answer->body.size);
        CHECK(reply->body != NULL);
        memcpy(reply->body, answer->body.data, answer->body.size);
        reply->size = answer->body.size;
    }
    event_base_loopbreak(calls->base);
}

static void on_answer(void *context, uint64_t ticket, enum status status,
                      const struct keys_answer *answer)
{
    (void)context;
    (void)ticket;
    (void)status;
    (void)answer;
    UNREACHABLE(); /* nothing is asked that way */
}

enum status key_calls_open(struct key_calls **into, const struct folder_keys_order *order,
                           char *why)
{
    struct key_calls *calls = calloc(1, sizeof *calls);

    CHECK(calls != NULL);
    calls->base = event_base_new();
    CHECK(calls->base != NULL);
    struct key_client_settings settings = {.base = calls->base,
                                           .ca = order->ca,
                                           .service_count = order->service_count,
                                           .keep = order->keep,
                                           .on_answer = on_answer,
                                           .on_reply = on_reply,
                                           .context = calls};

    memcpy(settings.services, order->services, sizeof settings.services);
    const enum status status = key_client_open(&calls->client, &settings, why);

    if (status != OK) {
        event_base_free(calls->base);
        free(calls);
        return status;
    }
    *into = calls;
    return OK;
}

void key_calls_close(struct key_calls *calls)
{
    drop_reply(&calls->reply);
    key_client_close(calls->client);
    event_base_free(calls->base);
    free(calls);
}

static struct reply *call(struct key_calls *calls, const struct key_call *order)
{
    drop_reply(&calls->reply);
    key_client_call(calls->client, 0, order);
    event_base_dispatch(calls->base);
    return &calls->reply;
}

/* OK for a 200; else the service's sentence, or why there is none, goes into `why`. */
static enum status verdict(const struct reply *reply, char *why)
{
    struct key_json_error error;
    enum status status = reply->status;

    if (status != OK) {
        snprintf(why, KEY_WHY_MAX, "%s", reply->why);
    } else if (reply->code == 200) {
        why[0] = '\0';
        return OK;
    } else if (key_json_decode_error(bytes_of(reply->body, reply->size), &error) != OK) {
        snprintf(why, KEY_WHY_MAX, "it answered HTTP %u", reply->code);
        status = E_KEY_UNREACHABLE;
    } else {
        snprintf(why, KEY_WHY_MAX, "%s: %s", error.type, error.message);
        status = reply->code >= 500 ? E_KEY_UNREACHABLE
                                    : key_client_status_of(error.type, error.message);
    }
    clean_text(why);
    return status;
}

static enum status take_plain(const struct reply *reply, struct secret *plain)
{
    struct key_json_answer answer;
    enum status status = key_json_decode(KEYS_UNWRAP, bytes_of(reply->body, reply->size), &answer);

    if (status == OK) {
        status = secret_from(plain, bytes_of(answer.plain, answer.plain_size));
    }
    secret_wipe_memory(&answer, sizeof answer);
    return status;
}

void key_calls_decrypt(struct key_calls *calls, const struct keys_request *request,
                       struct key_trial *trial)
{
    char *body = key_json_request(request);
    const struct key_call order = {.region = request->region,
                                   .service = "kms",
                                   .target = key_json_target(KEYS_UNWRAP),
                                   .body = bytes_text(body)};
    const struct reply *reply = call(calls, &order);

    CHECK(request->op == KEYS_UNWRAP);
    *trial = (struct key_trial){0};
    trial->status = verdict(reply, trial->said);
    snprintf(trial->request_id, sizeof trial->request_id, "%s", reply->request_id);
    if (trial->status == OK && take_plain(reply, &trial->plain) != OK) {
        trial->status = E_KEY_UNREACHABLE;
        snprintf(trial->said, sizeof trial->said, "the service's answer cannot be understood");
    }
    drop_reply(&calls->reply);
    key_json_free(body);
}

static void take_text(const json_t *object, const char *name, char *into, size_t room)
{
    const char *text = json_string_value(json_object_get(object, name));

    snprintf(into, room, "%s", text != NULL ? text : "");
    clean_text(into);
}

void key_calls_describe(struct key_calls *calls, const char *region, const char *key,
                        struct key_description *description)
{
    json_t *in = json_pack("{s:s}", "KeyId", key);
    char *body = json_dumps(in, JSON_COMPACT);

    CHECK(body != NULL);
    const struct key_call order = {.region = region,
                                   .service = "kms",
                                   .target = "TrentService.DescribeKey",
                                   .body = bytes_text(body)};
    const struct reply *reply = call(calls, &order);

    *description = (struct key_description){0};
    description->status = verdict(reply, description->why);
    if (description->status == OK) {
        json_t *out = json_loadb((const char *)reply->body, reply->size, 0, NULL);
        const json_t *about = json_object_get(out, "KeyMetadata");

        take_text(about, "Arn", description->arn, sizeof description->arn);
        take_text(about, "KeyState", description->state, sizeof description->state);
        json_decref(out);
        if (description->arn[0] == '\0' || description->state[0] == '\0') {
            description->status = E_KEY_UNREACHABLE;
            snprintf(description->why, KEY_WHY_MAX, "the service's answer cannot be understood");
        }
    }
    key_json_free(body);
    json_decref(in);
}

/* ---- the audit ---- */

/* Whether this event is that of the call; its place in the chain, where it says one. */
static bool is_entry(const json_t *event, const char *request_id, struct key_entry *entry)
{
    const char *text = json_string_value(json_object_get(event, "CloudTrailEvent"));
    json_t *record = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const char *of = json_string_value(json_object_get(record, "requestID"));
    const bool found = of != NULL && strcmp(of, request_id) == 0;
    const json_t *more = json_object_get(record, "additionalEventData");
    const json_t *number = json_object_get(more, "sealiftAuditNumber");
    const char *hash = json_string_value(json_object_get(more, "sealiftAuditHash"));

    if (found && json_is_integer(number) && json_integer_value(number) > 0 && hash != NULL
        && hex_decode(hash, entry->hash.bytes, sizeof entry->hash.bytes) == OK) {
        entry->is_known = true;
        entry->number = (uint64_t)json_integer_value(number);
        take_text(event, "EventId", entry->event_id, sizeof entry->event_id);
    } else if (found) {
        snprintf(entry->why, sizeof entry->why,
                 "the service's trail shows the call, but keeps no chain of hashes");
    }
    json_decref(record);
    return found;
}

static bool find_entry(const json_t *out, const char *request_id, struct key_entry *entry)
{
    const json_t *events = json_object_get(out, "Events");

    for (size_t i = 0; i < json_array_size(events); i++) {
        if (is_entry(json_array_get(events, i), request_id, entry)) {
            return true;
        }
    }
    return false;
}

/* The next page, or NULL: `entry->why` says why. */
static json_t *read_page(struct key_calls *calls, const char *region, const json_t *in,
                         struct key_entry *entry)
{
    char *body = json_dumps(in, JSON_COMPACT);
    char said[KEY_WHY_MAX];
    json_t *out = NULL;

    CHECK(body != NULL);
    const struct key_call order = {
        .region = region,
        .service = "cloudtrail",
        .target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
        .body = bytes_text(body)};
    const struct reply *reply = call(calls, &order);

    if (verdict(reply, said) == OK) {
        out = json_loadb((const char *)reply->body, reply->size, 0, NULL);
        snprintf(said, sizeof said, "its answer cannot be understood");
    }
    if (out == NULL) {
        snprintf(entry->why, sizeof entry->why,
                 "no chained audit is shown at the key service's endpoint (%.1000s); its own "
                 "trail knows the call by the request ID",
                 said);
    }
    key_json_free(body);
    return out;
}

void key_calls_look_up(struct key_calls *calls, const char *region, const char *request_id,
                       const char *access_key, struct key_entry *entry)
{
    const json_int_t from = (json_int_t)(clock_wall_ns() / 1000000000u) - CLOCKS_DIFFER_SECONDS;
    json_t *in = json_pack("{s:[{s:s,s:s}],s:I}", "LookupAttributes", "AttributeKey", "AccessKeyId",
                           "AttributeValue", access_key, "StartTime", from);
    bool done = request_id[0] == '\0';

    CHECK(in != NULL);
    *entry = (struct key_entry){0};
    snprintf(entry->why, sizeof entry->why, "%s",
             done ? "the service gave its answer no request ID"
                  : "the service's trail does not show the call");
    for (unsigned page = 0; page < PAGES_MAX && !done; page++) {
        json_t *out = read_page(calls, region, in, entry);
        const char *next = json_string_value(json_object_get(out, "NextToken"));

        done = out == NULL || find_entry(out, request_id, entry) || next == NULL;
        if (!done) {
            json_object_set_new(in, "NextToken", json_string(next));
        }
        json_decref(out);
    }
    if (entry->is_known) {
        entry->why[0] = '\0';
    }
    json_decref(in);
}
