/* The policy of a key: one, and its name is "default". */
#include "keys/json_text.h"
#include "keys/key_policy.h"
#include "keys/kms_operations.h"
#include "keys/kms_page.h"

enum { LIST_POLICIES_DEFAULT = 100, LIST_POLICIES_MAX = 1000 };

static const char policy_name[] = "default";

static enum status check_name(struct kms_call *call)
{
    const char *name = policy_name;

    TRY(call_text(call, "PolicyName", &name));
    return strcmp(name, policy_name) == 0
               ? OK
               : call_refuse(call, KMS_NOT_FOUND, "No such policy exists: %.128s", name);
}

enum status call_stage_policy(struct kms_call *call, struct kms_key *staged, const char *text)
{
    TRY(call_check_policy(call, text));
    staged->policy = change_keep(call->change, bytes_text(text));
    return OK;
}

enum status op_put_key_policy(struct kms_call *call)
{
    const struct kms_key *key;
    const char *text;

    TRY(check_name(call));
    TRY(call_need_text(call, "Policy", &text));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    TRY(call_check_not_pending(call, key));
    return call_stage_policy(call, call_stage_key(call, key), text);
}

enum status op_get_key_policy(struct kms_call *call)
{
    char born_with[POLICY_DEFAULT_BYTES_MAX];
    const struct kms_key *key;

    TRY(check_name(call));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));

    const struct bytes text =
        key->policy.size > 0
            ? key->policy
            : policy_default(call->settings->region, key->account, key->aws_managed, born_with);

    call_add(call, "Policy", json_stringn((const char *)text.data, text.size));
    call_add_text(call, "PolicyName", policy_name);
    return OK;
}

enum status op_list_key_policies(struct kms_call *call)
{
    const struct kms_key *key;
    struct kms_page page;

    TRY(page_open(call, &page, LIST_POLICIES_DEFAULT, LIST_POLICIES_MAX));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    if (strcmp(page.after, policy_name) < 0) {
        (void)page_add(&page, policy_name, json_string(policy_name));
    }
    page_close(call, &page, "PolicyNames");
    return OK;
}
