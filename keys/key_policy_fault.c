/* What is no policy that we would follow to the letter.
 *
 * Element by element; the first fault is told. Whatever is not known here is a fault: an element,
 * a principal, an operator or a condition key that were passed over could turn a Deny into nothing.
 */
#include "base/check.h"
#include "keys/arn.h"
#include "keys/key_policy_parts.h"

static const char *iam_fault(const char *principal)
{
    static const char fault[] = "Policy contains a statement with one or more invalid principals.";
    static const char start[] = "arn:aws:iam::";
    const size_t size = strlen(principal);
    char account[KMS_ACCOUNT_TEXT_MAX] = "";

    if (strcmp(principal, "*") == 0) {
        return NULL;
    }
    if (size == KMS_ACCOUNT_TEXT_MAX - 1) {
        return account_is_valid(principal) ? NULL : fault;
    }
    if (strncmp(principal, start, sizeof start - 1) != 0 || size >= KEY_ARN_TEXT_MAX
        || size < sizeof start - 1 + KMS_ACCOUNT_TEXT_MAX) {
        return fault;
    }
    memcpy(account, principal + sizeof start - 1, KMS_ACCOUNT_TEXT_MAX - 1);

    const char *rest = principal + sizeof start - 1 + KMS_ACCOUNT_TEXT_MAX - 1;
    const bool known = strcmp(rest, ":root") == 0
                       || (strncmp(rest, ":user/", 6) == 0 && rest[6] != '\0')
                       || (strncmp(rest, ":role/", 6) == 0 && rest[6] != '\0');

    /* AWS takes no patterns inside of an ARN either. */
    return account_is_valid(account) && known && strcspn(principal, "*?") == size ? NULL : fault;
}

static const char *service_fault(const char *service)
{
    return policy_matches("?*.amazonaws.com", service, false)
               ? NULL
               : "Policy contains a service principal that is not NAME.amazonaws.com.";
}

static const char *no_fault(const char *text)
{
    (void)text;
    return NULL;
}

/* Texts only, at least one, and each of them without a fault. */
static const char *texts_fault(const json_t *list, const char *(*fault)(const char *text))
{
    if (policy_list_size(list) == 0) {
        return "Policy contains an empty list.";
    }
    for (size_t i = 0; i < policy_list_size(list); i++) {
        const char *text = json_string_value(policy_list_at(list, i));

        if (text == NULL) {
            return "Policy contains something other than a string where a string belongs.";
        }
        if (strstr(text, "${") != NULL) {
            return "Policy variables are not supported.";
        }
        if (fault(text) != NULL) {
            return fault(text);
        }
    }
    return NULL;
}

static const char *principal_fault(const json_t *principal)
{
    const json_t *aws = json_object_get(principal, "AWS");
    const json_t *service = json_object_get(principal, "Service");
    const char *fault = NULL;

    if (json_is_string(principal)) {
        return strcmp(json_string_value(principal), "*") == 0 ? NULL
                                                              : "Policy has a Principal that "
                                                                "is neither * nor an object.";
    }
    if (!json_is_object(principal)
        || json_object_size(principal) != (size_t)(aws != NULL) + (service != NULL)
        || json_object_size(principal) == 0) {
        return "Policy must have a Principal of AWS or Service in each statement.";
    }
    if (aws != NULL) {
        fault = texts_fault(aws, iam_fault);
    }
    return fault == NULL && service != NULL ? texts_fault(service, service_fault) : fault;
}

static const char *action_fault(const char *action)
{
    return strcmp(action, "*") == 0 || policy_matches("kms:?*", action, true)
               ? NULL
               : "Policy contains an action that is not kms:NAME.";
}

static const char *wanted_fault(const json_t *wanted)
{
    for (size_t i = 0; i < policy_list_size(wanted); i++) {
        const json_t *value = policy_list_at(wanted, i);

        if (!json_is_string(value) && !json_is_boolean(value)) {
            return "Policy has a condition value that is neither string nor boolean.";
        }
        if (json_is_string(value) && strstr(json_string_value(value), "${") != NULL) {
            return "Policy variables are not supported.";
        }
    }
    return policy_list_size(wanted) > 0 ? NULL : "Policy has a condition without a value.";
}

