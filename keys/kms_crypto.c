/* Operations that use key material: a plaintext becomes a blob, a blob becomes a plaintext again.
 *
 * The order of refusals: the request's form, the key named in it, the key's state, then the seal.
 * A blob that was changed, or comes with another context or from another region or service, is an
 * InvalidCiphertextException without a word more. Plaintext is wiped where it was built; the answer
 * that holds it is wiped when it has left. */
#include "base/check.h"
#include "keys/kms_call.h"

static enum status refuse_ciphertext(struct kms_call *call)
{
    return call_refuse(call, KMS_INVALID_CIPHERTEXT, "%s", "");
}

/* What every use of a key may say and this service does not have. */
static enum status check_options(struct kms_call *call)
{
    TRY(call_must_be_empty(call, "GrantTokens", KMS_INVALID_GRANT_TOKEN));
    TRY(call_must_be_empty(call, "Recipient", KMS_UNSUPPORTED));
    return call_only_text(call, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
}

/* The last question before the use itself. */
static enum status check_dry_run(struct kms_call *call)
{
    bool dry = false;

    TRY(call_flag(call, "DryRun", &dry));
    return dry ? call_refuse(call, KMS_DRY_RUN,
                             "The request would have succeeded, but the DryRun option is set.")
               : OK;
}

/* A stored key that the root key does not open was checked at START: memory has gone bad. */
static enum status refuse_internal(struct kms_call *call)
{
    return call_refuse(call, KMS_INTERNAL, "The key material cannot be read");
}

static enum status seal_into_answer(struct kms_call *call, const struct kms_key *key,
                                    struct bytes plain)
{
    uint8_t context[BLOB_CONTEXT_BYTES_MAX];
    uint8_t blob[BLOB_BYTES_MAX];
    struct key_use use = {.material = &key->material, .arn = call->arn};
    size_t size;

    TRY(call_context(call, context, &use.context));
    TRY(check_dry_run(call));
    if (blob_seal(call->sealer, &use, plain, blob, &size) != OK) {
        return refuse_internal(call);
    }
    call_add_blob(call, "CiphertextBlob", bytes_of(blob, size));
    call_add_text(call, "KeyId", call->arn);
    return OK;
}

static enum status encrypt_plain(struct kms_call *call, uint8_t *plain)
{
    const struct kms_key *key;
    size_t size;

    TRY(check_options(call));
    TRY(call_need_blob(call, "Plaintext", BLOB_PLAIN_BYTES_MAX, plain, &size));
    TRY(call_need_key(call, "KeyId", KEY_OR_DEFAULT, &key));
    TRY(call_check_usable(call, key));
    TRY(seal_into_answer(call, key, bytes_of(plain, size)));
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

/* The key that the caller named must be the one that the blob names. */
static enum status check_named_key(struct kms_call *call, const struct kms_key *key)
{
    const struct kms_key *named;
    const char *text = NULL;
    char arn[ARN_TEXT_MAX];

    TRY(call_text(call, "KeyId", &text));
    if (text == NULL) {
        return OK;
    }
    memcpy(arn, call->arn, sizeof arn);
    TRY(call_need_key(call, "KeyId", KEY_BY_ANY, &named));
    memcpy(call->arn, arn, sizeof arn);
    return named == key
               ? OK
               : call_refuse(
                   call, KMS_INCORRECT_KEY,
                   "The key ID in the request does not identify a CMK that can perform this "
                   "operation.");
}

static enum status find_blob_key(struct kms_call *call, struct bytes blob,
                                 const struct kms_key **key)
{
    struct arn arn;
    char text[ARN_TEXT_MAX];

    if (blob_key(blob, text) != OK || arn_parse(&arn, text) != OK
        || strcmp(arn.region, call->settings->region) != 0) {
        return refuse_ciphertext(call);
    }
    return call_key_of_arn(call, text, KEY_BY_ID, key);
}

static enum status decrypt_blob(struct kms_call *call, struct bytes blob, uint8_t *plain)
{
    uint8_t context[BLOB_CONTEXT_BYTES_MAX];
    const struct kms_key *key = NULL;
    struct key_use use = {.arn = call->arn};
    size_t size;

