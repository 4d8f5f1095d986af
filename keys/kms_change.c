/* Staged by an operation, written as rows, applied when they are durable: three times the same
 * four kinds of entry.
 *
 * No second change is staged before the first is applied or dropped, so room that was there when
 * it was staged is there when it is applied. */
#include "keys/kms_change.h"

#include "base/check.h"

void change_reset(struct kms_change *change)
{
    change->key_verb = change->version_verb = CHANGE_NOTHING;
    change->alias_verb = change->grant_verb = CHANGE_NOTHING;
    change->room_used = 0;
}

bool change_is_empty(const struct kms_change *change)
{
    return change->key_verb == CHANGE_NOTHING && change->version_verb == CHANGE_NOTHING
           && change->alias_verb == CHANGE_NOTHING && change->grant_verb == CHANGE_NOTHING;
}

struct bytes change_keep(struct kms_change *change, struct bytes text)
{
    uint8_t *copy = change->room + change->room_used;

    CHECK(text.size <= CHANGE_ROOM_BYTES - change->room_used);
    if (text.size == 0) {
        return bytes_none();
    }
    memcpy(copy, text.data, text.size);
    change->room_used += text.size;
    return bytes_of(copy, text.size);
}

static bool entry_has_room(enum change_verb verb, const struct sorted *sorted, const char *name)
{
    return verb != CHANGE_PUT || sorted->count < sorted->max || sorted_find(sorted, name) != NULL;
}

/* A text that is the pool's already needs no more of it. */
static struct bytes new_text(const struct pool *pool, struct bytes text)
{
    const bool old = text.data >= pool->base && text.data < pool->base + pool->size;

    return old ? bytes_none() : text;
}

bool change_has_room(const struct kms_change *change, const struct key_table *table)
{
    struct bytes texts[5];
    size_t count = 0;

    if (change->key_verb == CHANGE_PUT) {
        texts[count++] = new_text(&table->pool, change->key.description);
        texts[count++] = new_text(&table->pool, change->key.policy);
        texts[count++] = new_text(&table->pool, change->key.tags);
    }
    if (change->grant_verb == CHANGE_PUT) {
        texts[count++] = new_text(&table->pool, change->grant.context);
        texts[count++] = new_text(&table->pool, change->grant.label);
    }
    return pool_has_room(&table->pool, texts, count)
           && entry_has_room(change->key_verb, &table->keys, change->key.name)
           && entry_has_room(change->version_verb, &table->versions, change->version.name)
           && entry_has_room(change->alias_verb, &table->aliases, change->alias.name)
           && entry_has_room(change->grant_verb, &table->grants, change->grant.name);
}

static void add_row(struct save_row *rows, size_t *count, const char *table, const char *name,
                    struct bytes value)
{
    rows[(*count)++] = (struct save_row){table, name, value};
}

size_t change_rows(const struct kms_change *change, const char *region, struct save_row *rows,
                   struct effects *fx)
{
    size_t count = 0;

    if (change->key_verb != CHANGE_NOTHING) {
        add_row(rows, &count, "kms_key", change->key.name,
                change->key_verb == CHANGE_REMOVE
                    ? bytes_none()
                    : key_row_encode(&change->key, region, effects_scratch(fx, KEY_ROW_BYTES_MAX)));
    }
    if (change->version_verb != CHANGE_NOTHING) {
        add_row(
            rows, &count, "kms_version", change->version.name,
            change->version_verb == CHANGE_REMOVE
                ? bytes_none()
                : version_row_encode(&change->version, effects_scratch(fx, VERSION_ROW_BYTES_MAX)));
    }
    if (change->alias_verb != CHANGE_NOTHING) {
        add_row(rows, &count, "kms_alias", change->alias.name,
                change->alias_verb == CHANGE_REMOVE
                    ? bytes_none()
                    : alias_row_encode(&change->alias, effects_scratch(fx, ALIAS_ROW_BYTES_MAX)));
    }
    if (change->grant_verb != CHANGE_NOTHING) {
        add_row(rows, &count, "kms_grant", change->grant.name,
                change->grant_verb == CHANGE_REMOVE
                    ? bytes_none()
                    : grant_row_encode(&change->grant, effects_scratch(fx, GRANT_ROW_BYTES_MAX)));
    }
    return count;
}

void change_apply(const struct kms_change *change, struct key_table *table)
{
    if (change->key_verb == CHANGE_PUT) {
        key_table_put(table, &change->key);
    } else if (change->key_verb == CHANGE_REMOVE) {
        key_table_remove(table, &change->key);
    }
    if (change->version_verb == CHANGE_PUT) {
        key_table_put_version(table, &change->version);
    } else if (change->version_verb == CHANGE_REMOVE) {
        key_table_remove_version(table, &change->version);
    }
    if (change->alias_verb == CHANGE_PUT) {
        key_table_put_alias(table, &change->alias);
    } else if (change->alias_verb == CHANGE_REMOVE) {
        key_table_remove_alias(table, &change->alias);
    }
    if (change->grant_verb == CHANGE_PUT) {
        key_table_put_grant(table, &change->grant);
    } else if (change->grant_verb == CHANGE_REMOVE) {
        key_table_remove_grant(table, &change->grant);
    }
}
