/* Putting an entry: its old texts go back to the pool, the new ones are copied there, the rest is
 * assigned.
 *
 * Nothing here can fail but for want of room, and who adds has asked for that before. */
#include "keys/key_table.h"

#include "base/check.h"

#include <stdio.h>

size_t key_table_memory_bytes(const struct key_table_settings *settings)
{
    return sorted_memory_bytes(sizeof(struct kms_key), settings->keys_max)
           + sorted_memory_bytes(sizeof(struct kms_version), settings->versions_max)
           + sorted_memory_bytes(sizeof(struct kms_alias), settings->aliases_max)
           + sorted_memory_bytes(sizeof(struct kms_grant), settings->grants_max)
           + pool_memory_bytes(settings->pool_bytes);
}

void key_table_init(struct key_table *table, const struct key_table_settings *settings,
                    struct arena *arena)
{
    sorted_init(&table->keys, sizeof(struct kms_key), settings->keys_max, arena);
    sorted_init(&table->versions, sizeof(struct kms_version), settings->versions_max, arena);
    sorted_init(&table->aliases, sizeof(struct kms_alias), settings->aliases_max, arena);
    sorted_init(&table->grants, sizeof(struct kms_grant), settings->grants_max, arena);
    pool_init(&table->pool, settings->pool_bytes, arena);
}

char *key_table_name(char *name, const char *account, const char *rest)
{
    const int size = snprintf(name, SORTED_NAME_MAX, "%s/%s", account, rest);

    CHECK(size > 0 && size < SORTED_NAME_MAX);
    return name;
}

char *key_table_part_name(char *name, const struct kms_key *key, const char *part)
{
    const int size = snprintf(name, SORTED_NAME_MAX, "%s/%s/%s", key->account, key->id, part);

    CHECK(size > 0 && size < SORTED_NAME_MAX);
    return name;
}

char *key_table_version_name(char *name, const struct kms_key *key, uint32_t version)
{
    char number[16];

    snprintf(number, sizeof number, "%010u", version);
    return key_table_part_name(name, key, number);
}

enum status key_table_split_name(const char *name, char account[KMS_ACCOUNT_TEXT_MAX],
                                 char id[KEY_ID_TEXT_MAX])
{
    if (strlen(name) < KMS_ACCOUNT_TEXT_MAX + KEY_ID_TEXT_MAX
        || name[KMS_ACCOUNT_TEXT_MAX - 1] != '/'
        || name[KMS_ACCOUNT_TEXT_MAX + KEY_ID_TEXT_MAX - 1] != '/') {
        return E_MALFORMED;
    }
    memcpy(account, name, KMS_ACCOUNT_TEXT_MAX - 1);
    account[KMS_ACCOUNT_TEXT_MAX - 1] = '\0';
    memcpy(id, name + KMS_ACCOUNT_TEXT_MAX, KEY_ID_TEXT_MAX - 1);
    id[KEY_ID_TEXT_MAX - 1] = '\0';
    return account_is_valid(account) && key_id_is_valid(id) ? OK : E_MALFORMED;
}

const struct kms_key *key_table_find(const struct key_table *table, const char *account,
                                     const char *id)
{
    char name[SORTED_NAME_MAX];

    return sorted_find(&table->keys, key_table_name(name, account, id));
}

const struct key_material *key_table_find_version(const struct key_table *table,
                                                  const struct kms_key *key, uint32_t version)
{
    char name[SORTED_NAME_MAX];

    if (key->material.version == version) {
        return &key->material;
    }

    const struct kms_version *older =
        sorted_find(&table->versions, key_table_version_name(name, key, version));

    return older != NULL ? &older->material : NULL;
}

const struct kms_alias *key_table_find_alias(const struct key_table *table, const char *account,
                                             const char *alias)
{
    char name[SORTED_NAME_MAX];

    return sorted_find(&table->aliases, key_table_name(name, account, alias));
}

const struct kms_grant *key_table_find_grant(const struct key_table *table,
                                             const struct kms_key *key, const char *id)
{
    char name[SORTED_NAME_MAX];

    return strlen(id) < GRANT_ID_TEXT_MAX
               ? sorted_find(&table->grants, key_table_part_name(name, key, id))
               : NULL;
}

/* `own` becomes a copy of `text` in the pool; what it held goes back. */
static struct bytes replace_text(struct pool *pool, struct bytes own, struct bytes text)
{
    if (own.data == text.data) {
        return own;
    }
    pool_release(pool, own);
    return pool_keep(pool, text);
}

void key_table_put(struct key_table *table, const struct kms_key *key)
{
    struct kms_key *own = sorted_put(&table->keys, key->name);
    const struct bytes description = replace_text(&table->pool, own->description, key->description);
    const struct bytes policy = replace_text(&table->pool, own->policy, key->policy);
    const struct bytes tags = replace_text(&table->pool, own->tags, key->tags);

    *own = *key;
    own->description = description;
    own->policy = policy;
    own->tags = tags;
}

void key_table_put_version(struct key_table *table, const struct kms_version *version)
{
    struct kms_version *own = sorted_put(&table->versions, version->name);

    *own = *version;
}

void key_table_put_alias(struct key_table *table, const struct kms_alias *alias)
{
    struct kms_alias *own = sorted_put(&table->aliases, alias->name);

    *own = *alias;
}

void key_table_put_grant(struct key_table *table, const struct kms_grant *grant)
{
    struct kms_grant *own = sorted_put(&table->grants, grant->name);
    const struct bytes context = replace_text(&table->pool, own->context, grant->context);
    const struct bytes label = replace_text(&table->pool, own->label, grant->label);

    *own = *grant;
    own->context = context;
    own->label = label;
}

void key_table_remove(struct key_table *table, const struct kms_key *key)
{
    const struct kms_key *own = sorted_find(&table->keys, key->name);

    CHECK(own != NULL);
    pool_release(&table->pool, own->description);
    pool_release(&table->pool, own->policy);
    pool_release(&table->pool, own->tags);
    sorted_remove(&table->keys, key->name);
}

void key_table_remove_version(struct key_table *table, const struct kms_version *version)
{
    sorted_remove(&table->versions, version->name);
}

void key_table_remove_alias(struct key_table *table, const struct kms_alias *alias)
{
    sorted_remove(&table->aliases, alias->name);
}

void key_table_remove_grant(struct key_table *table, const struct kms_grant *grant)
{
    const struct kms_grant *own = sorted_find(&table->grants, grant->name);

    CHECK(own != NULL);
    pool_release(&table->pool, own->context);
    pool_release(&table->pool, own->label);
    sorted_remove(&table->grants, grant->name);
}
