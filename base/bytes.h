/* Some bytes that somebody else owns.
 *
 * A view is borrowed: it is valid for as long as the call that received it, unless its contract
 * says otherwise. Keep a copy, never the view. An empty view may have a NULL pointer. */
#ifndef SEALIFT_BASE_BYTES_H
#define SEALIFT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

static inline struct bytes bytes_none(void)
{
    return (struct bytes){0};
}

static inline struct bytes bytes_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The part from `offset` on, at most `size` bytes; empty where the view has ended. */
static inline struct bytes bytes_part(struct bytes whole, size_t offset, size_t size)
{
    if (offset >= whole.size) {
        return bytes_none();
    }
    return bytes_of(whole.data + offset, size < whole.size - offset ? size : whole.size - offset);
}

#endif
