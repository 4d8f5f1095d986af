/* Which keys and aliases does the service hold?
 *
 * Two tables of fixed capacity, each sorted by account and name, so that a lookup is a binary
 * search and one account's entries stand together. Entries stay at their address for good and are
 * never removed. Changes are made by putting a whole entry: the caller has made it durable before.
 *
 * A table's rows (node/node.h, SAVE): key "ACCOUNT/ID" or "ACCOUNT/alias/NAME", value as
 * key_row_encode and alias_row_encode write it. */
#ifndef SEALIFT_KEYS_KEY_TABLE_H
#define SEALIFT_KEYS_KEY_TABLE_H

#include "base/arena.h"
#include "keys/arn.h"
#include "keys/key_material.h"

enum kms_key_state {
    KMS_KEY_ENABLED,
    KMS_KEY_IS_DISABLED,
    KMS_KEY_PENDING_DELETION,
    KMS_KEY_STATES
};

enum {
    KEY_DESCRIPTION_MAX = 8193, /* AWS: up to 8192 characters */
    KEY_ROW_NAME_MAX = KMS_ACCOUNT_TEXT_MAX + ALIAS_TEXT_MAX,
    KEY_ROW_BYTES_MAX = KEY_DESCRIPTION_MAX + 512,
    ALIAS_ROW_BYTES_MAX = 512,
};

struct kms_key {
    char account[KMS_ACCOUNT_TEXT_MAX];
    char id[KEY_ID_TEXT_MAX];
    enum kms_key_state state;
    bool aws_managed; /* the default key of an account: its users cannot change it */
    uint64_t created_wall_ns;
    uint64_t deletion_wall_ns; /* KMS_KEY_PENDING_DELETION, else 0 */
    struct key_material material;
    char *description; /* room for KEY_DESCRIPTION_MAX, the table's or a caller's */
};

struct kms_alias {
    char account[KMS_ACCOUNT_TEXT_MAX];
    char name[ALIAS_TEXT_MAX]; /* with "alias/" */
    char key_id[KEY_ID_TEXT_MAX];
    uint64_t created_wall_ns;
};

struct key_table {
    struct kms_key *keys;
    struct kms_key **keys_sorted;
    size_t key_count;
    size_t keys_max;
    struct kms_alias *aliases;
    struct kms_alias **aliases_sorted;
    size_t alias_count;
    size_t aliases_max;
};

size_t key_table_memory_bytes(size_t keys_max, size_t aliases_max);
void key_table_init(struct key_table *table, size_t keys_max, size_t aliases_max,
                    struct arena *arena);

/* NULL where there is none. */
const struct kms_key *key_table_find(const struct key_table *table, const char *account,
                                     const char *id);
const struct kms_alias *key_table_find_alias(const struct key_table *table, const char *account,
                                             const char *name);

/* The place in keys_sorted or aliases_sorted of the first entry of the account that comes after
 * `after` ("" for its very first); the count where there is none. */
size_t key_table_place_after(const struct key_table *table, const char *account, const char *after);
size_t key_table_alias_place_after(const struct key_table *table, const char *account,
                                   const char *after);

/* Copies the entry over the one of its name, or adds it: there must be room. */
void key_table_put(struct key_table *table, const struct kms_key *key);
void key_table_put_alias(struct key_table *table, const struct kms_alias *alias);

/* `name` has room for KEY_ROW_NAME_MAX, `into` for KEY_ROW_BYTES_MAX or ALIAS_ROW_BYTES_MAX. */
struct bytes key_row_encode(const struct kms_key *key, const char *region, char *name,
                            uint8_t *into);
struct bytes alias_row_encode(const struct kms_alias *alias, char *name, uint8_t *into);

/* `key->description` has room. E_FOREIGN_FOLDER for a row of another region. */
NODISCARD enum status key_row_decode(struct kms_key *key, const char *region, struct bytes value);
NODISCARD enum status alias_row_decode(struct kms_alias *alias, struct bytes value);

#endif
