/* The table. A new operation is a line here and a function in the file of its idea. */
#include "keys/kms_operations.h"

#include "base/check.h"

static const struct kms_operation operations[] = {
    {"CancelKeyDeletion", op_cancel_key_deletion, false},
    {"CreateAlias", op_create_alias, false},
    {"CreateGrant", op_create_grant, true},
    {"CreateKey", op_create_key, false},
    {"Decrypt", op_decrypt, true},
    {"DeleteAlias", op_delete_alias, false},
    {"DescribeKey", op_describe_key, true},
    {"DisableKey", op_disable_key, false},
    {"DisableKeyRotation", op_disable_key_rotation, false},
    {"EnableKey", op_enable_key, false},
    {"EnableKeyRotation", op_enable_key_rotation, false},
    {"Encrypt", op_encrypt, true},
    {"GenerateDataKey", op_generate_data_key, true},
    {"GenerateDataKeyWithoutPlaintext", op_generate_data_key_without_plaintext, true},
    {"GenerateRandom", op_generate_random, false},
    {"GetKeyPolicy", op_get_key_policy, false},
    {"GetKeyRotationStatus", op_get_key_rotation_status, true},
    {"ListAliases", op_list_aliases, false},
    {"ListGrants", op_list_grants, true},
    {"ListKeyPolicies", op_list_key_policies, false},
    {"ListKeyRotations", op_list_key_rotations, false},
    {"ListKeys", op_list_keys, false},
    {"ListResourceTags", op_list_resource_tags, false},
    {"PutKeyPolicy", op_put_key_policy, false},
    {"ReEncrypt", op_re_encrypt, true},
    {"RetireGrant", op_retire_grant, true},
    {"RevokeGrant", op_revoke_grant, true},
    {"RotateKeyOnDemand", op_rotate_key_on_demand, false},
    {"ScheduleKeyDeletion", op_schedule_key_deletion, false},
    {"TagResource", op_tag_resource, false},
    {"UntagResource", op_untag_resource, false},
    {"UpdateAlias", op_update_alias, false},
};

const struct kms_operation *operation_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return &operations[i];
        }
    }
    return NULL;
}
