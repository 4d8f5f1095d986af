/* Which operations are there, and what does each do? */
#ifndef SEALIFT_KEYS_KMS_OPERATIONS_H
#define SEALIFT_KEYS_KMS_OPERATIONS_H

#include "keys/kms_call.h"

struct kms_operation {
    const char *name; /* behind "TrentService.", and the action "kms:NAME" of its policy */
    enum status (*run)(struct kms_call *call);
    bool crosses; /* works on a key of another account, where that key's policy allows it */
};

/* NULL where there is none. */
const struct kms_operation *operation_find(const char *name);

/* op_keys.c */
NODISCARD enum status op_create_key(struct kms_call *call);
NODISCARD enum status op_describe_key(struct kms_call *call);
NODISCARD enum status op_list_keys(struct kms_call *call);
NODISCARD enum status op_enable_key(struct kms_call *call);
NODISCARD enum status op_disable_key(struct kms_call *call);
NODISCARD enum status op_schedule_key_deletion(struct kms_call *call);
NODISCARD enum status op_cancel_key_deletion(struct kms_call *call);

/* op_aliases.c */
NODISCARD enum status op_create_alias(struct kms_call *call);
NODISCARD enum status op_update_alias(struct kms_call *call);
NODISCARD enum status op_delete_alias(struct kms_call *call);
NODISCARD enum status op_list_aliases(struct kms_call *call);

/* op_crypt.c */
NODISCARD enum status op_encrypt(struct kms_call *call);
NODISCARD enum status op_decrypt(struct kms_call *call);
NODISCARD enum status op_re_encrypt(struct kms_call *call);

/* op_generate.c */
NODISCARD enum status op_generate_data_key(struct kms_call *call);
NODISCARD enum status op_generate_data_key_without_plaintext(struct kms_call *call);
NODISCARD enum status op_generate_random(struct kms_call *call);

/* op_policies.c */
NODISCARD enum status op_put_key_policy(struct kms_call *call);
NODISCARD enum status op_get_key_policy(struct kms_call *call);
NODISCARD enum status op_list_key_policies(struct kms_call *call);

/* op_grants.c */
NODISCARD enum status op_create_grant(struct kms_call *call);
NODISCARD enum status op_list_grants(struct kms_call *call);
NODISCARD enum status op_revoke_grant(struct kms_call *call);
NODISCARD enum status op_retire_grant(struct kms_call *call);

/* op_rotation.c */
NODISCARD enum status op_enable_key_rotation(struct kms_call *call);
NODISCARD enum status op_disable_key_rotation(struct kms_call *call);
NODISCARD enum status op_get_key_rotation_status(struct kms_call *call);
NODISCARD enum status op_rotate_key_on_demand(struct kms_call *call);
NODISCARD enum status op_list_key_rotations(struct kms_call *call);

/* op_tags.c */
NODISCARD enum status op_tag_resource(struct kms_call *call);
NODISCARD enum status op_untag_resource(struct kms_call *call);
NODISCARD enum status op_list_resource_tags(struct kms_call *call);

/* Of CreateKey: Policy and Tags, into the staged key. */
NODISCARD enum status call_stage_policy(struct kms_call *call, struct kms_key *staged,
                                        const char *text);
NODISCARD enum status call_stage_tags(struct kms_call *call, struct kms_key *staged);

/* What op_crypt.c and op_generate.c share: seals into CiphertextBlob of the answer. */
struct seal_order {
    const struct kms_key *key;
    const char *arn;
    const char *context_name; /* the field */
    struct bytes plain;
};
NODISCARD enum status call_seal(struct kms_call *call, const struct seal_order *order);

#endif
