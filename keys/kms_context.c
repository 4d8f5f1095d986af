/* The encryption context: a map of texts, put into the one order and form that a seal can bind.
 *
 * Pairs are sorted by the bytes of their keys and written with their lengths, so that no two maps
 * share a form. A value that is no text, an empty key, too many pairs or too many bytes are
 * refused. */
#include "base/check.h"
#include "base/writer.h"
#include "keys/kms_call.h"

/* Keeps `keys` sorted: a handful of pairs, so moving them costs nothing. */
static void insert_sorted(const char **keys, size_t count, const char *key)
{
    size_t place = count;

    while (place > 0 && strcmp(keys[place - 1], key) > 0) {
        keys[place] = keys[place - 1];
        place--;
    }
    keys[place] = key;
}

/* What the pair takes in the canonical form. */
static enum status pair_size(struct kms_call *call, const char *key, const json_t *value,
                             size_t *size)
{
    if (!json_is_string(value)) {
        return call_refuse(call, KMS_SERIALIZATION,
                           "An encryption context must map strings to strings");
    }
    if (key[0] == '\0') {
        return call_refuse(call, KMS_VALIDATION, "An encryption context has no empty key");
    }
    *size = 4 + strlen(key) + json_string_length(value);
    return OK;
}

static enum status context_sort(struct kms_call *call, json_t *map, const char **keys,
                                size_t *count)
{
    size_t bytes = 2;

    *count = 0;
    for (void *pair = json_object_iter(map); pair != NULL;
         pair = json_object_iter_next(map, pair)) {
        const char *key = json_object_iter_key(pair);
        size_t size = 0;

        TRY(pair_size(call, key, json_object_iter_value(pair), &size));
        bytes += size;
        if (*count == CALL_CONTEXT_PAIRS_MAX || bytes > BLOB_CONTEXT_BYTES_MAX) {
            return call_refuse(call, KMS_VALIDATION,
                               "An encryption context has at most %d pairs and %d bytes",
                               CALL_CONTEXT_PAIRS_MAX, BLOB_CONTEXT_BYTES_MAX);
        }
        insert_sorted(keys, (*count)++, key);
    }
    return OK;
}

enum status call_context(struct kms_call *call, const char *name, json_t *map, uint8_t *into,
                         struct bytes *context)
{
    const char *keys[CALL_CONTEXT_PAIRS_MAX];
    size_t count = 0;
    struct writer writer = writer_of(into, BLOB_CONTEXT_BYTES_MAX);

    if (map != NULL && !json_is_null(map)) {
        if (!json_is_object(map)) {
            return call_refuse(call, KMS_SERIALIZATION, "%s must be an object", name);
        }
        TRY(context_sort(call, map, keys, &count));
    }
    writer_u16(&writer, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        writer_text(&writer, keys[i]);
        writer_text(&writer, json_string_value(json_object_get(map, keys[i])));
    }
    *context = writer_bytes(&writer);
    return OK;
}
