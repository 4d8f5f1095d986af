/* May this caller do this with that key?
 *
 * A key is usable by its own account. */
#include "keys/kms_operations.h"

enum status call_authorize(struct kms_call *call, const struct kms_key *key, const char *action,
                           const json_t *context)
{
    (void)context;
    return strcmp(key->account, call->request->account) == 0
               ? OK
               : call_refuse(
                   call, KMS_ACCESS_DENIED,
                   "User: %s is not authorized to perform: kms:%s on resource: %s because "
                   "no resource-based policy allows the kms:%s action",
                   call->request->principal, action, call->arn, action);
}

enum status call_check_grant_tokens(struct kms_call *call)
{
    return call_must_be_empty(call, "GrantTokens", KMS_INVALID_GRANT_TOKEN);
}
