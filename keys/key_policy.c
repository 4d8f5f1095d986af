/* A statement matches when its principal, action, resource and condition all do.
 *
 * The document has passed policy_fault when it was put, so its shape is taken for granted here. */
#include "keys/key_policy.h"

#include "keys/arn.h"
#include "keys/key_policy_parts.h"

#include <stdio.h>

/* The account itself, by number or by the ARN of its root, means all of its callers. */
static bool is_account_of(const char *principal, const char *account)
{
    return strcmp(principal, account) == 0 || arn_is_root_of(principal, account);
}

static bool is_aws_principal(const json_t *wanted, const struct policy_question *question)
{
    for (size_t i = 0; i < policy_list_size(wanted); i++) {
        const char *principal = json_string_value(policy_list_at(wanted, i));

        if (strcmp(principal, "*") == 0 || is_account_of(principal, question->account)
            || strcmp(principal, question->principal) == 0) {
            return true;
        }
    }
    return false;
}

/* rds.amazonaws.com is rds.REGION.amazonaws.com of every region. */
static bool is_service_principal(const json_t *wanted, const struct policy_question *question)
{
    static const char end[] = ".amazonaws.com";

    for (size_t i = 0; i < policy_list_size(wanted); i++) {
        const char *service = json_string_value(policy_list_at(wanted, i));
        const size_t name = strcspn(service, ".");

        if (question->via_service[0] == '\0') {
            return false;
        }
        if (strcmp(service, question->via_service) == 0
            || (strcmp(service + name, end) == 0
                && strncmp(service, question->via_service, name + 1) == 0)) {
            return true;
        }
    }
    return false;
}

static bool principal_matches(const json_t *principal, const struct policy_question *question)
{
    return json_is_string(principal)
           || is_aws_principal(json_object_get(principal, "AWS"), question)
           || is_service_principal(json_object_get(principal, "Service"), question);
}

static bool any_matches(const json_t *patterns, const char *text, bool ignore_case)
{
    for (size_t i = 0; i < policy_list_size(patterns); i++) {
        if (policy_matches(json_string_value(policy_list_at(patterns, i)), text, ignore_case)) {
            return true;
        }
    }
    return false;
}

static bool action_matches(const json_t *statement, const char *action)
{
    const json_t *actions = json_object_get(statement, "Action");
    char text[KMS_OPERATION_TEXT_MAX + 4];

    snprintf(text, sizeof text, "kms:%s", action);
    return actions != NULL ? any_matches(actions, text, true)
                           : !any_matches(json_object_get(statement, "NotAction"), text, true);
}

static bool statement_matches(const json_t *statement, const struct policy_question *question)
{
    const json_t *condition = json_object_get(statement, "Condition");

    return principal_matches(json_object_get(statement, "Principal"), question)
           && action_matches(statement, question->action)
           && any_matches(json_object_get(statement, "Resource"), question->key_arn, false)
           && (condition == NULL || policy_condition_holds(condition, question));
}

enum policy_answer policy_decide(const json_t *document, const struct policy_question *question)
{
    const json_t *statements = json_object_get(document, "Statement");
    enum policy_answer answer = POLICY_SILENT;

    for (size_t i = 0; i < policy_list_size(statements); i++) {
        const json_t *statement = policy_list_at(statements, i);

        if (!statement_matches(statement, question)) {
            continue;
        }
        if (strcmp(json_string_value(json_object_get(statement, "Effect")), "Deny") == 0) {
            return POLICY_DENIES;
        }
        answer = POLICY_ALLOWS;
    }
    return answer;
}

struct bytes policy_default(const char *region, const char *account, bool aws_managed, char *into)
{
    static const char customer[] =
        "{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{\"Sid\":\"Enable IAM "
        "User Permissions\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::%s:root\"},"
        "\"Action\":\"kms:*\",\"Resource\":\"*\"}]}";
    static const char managed[] =
        "{\"Version\":\"2012-10-17\",\"Id\":\"auto-rds-2\",\"Statement\":[{\"Sid\":\"Allow access "
        "through RDS for all principals in the account that are authorized to use RDS\",\"Effect\":"
        "\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\","
        "\"kms:ReEncrypt*\",\"kms:GenerateDataKey*\",\"kms:CreateGrant\",\"kms:ListGrants\","
        "\"kms:DescribeKey\"],\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{"
        "\"kms:CallerAccount\":\"%s\",\"kms:ViaService\":\"rds.%s.amazonaws.com\"}}},{\"Sid\":"
        "\"Allow direct access to key metadata to the "
        "account\",\"Effect\":\"Allow\",\"Principal\":{"
        "\"AWS\":\"arn:aws:iam::%s:root\"},\"Action\":[\"kms:Describe*\",\"kms:Get*\",\"kms:List*"
        "\","
        "\"kms:RevokeGrant\"],\"Resource\":\"*\"}]}";

    if (aws_managed) {
        snprintf(into, POLICY_DEFAULT_BYTES_MAX, managed, account, region, account);
    } else {
        snprintf(into, POLICY_DEFAULT_BYTES_MAX, customer, account);
    }
    return bytes_text(into);
}
