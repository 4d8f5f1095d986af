/* May this caller do this with that key? The key's policy is asked first, then its grants.
 *
 * A Deny ends it. What the policy is silent about, a grant may still allow. Most keys have the
 * policy that they were born with, which lets their own account do everything: that one is not
 * read at all. A stored policy that cannot be read allows nothing. */
#include "base/base64.h"
#include "base/reader.h"
#include "base/writer.h"
#include "keys/json_text.h"
#include "keys/key_policy.h"
#include "keys/kms_grants.h"
#include "keys/kms_operations.h"

static enum policy_answer ask_policy(const struct kms_call *call, const struct kms_key *key,
                                     const struct policy_question *question)
{
    char born_with[POLICY_DEFAULT_BYTES_MAX];
    struct bytes text = key->policy;

    if (text.size == 0 && !key->aws_managed) {
        return strcmp(key->account, question->account) == 0 ? POLICY_ALLOWS : POLICY_SILENT;
    }
    if (text.size == 0) {
        text = policy_default(call->settings->region, key->account, true, born_with);
    }

    const json_t *document = policy_cache_find(call->policies, text);

    return document == NULL ? POLICY_SILENT : policy_decide(document, question);
}

static enum status refuse(struct kms_call *call, const char *action, enum policy_answer answer)
{
    if (answer == POLICY_DENIES) {
        return call_refuse(call, KMS_ACCESS_DENIED,
                           "User: %s is not authorized to perform: kms:%s on resource: %s with an "
                           "explicit deny in a resource-based policy",
                           call->request->principal, action, call->arn);
    }
    return call_refuse(call, KMS_ACCESS_DENIED,
                       "User: %s is not authorized to perform: kms:%s on resource: %s because no "
                       "resource-based policy allows the kms:%s action",
                       call->request->principal, action, call->arn, action);
}

static struct policy_question question_of(const struct kms_call *call, const char *action)
{
    return (struct policy_question){.principal = call->request->principal,
                                    .account = call->request->account,
                                    .via_service = call->request->via_service,
                                    .action = action,
                                    .key_arn = call->arn,
                                    .alias = call->alias,
                                    .grantee = ""};
}

static enum status decide(struct kms_call *call, const struct kms_key *key,
                          const struct policy_question *question, const struct kms_grant **by)
{
    const enum policy_answer answer = ask_policy(call, key, question);

    *by = NULL;
    if (answer == POLICY_ALLOWS) {
        return OK;
    }
    *by = answer == POLICY_SILENT ? grants_find(call->table, key, question) : NULL;
    return *by != NULL ? OK : refuse(call, question->action, answer);
}

enum status call_authorize(struct kms_call *call, const struct kms_key *key, const char *action,
                           const json_t *context)
{
    struct policy_question question = question_of(call, action);
    const struct kms_grant *by;

    question.context = context;
    return decide(call, key, &question, &by);
}

enum status call_authorize_grant(struct kms_call *call, const struct kms_key *key,
                                 const char *grantee, const struct kms_grant **by)
{
    struct policy_question question = question_of(call, "CreateGrant");

    question.grantee = grantee;
    return decide(call, key, &question, by);
}

bool call_policy_allows(const struct kms_call *call, const struct kms_key *key, const char *action)
{
    const struct policy_question question = question_of(call, action);

    return ask_policy(call, key, &question) == POLICY_ALLOWS;
}

enum status call_check_policy(struct kms_call *call, const char *text)
{
    struct policy_question question = question_of(call, "PutKeyPolicy");
    const json_t *document = json_text_object(bytes_text(text));
    const char *fault = document == NULL ? "Policy is no JSON object." : policy_fault(document);
    bool bypass = false;

    if (strlen(text) > KEY_POLICY_BYTES_MAX) {
        return call_refuse(call, KMS_LIMIT_EXCEEDED, "A policy has at most %d bytes",
                           KEY_POLICY_BYTES_MAX);
    }
    TRY(call_flag(call, "BypassPolicyLockoutSafetyCheck", &bypass));
    if (fault != NULL) {
        return call_refuse(call, KMS_MALFORMED_POLICY, "%s", fault);
    }
    return bypass || policy_decide(document, &question) == POLICY_ALLOWS
               ? OK
               : call_refuse(call, KMS_MALFORMED_POLICY,
                             "The new key policy will not allow you to update the key policy in "
                             "the future.");
}