static const char *operator_fault(json_t *keys)
{
    if (!json_is_object(keys)) {
        return "Policy has a condition operator without an object.";
    }
    for (void *key = json_object_iter(keys); key != NULL; key = json_object_iter_next(keys, key)) {
        const char *fault = wanted_fault(json_object_iter_value(key));

        if (!policy_key_is_known(json_object_iter_key(key))) {
            return "Policy has a condition key that is not supported.";
        }
        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}

static const char *condition_fault(const json_t *condition)
{
    json_t *map = (json_t *)(uintptr_t)condition; /* jansson's iterators take no const */

    if (!json_is_object(map)) {
        return "Policy has a Condition that is no object.";
    }
    for (void *pair = json_object_iter(map); pair != NULL;
         pair = json_object_iter_next(map, pair)) {
        const char *fault = operator_fault(json_object_iter_value(pair));

        if (!policy_operator_is_known(json_object_iter_key(pair))) {
            return "Policy has a condition operator that is not supported.";
        }
        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}

static bool has_only(const json_t *object, const char *const *names, size_t count)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        known += json_object_get(object, names[i]) != NULL;
    }
    return json_is_object(object) && known == json_object_size(object);
}

static const char *frame_fault(const json_t *statement)
{
    static const char *const elements[] = {"Sid",       "Effect",   "Principal", "Action",
                                           "NotAction", "Resource", "Condition"};
    const char *effect = json_string_value(json_object_get(statement, "Effect"));
    const json_t *sid = json_object_get(statement, "Sid");

    if (!has_only(statement, elements, COUNT_OF(elements))) {
        return "Policy has an element in a statement that is not supported.";
    }
    if (effect == NULL || (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0)) {
        return "Policy must have an Effect of Allow or Deny in each statement.";
    }
    return sid == NULL || json_is_string(sid) ? NULL : "Policy has a Sid that is no string.";
}

static const char *statement_fault(const json_t *statement)
{
    const json_t *action = json_object_get(statement, "Action");
    const json_t *not_action = json_object_get(statement, "NotAction");
    const json_t *condition = json_object_get(statement, "Condition");
    const char *fault = frame_fault(statement);

    if (fault == NULL && (action == NULL) == (not_action == NULL)) {
        return "Policy must have either Action or NotAction in each statement.";
    }
    if (fault == NULL) {
        fault = principal_fault(json_object_get(statement, "Principal"));
    }
    if (fault == NULL) {
        fault = texts_fault(action != NULL ? action : not_action, action_fault);
    }
    if (fault == NULL) {
        fault = texts_fault(json_object_get(statement, "Resource"), no_fault);
    }
    return fault == NULL && condition != NULL ? condition_fault(condition) : fault;
}

const char *policy_fault(const json_t *document)
{
    static const char *const elements[] = {"Version", "Id", "Statement"};
    const char *version = json_string_value(json_object_get(document, "Version"));
    const json_t *id = json_object_get(document, "Id");
    const json_t *statements = json_object_get(document, "Statement");

    if (!has_only(document, elements, COUNT_OF(elements))) {
        return "Policy must be an object of Version, Id and Statement.";
    }
    if (version == NULL
        || (strcmp(version, "2012-10-17") != 0 && strcmp(version, "2008-10-17") != 0)) {
        return "Policy must have the Version 2012-10-17 or 2008-10-17.";
    }
    if (id != NULL && !json_is_string(id)) {
        return "Policy has an Id that is no string.";
    }
    if (policy_list_size(statements) == 0) {
        return "Policy must have a Statement.";
    }
    for (size_t i = 0; i < policy_list_size(statements); i++) {
        const char *fault = statement_fault(policy_list_at(statements, i));

        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}
