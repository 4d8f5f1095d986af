/* Names for keys.
 *
 * An alias belongs to the account that made it and points to a key of the same account. Names below
 * alias/aws/ are the service's own. Who may change an alias is for the policies of the keys that it
 * points to, before and after, as AWS has it. */
#include "base/check.h"
#include "keys/kms_operations.h"
#include "keys/kms_page.h"

enum {
    ALIASES_PER_KEY_MAX = 50, /* AWS's quota */
    LIST_ALIASES_DEFAULT = 50,
    LIST_ALIASES_MAX = 100,
};

static enum status need_name(struct kms_call *call, const char **name)
{
    TRY(call_need_text(call, "AliasName", name));
    if (strncmp(*name, "alias/aws/", 10) == 0) {
        return call_refuse(call, KMS_INVALID_ALIAS_NAME,
                           "Alias must not begin with alias/aws/: those are reserved");
    }
    if (!alias_is_valid(*name)) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value '%.300s' at 'aliasName' failed to "
                           "satisfy constraint: Member must satisfy regular expression pattern: "
                           "^alias/[a-zA-Z0-9/_-]+$, with at most %d characters",
                           *name, ALIAS_TEXT_MAX - 1);
    }
    return OK;
}

static bool points_to(const struct kms_alias *alias, const struct kms_key *key)
{
    return strcmp(alias->key_id, key->id) == 0 && strcmp(alias->account, key->account) == 0;
}

static enum status check_alias_count(struct kms_call *call, const struct kms_key *key)
{
    const struct sorted *aliases = &call->table->aliases;
    char start[KMS_ACCOUNT_TEXT_MAX + 1];
    size_t count = 0;

    arn_account_start(key->account, start);
    for (const struct kms_alias *alias = sorted_next(aliases, start, ""); alias != NULL;
         alias = sorted_next(aliases, start, alias->name)) {
        count += points_to(alias, key);
    }
    return count < ALIASES_PER_KEY_MAX ? OK
                                       : call_refuse(call, KMS_LIMIT_EXCEEDED, "%s has %d aliases",
                                                     call->arn, ALIASES_PER_KEY_MAX);
}

enum status op_create_alias(struct kms_call *call)
{
    const char *account = call->request->account;
    struct kms_alias *alias = &call->change->alias;
    const struct kms_key *key;
    const char *name;
    char arn[ARN_TEXT_MAX];

    TRY(need_name(call, &name));
    TRY(call_need_key(call, "TargetKeyId", KEY_BY_ID, &key));
    if (key_table_find_alias(call->table, account, name) != NULL) {
        return call_refuse(call, KMS_ALREADY_EXISTS, "An alias with the name %s already exists",
                           arn_format(call->settings->region, account, name, arn));
    }
    TRY(call_check_not_pending(call, key));
    TRY(check_alias_count(call, key));
    *alias = (struct kms_alias){.created_wall_ns = call->wall_ns, .updated_wall_ns = call->wall_ns};
    memcpy(alias->account, account, sizeof alias->account);
    memcpy(alias->alias, name, strlen(name) + 1);
    memcpy(alias->key_id, key->id, sizeof alias->key_id);
    key_table_name(alias->name, account, name);
    call->change->alias_verb = CHANGE_PUT;
    return OK;
}

/* The alias, with the operation allowed on the key that it points to now, if that is there. */
static enum status need_alias(struct kms_call *call, const struct kms_alias **alias)
{
    const char *account = call->request->account;
    const struct kms_key *key;
    const char *name;

    TRY(need_name(call, &name));
    arn_format(call->settings->region, account, name, call->arn);
    *alias = key_table_find_alias(call->table, account, name);
    if (*alias == NULL) {
        return call_refuse(call, KMS_NOT_FOUND, "Alias %s is not found.", call->arn);
    }
    key = key_table_find(call->table, account, (*alias)->key_id);
    if (key == NULL) {
        return OK;
    }
    arn_format_key(call->settings->region, account, key->id, call->arn);
    return call_authorize(call, key, call->request->operation, NULL);
}

enum status op_update_alias(struct kms_call *call)
{
    const struct kms_alias *alias = NULL;
    const struct kms_key *key = NULL;

    TRY(need_alias(call, &alias));
    TRY(call_need_key(call, "TargetKeyId", KEY_BY_ID, &key));
    CHECK(alias != NULL && key != NULL);
    TRY(call_check_not_pending(call, key));
    if (!points_to(alias, key)) {
        TRY(check_alias_count(call, key));
    }

    struct kms_alias *staged = &call->change->alias;

    *staged = *alias;
    staged->updated_wall_ns = call->wall_ns;
    memcpy(staged->key_id, key->id, sizeof staged->key_id);
    call->change->alias_verb = CHANGE_PUT;
    return OK;
}

enum status op_delete_alias(struct kms_call *call)
{
    const struct kms_alias *alias;

    TRY(need_alias(call, &alias));
    call->change->alias = *alias;
    call->change->alias_verb = CHANGE_REMOVE;
    return OK;
}

static json_t *alias_entry(const struct kms_call *call, const struct kms_alias *alias)
{
    char arn[ARN_TEXT_MAX];

    arn_format(call->settings->region, alias->account, alias->alias, arn);
    return json_pack("{s:s,s:s,s:s,s:o,s:o}", "AliasName", alias->alias, "AliasArn", arn,
                     "TargetKeyId", alias->key_id, "CreationDate",
                     json_time(alias->created_wall_ns), "LastUpdatedDate",
                     json_time(alias->updated_wall_ns));
}

enum status op_list_aliases(struct kms_call *call)
{
    const struct sorted *aliases = &call->table->aliases;
    const struct kms_key *key = NULL;
    const char *named = NULL;
    char start[KMS_ACCOUNT_TEXT_MAX + 1];
    struct kms_page page;
    bool room = true;

    TRY(page_open(call, &page, LIST_ALIASES_DEFAULT, LIST_ALIASES_MAX));
    TRY(call_text(call, "KeyId", &named));
    if (named != NULL) {
        TRY(call_find_key(call, "KeyId", KEY_BY_ID, &key));
    }
    arn_account_start(call->request->account, start);
    for (const struct kms_alias *alias = sorted_next(aliases, start, page.after);
         alias != NULL && room; alias = sorted_next(aliases, start, alias->name)) {
        if (key == NULL || points_to(alias, key)) {
            room = page_add(&page, alias->name, alias_entry(call, alias));
        }
    }
    page_close(call, &page, "Aliases");
    return OK;
}
