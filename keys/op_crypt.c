/* Operations that use key material: a plaintext becomes a blob, a blob becomes a plaintext again.
 *
 * The order of refusals: the request's form, the key named in it, whether the caller may, the key's
 * state, then the seal. A blob that was changed, or comes with another context or from another
 * region or service, is an InvalidCiphertextException without a word more. Plaintext is wiped where
 * it was built; the answer that holds it is wiped when it has left. */
#include "base/check.h"
#include "keys/kms_operations.h"

static enum status refuse_ciphertext(struct kms_call *call)
{
    return call_refuse(call, KMS_INVALID_CIPHERTEXT, "%s", "");
}

/* A stored key that the root key does not open was checked at START: memory has gone bad. */
static enum status refuse_internal(struct kms_call *call)
{
    return call_refuse(call, KMS_INTERNAL, "The key material cannot be read");
}

enum status call_seal(struct kms_call *call, const struct seal_order *order)
{
    uint8_t context[BLOB_CONTEXT_BYTES_MAX];
    uint8_t blob[BLOB_BYTES_MAX];
    struct key_use use = {.material = &order->key->material, .arn = order->arn};
    size_t size;

    TRY(call_context(call, order->context_name, json_object_get(call->in, order->context_name),
                     context, &use.context));
    TRY(call_check_dry_run(call));
    if (blob_seal(call->sealer, &use, order->plain, blob, &size) != OK) {
        return refuse_internal(call);
    }
    call_add_blob(call, "CiphertextBlob", bytes_of(blob, size));
    call_add_text(call, "KeyId", order->arn);
    return OK;
}

static enum status encrypt_plain(struct kms_call *call, uint8_t *plain)
{
    struct seal_order order = {.arn = call->arn, .context_name = "EncryptionContext"};
    size_t size;