    TRY(call_context(call, context, &use.context));
    TRY(find_blob_key(call, blob, &key));
    CHECK(key != NULL);
    TRY(check_named_key(call, key));
    TRY(call_check_usable(call, key));
    use.material = &key->material;

    const enum status status = blob_open(call->sealer, &use, blob, plain, &size);

    if (status == E_WRONG_KEY) {
        return refuse_internal(call);
    }
    if (status != OK) {
        return refuse_ciphertext(call);
    }
    TRY(check_dry_run(call));
    call_add_text(call, "KeyId", call->arn);
    call_add_blob(call, "Plaintext", bytes_of(plain, size));
    call_add_text(call, "EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    return OK;
}

enum status op_decrypt(struct kms_call *call)
{
    uint8_t blob[BLOB_BYTES_MAX];
    uint8_t plain[BLOB_PLAIN_BYTES_MAX];
    size_t size;

    TRY(check_options(call));
    TRY(call_need_blob(call, "CiphertextBlob", BLOB_BYTES_MAX, blob, &size));

    const enum status status = decrypt_blob(call, bytes_of(blob, size), plain);

    secret_wipe_memory(plain, sizeof plain);
    return status;
}

/* KeySpec or NumberOfBytes, one of them. */
static enum status data_key_size(struct kms_call *call, size_t *size)
{
    const char *spec = NULL;
    json_int_t number = 0;

    TRY(call_text(call, "KeySpec", &spec));
    TRY(call_number(call, "NumberOfBytes", &number));
    if ((spec == NULL) == (json_object_get(call->in, "NumberOfBytes") == NULL)) {
        return call_refuse(call, KMS_VALIDATION,
                           "Please specify either number of bytes or key spec.");
    }
    if (spec != NULL && strcmp(spec, "AES_256") != 0 && strcmp(spec, "AES_128") != 0) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value '%.64s' at 'keySpec' failed to "
                           "satisfy constraint: Member must satisfy enum value set: [AES_256, "
                           "AES_128]",
                           spec);
    }
    if (spec == NULL && (number < 1 || number > CALL_GENERATE_BYTES_MAX)) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value '%lld' at 'numberOfBytes' failed "
                           "to satisfy constraint: Member must be between 1 and %d",
                           (long long)number, CALL_GENERATE_BYTES_MAX);
    }
    *size = spec == NULL ? (size_t)number : strcmp(spec, "AES_256") == 0 ? 32 : 16;
    return OK;
}

static enum status generate(struct kms_call *call, bool with_plaintext, uint8_t *plain)
{
    const struct kms_key *key;
    size_t size = 0;

    TRY(check_options(call));
    TRY(data_key_size(call, &size));
    TRY(call_need_key(call, "KeyId", KEY_OR_DEFAULT, &key));
    TRY(call_check_usable(call, key));
    entropy_fill(&call->sealer->entropy, plain, size);
    TRY(seal_into_answer(call, key, bytes_of(plain, size)));
    if (with_plaintext) {
        call_add_blob(call, "Plaintext", bytes_of(plain, size));
    }
    return OK;
}

enum status op_generate_data_key(struct kms_call *call)
{
    uint8_t plain[CALL_GENERATE_BYTES_MAX];
    const enum status status = generate(call, true, plain);

    secret_wipe_memory(plain, sizeof plain);
    return status;
}

enum status op_generate_data_key_without_plaintext(struct kms_call *call)
{
    uint8_t plain[CALL_GENERATE_BYTES_MAX];
    const enum status status = generate(call, false, plain);

    secret_wipe_memory(plain, sizeof plain);
    return status;
}
