/* Two digits a byte. */
#include "base/hex.h"

char *hex_encode(struct bytes bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    text[2 * bytes.size] = '\0';
    return text;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

enum status hex_decode(const char *text, void *into, size_t size)
{
    uint8_t *bytes = into;

    if (strlen(text) != 2 * size) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < size; i++) {
        const int high = digit_value(text[2 * i]);
        const int low = digit_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return E_MALFORMED;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return OK;
}
