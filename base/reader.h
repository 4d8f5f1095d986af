/* Reads little-endian fields from borrowed bytes; running out is a status, never an overrun.
 *
 * A decoder is a straight line of TRYs. A reader never owns or changes the bytes. After a failure
 * its place is unchanged. */
#ifndef SEALIFT_BASE_READER_H
#define SEALIFT_BASE_READER_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

struct reader {
    struct bytes left;
};

static inline struct reader reader_of(struct bytes bytes)
{
    return (struct reader){.left = bytes};
}

/* Each returns E_TRUNCATED where fewer bytes are left than it needs. */
NODISCARD enum status reader_u8(struct reader *reader, uint8_t *value);
NODISCARD enum status reader_u16(struct reader *reader, uint16_t *value);
NODISCARD enum status reader_u32(struct reader *reader, uint32_t *value);
NODISCARD enum status reader_u64(struct reader *reader, uint64_t *value);
NODISCARD enum status reader_copy(struct reader *reader, void *into, size_t size);
NODISCARD enum status reader_view(struct reader *reader, struct bytes *view, size_t size);

/* Skips `size` bytes that must all be zero: E_MALFORMED where one is not. */
NODISCARD enum status reader_zeros(struct reader *reader, size_t size);

/* A text of u16 length into a NUL-terminated array of `room` bytes. E_TOO_LARGE where it does not
 * fit with its NUL, E_MALFORMED where it holds a NUL itself. */
NODISCARD enum status reader_text(struct reader *reader, char *into, size_t room);

/* E_MALFORMED where something is left. */
NODISCARD enum status reader_end(const struct reader *reader);

#endif
