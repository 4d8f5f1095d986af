/* Operations that make keys, show them and change their state.
 *
 * Nothing is destroyed here: a key that is pending deletion is refused for every use until the
 * deletion is cancelled, also after its date. What this service does not have (policies, tags,
 * other kinds of key) is refused by name rather than ignored. */
#include "base/check.h"
#include "keys/kms_call.h"

enum {
    LIST_KEYS_DEFAULT = 100,
    LIST_KEYS_MAX = 1000, /* what may be asked for */
    LIST_KEYS_PAGE_MAX = 100, /* what is given: a page fits KMS_REPLY_BYTES_MAX */
    DELETION_DAYS_MIN = 7,
    DELETION_DAYS_MAX = 30,
};

#define DAY_NS (86400ull * 1000000000ull)

static const char *state_name(enum kms_key_state state)
{
    switch (state) {
    case KMS_KEY_ENABLED:
        return "Enabled";
    case KMS_KEY_IS_DISABLED:
        return "Disabled";
    case KMS_KEY_PENDING_DELETION:
        return "PendingDeletion";
    case KMS_KEY_STATES:
        break;
    }
    UNREACHABLE();
}

static void add_metadata(struct kms_call *call, const struct kms_key *key)
{
    json_t *metadata = json_pack(
        "{s:s,s:s,s:s,s:o,s:b,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:[s],s:b}", "AWSAccountId", key->account,
        "KeyId", key->id, "Arn", call->arn, "CreationDate", json_time(key->created_wall_ns),
        "Enabled", key->state == KMS_KEY_ENABLED, "Description", key->description, "KeyUsage",
        "ENCRYPT_DECRYPT", "KeyState", state_name(key->state), "Origin", "AWS_KMS", "KeyManager",
        key->aws_managed ? "AWS" : "CUSTOMER", "CustomerMasterKeySpec", "SYMMETRIC_DEFAULT",
        "KeySpec", "SYMMETRIC_DEFAULT", "EncryptionAlgorithms", "SYMMETRIC_DEFAULT", "MultiRegion",
        0);

    if (key->state == KMS_KEY_PENDING_DELETION) {
        json_object_set_new(metadata, "DeletionDate", json_time(key->deletion_wall_ns));
    }
    call_add(call, "KeyMetadata", metadata);
}

struct kms_key *call_stage_key(struct kms_call *call, const struct kms_key *key)
{
    struct kms_key *staged = &call->change->key;
    char *description = staged->description;

    CHECK(!call->change->has_key);
    memcpy(description, key->description, strlen(key->description) + 1);
    *staged = *key;
    staged->description = description;
    call->change->has_key = true;
    return staged;
}

enum status call_stage_new_key(struct kms_call *call, const char *description, bool aws_managed)
{
    struct kms_key *key = &call->change->key;
    char *own = key->description;
    uint8_t random[16];

    if (call->table->key_count == call->table->keys_max) {
        return call_refuse(call, KMS_LIMIT_EXCEEDED, "This key service holds at most %zu keys",
                           call->table->keys_max);
    }
    *key = (struct kms_key){.state = KMS_KEY_ENABLED,
                            .aws_managed = aws_managed,
                            .created_wall_ns = call->wall_ns,
                            .description = own};
    memcpy(own, description, strlen(description) + 1);
    memcpy(key->account, call->request->account, sizeof key->account);
    entropy_fill(&call->sealer->entropy, random, sizeof random);
    key_id_make(random, key->id);
    arn_format_key(call->settings->region, key->account, key->id, call->arn);
    key_material_make(call->sealer, call->arn, &key->material);
    call->change->has_key = true;
    return OK;
}

enum status op_create_key(struct kms_call *call)
{
    const char *description = "";
    const char *policy = NULL;

    TRY(call_text(call, "Description", &description));
    if (strlen(description) >= KEY_DESCRIPTION_MAX) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value at 'description' failed to satisfy "
                           "constraint: Member must have length less than or equal to %d",
                           KEY_DESCRIPTION_MAX - 1);
    }
    TRY(call_only_text(call, "KeyUsage", "ENCRYPT_DECRYPT"));
    TRY(call_only_text(call, "KeySpec", "SYMMETRIC_DEFAULT"));
    TRY(call_only_text(call, "CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"));
    TRY(call_only_text(call, "Origin", "AWS_KMS"));
    TRY(call_must_be_empty(call, "MultiRegion", KMS_UNSUPPORTED));
    TRY(call_must_be_empty(call, "Tags", KMS_UNSUPPORTED));
    TRY(call_must_be_empty(call, "CustomKeyStoreId", KMS_UNSUPPORTED));
    TRY(call_must_be_empty(call, "XksKeyId", KMS_UNSUPPORTED));
    TRY(call_text(call, "Policy", &policy));
    if (policy != NULL) {
        return call_refuse(call, KMS_UNSUPPORTED,
                           "Policy is not supported: a key is usable by its own account");
    }
    TRY(call_stage_new_key(call, description, false));
    add_metadata(call, &call->change->key);
    return OK;
}

