/* A walk through all keys, then through what may have lost its key: every minute, so its cost does
 * not matter.
 *
 * A rotation that finds no room for one more version waits; it is said nowhere but in the metrics
 * that the table is full. */
#include "keys/kms_house.h"

#include "base/check.h"

#include <stdio.h>

static void name_request(struct kms_call *call, struct kms_request *request, const char *account,
                         const char *operation)
{
    *request = (struct kms_request){.principal = "AWS Internal"};
    snprintf(request->account, sizeof request->account, "%s", account);
    snprintf(request->operation, sizeof request->operation, "%s", operation);
    call->request = request;
}

static void rotate(struct kms_call *call, const struct kms_key *key)
{
    call_stage_rotation(call, key, KEY_ROTATED_BY_ITSELF);
    call->change->key.next_rotation_wall_ns = call->wall_ns + key->rotation_days * KMS_DAY_NS;
}

/* A disabled key rotates when it is enabled again. */
static bool stage_key(struct kms_call *call, struct kms_request *request, const struct kms_key *key)
{
    const struct sorted *versions = &call->table->versions;

    arn_format_key(call->settings->region, key->account, key->id, call->arn);
    if (key->state == KMS_KEY_PENDING_DELETION && key->deletion_wall_ns <= call->wall_ns) {
        name_request(call, request, key->account, "DeleteKey");
        call->change->key = *key;
        call->change->key_verb = CHANGE_REMOVE;
        return true;
    }
    if (key->state == KMS_KEY_ENABLED && key->rotates && key->next_rotation_wall_ns <= call->wall_ns
        && versions->count < versions->max) {
        name_request(call, request, key->account, "RotateKey");
        rotate(call, key);
        return true;
    }
    return false;
}

static bool is_orphan(struct kms_call *call, const char *account, const char *id)
{
    arn_format_key(call->settings->region, account, id, call->arn);
    return key_table_find(call->table, account, id) == NULL;
}

static bool stage_orphan_version(struct kms_call *call, struct kms_request *request)
{
    const struct sorted *versions = &call->table->versions;
    char account[KMS_ACCOUNT_TEXT_MAX], id[KEY_ID_TEXT_MAX];

    for (size_t i = 0; i < versions->count; i++) {
        const struct kms_version *version = versions->order[i];

        CHECK(key_table_split_name(version->name, account, id) == OK);
        if (is_orphan(call, account, id)) {
            name_request(call, request, account, "DeleteKeyMaterial");
            call->change->version = *version;
            call->change->version_verb = CHANGE_REMOVE;
            return true;
        }
    }
    return false;
}

static bool stage_orphan_alias(struct kms_call *call, struct kms_request *request)
{
    const struct sorted *aliases = &call->table->aliases;

    for (size_t i = 0; i < aliases->count; i++) {
        const struct kms_alias *alias = aliases->order[i];

        if (is_orphan(call, alias->account, alias->key_id)) {
            name_request(call, request, alias->account, "DeleteAlias");
            call->change->alias = *alias;
            call->change->alias_verb = CHANGE_REMOVE;
            return true;
        }
    }
    return false;
}

static bool stage_orphan_grant(struct kms_call *call, struct kms_request *request)
{
    const struct sorted *grants = &call->table->grants;

    for (size_t i = 0; i < grants->count; i++) {
        const struct kms_grant *grant = grants->order[i];

        if (is_orphan(call, grant->account, grant->key_id)) {
            name_request(call, request, grant->account, "RevokeGrant");
            call->change->grant = *grant;
            call->change->grant_verb = CHANGE_REMOVE;
            return true;
        }
    }
    return false;
}

bool house_stage(struct kms_call *call, struct kms_request *request)
{
    const struct sorted *keys = &call->table->keys;

    for (size_t i = 0; i < keys->count; i++) {
        if (stage_key(call, request, keys->order[i])) {
            return true;
        }
    }
    return stage_orphan_version(call, request) || stage_orphan_alias(call, request)
           || stage_orphan_grant(call, request);
}
