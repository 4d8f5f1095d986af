/* Bytes as base64 text and back (RFC 4648 section 4, with padding).
 *
 * Decoding is strict: the padding must be there, no other byte may be, and the bits that no byte
 * uses must be zero, so that each value has exactly one text. */
#ifndef SEALIFT_BASE_BASE64_H
#define SEALIFT_BASE_BASE64_H

#include "base/bytes.h"
#include "base/status.h"

/* How long the text of so many bytes is, without its NUL. */
static inline size_t base64_text_size(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

/* `text` has room for base64_text_size(bytes.size) + 1. Returns `text`. */
char *base64_encode(struct bytes bytes, char *text);

/* E_MALFORMED for anything but the one form above, E_TOO_LARGE where more than `room` bytes would
 * come out; `into` is undefined then. */
NODISCARD enum status base64_decode(struct bytes text, uint8_t *into, size_t room, size_t *size);

#endif
