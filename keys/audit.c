/* One JSON object a request. Its first two fields have one form to the byte, so that whoever checks
 * a chain needs no JSON.
 *
 * A context that is no map of texts, or one beyond the limits of a context, is written as null: the
 * request was refused for it, and a row must stay small. */
#include "keys/audit.h"

#include "base/hex.h"

#include <stdio.h>

enum { START_BYTES_MAX = 128 };

/* Only a context that call_context accepts has a bounded size. */
static json_t *audited_context(const struct kms_call *call, const char *name)
{
    uint8_t canonical[BLOB_CONTEXT_BYTES_MAX];
    struct bytes bytes;
    struct kms_call probe = *call;
    json_t *context = json_object_get(call->in, name);

    if (context == NULL || call_context(&probe, name, context, canonical, &bytes) != OK) {
        return json_null();
    }
    return json_incref(context);
}

/* What ReEncrypt has and nothing else: a second key and a second context. */
static void add_destination(const struct kms_call *call, json_t *entry)
{
    json_object_set_new(entry, "context", audited_context(call, "SourceEncryptionContext"));
    json_object_set_new(entry, "destination_key", json_string(call->other_arn));
    json_object_set_new(entry, "destination_context",
                        audited_context(call, "DestinationEncryptionContext"));
}

/* {"number":7,"previous":"..." without an end. */
static size_t format_start(const struct audit_chain *chain, char *into)
{
    char previous[2 * sizeof chain->digest.bytes + 1];

    hex_encode(bytes_of(chain->digest.bytes, sizeof chain->digest.bytes), previous);
    return (size_t)snprintf(into, START_BYTES_MAX, "{\"number\":%llu,\"previous\":\"%s\"",
                            (unsigned long long)chain->number + 1, previous);
}

static json_t *entry_of(const struct kms_call *call)
{
    const struct kms_request *who = call->request;
    const bool allowed = call->error == KMS_NO_ERROR;
    json_t *entry =
        json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s}", "time_ns",
                  (json_int_t)call->wall_ns, "principal", who->principal, "access_key",
                  who->access_key, "account", who->account, "operation", who->operation, "key",
                  call->arn, "context", audited_context(call, "EncryptionContext"), "outcome",
                  allowed ? "allowed" : "denied", "error", kms_error_name(call->error), "message",
                  allowed ? "" : call->why, "request_id", who->request_id);

    if (who->via_service[0] != '\0') {
        json_object_set_new(entry, "via_service", json_string(who->via_service));
    }
    if (strcmp(who->operation, "ReEncrypt") == 0) {
        add_destination(call, entry);
    }
    return entry;
}

enum status audit_encode(const struct kms_call *call, const struct audit_chain *chain,
                         uint8_t *into, struct bytes *row)
{
    const json_t *entry = entry_of(call);
    const size_t start = format_start(chain, (char *)into);
    uint8_t *rest = into + start;
    const size_t size =
        entry == NULL ? 0 : json_dumpb(entry, (char *)rest, AUDIT_BYTES_MAX - start, JSON_COMPACT);

    if (size == 0 || size > AUDIT_BYTES_MAX - start) {
        return E_TOO_LARGE;
    }
    rest[0] = ','; /* instead of its own brace */
    *row = bytes_of(into, start + size);
    return OK;
}

struct bytes audit_encode_internal(const struct audit_chain *chain, uint8_t *into)
{
    static const char rest[] = ",\"outcome\":\"denied\",\"error\":\"KMSInternalException\"}";
    const size_t start = format_start(chain, (char *)into);

    memcpy(into + start, rest, sizeof rest - 1);
    return bytes_of(into, start + sizeof rest - 1);
}

enum status audit_chain_add(struct audit_chain *chain, const char *key, struct bytes row)
{
    char start[START_BYTES_MAX], expected[AUDIT_KEY_TEXT_MAX];
    const size_t size = format_start(chain, start);

    audit_key_format(chain->number + 1, expected);
    if (strcmp(key, expected) != 0
        || !bytes_equal(bytes_part(row, 0, size), bytes_of(start, size))) {
        return E_GAP;
    }
    audit_chain_set(chain, chain->number + 1, row);
    return OK;
}

void audit_chain_set(struct audit_chain *chain, uint64_t number, struct bytes row)
{
    chain->number = number;
    chain->digest = digest_of(row);
}

void audit_key_format(uint64_t number, char *text)
{
    snprintf(text, AUDIT_KEY_TEXT_MAX, "%020llu", (unsigned long long)number);
}

enum status audit_key_parse(const char *text, uint64_t *number)
{
    *number = 0;
    if (strlen(text) != AUDIT_KEY_TEXT_MAX - 1) {
        return E_MALFORMED;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return E_MALFORMED;
        }
        *number = *number * 10 + (uint64_t)(*text - '0');
    }
    return OK;
}
