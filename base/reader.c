/* One way in (reader_view), everything else is built on it. */
#include "base/reader.h"

enum status reader_view(struct reader *reader, struct bytes *view, size_t size)
{
    if (reader->left.size < size) {
        return E_TRUNCATED;
    }
    *view = bytes_of(reader->left.data, size);
    reader->left.data += size;
    reader->left.size -= size;
    return OK;
}

static enum status reader_number(struct reader *reader, uint64_t *value, size_t size)
{
    struct bytes view;

    TRY(reader_view(reader, &view, size));
    *value = 0;
    for (size_t i = size; i > 0; i--) {
        *value = *value << 8 | view.data[i - 1];
    }
    return OK;
}

enum status reader_u8(struct reader *reader, uint8_t *value)
{
    uint64_t wide;

    TRY(reader_number(reader, &wide, sizeof *value));
    *value = (uint8_t)wide;
    return OK;
}

enum status reader_u16(struct reader *reader, uint16_t *value)
{
    uint64_t wide;

    TRY(reader_number(reader, &wide, sizeof *value));
    *value = (uint16_t)wide;
    return OK;
}

enum status reader_u32(struct reader *reader, uint32_t *value)
{
    uint64_t wide;

    TRY(reader_number(reader, &wide, sizeof *value));
    *value = (uint32_t)wide;
    return OK;
}

enum status reader_u64(struct reader *reader, uint64_t *value)
{
    return reader_number(reader, value, sizeof *value);
}

enum status reader_copy(struct reader *reader, void *into, size_t size)
{
    struct bytes view;

    TRY(reader_view(reader, &view, size));
    if (size > 0) {
        memcpy(into, view.data, size);
    }
    return OK;
}

enum status reader_zeros(struct reader *reader, size_t size)
{
    const struct reader before = *reader;
    struct bytes view;

    TRY(reader_view(reader, &view, size));
    /* each byte equals the one before it, and the first is zero */
    if (size > 0
        && (view.data[0] != 0
            || !bytes_equal(bytes_part(view, 0, size - 1), bytes_part(view, 1, size - 1)))) {
        *reader = before;
        return E_MALFORMED;
    }
    return OK;
}

static bool text_has_nul(struct bytes text)
{
    return text.size > 0 && memchr(text.data, 0, text.size) != NULL;
}

enum status reader_text(struct reader *reader, char *into, size_t room)
{
    struct reader ahead = *reader;
    struct bytes text;
    uint16_t size;

    TRY(reader_u16(&ahead, &size));
    if (size >= room) {
        return E_TOO_LARGE;
    }
    TRY(reader_view(&ahead, &text, size));
    if (text_has_nul(text)) {
        return E_MALFORMED;
    }
    if (text.size > 0) {
        memcpy(into, text.data, text.size);
    }
    into[text.size] = '\0';
    *reader = ahead;
    return OK;
}

enum status reader_end(const struct reader *reader)
{
    return reader->left.size == 0 ? OK : E_MALFORMED;
}
