/* A request's fields, then row by row: is it seen, does it match, does it fit?
 *
 * The arena is emptied after each row, and events are written into the reply one by one, so a page
 * costs no more memory than its longest event. Rows are in the order of their making, and so,
 * nearly, of their times: where a row is older than StartTime by more than an hour, those behind it
 * are not looked at. */
#include "keys/trail.h"

#include "base/base64.h"
#include "base/check.h"
#include "keys/json_text.h"
#include "keys/trail_event.h"

#include <stdio.h>

enum { EVENTS_DEFAULT = 50, EVENTS_MAX = 50, TOKEN_BYTES_MAX = 32 };

#define SLACK_NS (3600ull * 1000000000ull)

static const char *const attribute_names[TRAIL_ATTRIBUTES] = {
    [TRAIL_ALL] = "",
    [TRAIL_EVENT_ID] = "EventId",
    [TRAIL_EVENT_NAME] = "EventName",
    [TRAIL_READ_ONLY] = "ReadOnly",
    [TRAIL_USERNAME] = "Username",
    [TRAIL_RESOURCE_TYPE] = "ResourceType",
    [TRAIL_RESOURCE_NAME] = "ResourceName",
    [TRAIL_EVENT_SOURCE] = "EventSource",
    [TRAIL_ACCESS_KEY] = "AccessKeyId",
};

static enum status refuse(struct trail *trail, const char *error, const char *why)
{
    trail->error = error;
    trail->why = why;
    return E_KMS_ERROR;
}

/* Epoch seconds, whole or with a fraction. */
static enum status take_time(struct trail *trail, const json_t *in, const char *name,
                             uint64_t *wall_ns)
{
    const json_t *value = json_object_get(in, name);
    const double seconds = json_number_value(value);

    if (value == NULL || json_is_null(value)) {
        return OK;
    }
    if (!json_is_number(value) || seconds < 0 || seconds > 1e10) {
        return refuse(trail, "InvalidTimeRangeException", "A time must be in epoch seconds");
    }
    *wall_ns = (uint64_t)(seconds * 1e9);
    return OK;
}

static enum status take_token(struct trail *trail, const json_t *in)
{
    const char *text = json_string_value(json_object_get(in, "NextToken"));
    char plain[TOKEN_BYTES_MAX + 1];
    size_t size;

    if (text == NULL) {
        return OK;
    }
    if (base64_decode(bytes_text(text), (uint8_t *)plain, TOKEN_BYTES_MAX, &size) != OK) {
        return refuse(trail, "InvalidNextTokenException", "The token is none that was given");
    }
    plain[size] = '\0';
    return audit_key_parse(plain, &trail->before) == OK
               ? OK
               : refuse(trail, "InvalidNextTokenException", "The token is none that was given");
}

static enum status take_attribute(struct trail *trail, const json_t *in)
{
    const json_t *list = json_object_get(in, "LookupAttributes");
    const json_t *first = json_array_get(list, 0);
    const char *name = json_string_value(json_object_get(first, "AttributeKey"));
    const char *value = json_string_value(json_object_get(first, "AttributeValue"));

    if (json_array_size(list) == 0) {
        return OK;
    }
    if (json_array_size(list) > 1 || name == NULL || value == NULL
        || strlen(value) >= TRAIL_VALUE_MAX) {
        return refuse(trail, "InvalidLookupAttributesException",
                      "There must be one attribute with AttributeKey and AttributeValue");
    }
    for (unsigned i = TRAIL_ALL + 1; i < TRAIL_ATTRIBUTES; i++) {
        if (strcmp(attribute_names[i], name) == 0) {
            trail->attribute = (enum trail_attribute)i;
        }
    }
    memcpy(trail->value, value, strlen(value) + 1);
    return trail->attribute != TRAIL_ALL
               ? OK
               : refuse(trail, "InvalidLookupAttributesException", "The attribute is not known");
}

static enum status take_request(struct trail *trail, const json_t *in)
{
    const json_t *max = json_object_get(in, "MaxResults");

    if (in == NULL) {
        return refuse(trail, "SerializationException", "The body is no JSON object");
    }
    if (max != NULL && !json_is_null(max)
        && (!json_is_integer(max) || json_integer_value(max) < 1
            || json_integer_value(max) > EVENTS_MAX)) {
        return refuse(trail, "InvalidMaxResultsException", "MaxResults must be 1 to 50");
    }
    trail->events_max = json_is_integer(max) ? (unsigned)json_integer_value(max) : EVENTS_DEFAULT;
    TRY(take_time(trail, in, "StartTime", &trail->start_ns));
    TRY(take_time(trail, in, "EndTime", &trail->end_ns));
    if (trail->start_ns > trail->end_ns) {
        return refuse(trail, "InvalidTimeRangeException", "StartTime is after EndTime");
    }
    TRY(take_token(trail, in));
    return take_attribute(trail, in);
}

