/* Three bytes are four digits of six bits; the last group may be short and is filled up with '='.
 *
 * A text whose length is no multiple of four, a digit that is none, or stray bits in a short group
 * are refused. */
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(struct bytes bytes, char *text)
{
    char *out = text;

    for (size_t i = 0; i < bytes.size; i += 3) {
        const struct bytes group = bytes_part(bytes, i, 3);
        const uint32_t bits = (uint32_t)group.data[0] << 16
                              | (group.size > 1 ? (uint32_t)group.data[1] << 8 : 0)
                              | (group.size > 2 ? group.data[2] : 0);

        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = group.size > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = group.size > 2 ? digits[bits & 63] : '=';
    }
    *out = '\0';
    return text;
}

enum { NO_DIGIT = 64 };

static uint32_t digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - (uint32_t)'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - (uint32_t)'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - (uint32_t)'0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : NO_DIGIT;
}

/* How many '=' end the text: 0, 1 or 2. */
static size_t padding_of(struct bytes text)
{
    if (text.size == 0 || text.data[text.size - 1] != '=') {
        return 0;
    }
    return text.data[text.size - 2] == '=' ? 2 : 1;
}

/* One group of 4 - padding digits. */
static enum status group_bits(const uint8_t *group, size_t padding, uint32_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < 4 - padding; i++) {
        const uint32_t value = digit_value(group[i]);

        if (value == NO_DIGIT) {
            return E_MALFORMED;
        }
        *bits |= value << (18 - 6 * i);
    }
    /* What belongs to no byte must be zero. */
    return (*bits & ((1u << 8 * padding) - 1)) == 0 ? OK : E_MALFORMED;
}

enum status base64_decode(struct bytes text, uint8_t *into, size_t room, size_t *size)
{
    if (text.size % 4 != 0) {
        return E_MALFORMED;
    }

    const size_t padding = padding_of(text);
    const size_t total = text.size / 4 * 3 - padding;

    if (total > room) {
        return E_TOO_LARGE;
    }
    for (size_t at = 0, out = 0; at < text.size; at += 4) {
        const size_t missing = at + 4 == text.size ? padding : 0;
        uint32_t bits;

        TRY(group_bits(text.data + at, missing, &bits));
        for (size_t i = 0; i < 3 - missing; i++) {
            into[out++] = (uint8_t)(bits >> (16 - 8 * i));
        }
    }
    *size = total;
    return OK;
}
