/* From an identifier to a key.
 *
 * A key id and an alias name mean the caller's own account; an ARN says which. What does not exist
 * is a NotFoundException, an ARN of another region too; but what does not exist in another account
 * is refused as what is there and not allowed, so that nobody learns which keys others have. */
#include "keys/kms_operations.h"

static const char default_alias[] = "alias/aws/rds";

enum { MANAGED_ROTATION_DAYS = 365 };

static enum status refuse_missing_alias(struct kms_call *call, const char *account,
                                        const char *alias)
{
    char arn[ARN_TEXT_MAX];

    return call_refuse(call, KMS_NOT_FOUND, "Alias %s is not found.",
                       arn_format(call->settings->region, account, alias, arn));
}

/* Another account's keys are out of reach for most operations, whatever their policies say. */
static enum status check_account(struct kms_call *call, const char *account, bool exists)
{
    const bool own = strcmp(account, call->request->account) == 0;

    return own || (exists && call->operation->crosses)
               ? OK
               : call_refuse(
                   call, KMS_ACCESS_DENIED,
                   "User: %s is not authorized to perform: kms:%s on resource: %s because "
                   "the resource does not exist in this Region, no resource-based "
                   "policies allow access, or a resource-based policy explicitly denies "
                   "access",
                   call->request->principal, call->request->operation, call->arn);
}

static enum status find_id(struct kms_call *call, const char *account, const char *id,
                           const struct kms_key **key)
{
    arn_format_key(call->settings->region, account, id, call->arn);
    *key = key_table_find(call->table, account, id);
    TRY(check_account(call, account, *key != NULL));
    return *key != NULL ? OK
                        : call_refuse(call, KMS_NOT_FOUND, "Key '%s' does not exist", call->arn);
}

/* The account's default key comes into being when it is first wanted (R5). */
static enum status make_default_key(struct kms_call *call, const struct kms_key **key)
{
    struct kms_key *made = call_stage_new_key(
        call, "Default key that protects my RDS database volumes when no other key is defined");
    struct kms_alias *alias = &call->change->alias;

    made->aws_managed = true;
    made->rotates = true; /* AWS: every year */
    made->rotation_days = MANAGED_ROTATION_DAYS;
    made->next_rotation_wall_ns = call->wall_ns + MANAGED_ROTATION_DAYS * KMS_DAY_NS;
    *alias = (struct kms_alias){.created_wall_ns = call->wall_ns, .updated_wall_ns = call->wall_ns};
    memcpy(alias->account, made->account, sizeof alias->account);
    memcpy(alias->key_id, made->id, sizeof alias->key_id);
    memcpy(alias->alias, default_alias, sizeof default_alias);
    key_table_name(alias->name, alias->account, alias->alias);
    call->change->alias_verb = CHANGE_PUT;
    *key = made;
    return OK;
}

static enum status find_alias(struct kms_call *call, const char *account, const char *name,
                              enum key_forms forms, const struct kms_key **key)
{
    if (forms == KEY_BY_ID) {
        return call_refuse(call, KMS_NOT_FOUND, "Invalid keyId %s", name);
    }
    arn_format(call->settings->region, account, name, call->arn);
    memcpy(call->alias, name, strlen(name) + 1); /* all of them are shorter than that */

    const struct kms_alias *alias = key_table_find_alias(call->table, account, name);

    if (alias != NULL) {
        return find_id(call, account, alias->key_id, key);
    }
    TRY(check_account(call, account, false));
    if (forms == KEY_OR_DEFAULT && strcmp(name, default_alias) == 0) {
        return make_default_key(call, key);
    }
    return refuse_missing_alias(call, account, name);
}

enum status call_key_of_arn(struct kms_call *call, const char *text, enum key_forms forms,
                            const struct kms_key **key)
{
    struct arn arn;

    call->alias[0] = '\0';
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

enum status call_find_key(struct kms_call *call, const char *name, enum key_forms forms,
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
    call->alias[0] = '\0';
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

enum status call_need_key(struct kms_call *call, const char *name, enum key_forms forms,
                          const struct kms_key **key)
{
    TRY(call_find_key(call, name, forms, key));
    return call_authorize(call, *key, call->operation->name,
                          json_object_get(call->in, "EncryptionContext"));
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