    TRY(call_check_grant_tokens(call));
    TRY(call_only_text(call, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
    TRY(call_need_blob(call, "Plaintext", BLOB_PLAIN_BYTES_MAX, plain, &size));
    TRY(call_need_key(call, "KeyId", KEY_OR_DEFAULT, &order.key));
    TRY(call_check_usable(call, order.key));
    order.plain = bytes_of(plain, size);
    TRY(call_seal(call, &order));
    call_add_text(call, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    return OK;
}

enum status op_encrypt(struct kms_call *call)
{
    uint8_t plain[BLOB_PLAIN_BYTES_MAX];
    const enum status status = encrypt_plain(call, plain);

    secret_wipe_memory(plain, sizeof plain);
    return status;
}

/* A blob to be opened, and what with. */
struct opening {
    const char *key_name; /* the fields */
    const char *context_name;
    const char *action;
    struct bytes blob;
    const struct kms_key *key;
    const struct key_material *material;
    uint8_t *plain; /* room for BLOB_PLAIN_BYTES_MAX */
    size_t plain_size;
};

/* The key that the caller named must be the one that the blob names. */
static enum status check_named_key(struct kms_call *call, const struct opening *opening)
{
    const struct kms_key *named;
    const char *text = NULL;
    char arn[ARN_TEXT_MAX];

    TRY(call_text(call, opening->key_name, &text));
    if (text == NULL) {
        return OK;
    }
    memcpy(arn, call->arn, sizeof arn);
    TRY(call_find_key(call, opening->key_name, KEY_BY_ANY, &named));
    memcpy(call->arn, arn, sizeof arn);
    return named == opening->key
               ? OK
               : call_refuse(
                   call, KMS_INCORRECT_KEY,
                   "The key ID in the request does not identify a CMK that can perform this "
                   "operation.");
}

static enum status find_blob_key(struct kms_call *call, struct opening *opening)
{
    struct arn arn;
    char text[ARN_TEXT_MAX];
    uint32_t version;

    if (blob_key(opening->blob, text, &version) != OK || arn_parse(&arn, text) != OK
        || strcmp(arn.region, call->settings->region) != 0) {
        return refuse_ciphertext(call);
    }
    TRY(call_key_of_arn(call, text, KEY_BY_ID, &opening->key));
    TRY(call_authorize(call, opening->key, opening->action,
                       json_object_get(call->in, opening->context_name)));
    opening->material = key_table_find_version(call->table, opening->key, version);
    return OK;
}

static enum status open_blob(struct kms_call *call, struct opening *opening)
{
    uint8_t context[BLOB_CONTEXT_BYTES_MAX];
    struct key_use use = {.arn = call->arn};

    TRY(call_context(call, opening->context_name, json_object_get(call->in, opening->context_name),
                     context, &use.context));
    TRY(find_blob_key(call, opening));
    TRY(check_named_key(call, opening));
    TRY(call_check_usable(call, opening->key));
    if (opening->material == NULL) {
        return refuse_ciphertext(call);
    }
    use.material = opening->material;

    const enum status status =
        blob_open(call->sealer, &use, opening->blob, opening->plain, &opening->plain_size);

    if (status == E_WRONG_KEY) {
        return refuse_internal(call);
    }
    return status == OK ? OK : refuse_ciphertext(call);
}

/* The blob is taken, `use` does something with it, and the plaintext is wiped. */
static enum status with_blob(struct kms_call *call, struct opening *opening,
                             enum status (*use)(struct kms_call *call, struct opening *opening))
{
    uint8_t blob[BLOB_BYTES_MAX];
    uint8_t plain[BLOB_PLAIN_BYTES_MAX];
    size_t size;

    TRY(call_need_blob(call, "CiphertextBlob", BLOB_BYTES_MAX, blob, &size));
    opening->blob = bytes_of(blob, size);
    opening->plain = plain;

    const enum status status = use(call, opening);

    secret_wipe_memory(plain, sizeof plain);
    opening->blob = bytes_of(NULL, 0);
    opening->plain = NULL;
    return status;
}

static enum status decrypt_blob(struct kms_call *call, struct opening *opening)
{
    TRY(open_blob(call, opening));
    TRY(call_check_dry_run(call));
    call_add_text(call, "KeyId", call->arn);
    call_add_blob(call, "Plaintext", bytes_of(opening->plain, opening->plain_size));
    call_add_text(call, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    call_add_material_id(call, "KeyMaterialId", call->arn, opening->material);
    return OK;
}

enum status op_decrypt(struct kms_call *call)
{
    struct opening opening = {
        .key_name = "KeyId", .context_name = "EncryptionContext", .action = "Decrypt"};

    TRY(call_check_grant_tokens(call));
    TRY(call_must_be_empty(call, "Recipient", KMS_UNSUPPORTED));
    TRY(call_must_be_empty(call, "DryRunModifiers", KMS_UNSUPPORTED));
    TRY(call_only_text(call, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
    return with_blob(call, &opening, decrypt_blob);
}

/* The destination's key, with the ARN beside the source's, which stays in call->arn. */
static enum status need_destination(struct kms_call *call, const struct kms_key **key)
{
    char source_arn[ARN_TEXT_MAX];

    memcpy(source_arn, call->arn, sizeof source_arn);
    TRY(call_find_key(call, "DestinationKeyId", KEY_OR_DEFAULT, key));
    TRY(call_authorize(call, *key, "ReEncryptTo",
                       json_object_get(call->in, "DestinationEncryptionContext")));
    TRY(call_check_usable(call, *key));
    memcpy(call->other_arn, call->arn, sizeof call->other_arn);
    memcpy(call->arn, source_arn, sizeof call->arn);
    return OK;
}

static enum status re_encrypt(struct kms_call *call, struct opening *source)
{
    struct seal_order order = {.arn = call->other_arn,
                               .context_name = "DestinationEncryptionContext"};

    TRY(open_blob(call, source));
    TRY(need_destination(call, &order.key));
    order.plain = bytes_of(source->plain, source->plain_size);
    TRY(call_seal(call, &order));
    call_add_text(call, "SourceKeyId", call->arn);
    call_add_text(call, "SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    call_add_text(call, "DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    call_add_material_id(call, "SourceKeyMaterialId", call->arn, source->material);
    call_add_material_id(call, "DestinationKeyMaterialId", call->other_arn, &order.key->material);
    return OK;
}

enum status op_re_encrypt(struct kms_call *call)
{
    struct opening source = {.key_name = "SourceKeyId",
                             .context_name = "SourceEncryptionContext",
                             .action = "ReEncryptFrom"};

    TRY(call_check_grant_tokens(call));
    TRY(call_must_be_empty(call, "DryRunModifiers", KMS_UNSUPPORTED));
    TRY(call_only_text(call, "SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
    TRY(call_only_text(call, "DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT"));
    return with_blob(call, &source, re_encrypt);
}
