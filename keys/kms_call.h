/* One request being served: what came in, what goes out, what it would change.
 *
 * An operation is a function of a call. It reads fields, finds its key, adds to `out`, stages at
 * most one key and one alias in `change`, and returns OK; or it returns what call_refuse returns,
 * and then nothing of `out` or `change` counts. It changes no table: that is done when the
 * change is durable. Values of `in` and `out` live in the node's JSON arena. */
#ifndef SEALIFT_KEYS_KMS_CALL_H
#define SEALIFT_KEYS_KMS_CALL_H

#include "keys/key_table.h"
#include "keys/kms.h"
#include "keys/kms_error.h"

#include <jansson.h>

enum {
    CALL_WHY_MAX = 1024,
    CALL_KEY_ID_BYTES_MAX = 2048, /* AWS: the length limit of a KeyId */
    CALL_CONTEXT_PAIRS_MAX = 64,
    CALL_GENERATE_BYTES_MAX = 1024,
};

/* An entry of the table that is to be put there; the description belongs to the node. */
struct kms_change {
    bool has_key;
    bool has_alias;
    struct kms_key key;
    struct kms_alias alias;
};

struct kms_call {
    const struct kms_settings *settings;
    const struct key_table *table;
    struct key_sealer *sealer;
    const struct kms_request *request;
    uint64_t wall_ns;
    json_t *in;
    json_t *out;
    struct kms_change *change;
    char
        arn[ARN_TEXT_MAX]; /* of the key that was asked for, as far as it is known; for the audit */
    enum kms_error error;
    char why[CALL_WHY_MAX]; /* the error's message */
};

/* Notes the error and returns E_KMS_ERROR. */
__attribute__((format(printf, 3, 4))) enum status
call_refuse(struct kms_call *call, enum kms_error error, const char *format, ...);

/* Fields. A missing one leaves the default; one of another JSON type is a SerializationException.
 * Texts stay where the JSON is. */
NODISCARD enum status call_text(struct kms_call *call, const char *name, const char **text);
NODISCARD enum status call_need_text(struct kms_call *call, const char *name, const char **text);
NODISCARD enum status call_number(struct kms_call *call, const char *name, json_int_t *number);
NODISCARD enum status call_flag(struct kms_call *call, const char *name, bool *flag);

/* Base64. E_KMS_ERROR where it has none or more than `max` bytes. `into` has room for `max`. */
NODISCARD enum status call_need_blob(struct kms_call *call, const char *name, size_t max,
                                     uint8_t *into, size_t *size);

/* The field must be missing, or be `only`: what is not supported must not be ignored. */
NODISCARD enum status call_only_text(struct kms_call *call, const char *name, const char *only);
NODISCARD enum status call_must_be_empty(struct kms_call *call, const char *name,
                                         enum kms_error error);

/* The encryption context in its one form: pairs u16, then key and value of each as texts with u16
 * lengths, sorted by the bytes of the keys. `into` has room for BLOB_CONTEXT_BYTES_MAX. */
NODISCARD enum status call_context(struct kms_call *call, uint8_t *into, struct bytes *context);

/* Adds to `out`. */
void call_add(struct kms_call *call, const char *name, json_t *value);
void call_add_text(struct kms_call *call, const char *name, const char *text);
void call_add_blob(struct kms_call *call, const char *name, struct bytes blob);
json_t *json_time(uint64_t wall_ns); /* epoch seconds with a fraction */

/* Which forms of KeyId an operation takes, and whether it makes the account's default key. */
enum key_forms {
    KEY_BY_ID, /* key id, key ARN */
    KEY_BY_ANY, /* alias names and ARNs too */
    KEY_OR_DEFAULT, /* and alias/aws/rds is made where it is not there yet */
};

/* The key that the field names: it exists, and is the caller's to use. Notes its ARN. */
NODISCARD enum status call_need_key(struct kms_call *call, const char *name, enum key_forms forms,
                                    const struct kms_key **key);

/* The key of an ARN, as a ciphertext names it. */
NODISCARD enum status call_key_of_arn(struct kms_call *call, const char *text, enum key_forms forms,
                                      const struct kms_key **key);

/* DisabledException or KMSInvalidStateException unless it is enabled. */
NODISCARD enum status call_check_usable(struct kms_call *call, const struct kms_key *key);
NODISCARD enum status call_check_not_pending(struct kms_call *call, const struct kms_key *key);

/* Stages a copy of the key for the caller to change. */
struct kms_key *call_stage_key(struct kms_call *call, const struct kms_key *key);

/* Stages a new key with material of its own, in the caller's account. */
NODISCARD enum status call_stage_new_key(struct kms_call *call, const char *description,
                                         bool aws_managed);

/* Runs the operation that the request names. */
NODISCARD enum status call_run(struct kms_call *call);

/* The operations. */
NODISCARD enum status op_create_key(struct kms_call *call);
NODISCARD enum status op_describe_key(struct kms_call *call);
NODISCARD enum status op_list_keys(struct kms_call *call);
NODISCARD enum status op_enable_key(struct kms_call *call);
NODISCARD enum status op_disable_key(struct kms_call *call);
NODISCARD enum status op_schedule_key_deletion(struct kms_call *call);
NODISCARD enum status op_cancel_key_deletion(struct kms_call *call);
NODISCARD enum status op_create_alias(struct kms_call *call);
NODISCARD enum status op_list_aliases(struct kms_call *call);
NODISCARD enum status op_encrypt(struct kms_call *call);
NODISCARD enum status op_decrypt(struct kms_call *call);
NODISCARD enum status op_generate_data_key(struct kms_call *call);
NODISCARD enum status op_generate_data_key_without_plaintext(struct kms_call *call);

#endif
