/* Operations whose plaintext is drawn here: data keys, sealed, and random bytes, which are not.
 *
 * The entropy is the injected one; a data key without plaintext is never seen outside at all until
 * somebody decrypts it. */
#include "keys/kms_operations.h"

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
    if (spec == NULL) {
        TRY(call_number_between(call, "NumberOfBytes", 1, CALL_GENERATE_BYTES_MAX, &number));
        *size = (size_t)number;
        return OK;
    }
    *size = strcmp(spec, "AES_256") == 0 ? 32 : 16;
    return *size == 32 || strcmp(spec, "AES_128") == 0
               ? OK
               : call_refuse(call, KMS_VALIDATION,
                             "1 validation error detected: Value '%.64s' at 'keySpec' failed to "
                             "satisfy constraint: Member must satisfy enum value set: [AES_256, "
                             "AES_128]",
                             spec);
}

static enum status generate(struct kms_call *call, bool with_plaintext, uint8_t *plain)
{
    struct seal_order order = {.arn = call->arn, .context_name = "EncryptionContext"};
    size_t size = 0;

    TRY(call_check_grant_tokens(call));
    TRY(call_must_be_empty(call, "Recipient", KMS_UNSUPPORTED));
    TRY(data_key_size(call, &size));
    TRY(call_need_key(call, "KeyId", KEY_OR_DEFAULT, &order.key));
    TRY(call_check_usable(call, order.key));
    entropy_fill(&call->sealer->entropy, plain, size);
    order.plain = bytes_of(plain, size);
    TRY(call_seal(call, &order));
    call_add_material_id(call, "KeyMaterialId", call->arn, &order.key->material);
    if (with_plaintext) {
        call_add_blob(call, "Plaintext", order.plain);
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

enum status op_generate_random(struct kms_call *call)
{
    uint8_t random[CALL_GENERATE_BYTES_MAX];
    json_int_t size = 0; /* it must be there */

    TRY(call_must_be_empty(call, "CustomKeyStoreId", KMS_UNSUPPORTED));
    TRY(call_must_be_empty(call, "Recipient", KMS_UNSUPPORTED));
    TRY(call_number_between(call, "NumberOfBytes", 1, CALL_GENERATE_BYTES_MAX, &size));
    entropy_fill(&call->sealer->entropy, random, (size_t)size);
    call_add_blob(call, "Plaintext", bytes_of(random, (size_t)size));
    secret_wipe_memory(random, sizeof random);
    return OK;
}
