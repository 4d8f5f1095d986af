/* Entries in the order in which they came, and an array of pointers to them in the order of their
 * names. Adding moves pointers, never entries.
 *
 * Nothing here can fail but for want of room, and who adds has asked for that before. */
#include "keys/key_table.h"

#include "base/check.h"

size_t key_table_memory_bytes(size_t keys_max, size_t aliases_max)
{
    return arena_need(keys_max * sizeof(struct kms_key), 64)
           + arena_need(keys_max * sizeof(struct kms_key *), 64)
           + arena_need(keys_max * (size_t)KEY_DESCRIPTION_MAX, 64)
           + arena_need(aliases_max * sizeof(struct kms_alias), 64)
           + arena_need(aliases_max * sizeof(struct kms_alias *), 64);
}

void key_table_init(struct key_table *table, size_t keys_max, size_t aliases_max,
                    struct arena *arena)
{
    *table = (struct key_table){
        .keys = ARENA_ARRAY(arena, struct kms_key, keys_max),
        .keys_sorted = ARENA_ARRAY(arena, struct kms_key *, keys_max),
        .keys_max = keys_max,
        .aliases = ARENA_ARRAY(arena, struct kms_alias, aliases_max),
        .aliases_sorted = ARENA_ARRAY(arena, struct kms_alias *, aliases_max),
        .aliases_max = aliases_max,
    };
    char *descriptions = ARENA_ARRAY(arena, char, keys_max *(size_t)KEY_DESCRIPTION_MAX);

    for (size_t i = 0; i < keys_max; i++) {
        table->keys[i].description = descriptions + i * KEY_DESCRIPTION_MAX;
    }
}

static int compare(const char *account, const char *name, const char *other_account,
                   const char *other_name)
{
    const int accounts = strcmp(account, other_account);

    return accounts != 0 ? accounts : strcmp(name, other_name);
}

/* The first place whose key is not before (account, id). */
static size_t key_place(const struct key_table *table, const char *account, const char *id)
{
    size_t low = 0;
    size_t high = table->key_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct kms_key *key = table->keys_sorted[middle];

        if (compare(key->account, key->id, account, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t alias_place(const struct key_table *table, const char *account, const char *name)
{
    size_t low = 0;
    size_t high = table->alias_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct kms_alias *alias = table->aliases_sorted[middle];

        if (compare(alias->account, alias->name, account, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool key_is_at(const struct key_table *table, size_t place, const char *account,
                      const char *id)
{
    return place < table->key_count
           && compare(table->keys_sorted[place]->account, table->keys_sorted[place]->id, account,
                      id)
                  == 0;
}

static bool alias_is_at(const struct key_table *table, size_t place, const char *account,
                        const char *name)
{
    return place < table->alias_count
           && compare(table->aliases_sorted[place]->account, table->aliases_sorted[place]->name,
                      account, name)
                  == 0;
}

const struct kms_key *key_table_find(const struct key_table *table, const char *account,
                                     const char *id)
{
    const size_t place = key_place(table, account, id);

    return key_is_at(table, place, account, id) ? table->keys_sorted[place] : NULL;
}

const struct kms_alias *key_table_find_alias(const struct key_table *table, const char *account,
                                             const char *name)
{
    const size_t place = alias_place(table, account, name);

    return alias_is_at(table, place, account, name) ? table->aliases_sorted[place] : NULL;
}

size_t key_table_place_after(const struct key_table *table, const char *account, const char *after)
{
    const size_t place = key_place(table, account, after);

    return place + (key_is_at(table, place, account, after) ? 1 : 0);
}

size_t key_table_alias_place_after(const struct key_table *table, const char *account,
                                   const char *after)
{
    const size_t place = alias_place(table, account, after);

    return place + (alias_is_at(table, place, account, after) ? 1 : 0);
}

void key_table_put(struct key_table *table, const struct kms_key *key)
{
    const size_t place = key_place(table, key->account, key->id);

    if (!key_is_at(table, place, key->account, key->id)) {
        CHECK(table->key_count < table->keys_max);
        memmove(table->keys_sorted + place + 1, table->keys_sorted + place,
                (table->key_count - place) * sizeof *table->keys_sorted);
        table->keys_sorted[place] = &table->keys[table->key_count++];
    }

    struct kms_key *own = table->keys_sorted[place];
    char *description = own->description;

    if (description != key->description) {
        memcpy(description, key->description, strlen(key->description) + 1);
    }
    *own = *key;
    own->description = description;
}

void key_table_put_alias(struct key_table *table, const struct kms_alias *alias)
{
    const size_t place = alias_place(table, alias->account, alias->name);

    if (!alias_is_at(table, place, alias->account, alias->name)) {
        CHECK(table->alias_count < table->aliases_max);
        memmove(table->aliases_sorted + place + 1, table->aliases_sorted + place,
                (table->alias_count - place) * sizeof *table->aliases_sorted);
        table->aliases_sorted[place] = &table->aliases[table->alias_count++];
    }
    *table->aliases_sorted[place] = *alias;
}
