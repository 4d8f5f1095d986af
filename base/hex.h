/* Bytes as lower-case hexadecimal text and back. */
#ifndef SEALIFT_BASE_HEX_H
#define SEALIFT_BASE_HEX_H

#include "base/bytes.h"
#include "base/status.h"

/* `text` has room for 2 * bytes.size + 1. Returns `text`. */
char *hex_encode(struct bytes bytes, char *text);

/* Exactly 2 * size digits of either case: else E_MALFORMED, with `into` undefined. */
NODISCARD enum status hex_decode(const char *text, void *into, size_t size);

#endif
