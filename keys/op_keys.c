/* Operations that make keys, show them and change their state.
 *
 * A key that is pending deletion is refused for every use until the deletion is cancelled;
 * kms_house.c destroys it when its time has come. Kinds of key that this service does not have are
 * refused by name rather than ignored. */
#include "base/check.h"
#include "keys/kms_operations.h"
#include "keys/kms_page.h"

enum {
    LIST_KEYS_DEFAULT = 100,
    LIST_KEYS_MAX = 1000,
    DELETION_DAYS_MIN = 7,
    DELETION_DAYS_MAX = 30,
};

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

static json_t *metadata_of(const struct kms_call *call, const struct kms_key *key)
{
    char material_id[KEY_MATERIAL_ID_TEXT_MAX];
    json_t *metadata = json_pack(
        "{s:s,s:s,s:s,s:o,s:b,s:s%,s:s,s:s,s:s,s:s,s:s,s:s,s:[s],s:b}", "AWSAccountId",
        key->account, "KeyId", key->id, "Arn", call->arn, "CreationDate",
        json_time(key->created_wall_ns), "Enabled", key->state == KMS_KEY_ENABLED, "Description",
        key->description.size > 0 ? (const char *)key->description.data : "", key->description.size,
        "KeyUsage", "ENCRYPT_DECRYPT", "KeyState", state_name(key->state), "Origin", "AWS_KMS",
        "KeyManager", key->aws_managed ? "AWS" : "CUSTOMER", "CustomerMasterKeySpec",
        "SYMMETRIC_DEFAULT", "KeySpec", "SYMMETRIC_DEFAULT", "EncryptionAlgorithms",
        "SYMMETRIC_DEFAULT", "MultiRegion", 0);

    if (key->state == KMS_KEY_PENDING_DELETION) {
        json_object_set_new(metadata, "DeletionDate", json_time(key->deletion_wall_ns));
    } else {
        key_material_id(&key->material, call->arn, material_id);
        json_object_set_new(metadata, "CurrentKeyMaterialId", json_string(material_id));
    }
    return metadata;
}

struct kms_key *call_stage_key(struct kms_call *call, const struct kms_key *key)
{
    struct kms_key *staged = &call->change->key;

    if (key != staged) {
        CHECK(call->change->key_verb == CHANGE_NOTHING);
        *staged = *key;
        call->change->key_verb = CHANGE_PUT;
    }
    return staged;
}

struct kms_key *call_stage_new_key(struct kms_call *call, const char *description)
{
    struct kms_key *key = &call->change->key;
    uint8_t random[16];

    CHECK(call->change->key_verb == CHANGE_NOTHING);
    *key = (struct kms_key){
        .state = KMS_KEY_ENABLED,
        .created_wall_ns = call->wall_ns,
        .material = {.version = 1, .origin = KEY_MADE, .made_wall_ns = call->wall_ns}};
    memcpy(key->account, call->request->account, sizeof key->account);
    entropy_fill(&call->sealer->entropy, random, sizeof random);
    key_id_make(random, key->id);
    key_table_name(key->name, key->account, key->id);
    arn_format_key(call->settings->region, key->account, key->id, call->arn);
    key_material_make(call->sealer, call->arn, &key->material);
    key->description = change_keep(call->change, bytes_text(description));
    call->change->key_verb = CHANGE_PUT;
    return key;
}

static enum status check_kind(struct kms_call *call)
{
    TRY(call_only_text(call, "KeyUsage", "ENCRYPT_DECRYPT"));
    TRY(call_only_text(call, "KeySpec", "SYMMETRIC_DEFAULT"));
    TRY(call_only_text(call, "CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"));
    TRY(call_only_text(call, "Origin", "AWS_KMS"));
    TRY(call_must_be_empty(call, "MultiRegion", KMS_UNSUPPORTED));
    TRY(call_must_be_empty(call, "CustomKeyStoreId", KMS_UNSUPPORTED));
    return call_must_be_empty(call, "XksKeyId", KMS_UNSUPPORTED);
}

enum status op_create_key(struct kms_call *call)
{
    const char *description = "";
    const char *policy = NULL;

    TRY(call_text_upto(call, "Description", KEY_DESCRIPTION_BYTES_MAX, &description));
    TRY(check_kind(call));
    TRY(call_text(call, "Policy", &policy));

    struct kms_key *key = call_stage_new_key(call, description);

    TRY(call_stage_tags(call, key));
    if (policy != NULL) {
        TRY(call_stage_policy(call, key, policy));
    }
    call_add(call, "KeyMetadata", metadata_of(call, key));
    return OK;
}

enum status op_describe_key(struct kms_call *call)
{
    const struct kms_key *key;

    TRY(call_check_grant_tokens(call));
    TRY(call_need_key(call, "KeyId", KEY_OR_DEFAULT, &key));
    call_add(call, "KeyMetadata", metadata_of(call, key));
    return OK;
}

enum status op_list_keys(struct kms_call *call)
{
    const struct sorted *keys = &call->table->keys;
    char start[KMS_ACCOUNT_TEXT_MAX + 1];
    struct kms_page page;
    bool room = true;

    TRY(page_open(call, &page, LIST_KEYS_DEFAULT, LIST_KEYS_MAX));
    arn_account_start(call->request->account, start);
    for (const struct kms_key *key = sorted_next(keys, start, page.after); key != NULL && room;
         key = sorted_next(keys, start, key->name)) {
        char arn[ARN_TEXT_MAX];

        arn_format_key(call->settings->region, key->account, key->id, arn);
        room = page_add(&page, key->name, json_pack("{s:s,s:s}", "KeyId", key->id, "KeyArn", arn));
    }
    page_close(call, &page, "Keys");
    return OK;
}

static enum status set_state(struct kms_call *call, enum kms_key_state state)
{
    const struct kms_key *key;

    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
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

    TRY(call_number_between(call, "PendingWindowInDays", DELETION_DAYS_MIN, DELETION_DAYS_MAX,
                            &days));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    TRY(call_check_not_pending(call, key));

    struct kms_key *staged = call_stage_key(call, key);

    staged->state = KMS_KEY_PENDING_DELETION;
    staged->deletion_wall_ns = call->wall_ns + (uint64_t)days * KMS_DAY_NS;
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