enum status op_describe_key(struct kms_call *call)
{
    const struct kms_key *key;

    TRY(call_must_be_empty(call, "GrantTokens", KMS_INVALID_GRANT_TOKEN));
    TRY(call_need_key(call, "KeyId", KEY_OR_DEFAULT, &key));
    add_metadata(call, key);
    return OK;
}

static enum status check_limit(struct kms_call *call, json_int_t limit)
{
    return limit >= 1 && limit <= LIST_KEYS_MAX
               ? OK
               : call_refuse(
                   call, KMS_VALIDATION,
                   "1 validation error detected: Value '%lld' at 'limit' failed to satisfy "
                   "constraint: Member must be between 1 and %d",
                   (long long)limit, LIST_KEYS_MAX);
}

enum status op_list_keys(struct kms_call *call)
{
    const struct key_table *table = call->table;
    const char *account = call->request->account;
    const char *marker = "";
    json_int_t limit = LIST_KEYS_DEFAULT;
    json_t *keys = json_array();

    TRY(call_number(call, "Limit", &limit));
    TRY(check_limit(call, limit));
    TRY(call_text(call, "Marker", &marker));
    if (marker[0] != '\0' && key_table_find(table, account, marker) == NULL) {
        return call_refuse(call, KMS_INVALID_MARKER, "The marker is not one that ListKeys gave");
    }
    limit = limit < LIST_KEYS_PAGE_MAX ? limit : LIST_KEYS_PAGE_MAX;

    size_t place = key_table_place_after(table, account, marker);

    for (; place < table->key_count && json_array_size(keys) < (size_t)limit; place++) {
        const struct kms_key *key = table->keys_sorted[place];
        char arn[ARN_TEXT_MAX];

        if (strcmp(key->account, account) != 0) {
            break;
        }
        arn_format_key(call->settings->region, account, key->id, arn);
        json_array_append_new(keys, json_pack("{s:s,s:s}", "KeyId", key->id, "KeyArn", arn));
        marker = key->id;
    }

    const bool more =
        place < table->key_count && strcmp(table->keys_sorted[place]->account, account) == 0;

    call_add(call, "Keys", keys);
    call_add(call, "Truncated", json_boolean(more));
    if (more) {
        call_add_text(call, "NextMarker", marker);
    }
    return OK;
}

/* For what its users may not do to an account's default key. */
static enum status check_customer_key(struct kms_call *call, const struct kms_key *key)
{
    return !key->aws_managed
               ? OK
               : call_refuse(
                   call, KMS_ACCESS_DENIED,
                   "User: %s is not authorized to perform: kms:%s on resource: %s because the "
                   "key is managed by AWS",
                   call->request->principal, call->request->operation, call->arn);
}

static enum status set_state(struct kms_call *call, enum kms_key_state state)
{
    const struct kms_key *key;

    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    TRY(check_customer_key(call, key));
    TRY(call_check_not_pending(call, key));
    call_stage_key(call, key)->state = state;
    return OK;
}

enum status op_enable_key(struct kms_call *call)
{
    return set_state(call, KMS_KEY_ENABLED);
}

enum status op_disable_key(struct kms_call *call)
{
    return set_state(call, KMS_KEY_IS_DISABLED);
}

enum status op_schedule_key_deletion(struct kms_call *call)
{
    const struct kms_key *key;
    json_int_t days = DELETION_DAYS_MAX;

    TRY(call_number(call, "PendingWindowInDays", &days));
    if (days < DELETION_DAYS_MIN || days > DELETION_DAYS_MAX) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value '%lld' at 'pendingWindowInDays' "
                           "failed to satisfy constraint: Member must be between %d and %d",
                           (long long)days, DELETION_DAYS_MIN, DELETION_DAYS_MAX);
    }
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    TRY(check_customer_key(call, key));
    TRY(call_check_not_pending(call, key));

    struct kms_key *staged = call_stage_key(call, key);

    staged->state = KMS_KEY_PENDING_DELETION;
    staged->deletion_wall_ns = call->wall_ns + (uint64_t)days * DAY_NS;
    call_add_text(call, "KeyId", call->arn);
    call_add(call, "DeletionDate", json_time(staged->deletion_wall_ns));
    call_add_text(call, "KeyState", state_name(staged->state));
    call_add(call, "PendingWindowInDays", json_integer(days));
    return OK;
}

enum status op_cancel_key_deletion(struct kms_call *call)
{
    const struct kms_key *key;

    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    if (key->state != KMS_KEY_PENDING_DELETION) {
        return call_refuse(call, KMS_INVALID_STATE, "%s is not pending deletion.", call->arn);
    }

    struct kms_key *staged = call_stage_key(call, key);

    staged->state = KMS_KEY_IS_DISABLED; /* as AWS has it: the owner enables it again */
    staged->deletion_wall_ns = 0;
    call_add_text(call, "KeyId", call->arn);
    return OK;
}
