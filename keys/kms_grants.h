/* Does one of a key's grants allow what its policy is silent about?
 *
 * A grant names one principal (or an account), the operations that it may do, and perhaps what
 * their encryption context must be or hold. Here a grant is good from the moment it is made; its
 * token, which AWS needs until a new grant is known everywhere, is only its name. */
#ifndef SEALIFT_KEYS_KMS_GRANTS_H
#define SEALIFT_KEYS_KMS_GRANTS_H

#include "keys/key_policy.h"
#include "keys/key_table.h"

enum {
    GRANT_OPERATIONS = 9,
    GRANT_TOKEN_TEXT_MAX = (SORTED_NAME_MAX + 4 + 2) / 3 * 4 + 1,
};

/* "Decrypt" of bit 0, and so on. */
const char *grant_operation_name(unsigned bit);

/* GRANT_OPERATIONS where grants do not know it. */
unsigned grant_operation_bit(const char *name);

/* The first that allows it, or NULL. */
const struct kms_grant *grants_find(const struct key_table *table, const struct kms_key *key,
                                    const struct policy_question *question);

/* Whether whoever was given `parent` may give `child` on: not more operations, and constraints that
 * are at least as strict. */
bool grant_covers(const struct kms_grant *parent, const struct kms_grant *child);

/* `text` has room for GRANT_TOKEN_TEXT_MAX, `name` for SORTED_NAME_MAX. Returns `text`. */
char *grant_token_encode(const char *name, char *text);
NODISCARD enum status grant_token_decode(const char *text, char *name);

#endif
