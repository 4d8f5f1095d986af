/* From an identifier to a key that the caller may use.
 *
 * A key id and an alias name mean the caller's own account; an ARN says which. Until there are key
 * policies, a key is usable by its own account only, and the refusal is the one that a policy would
 * give. What does not exist is a NotFoundException, an ARN of another region too. */
#include "base/check.h"
#include "keys/kms_call.h"

#include <stdio.h>

static const char default_alias[] = "alias/aws/rds";

static enum status refuse_missing_alias(struct kms_call *call, const char *account,
                                        const char *alias)
{
    char arn[ARN_TEXT_MAX];

    return call_refuse(call, KMS_NOT_FOUND, "Alias %s is not found.",
                       arn_format(call->settings->region, account, alias, arn));
}

static enum status check_account(struct kms_call *call, const char *account, const char *arn)
{
    if (strcmp(account, call->request->account) == 0) {
        return OK;
    }
    return call_refuse(call, KMS_ACCESS_DENIED,
                       "User: %s is not authorized to perform: kms:%s on resource: %s because no "
                       "resource-based policy allows the kms:%s action",
                       call->request->principal, call->request->operation, arn,
                       call->request->operation);
}

static enum status find_id(struct kms_call *call, const char *account, const char *id,
                           const struct kms_key **key)
{
    arn_format_key(call->settings->region, account, id, call->arn);
    TRY(check_account(call, account, call->arn));
    *key = key_table_find(call->table, account, id);
    return *key != NULL ? OK
                        : call_refuse(call, KMS_NOT_FOUND, "Key '%s' does not exist", call->arn);
}

/* The account's default key comes into being when it is first wanted (R5). */
static enum status make_default_key(struct kms_call *call, const struct kms_key **key)
{
    if (call->table->alias_count == call->table->aliases_max) {
        return call_refuse(call, KMS_LIMIT_EXCEEDED, "No room for another alias");
    }
    TRY(call_stage_new_key(call,
                           "Default key that protects my RDS database volumes when no other key "
                           "is defined",
                           true));

    struct kms_change *change = call->change;

    change->has_alias = true;
    change->alias = (struct kms_alias){.created_wall_ns = call->wall_ns};
    memcpy(change->alias.account, change->key.account, sizeof change->alias.account);
    memcpy(change->alias.key_id, change->key.id, sizeof change->alias.key_id);
    memcpy(change->alias.name, default_alias, sizeof default_alias);
    *key = &change->key;
    arn_format_key(call->settings->region, change->key.account, change->key.id, call->arn);
    return OK;
}

static enum status find_alias(struct kms_call *call, const char *account, const char *name,
                              enum key_forms forms, const struct kms_key **key)
{
    if (forms == KEY_BY_ID) {
        return call_refuse(call, KMS_NOT_FOUND, "Invalid keyId %s", name);
    }
    arn_format(call->settings->region, account, name, call->arn);
    TRY(check_account(call, account, call->arn));

    const struct kms_alias *alias = key_table_find_alias(call->table, account, name);

    if (alias != NULL) {
        return find_id(call, account, alias->key_id, key);
    }
    if (forms == KEY_OR_DEFAULT && strcmp(name, default_alias) == 0) {
        return make_default_key(call, key);
    }
    return refuse_missing_alias(call, account, name);
}

enum status call_key_of_arn(struct kms_call *call, const char *text, enum key_forms forms,
                            const struct kms_key **key)
{
    struct arn arn;

    if (arn_parse(&arn, text) != OK) {
        return call_refuse(call, KMS_INVALID_ARN, "Invalid arn %.*s", ARN_TEXT_MAX, text);
    }
    if (strcmp(arn.region, call->settings->region) != 0) {
        return call_refuse(call, KMS_NOT_FOUND, "Invalid arn %s", arn.region);
    }
    if (!account_is_valid(arn.account)) {
        return call_refuse(call, KMS_INVALID_ARN, "Invalid arn %.*s", ARN_TEXT_MAX, text);
    }
    if (strncmp(arn.resource, "alias/", 6) == 0) {
        return find_alias(call, arn.account, arn.resource, forms, key);
    }
    if (!key_id_is_valid(arn.resource + 4)) {
        return call_refuse(call, KMS_NOT_FOUND, "Key '%.*s' does not exist", ARN_TEXT_MAX, text);
    }
    return find_id(call, arn.account, arn.resource + 4, key);
}

enum status call_need_key(struct kms_call *call, const char *name, enum key_forms forms,
                          const struct kms_key **key)
{
    const char *text;

    TRY(call_need_text(call, name, &text));
    if (text[0] == '\0' || strlen(text) > CALL_KEY_ID_BYTES_MAX) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value at '%s' failed to satisfy "
                           "constraint: Member must have length between 1 and %d",
                           name, CALL_KEY_ID_BYTES_MAX);
    }
    if (strncmp(text, "arn:", 4) == 0) {
        return call_key_of_arn(call, text, forms, key);
    }
    if (strncmp(text, "alias/", 6) == 0 && strlen(text) < ALIAS_TEXT_MAX) {
        return find_alias(call, call->request->account, text, forms, key);
    }
    if (key_id_is_valid(text)) {
        return find_id(call, call->request->account, text, key);
    }
    return call_refuse(call, KMS_NOT_FOUND, "Invalid keyId %.*s", ARN_TEXT_MAX, text);
}

enum status call_check_not_pending(struct kms_call *call, const struct kms_key *key)
{
    return key->state != KMS_KEY_PENDING_DELETION
               ? OK
               : call_refuse(call, KMS_INVALID_STATE, "%s is pending deletion.", call->arn);
}

enum status call_check_usable(struct kms_call *call, const struct kms_key *key)
{
    TRY(call_check_not_pending(call, key));
    return key->state == KMS_KEY_ENABLED
               ? OK
               : call_refuse(call, KMS_DISABLED, "%s is disabled.", call->arn);
}