static void write_text(struct trail *trail, const char *text)
{
    CHECK(strlen(text) <= TRAIL_REPLY_BYTES_MAX - trail->reply_size);
    memcpy(trail->reply + trail->reply_size, text, strlen(text));
    trail->reply_size += strlen(text);
}

enum status trail_open(struct trail *trail, struct bytes body)
{
    trail->end_ns = trail->before = UINT64_MAX;
    json_arena_enter(trail->json);

    const enum status status =
        take_request(trail, body.size == 0 ? json_object() : json_text_object(body));

    json_arena_leave(trail->json);
    write_text(trail, "{\"Events\":[");
    return status;
}

static bool matches(const struct trail *trail, const struct trail_entry *entry)
{
    const char *value = trail->value;

    switch (trail->attribute) {
    case TRAIL_ALL:
        return true;
    case TRAIL_EVENT_ID:
        return strcmp(entry->event_id, value) == 0;
    case TRAIL_EVENT_NAME:
        return strcmp(entry->operation, value) == 0;
    case TRAIL_READ_ONLY:
        return strcmp(trail_entry_is_read_only(entry) ? "true" : "false", value) == 0;
    case TRAIL_USERNAME:
        return strcmp(trail_entry_user(entry), value) == 0 || strcmp(entry->principal, value) == 0;
    case TRAIL_RESOURCE_TYPE:
        return entry->key[0] != '\0' && strcmp("AWS::KMS::Key", value) == 0;
    case TRAIL_RESOURCE_NAME:
        return value[0] != '\0'
               && (strcmp(entry->key, value) == 0 || strcmp(entry->other_key, value) == 0);
    case TRAIL_EVENT_SOURCE:
        return strcmp("kms.amazonaws.com", value) == 0;
    case TRAIL_ACCESS_KEY:
        return strcmp(entry->access_key, value) == 0;
    case TRAIL_ATTRIBUTES:
        break;
    }
    UNREACHABLE();
}

static bool is_wanted(const struct trail *trail, const struct trail_entry *entry)
{
    return entry->time_ns >= trail->start_ns && entry->time_ns <= trail->end_ns
           && trail_entry_is_seen_by(entry, trail->account) && matches(trail, entry);
}

/* Behind the last one; false: there is no room. One that there is no memory for is left out, or
 * nobody would ever get past it. */
static bool write_event(struct trail *trail, const struct trail_entry *entry)
{
    uint8_t *place = trail->reply + trail->reply_size + 1;
    const size_t room = TRAIL_REPLY_BYTES_MAX - trail->reply_size - 256; /* what closes it */
    const size_t size = trail_entry_write(entry, trail->region, place, room);

    if (size == 0 || size > room) {
        return size == 0;
    }
    place[-1] = trail->events > 0 ? ',' : ' ';
    trail->reply_size += 1 + size;
    trail->events++;
    return true;
}

bool trail_take(struct trail *trail, uint64_t number, struct bytes row)
{
    struct trail_entry entry;
    bool taken = true;

    if (trail->events == trail->events_max || trail->rows == TRAIL_ROWS_MAX
        || TRAIL_REPLY_BYTES_MAX - trail->reply_size < TRAIL_EVENT_BYTES_MAX) {
        trail->more = true;
        return false;
    }
    json_arena_enter(trail->json);
    if (trail_entry_read(&entry, number, row)) {
        if (entry.time_ns + SLACK_NS < trail->start_ns) {
            json_arena_leave(trail->json);
            return false;
        }
        taken = !is_wanted(trail, &entry) || write_event(trail, &entry);
    }
    json_arena_leave(trail->json);
    trail->more = trail->more || !taken;
    trail->before = taken ? number : trail->before;
    trail->rows++;
    return taken;
}

struct bytes trail_close(struct trail *trail)
{
    write_text(trail, "]");
    if (trail->more) {
        char number[AUDIT_KEY_TEXT_MAX], token[TOKEN_BYTES_MAX * 2];

        audit_key_format(trail->before, number);
        write_text(trail, ",\"NextToken\":\"");
        write_text(trail, base64_encode(bytes_text(number), token));
        write_text(trail, "\"");
    }
    write_text(trail, "}");
    return bytes_of(trail->reply, trail->reply_size);
}
