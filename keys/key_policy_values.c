/* Texts of the policy language: patterns, and what a condition key stands for.
 *
 * Names of condition keys do not care for case, and the name of a pair behind
 * kms:EncryptionContext: does not either (AWS KMS Developer Guide, "kms:EncryptionContext"). */
#include "base/check.h"
#include "keys/key_policy_parts.h"

enum { CONTEXT_PREFIX_SIZE = sizeof "kms:EncryptionContext:" - 1 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char a, char b, bool ignore_case)
{
    return ignore_case ? lower(a) == lower(b) : a == b;
}

bool policy_text_is(const char *text, const char *other, bool ignore_case)
{
    while (*text != '\0' && same(*text, *other, ignore_case)) {
        text++;
        other++;
    }
    return *text == '\0' && *other == '\0';
}

/* On a mismatch the last star swallows one more character: linear in memory, and no recursion. */
bool policy_matches(const char *pattern, const char *text, bool ignore_case)
{
    const char *star = NULL;
    const char *swallowed = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            swallowed = text;
        } else if (*pattern != '\0' && (*pattern == '?' || same(*pattern, *text, ignore_case))) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++swallowed;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

size_t policy_list_size(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : value != NULL;
}

const json_t *policy_list_at(const json_t *value, size_t i)
{
    return json_is_array(value) ? json_array_get(value, i) : value;
}

static size_t add_value(const char **values, size_t count, const char *value)
{
    if (value != NULL && count < POLICY_VALUES_MAX) {
        values[count++] = value;
    }
    return count;
}

/* Of the pairs whose names match (NULL: of all) their values, or their names. */
static size_t context_values(const json_t *context, const char *name, bool names,
                             const char **values)
{
    json_t *map = (json_t *)(uintptr_t)context; /* jansson's iterators take no const */
    size_t count = 0;

    if (!json_is_object(map)) {
        return 0;
    }
    for (void *pair = json_object_iter(map); pair != NULL;
         pair = json_object_iter_next(map, pair)) {
        const char *key = json_object_iter_key(pair);

        if (name == NULL || policy_text_is(name, key, true)) {
            count = add_value(values, count,
                              names ? key : json_string_value(json_object_iter_value(pair)));
        }
    }
    return count;
}

enum value_key {
    VALUE_CONTEXT_KEYS,
    VALUE_VIA_SERVICE,
    VALUE_CALLER_ACCOUNT,
    VALUE_REQUEST_ALIAS,
    VALUE_GRANTEE,
    VALUE_GRANT_IS_FOR_AWS,
    VALUE_PRINCIPAL_ARN,
    VALUE_PRINCIPAL_ACCOUNT,
    VALUE_KEYS
};

static const char *const value_names[VALUE_KEYS] = {
    [VALUE_CONTEXT_KEYS] = "kms:EncryptionContextKeys",
    [VALUE_VIA_SERVICE] = "kms:ViaService",
    [VALUE_CALLER_ACCOUNT] = "kms:CallerAccount",
    [VALUE_REQUEST_ALIAS] = "kms:RequestAlias",
    [VALUE_GRANTEE] = "kms:GranteePrincipal",
    [VALUE_GRANT_IS_FOR_AWS] = "kms:GrantIsForAWSResource",
    [VALUE_PRINCIPAL_ARN] = "aws:PrincipalArn",
    [VALUE_PRINCIPAL_ACCOUNT] = "aws:PrincipalAccount",
};

static enum value_key find_key(const char *name)
{
    unsigned key = 0;

    while (key < VALUE_KEYS && !policy_text_is(value_names[key], name, true)) {
        key++;
    }
    return (enum value_key)key;
}

static bool is_context_key(const char *key)
{
    return strlen(key) > CONTEXT_PREFIX_SIZE
           && policy_matches("kms:EncryptionContext:*", key, true);
}

bool policy_key_is_known(const char *key)
{
    return is_context_key(key) || find_key(key) != VALUE_KEYS;
}

static const char *text_or_none(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static const char *single_value(const struct policy_question *question, enum value_key key)
{
    switch (key) {
    case VALUE_VIA_SERVICE:
        return text_or_none(question->via_service);
    case VALUE_CALLER_ACCOUNT:
    case VALUE_PRINCIPAL_ACCOUNT:
        return question->account;
    case VALUE_REQUEST_ALIAS:
        return text_or_none(question->alias);
    case VALUE_GRANTEE:
        return text_or_none(question->grantee);
    case VALUE_GRANT_IS_FOR_AWS:
        return question->via_service[0] != '\0' ? "true" : "false";
    case VALUE_PRINCIPAL_ARN:
        return question->principal;
    case VALUE_CONTEXT_KEYS:
    case VALUE_KEYS:
        break;
    }
    return NULL;
}

size_t policy_key_values(const struct policy_question *question, const char *key,
                         const char *values[POLICY_VALUES_MAX])
{
    const enum value_key found = find_key(key);

    if (found == VALUE_CONTEXT_KEYS) {
        return context_values(question->context, NULL, true, values);
    }
    return is_context_key(key)
               ? context_values(question->context, key + CONTEXT_PREFIX_SIZE, false, values)
               : add_value(values, 0, single_value(question, found));
}
