/* One way out (writer_take), everything else is built on it. */
#include "base/writer.h"

#include "base/check.h"

static uint8_t *writer_take(struct writer *writer, size_t size)
{
    CHECK(size <= writer->room - writer->size);

    uint8_t *place = writer->data + writer->size;
    writer->size += size;
    return place;
}

static void writer_number(struct writer *writer, uint64_t value, size_t size)
{
    uint8_t *place = writer_take(writer, size);

    for (size_t i = 0; i < size; i++) {
        place[i] = (uint8_t)(value >> 8 * i);
    }
}

void writer_u8(struct writer *writer, uint8_t value)
{
    writer_number(writer, value, sizeof value);
}

void writer_u16(struct writer *writer, uint16_t value)
{
    writer_number(writer, value, sizeof value);
}

void writer_u32(struct writer *writer, uint32_t value)
{
    writer_number(writer, value, sizeof value);
}

void writer_u64(struct writer *writer, uint64_t value)
{
    writer_number(writer, value, sizeof value);
}

void writer_copy(struct writer *writer, const void *from, size_t size)
{
    uint8_t *place = writer_take(writer, size);

    if (size > 0) {
        memcpy(place, from, size);
    }
}

void writer_zeros(struct writer *writer, size_t size)
{
    uint8_t *place = writer_take(writer, size);

    if (size > 0) {
        memset(place, 0, size);
    }
}

void writer_text(struct writer *writer, const char *text)
{
    const size_t size = strlen(text);

    CHECK(size <= UINT16_MAX);
    writer_u16(writer, (uint16_t)size);
    writer_copy(writer, text, size);
}
