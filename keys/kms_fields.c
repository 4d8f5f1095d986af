/* The fields of a request, one verb a type.
 *
 * What a caller can get wrong comes back as a named error: a body of another shape is a
 * SerializationException, a value beyond its limits a ValidationException (texts after those of
 * AWS). Where the JSON arena is used up while adding to the answer, the node sees it when it
 * writes the answer down. */
#include "keys/kms_call.h"

#include "base/base64.h"
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

enum status call_refuse(struct kms_call *call, enum kms_error error, const char *format, ...)
{
    va_list arguments;

    call->error = error;
    va_start(arguments, format);
    vsnprintf(call->why, sizeof call->why, format, arguments);
    va_end(arguments);
    return E_KMS_ERROR;
}

static enum status refuse_type(struct kms_call *call, const char *name, const char *wanted)
{
    return call_refuse(call, KMS_SERIALIZATION, "%s must be a %s", name, wanted);
}

/* NULL where the field is missing or null. */
static json_t *call_field(const struct kms_call *call, const char *name)
{
    json_t *value = json_object_get(call->in, name);

    return json_is_null(value) ? NULL : value;
}

enum status call_text(struct kms_call *call, const char *name, const char **text)
{
    const json_t *value = call_field(call, name);

    if (value == NULL) {
        return OK;
    }
    if (!json_is_string(value)) {
        return refuse_type(call, name, "string");
    }
    *text = json_string_value(value);
    return OK;
}

enum status call_need_text(struct kms_call *call, const char *name, const char **text)
{
    *text = NULL;
    TRY(call_text(call, name, text));
    if (*text == NULL) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value null at '%s' failed to satisfy "
                           "constraint: Member must not be null",
                           name);
    }
    return OK;
}

enum status call_text_upto(struct kms_call *call, const char *name, size_t max, const char **text)
{
    TRY(call_text(call, name, text));
    return *text == NULL || strlen(*text) <= max
               ? OK
               : call_refuse(call, KMS_VALIDATION,
                             "1 validation error detected: Value at '%s' failed to satisfy "
                             "constraint: Member must have length less than or equal to %zu",
                             name, max);
}

enum status call_number(struct kms_call *call, const char *name, json_int_t *number)
{
    const json_t *value = call_field(call, name);

    if (value == NULL) {
        return OK;
    }
    if (!json_is_integer(value)) {
        return refuse_type(call, name, "whole number");
    }
    *number = json_integer_value(value);
    return OK;
}

enum status call_number_between(struct kms_call *call, const char *name, json_int_t min,
                                json_int_t max, json_int_t *number)
{
    TRY(call_number(call, name, number));
    return *number >= min && *number <= max
               ? OK
               : call_refuse(call, KMS_VALIDATION,
                             "1 validation error detected: Value '%lld' at '%s' failed to satisfy "
                             "constraint: Member must be between %lld and %lld",
                             (long long)*number, name, (long long)min, (long long)max);
}

enum status call_flag(struct kms_call *call, const char *name, bool *flag)
{
    const json_t *value = call_field(call, name);

    if (value == NULL) {
        return OK;
    }
    if (!json_is_boolean(value)) {
        return refuse_type(call, name, "boolean");
    }
    *flag = json_is_true(value);
    return OK;
}

enum status call_list(struct kms_call *call, const char *name, json_t **list)
{
    *list = call_field(call, name);
    return *list == NULL || json_is_array(*list) ? OK : refuse_type(call, name, "list");
}

enum status call_need_blob(struct kms_call *call, const char *name, size_t max, uint8_t *into,
                           size_t *size)
{
    const char *text;

    TRY(call_need_text(call, name, &text));
    CHECK(text != NULL);

    const enum status status = base64_decode(bytes_text(text), into, max, size);

    if (status == E_MALFORMED) {
        return call_refuse(call, KMS_SERIALIZATION, "%s must be base64", name);
    }
    if (status != OK || *size == 0) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value at '%s' failed to satisfy "
                           "constraint: Member must have length between 1 and %zu",
                           name, max);
    }
    return OK;
}

enum status call_only_text(struct kms_call *call, const char *name, const char *only)
{
    const char *text = only;

    TRY(call_text(call, name, &text));
    return strcmp(text, only) == 0
               ? OK
               : call_refuse(call, KMS_UNSUPPORTED, "%s must be %s: nothing else is supported",
                             name, only);
}

enum status call_must_be_empty(struct kms_call *call, const char *name, enum kms_error error)
{
    const json_t *value = call_field(call, name);
    const bool empty = value == NULL || json_is_false(value)
                       || (json_is_array(value) && json_array_size(value) == 0);

    return empty ? OK : call_refuse(call, error, "%s is not supported", name);
}

enum status call_check_dry_run(struct kms_call *call)
{
    bool dry = false;

    TRY(call_flag(call, "DryRun", &dry));
    return dry ? call_refuse(call, KMS_DRY_RUN,
                             "The request would have succeeded, but the DryRun option is set.")
               : OK;
}

void call_add(struct kms_call *call, const char *name, json_t *value)
{
    /* Fails only without memory; then `out` is dropped, and the answer with it. */
    if (json_object_set_new(call->out, name, value) != 0) {
        call->out = NULL;
    }
}

void call_add_text(struct kms_call *call, const char *name, const char *text)
{
    call_add(call, name, json_string(text));
}

void call_add_blob(struct kms_call *call, const char *name, struct bytes blob)
{
    char text[(BLOB_BYTES_MAX + 2) / 3 * 4 + 1];

    CHECK(blob.size <= BLOB_BYTES_MAX);
    call_add_text(call, name, base64_encode(blob, text));
    secret_wipe_memory(text, sizeof text);
}

void call_add_material_id(struct kms_call *call, const char *name, const char *arn,
                          const struct key_material *material)
{
    char text[KEY_MATERIAL_ID_TEXT_MAX];

    key_material_id(material, arn, text);
    call_add_text(call, name, text);
}

json_t *json_time(uint64_t wall_ns)
{
    return json_real((double)(wall_ns / 1000000) / 1000.0);
}
