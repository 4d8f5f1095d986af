/* Tags of keys: TagKey and TagValue here, where other services of AWS say Key and Value.
 *
 * They label and decide nothing. */
#include "keys/kms_operations.h"
#include "keys/kms_page.h"
#include "keys/tags.h"

enum { LIST_TAGS_DEFAULT = 50, LIST_TAGS_MAX = 50 };

static enum status refuse_tag(struct kms_call *call, const char *why)
{
    return call_refuse(call, KMS_TAG, "%s", why);
}

static enum status check_text(struct kms_call *call, const json_t *text, size_t min, size_t max)
{
    if (!json_is_string(text)) {
        return call_refuse(call, KMS_SERIALIZATION, "Keys and values of tags must be strings");
    }
    if (json_string_length(text) < min || json_string_length(text) > max) {
        return call_refuse(call, KMS_VALIDATION,
                           "1 validation error detected: Value at 'tags' failed to satisfy "
                           "constraint: Member must have length between %zu and %zu",
                           min, max);
    }
    return tag_text_is_valid(json_string_value(text))
               ? OK
               : refuse_tag(call, "A tag has a character that is not allowed");
}

static enum status check_key(struct kms_call *call, const json_t *key)
{
    TRY(check_text(call, key, 1, KEY_TAG_KEY_BYTES_MAX));
    return strncmp(json_string_value(key), "aws:", 4) != 0
               ? OK
               : refuse_tag(call, "Tag keys that begin with aws: are reserved");
}

static enum status set_tags(struct kms_call *call, json_t *list, struct tags *tags)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *key = json_object_get(json_array_get(list, i), "TagKey");
        const json_t *value = json_object_get(json_array_get(list, i), "TagValue");

        TRY(check_key(call, key));
        TRY(check_text(call, value, 0, KEY_TAG_VALUE_BYTES_MAX));
        for (size_t j = 0; j < i; j++) {
            const json_t *other = json_object_get(json_array_get(list, j), "TagKey");

            if (json_equal(key, other)) {
                return refuse_tag(call, "A tag key comes twice");
            }
        }
        if (tags_set(tags, bytes_text(json_string_value(key)), bytes_text(json_string_value(value)))
            != OK) {
            return call_refuse(call, KMS_LIMIT_EXCEEDED, "A key has at most %d tags", KEY_TAGS_MAX);
        }
    }
    return OK;
}

static void stage_tags(struct kms_call *call, struct kms_key *staged, const struct tags *tags)
{
    uint8_t room[KEY_TAGS_BYTES_MAX];

    staged->tags = change_keep(call->change, tags_encode(tags, room));
}

enum status call_stage_tags(struct kms_call *call, struct kms_key *staged)
{
    struct tags tags = {.count = 0};
    json_t *list;

    TRY(call_list(call, "Tags", &list));
    TRY(set_tags(call, list, &tags));
    stage_tags(call, staged, &tags);
    return OK;
}

static enum status need_list(struct kms_call *call, const char *name, json_t **list)
{
    TRY(call_list(call, name, list));
    return *list != NULL
               ? OK
               : call_refuse(call, KMS_VALIDATION,
                             "1 validation error detected: Value null at '%s' failed to satisfy "
                             "constraint: Member must not be null",
                             name);
}

static enum status need_key(struct kms_call *call, const struct kms_key **key, struct tags *tags)
{
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, key));
    TRY(call_check_not_pending(call, *key));
    tags_decode(tags, (*key)->tags);
    return OK;
}

enum status op_tag_resource(struct kms_call *call)
{
    const struct kms_key *key;
    struct tags tags;
    json_t *list;

    TRY(need_list(call, "Tags", &list));
    TRY(need_key(call, &key, &tags));
    TRY(set_tags(call, list, &tags));
    stage_tags(call, call_stage_key(call, key), &tags);
    return OK;
}

enum status op_untag_resource(struct kms_call *call)
{
    const struct kms_key *key;
    struct tags tags;
    json_t *list;

    TRY(need_list(call, "TagKeys", &list));
    TRY(need_key(call, &key, &tags));
    for (size_t i = 0; i < json_array_size(list); i++) {
        TRY(check_key(call, json_array_get(list, i)));
        tags_remove(&tags, bytes_text(json_string_value(json_array_get(list, i))));
    }
    stage_tags(call, call_stage_key(call, key), &tags);
    return OK;
}

static void list_tags(const struct tags *tags, struct kms_page *page)
{
    bool room = true;

    for (size_t i = 0; i < tags->count && room; i++) {
        const struct key_tag *tag = &tags->list[i];
        char key[KEY_TAG_KEY_BYTES_MAX + 1];

        memcpy(key, tag->key.data, tag->key.size);
        key[tag->key.size] = '\0';
        if (strcmp(key, page->after) > 0) {
            room = page_add(page, key,
                            json_pack("{s:s,s:s%}", "TagKey", key, "TagValue", tag->value.data,
                                      tag->value.size));
        }
    }
}

enum status op_list_resource_tags(struct kms_call *call)
{
    const struct kms_key *key;
    struct kms_page page;
    struct tags tags;

    TRY(page_open(call, &page, LIST_TAGS_DEFAULT, LIST_TAGS_MAX));
    TRY(call_need_key(call, "KeyId", KEY_BY_ID, &key));
    tags_decode(&tags, key->tags);
    list_tags(&tags, &page);
    page_close(call, &page, "Tags");
    return OK;
}
