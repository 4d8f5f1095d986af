/* A short sorted list: fifty entries at most, so moving them costs nothing. */
#include "keys/tags.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/writer.h"

#include <string.h>

static struct bytes take_text(struct reader *reader)
{
    uint16_t size;
    struct bytes text;

    CHECK(reader_u16(reader, &size) == OK && reader_view(reader, &text, size) == OK);
    return text;
}

void tags_decode(struct tags *tags, struct bytes bytes)
{
    struct reader reader = reader_of(bytes);

    tags->count = 0;
    while (reader.left.size > 0) {
        CHECK(tags->count < KEY_TAGS_MAX);

        const struct bytes key = take_text(&reader);

        tags->list[tags->count++] = (struct key_tag){key, take_text(&reader)};
    }
}

static void write_text(struct writer *writer, struct bytes text)
{
    writer_u16(writer, (uint16_t)text.size);
    writer_copy(writer, text.data, text.size);
}

struct bytes tags_encode(const struct tags *tags, uint8_t *into)
{
    struct writer writer = writer_of(into, KEY_TAGS_BYTES_MAX);

    for (size_t i = 0; i < tags->count; i++) {
        write_text(&writer, tags->list[i].key);
        write_text(&writer, tags->list[i].value);
    }
    return writer_bytes(&writer);
}

static int compare(struct bytes a, struct bytes b)
{
    size_t same = 0;

    while (same < a.size && same < b.size && a.data[same] == b.data[same]) {
        same++;
    }
    if (same == a.size || same == b.size) {
        return (a.size > b.size) - (a.size < b.size);
    }
    return a.data[same] < b.data[same] ? -1 : 1;
}

/* The first place whose key is not before `key`. */
static size_t place_of(const struct tags *tags, struct bytes key)
{
    size_t place = 0;

    while (place < tags->count && compare(tags->list[place].key, key) < 0) {
        place++;
    }
    return place;
}

enum status tags_set(struct tags *tags, struct bytes key, struct bytes value)
{
    const size_t place = place_of(tags, key);

    if (place == tags->count || compare(tags->list[place].key, key) != 0) {
        if (tags->count == KEY_TAGS_MAX) {
            return E_FULL;
        }
        memmove(tags->list + place + 1, tags->list + place,
                (tags->count - place) * sizeof *tags->list);
        tags->count++;
    }
    tags->list[place] = (struct key_tag){key, value};
    return OK;
}

void tags_remove(struct tags *tags, struct bytes key)
{
    const size_t place = place_of(tags, key);

    if (place < tags->count && compare(tags->list[place].key, key) == 0) {
        tags->count--;
        memmove(tags->list + place, tags->list + place + 1,
                (tags->count - place) * sizeof *tags->list);
    }
}

bool tag_text_is_valid(const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;

        if (!plain && strchr(" _.:/=+-@", c) == NULL) {
            return false;
        }
    }
    return true;
}
