/* A field is a tag byte (number << 3, wire type 0) and a varint: seven bits a byte, lowest first.
 * A zero is not written at all, as proto3 demands. */
#include "proto/flat.h"

#include "base/check.h"

enum { VARINT_BYTES_MAX = 10 };

static size_t varint_bytes(uint64_t value)
{
    const unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);

    return (bits + 6) / 7;
}

size_t flat_bytes(const uint64_t *values, unsigned count)
{
    size_t size = 0;

    CHECK(count <= FLAT_FIELDS_MAX);
    for (unsigned i = 0; i < count; i++) {
        size += values[i] == 0 ? 0 : 1 + varint_bytes(values[i]);
    }
    return size;
}

static uint8_t *varint_encode(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

struct bytes flat_encode(const uint64_t *values, unsigned count, void *into)
{
    uint8_t *at = into;

    CHECK(count <= FLAT_FIELDS_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (values[i] != 0) {
            *at++ = (uint8_t)((i + 1) << 3);
            at = varint_encode(at, values[i]);
        }
    }
    return bytes_of(into, (size_t)(at - (uint8_t *)into));
}

/* Takes one varint off the front of `left`. */
static enum status varint_decode(uint64_t *value, struct bytes *left)
{
    *value = 0;
    for (size_t i = 0; i < VARINT_BYTES_MAX && i < left->size; i++) {
        const uint64_t byte = left->data[i];

        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            return E_MALFORMED; /* bit 64 and above */
        }
        *value |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *left = bytes_of(left->data + i + 1, left->size - i - 1);
            return OK;
        }
    }
    return E_MALFORMED;
}

enum status flat_decode(uint64_t *values, unsigned count, struct bytes head)
{
    CHECK(count <= FLAT_FIELDS_MAX);
    memset(values, 0, count * sizeof *values);
    while (head.size > 0) {
        const unsigned field = head.data[0] >> 3;

        if ((head.data[0] & 0x87) != 0 || field == 0 || field > count) {
            return E_MALFORMED;
        }
        head = bytes_of(head.data + 1, head.size - 1);
        TRY(varint_decode(&values[field - 1], &head));
    }
    return OK;
}
