/* Writes little-endian fields into memory that somebody else owns.
 *
 * The pair of reader.h. Room is the caller's promise, so running out of it is a bug (CHECK), not a
 * status: encoders write only what our own structs hold, and those have limits. */
#ifndef SEALIFT_BASE_WRITER_H
#define SEALIFT_BASE_WRITER_H

#include "base/bytes.h"
#include "base/ids.h"

struct writer {
    uint8_t *data;
    size_t size; /* written so far */
    size_t room;
};

static inline struct writer writer_of(void *data, size_t room)
{
    return (struct writer){.data = data, .room = room};
}

static inline struct bytes writer_bytes(const struct writer *writer)
{
    return bytes_of(writer->data, writer->size);
}

void writer_u8(struct writer *writer, uint8_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_u64(struct writer *writer, uint64_t value);
void writer_copy(struct writer *writer, const void *from, size_t size);
void writer_zeros(struct writer *writer, size_t size);

/* A u16 length and the bytes of the text, without its NUL. */
void writer_text(struct writer *writer, const char *text);

#endif
