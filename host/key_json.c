/* A handful of fields each way; blobs are base64.
 *
 * An answer must have exactly what its operation promises, in sizes that fit: a data key of another
 * length than ours, or an ARN that is too long, is malformed and not cut. */
#include "host/key_json.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/hex.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

union sized { /* in front of each piece of jansson's memory */
    size_t size;
    max_align_t align;
};

static void *take_memory(size_t size)
{
    union sized *piece = malloc(sizeof *piece + size);

    if (piece == NULL) {
        return NULL;
    }
    piece->size = size;
    return piece + 1;
}

static void wipe_memory(void *memory)
{
    if (memory != NULL) {
        union sized *piece = (union sized *)memory - 1;

        OPENSSL_cleanse(memory, piece->size);
        free(piece);
    }
}

void key_json_init(void)
{
    json_set_alloc_funcs(take_memory, wipe_memory);
}

void key_json_free(char *body)
{
    wipe_memory(body);
}

const char *key_json_target(enum keys_op op)
{
    switch (op) {
    case KEYS_GENERATE:
        return "TrentService.GenerateDataKey";
    case KEYS_UNWRAP:
        return "TrentService.Decrypt";
    case KEYS_WRAP:
        return "TrentService.Encrypt";
    case KEYS_REWRAP:
        return "TrentService.ReEncrypt";
    case KEYS_OPS:
        break;
    }
    UNREACHABLE();
}

static void set_text(json_t *object, const char *name, const char *text)
{
    CHECK(json_object_set_new(object, name, json_string(text)) == 0);
}

static void set_blob(json_t *object, const char *name, struct bytes blob)
{
    char *text = take_memory(base64_text_size(blob.size) + 1);

    CHECK(text != NULL);
    set_text(object, name, base64_encode(blob, text));
    wipe_memory(text);
}

static void set_id(json_t *object, const char *name, const struct id *id)
{
    char text[33];

    set_text(object, name, hex_encode(bytes_of(id->bytes, 16), text));
}

static json_t *make_context(const struct keys_context *context)
{
    json_t *object = json_object();

    CHECK(object != NULL);
    set_text(object, "aws:rds:dbc-id", context->cluster);
    set_id(object, "sealift:lineage", &context->lineage);
    set_id(object, "sealift:dek", &context->dek);
    set_text(object, "sealift:region", context->region);
    return object;
}

static void set_context(json_t *object, const char *name, const struct keys_context *context)
{
    CHECK(json_object_set_new(object, name, make_context(context)) == 0);
}

/* From and to the same key, in the same context: only the version of the key may change. */
static void set_both_ends(json_t *object, const struct keys_request *request)
{
    set_text(object, "SourceKeyId", request->key);
    set_text(object, "DestinationKeyId", request->key);
    set_context(object, "SourceEncryptionContext", &request->context);
    set_context(object, "DestinationEncryptionContext", &request->context);
}

char *key_json_request(const struct keys_request *request)
{
    json_t *object = json_object();

    CHECK(object != NULL);
    if (request->op == KEYS_REWRAP) {
        set_both_ends(object, request);
    } else {
        set_text(object, "KeyId", request->key);
        set_context(object, "EncryptionContext", &request->context);
    }
    switch (request->op) {
    case KEYS_GENERATE:
        set_text(object, "KeySpec", "AES_256");
        break;
    case KEYS_UNWRAP:
    case KEYS_REWRAP:
        set_blob(object, "CiphertextBlob", request->blob);
        break;
    case KEYS_WRAP:
        set_blob(object, "Plaintext", request->plain);
        break;
    case KEYS_OPS:
        UNREACHABLE();
    }

    char *body = json_dumps(object, JSON_COMPACT);

    CHECK(body != NULL);
    json_decref(object);
    return body;
}

static enum status get_text(const json_t *object, const char *name, char *into, size_t room)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (text == NULL || text[0] == '\0' || strlen(text) >= room) {
        return E_MALFORMED;
    }
    snprintf(into, room, "%s", text);
    return OK;
}

static enum status get_blob(const json_t *object, const char *name, uint8_t *into, size_t room,
                            size_t *size)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (text == NULL || base64_decode(bytes_text(text), into, room, size) != OK || *size == 0) {
        return E_MALFORMED;
    }
    return OK;
}

static enum status decode_object(enum keys_op op, const json_t *object,
                                 struct key_json_answer *answer)
{
    TRY(get_text(object, "KeyId", answer->arn, sizeof answer->arn));
    if (op != KEYS_UNWRAP) {
        TRY(get_blob(object, "CiphertextBlob", answer->blob, sizeof answer->blob,
                     &answer->blob_size));
    }
    if (op != KEYS_WRAP && op != KEYS_REWRAP) {
        TRY(get_blob(object, "Plaintext", answer->plain, sizeof answer->plain,
                     &answer->plain_size));
        return answer->plain_size == DEK_BYTES ? OK : E_MALFORMED;
    }
    return OK;
}

enum status key_json_decode(enum keys_op op, struct bytes body, struct key_json_answer *answer)
{
    json_t *object = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);

    memset(answer, 0, sizeof *answer);

    const enum status status =
        json_is_object(object) ? decode_object(op, object, answer) : E_MALFORMED;

    json_decref(object);
    return status;
}

enum status key_json_decode_error(struct bytes body, struct key_json_error *error)
{
    json_t *object = json_loadb((const char *)body.data, body.size, 0, NULL);
    const char *type = json_string_value(json_object_get(object, "__type"));
    const char *message = json_string_value(json_object_get(object, "message"));

    if (message == NULL) {
        message = json_string_value(json_object_get(object, "Message"));
    }
    memset(error, 0, sizeof *error);
    if (type != NULL) {
        const char *hash = strrchr(type, '#');

        snprintf(error->type, sizeof error->type, "%s", hash == NULL ? type : hash + 1);
        snprintf(error->message, sizeof error->message, "%s", message == NULL ? "" : message);
    }
    json_decref(object);
    return type != NULL ? OK : E_MALFORMED;
}
