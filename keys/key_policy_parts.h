/* What the files of the policy share: key_policy.c (statements), key_policy_fault.c (what is no
 * policy), key_policy_conditions.c (operators), key_policy_values.c (condition keys, patterns). */
#ifndef SEALIFT_KEYS_KEY_POLICY_PARTS_H
#define SEALIFT_KEYS_KEY_POLICY_PARTS_H

#include "keys/key_policy.h"

enum { POLICY_VALUES_MAX = 64 }; /* of one condition key: the pairs of a context */

/* Many elements are one value or a list of them. */
size_t policy_list_size(const json_t *value);
const json_t *policy_list_at(const json_t *value, size_t i);

/* `*` is any text, `?` any character. */
bool policy_matches(const char *pattern, const char *text, bool ignore_case);
bool policy_text_is(const char *text, const char *other, bool ignore_case);

/* The values of a condition key in a question. */
bool policy_key_is_known(const char *key);
size_t policy_key_values(const struct policy_question *question, const char *key,
                         const char *values[POLICY_VALUES_MAX]);

/* A Condition element: all of its operators, all of their keys. */
bool policy_condition_holds(const json_t *condition, const struct policy_question *question);
bool policy_operator_is_known(const char *name);

#endif
