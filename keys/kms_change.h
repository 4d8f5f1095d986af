/* What would one request change, once it is durable?
 *
 * At most one key, one older version, one alias and one grant; each is put or removed. A staged
 * entry's texts point into the table's pool, or into the change's own room. */
#ifndef SEALIFT_KEYS_KMS_CHANGE_H
#define SEALIFT_KEYS_KMS_CHANGE_H

#include "keys/key_table.h"
#include "node/effects.h"

enum {
    CHANGE_ROOM_BYTES = KEY_ROW_BYTES_MAX + GRANT_ROW_BYTES_MAX, /* all texts of one of each */
    CHANGE_ROWS_MAX = 4,
};

enum change_verb { CHANGE_NOTHING, CHANGE_PUT, CHANGE_REMOVE };

struct kms_change {
    enum change_verb key_verb, version_verb, alias_verb, grant_verb;
    struct kms_key key;
    struct kms_version version;
    struct kms_alias alias;
    struct kms_grant grant;
    uint8_t *room; /* CHANGE_ROOM_BYTES */
    size_t room_used;
};

void change_reset(struct kms_change *change);
bool change_is_empty(const struct kms_change *change);

/* A copy of the text that lives as long as the change. */
struct bytes change_keep(struct kms_change *change, struct bytes text);

/* Whether change_apply will find room. */
bool change_has_room(const struct kms_change *change, const struct key_table *table);

/* The rows for a SAVE, in the scratch of the effects; returns how many. */
size_t change_rows(const struct kms_change *change, const char *region, struct save_row *rows,
                   struct effects *fx);

void change_apply(const struct kms_change *change, struct key_table *table);

#endif
