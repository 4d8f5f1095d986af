/* What does the service hold: keys, their older versions, aliases, grants?
 *
 * Four sorted tables (sorted.h) and a pool for the texts that belong to their entries. The name of
 * an entry is the key of its row in the catalog:
 *
 *   kms_key      ACCOUNT/ID                    kms_version  ACCOUNT/ID/NUMBER (10 digits)
 *   kms_alias    ACCOUNT/alias/NAME            kms_grant    ACCOUNT/ID/GRANT
 *
 * An entry is changed by putting it as a whole: the caller has made it durable before. Texts of an
 * entry that is put are copied. */
#ifndef SEALIFT_KEYS_KEY_TABLE_H
#define SEALIFT_KEYS_KEY_TABLE_H

#include "keys/arn.h"
#include "keys/key_material.h"
#include "keys/pool.h"
#include "keys/sorted.h"

enum kms_key_state {
    KMS_KEY_ENABLED,
    KMS_KEY_IS_DISABLED,
    KMS_KEY_PENDING_DELETION,
    KMS_KEY_STATES
};

enum {
    KEY_DESCRIPTION_BYTES_MAX = 8192,
    KEY_POLICY_BYTES_MAX = 32768, /* AWS's quota */
    KEY_TAGS_MAX = 50, /* AWS's quota */
    KEY_TAG_KEY_BYTES_MAX = 128,
    KEY_TAG_VALUE_BYTES_MAX = 256,
    KEY_TAGS_BYTES_MAX = KEY_TAGS_MAX * (4 + KEY_TAG_KEY_BYTES_MAX + KEY_TAG_VALUE_BYTES_MAX),
    KEY_ROW_BYTES_MAX =
        KEY_DESCRIPTION_BYTES_MAX + KEY_POLICY_BYTES_MAX + KEY_TAGS_BYTES_MAX + 1024,
    VERSION_ROW_BYTES_MAX = 512,
    ALIAS_ROW_BYTES_MAX = 1024,
    GRANT_ID_TEXT_MAX = 65,
    GRANT_NAME_BYTES_MAX = 256,
    GRANT_ROW_BYTES_MAX = BLOB_CONTEXT_BYTES_MAX + GRANT_NAME_BYTES_MAX + 4 * KEY_ARN_TEXT_MAX,
};

struct kms_key {
    char name[SORTED_NAME_MAX];
    char account[KMS_ACCOUNT_TEXT_MAX];
    char id[KEY_ID_TEXT_MAX];
    enum kms_key_state state;
    bool aws_managed; /* the default key of an account: its users cannot change it */
    bool rotates;
    uint32_t rotation_days;
    uint64_t next_rotation_wall_ns; /* where it rotates */
    uint64_t created_wall_ns;
    uint64_t deletion_wall_ns; /* KMS_KEY_PENDING_DELETION, else 0 */
    struct key_material material; /* the current version */
    struct bytes description;
    struct bytes policy; /* a JSON document; empty: the one that a key is born with */
    struct bytes tags; /* pairs of texts (writer_text), sorted by key */
};

/* An older version of a key, for what was sealed under it. */
struct kms_version {
    char name[SORTED_NAME_MAX];
    struct key_material material;
};

struct kms_alias {
    char name[SORTED_NAME_MAX];
    char account[KMS_ACCOUNT_TEXT_MAX];
    char alias[ALIAS_TEXT_MAX]; /* with "alias/" */
    char key_id[KEY_ID_TEXT_MAX];
    uint64_t created_wall_ns;
    uint64_t updated_wall_ns;
};

enum grant_constraint { GRANT_UNCONSTRAINED, GRANT_SUBSET, GRANT_EQUALS, GRANT_CONSTRAINTS };

struct kms_grant {
    char name[SORTED_NAME_MAX];
    char account[KMS_ACCOUNT_TEXT_MAX]; /* of the key */
    char key_id[KEY_ID_TEXT_MAX];
    char id[GRANT_ID_TEXT_MAX];
    char issuer[KEY_ARN_TEXT_MAX];
    char grantee[KEY_ARN_TEXT_MAX];
    char retiree[KEY_ARN_TEXT_MAX]; /* "": none */
    uint32_t operations; /* bits, of grant_operation_name */
    uint64_t created_wall_ns;
    enum grant_constraint constraint;
    struct bytes context; /* what the constraint asks for; pairs of texts, sorted by key */
    struct bytes label; /* the Name that its maker gave it; may be empty */
};

struct key_table_settings {
    size_t keys_max, versions_max, aliases_max, grants_max, pool_bytes;
};

struct key_table {
    struct sorted keys;
    struct sorted versions;
    struct sorted aliases;
    struct sorted grants;
    struct pool pool;
};

size_t key_table_memory_bytes(const struct key_table_settings *settings);
void key_table_init(struct key_table *table, const struct key_table_settings *settings,
                    struct arena *arena);

/* NULL where there is none. */
const struct kms_key *key_table_find(const struct key_table *table, const char *account,
                                     const char *id);
const struct key_material *key_table_find_version(const struct key_table *table,
                                                  const struct kms_key *key, uint32_t version);
const struct kms_alias *key_table_find_alias(const struct key_table *table, const char *account,
                                             const char *alias);
const struct kms_grant *key_table_find_grant(const struct key_table *table,
                                             const struct kms_key *key, const char *id);

/* Names of rows; `name` has room for SORTED_NAME_MAX. Returns `name`. */
char *key_table_name(char *name, const char *account, const char *rest);
char *key_table_part_name(char *name, const struct kms_key *key, const char *part);
char *key_table_version_name(char *name, const struct kms_key *key, uint32_t version);

/* Account and id of the key in front of a name of a version or a grant. E_MALFORMED. */
NODISCARD enum status key_table_split_name(const char *name, char account[KMS_ACCOUNT_TEXT_MAX],
                                           char id[KEY_ID_TEXT_MAX]);

/* Copy the entry over the one of its name, or add it: there must be room, in the pool too. */
void key_table_put(struct key_table *table, const struct kms_key *key);
void key_table_put_version(struct key_table *table, const struct kms_version *version);
void key_table_put_alias(struct key_table *table, const struct kms_alias *alias);
void key_table_put_grant(struct key_table *table, const struct kms_grant *grant);

/* They must be there. */
void key_table_remove(struct key_table *table, const struct kms_key *key);
void key_table_remove_version(struct key_table *table, const struct kms_version *version);
void key_table_remove_alias(struct key_table *table, const struct kms_alias *alias);
void key_table_remove_grant(struct key_table *table, const struct kms_grant *grant);

/* Rows. `into` has room for the kind's _ROW_BYTES_MAX; a decoded entry's texts point into `value`.
 * E_FOREIGN_FOLDER for a key of another region. */
struct bytes key_row_encode(const struct kms_key *key, const char *region, uint8_t *into);
struct bytes version_row_encode(const struct kms_version *version, uint8_t *into);
struct bytes alias_row_encode(const struct kms_alias *alias, uint8_t *into);
struct bytes grant_row_encode(const struct kms_grant *grant, uint8_t *into);
NODISCARD enum status key_row_decode(struct kms_key *key, const char *region, struct bytes value);
NODISCARD enum status version_row_decode(struct kms_version *version, const char *name,
                                         struct bytes value);
NODISCARD enum status alias_row_decode(struct kms_alias *alias, struct bytes value);
NODISCARD enum status grant_row_decode(struct kms_grant *grant, struct bytes value);

#endif
