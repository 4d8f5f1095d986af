/* Names for keys.
 *
 * An alias belongs to the account that made it and points to a key of the same account. Names below
 * alias/aws/ are the service's own. */
#include "keys/kms_call.h"

enum {
    ALIASES_PER_KEY_MAX = 50, /* AWS's quota */
    LIST_ALIASES_DEFAULT = 50,
    LIST_ALIASES_MAX = 100,
    LIST_ALIASES_PAGE_MAX = 50, /* what is given: a page fits KMS_REPLY_BYTES_MAX */
};

static enum status check_name(struct kms_call *call, const char *name)
{
    if (strncmp(name, "alias/aws/", 10) == 0) {
        return call_refuse(call, KMS_INVALID_ALIAS_NAME,
                           "Alias must not begin with alias/aws/: those are reserved");
    }
    if (!alias_is_valid(name)) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value '%.300s' at 'aliasName' failed to "
                           "satisfy constraint: Member must satisfy regular expression pattern: "
                           "^alias/[a-zA-Z0-9/_-]+$, with at most %d characters",
                           name, ALIAS_TEXT_MAX - 1);
    }
    return OK;
}

static size_t aliases_of_key(const struct key_table *table, const struct kms_key *key)
{
    size_t count = 0;

    for (size_t i = 0; i < table->alias_count; i++) {
        if (strcmp(table->aliases[i].key_id, key->id) == 0
            && strcmp(table->aliases[i].account, key->account) == 0) {
            count++;
        }
    }
    return count;
}

enum status op_create_alias(struct kms_call *call)
{
    const char *account = call->request->account;
    const struct kms_key *key;
    const char *name;
    char arn[ARN_TEXT_MAX];

    TRY(call_need_text(call, "AliasName", &name));
    TRY(check_name(call, name));
    TRY(call_need_key(call, "TargetKeyId", KEY_BY_ID, &key));
    if (key_table_find_alias(call->table, account, name) != NULL) {
        return call_refuse(call, KMS_ALREADY_EXISTS, "An alias with the name %s already exists",
                           arn_format(call->settings->region, account, name, arn));
    }
    TRY(call_check_not_pending(call, key));
    if (call->table->alias_count == call->table->aliases_max
        || aliases_of_key(call->table, key) >= ALIASES_PER_KEY_MAX) {
        return call_refuse(call, KMS_LIMIT_EXCEEDED, "%s has too many aliases", call->arn);
    }

    struct kms_alias *alias = &call->change->alias;

    *alias = (struct kms_alias){.created_wall_ns = call->wall_ns};
    memcpy(alias->account, account, sizeof alias->account);
    memcpy(alias->name, name, strlen(name) + 1);
    memcpy(alias->key_id, key->id, sizeof alias->key_id);
    call->change->has_alias = true;
    return OK;
}

static json_t *alias_entry(const struct kms_call *call, const struct kms_alias *alias)
{
    char arn[ARN_TEXT_MAX];

    arn_format(call->settings->region, alias->account, alias->name, arn);
    return json_pack("{s:s,s:s,s:s,s:o,s:o}", "AliasName", alias->name, "AliasArn", arn,
                     "TargetKeyId", alias->key_id, "CreationDate",
                     json_time(alias->created_wall_ns), "LastUpdatedDate",
                     json_time(alias->created_wall_ns));
}

/* From `place` on, those of the account and, if one is named, of the key. */
static size_t next_alias(const struct kms_call *call, const struct kms_key *key, size_t place)
{
    const struct key_table *table = call->table;

    for (; place < table->alias_count; place++) {
        const struct kms_alias *alias = table->aliases_sorted[place];

        if (strcmp(alias->account, call->request->account) != 0) {
            return table->alias_count;
        }
        if (key == NULL || strcmp(alias->key_id, key->id) == 0) {
            return place;
        }
    }
    return place;
}

static enum status list_start(struct kms_call *call, const char **marker, json_int_t *limit)
{
    *marker = "";
    *limit = LIST_ALIASES_DEFAULT;
    TRY(call_number(call, "Limit", limit));
    TRY(call_text(call, "Marker", marker));
    if (*limit < 1 || *limit > LIST_ALIASES_MAX) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value '%lld' at 'limit' failed to satisfy "
                           "constraint: Member must be between 1 and %d",
                           (long long)*limit, LIST_ALIASES_MAX);
    }
    if (**marker != '\0'
        && key_table_find_alias(call->table, call->request->account, *marker) == NULL) {
        return call_refuse(call, KMS_INVALID_MARKER, "The marker is not one that ListAliases gave");
    }
    *limit = *limit < LIST_ALIASES_PAGE_MAX ? *limit : LIST_ALIASES_PAGE_MAX;
    return OK;
}

enum status op_list_aliases(struct kms_call *call)
{
    const struct key_table *table = call->table;
    const struct kms_key *key = NULL;
    const char *marker;
    const char *named = NULL;
    json_int_t limit;
    json_t *aliases = json_array();

    TRY(list_start(call, &marker, &limit));
    TRY(call_text(call, "KeyId", &named));
    if (named != NULL) {
        TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    }

    size_t place =
        next_alias(call, key, key_table_alias_place_after(table, call->request->account, marker));

    while (place < table->alias_count && json_array_size(aliases) < (size_t)limit) {
        json_array_append_new(aliases, alias_entry(call, table->aliases_sorted[place]));
        marker = table->aliases_sorted[place]->name;
        place = next_alias(call, key, place + 1);
    }
    call_add(call, "Aliases", aliases);
    call_add(call, "Truncated", json_boolean(place < table->alias_count));
    if (place < table->alias_count) {
        call_add_text(call, "NextMarker", marker);
    }
    return OK;
}
