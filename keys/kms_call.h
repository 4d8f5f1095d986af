/* One request being served: what came in, what goes out, what it would change.
 *
 * An operation is a function of a call. It reads fields, finds its key and asks whether the caller
 * may (call_need_key), adds to `out`, stages a change, and returns OK; or it returns what
 * call_refuse returns, and then nothing of `out` or `change` counts. It changes no table: that is
 * done when the change is durable. Values of `in` and `out` live in the node's JSON arena. */
#ifndef SEALIFT_KEYS_KMS_CALL_H
#define SEALIFT_KEYS_KMS_CALL_H

#include "keys/kms.h"
#include "keys/kms_change.h"
#include "keys/kms_error.h"
#include "keys/policy_cache.h"

#include <jansson.h>

enum {
    CALL_WHY_MAX = 1024,
    CALL_KEY_ID_BYTES_MAX = 2048, /* AWS: the length limit of a KeyId */
    CALL_CONTEXT_PAIRS_MAX = 64,
    CALL_GENERATE_BYTES_MAX = 1024,
};

#define KMS_DAY_NS (86400ull * 1000000000ull)

struct kms_call {
    const struct kms_settings *settings;
    const struct key_table *table;
    struct key_sealer *sealer;
    struct policy_cache *policies;
    const struct kms_request *request;
    const struct kms_operation *operation; /* NULL: there is none of that name */
    uint64_t wall_ns;
    json_t *in;
    json_t *out;
    struct kms_change *change;
    char arn[ARN_TEXT_MAX]; /* of the key that was asked for, as far as it is known */
    char alias[ALIAS_TEXT_MAX]; /* by which it was named, or "" */
    char other_arn[ARN_TEXT_MAX]; /* ReEncrypt: of the destination's; else "" */
    enum kms_error error;
    char why[CALL_WHY_MAX]; /* the error's message */
};

/* Notes the error and returns E_KMS_ERROR. */
__attribute__((format(printf, 3, 4))) enum status
call_refuse(struct kms_call *call, enum kms_error error, const char *format, ...);

/* Fields. A missing one leaves the default; one of another JSON type is a SerializationException,
 * a value beyond its limits a ValidationException. Texts stay where the JSON is. */
NODISCARD enum status call_text(struct kms_call *call, const char *name, const char **text);
NODISCARD enum status call_need_text(struct kms_call *call, const char *name, const char **text);
NODISCARD enum status call_text_upto(struct kms_call *call, const char *name, size_t max,
                                     const char **text);
NODISCARD enum status call_number(struct kms_call *call, const char *name, json_int_t *number);
NODISCARD enum status call_number_between(struct kms_call *call, const char *name, json_int_t min,
                                          json_int_t max, json_int_t *number);
NODISCARD enum status call_flag(struct kms_call *call, const char *name, bool *flag);

/* NULL where it is missing or null; must be an array. */
NODISCARD enum status call_list(struct kms_call *call, const char *name, json_t **list);

/* Base64. E_KMS_ERROR where it has none or more than `max` bytes. `into` has room for `max`. */
NODISCARD enum status call_need_blob(struct kms_call *call, const char *name, size_t max,
                                     uint8_t *into, size_t *size);

/* The field must be missing, or be `only`: what is not supported must not be ignored. */
NODISCARD enum status call_only_text(struct kms_call *call, const char *name, const char *only);
NODISCARD enum status call_must_be_empty(struct kms_call *call, const char *name,
                                         enum kms_error error);

/* GrantTokens, where given, must be ours; a grant is good from its making, so they change nothing.
 */
NODISCARD enum status call_check_grant_tokens(struct kms_call *call);

/* DryRun: the last question before the use itself. */
NODISCARD enum status call_check_dry_run(struct kms_call *call);

/* An encryption context in its one form: pairs u16, then key and value of each as texts with u16
 * lengths, sorted by the bytes of the keys. NULL is the empty one; `name` is for refusals. `into`
 * has room for BLOB_CONTEXT_BYTES_MAX. */
NODISCARD enum status call_context(struct kms_call *call, const char *name, json_t *map,
                                   uint8_t *into, struct bytes *context);

/* Adds to `out`. */
void call_add(struct kms_call *call, const char *name, json_t *value);
void call_add_text(struct kms_call *call, const char *name, const char *text);
void call_add_blob(struct kms_call *call, const char *name, struct bytes blob);
void call_add_material_id(struct kms_call *call, const char *name, const char *arn,
                          const struct key_material *material);
json_t *json_time(uint64_t wall_ns); /* epoch seconds with a fraction */

/* Which forms of KeyId an operation takes, and whether it makes the account's default key. */
enum key_forms {
    KEY_BY_ID, /* key id, key ARN */
    KEY_BY_ANY, /* alias names and ARNs too */
    KEY_OR_DEFAULT, /* and alias/aws/rds is made where it is not there yet */
};

/* The key that the field names: it exists. Notes its ARN. Whether the caller may is not asked. */
NODISCARD enum status call_find_key(struct kms_call *call, const char *name, enum key_forms forms,
                                    const struct kms_key **key);

/* The same of an ARN, as a ciphertext names it. */
NODISCARD enum status call_key_of_arn(struct kms_call *call, const char *text, enum key_forms forms,
                                      const struct kms_key **key);

/* May the caller do this (an action without "kms:") with the key, in this encryption context (NULL:
 * none)? AccessDeniedException. */
NODISCARD enum status call_authorize(struct kms_call *call, const struct kms_key *key,
                                     const char *action, const json_t *context);

/* The same of CreateGrant for a grantee. `by` is the grant that allowed it, or NULL: the policy. */
NODISCARD enum status call_authorize_grant(struct kms_call *call, const struct kms_key *key,
                                           const char *grantee, const struct kms_grant **by);

/* Whether the policy alone allows it. */
bool call_policy_allows(const struct kms_call *call, const struct kms_key *key, const char *action);

/* MalformedPolicyDocumentException where the text is no policy, or one that locks the caller out.
 */
NODISCARD enum status call_check_policy(struct kms_call *call, const char *text);

/* Found, and the operation allowed with it in EncryptionContext. */
NODISCARD enum status call_need_key(struct kms_call *call, const char *name, enum key_forms forms,
                                    const struct kms_key **key);

/* DisabledException or KMSInvalidStateException unless it is enabled. */
NODISCARD enum status call_check_usable(struct kms_call *call, const struct kms_key *key);
NODISCARD enum status call_check_not_pending(struct kms_call *call, const struct kms_key *key);

/* Stages a copy of the key for the caller to change. */
struct kms_key *call_stage_key(struct kms_call *call, const struct kms_key *key);

/* Stages a new key with material of its own, in the caller's account. */
struct kms_key *call_stage_new_key(struct kms_call *call, const char *description);

/* Stages the key with a new version of its material, and keeps the old one. */
void call_stage_rotation(struct kms_call *call, const struct kms_key *key, enum key_origin why);

#endif
