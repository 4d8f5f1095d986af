/* One row, read into texts, and written as an event with the record of CloudTrail inside it.
 *
 * The record is a JSON text within the JSON of the answer, as AWS has it. */
#include "keys/trail_event.h"

#include "base/hex.h"
#include "keys/json_text.h"

#include <stdio.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

bool trail_entry_read(struct trail_entry *entry, uint64_t number, struct bytes row)
{
    const json_t *object = json_text_object(row);

    if (object == NULL) {
        return false;
    }
    *entry = (struct trail_entry){
        .number = number,
        .digest = digest_of(row),
        .time_ns = (uint64_t)json_integer_value(json_object_get(object, "time_ns")),
        .row = object,
        .principal = text_of(object, "principal"),
        .account = text_of(object, "account"),
        .access_key = text_of(object, "access_key"),
        .operation = text_of(object, "operation"),
        .key = text_of(object, "key"),
        .other_key = text_of(object, "destination_key"),
        .error = text_of(object, "error"),
    };
    key_id_make(entry->digest.bytes, entry->event_id);
    return true;
}

static bool is_key_of(const char *key, const char *account)
{
    struct arn arn;

    return arn_parse(&arn, key) == OK && strcmp(arn.account, account) == 0;
}

bool trail_entry_is_seen_by(const struct trail_entry *entry, const char *account)
{
    return strcmp(entry->account, account) == 0 || is_key_of(entry->key, account)
           || is_key_of(entry->other_key, account);
}

bool trail_entry_is_read_only(const struct trail_entry *entry)
{
    static const char *const reading[] = {"Decrypt", "Describe", "Encrypt",  "Generate",
                                          "Get",     "List",     "ReEncrypt"};

    for (size_t i = 0; i < sizeof reading / sizeof reading[0]; i++) {
        if (strncmp(entry->operation, reading[i], strlen(reading[i])) == 0) {
            return true;
        }
    }
    return false;
}

const char *trail_entry_user(const struct trail_entry *entry)
{
    const char *slash = strrchr(entry->principal, '/');

    return slash != NULL ? slash + 1 : entry->principal;
}

static json_t *resource_of(const char *key)
{
    struct arn arn;

    return json_pack("{s:s,s:s,s:s}", "ARN", key, "accountId",
                     arn_parse(&arn, key) == OK ? arn.account : "", "type", "AWS::KMS::Key");
}

static json_t *identity_of(const struct trail_entry *entry)
{
    const char *service = text_of(entry->row, "via_service");
    const bool is_call = entry->access_key[0] != '\0';
    json_t *identity = json_pack("{s:s}", "type", is_call ? "IAMUser" : "AWSService");

    if (is_call) {
        json_object_set_new(identity, "arn", json_string(entry->principal));
        json_object_set_new(identity, "accountId", json_string(entry->account));
        json_object_set_new(identity, "accessKeyId", json_string(entry->access_key));
        json_object_set_new(identity, "userName", json_string(trail_entry_user(entry)));
    }
    if (service[0] != '\0' || !is_call) {
        json_object_set_new(identity, "invokedBy",
                            json_string(is_call ? service : entry->principal));
    }
    return identity;
}

/* The context goes where the caller had it. */
static json_t *parameters_of(const struct trail_entry *entry)
{
    json_t *parameters = json_pack("{s:s}", "keyId", entry->key);
    json_t *context = json_object_get(entry->row, "context");
    json_t *destination = json_object_get(entry->row, "destination_context");
    const bool two = strcmp(entry->operation, "ReEncrypt") == 0;

    if (json_is_object(context)) {
        json_object_set(parameters, two ? "sourceEncryptionContext" : "encryptionContext", context);
    }
    if (json_is_object(destination)) {
        json_object_set(parameters, "destinationEncryptionContext", destination);
    }
    if (entry->other_key[0] != '\0') {
        json_object_set_new(parameters, "destinationKeyId", json_string(entry->other_key));
    }
    return parameters;
}

/* Days since 1970 as a date (the civil calendar, by eras of 400 years). */
static void format_time(uint64_t wall_ns, char text[32])
{
    const uint64_t seconds = wall_ns / 1000000000u;
    const uint64_t days = seconds / 86400 + 719468; /* since 0000-03-01 */
    const uint64_t era = days / 146097;
    const uint64_t day_of_era = days % 146097;
    const uint64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    const uint64_t month = (5 * day_of_year + 2) / 153; /* from March */
    const unsigned day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
    const bool next = month >= 10;

    snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ",
             (unsigned)(year + era * 400 + next) % 10000, (unsigned)(next ? month - 9 : month + 3),
             day % 100, (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
             (unsigned)(seconds % 60));
}

static json_t *record_of(const struct trail_entry *entry, const char *region)
{
    char time[32], head[2 * sizeof entry->digest.bytes + 1];
    json_t *resources = json_array();

    format_time(entry->time_ns, time);
    hex_encode(bytes_of(entry->digest.bytes, sizeof entry->digest.bytes), head);
    if (entry->key[0] != '\0') {
        json_array_append_new(resources, resource_of(entry->key));
    }
    if (entry->other_key[0] != '\0') {
        json_array_append_new(resources, resource_of(entry->other_key));
    }

    json_t *record =
        json_pack("{s:s,s:o,s:s,s:s,s:s,s:s,s:o,s:n,s:s,s:s,s:b,s:o,s:s,s:b,s:s,s:{s:I,s:s}}",
                  "eventVersion", "1.08", "userIdentity", identity_of(entry), "eventTime", time,
                  "eventSource", "kms.amazonaws.com", "eventName", entry->operation, "awsRegion",
                  region, "requestParameters", parameters_of(entry), "responseElements",
                  "requestID", text_of(entry->row, "request_id"), "eventID", entry->event_id,
                  "readOnly", trail_entry_is_read_only(entry), "resources", resources, "eventType",
                  entry->access_key[0] != '\0' ? "AwsApiCall" : "AwsServiceEvent",
                  "managementEvent", 1, "recipientAccountId", entry->account, "additionalEventData",
                  "sealiftAuditNumber", (json_int_t)entry->number, "sealiftAuditHash", head);

    if (entry->error[0] != '\0') {
        json_object_set_new(record, "errorCode", json_string(entry->error));
        json_object_set_new(record, "errorMessage", json_string(text_of(entry->row, "message")));
    }
    return record;
}

static json_t *named_resources(const struct trail_entry *entry)
{
    json_t *list = json_array();

    if (entry->key[0] != '\0') {
        json_array_append_new(list, json_pack("{s:s,s:s}", "ResourceType", "AWS::KMS::Key",
                                              "ResourceName", entry->key));
    }
    if (entry->other_key[0] != '\0') {
        json_array_append_new(list, json_pack("{s:s,s:s}", "ResourceType", "AWS::KMS::Key",
                                              "ResourceName", entry->other_key));
    }
    return list;
}

size_t trail_entry_write(const struct trail_entry *entry, const char *region, uint8_t *into,
                         size_t room)
{
    enum { PRECISION = 13 }; /* milliseconds of epoch seconds */
    const char *record = json_dumps(record_of(entry, region), JSON_COMPACT);
    const json_t *event = json_pack(
        "{s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:o,s:s}", "EventId", entry->event_id, "EventName",
        entry->operation, "ReadOnly", trail_entry_is_read_only(entry) ? "true" : "false",
        "AccessKeyId", entry->access_key, "EventTime", json_time(entry->time_ns), "EventSource",
        "kms.amazonaws.com", "Username", trail_entry_user(entry), "Resources",
        named_resources(entry), "CloudTrailEvent", record != NULL ? record : "");

    if (record == NULL || event == NULL) {
        return 0;
    }
    return json_dumpb(event, (char *)into, room, JSON_COMPACT | JSON_REAL_PRECISION(PRECISION));
}
