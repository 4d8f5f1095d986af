/* RFC 4648 section 10, and what a strict decoder must refuse. */
#include "base/base64.h"
#include "base/check.h"
#include "tests/support/test.h"

static const struct {
    const char *plain;
    const char *text;
} pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfb", "//77"},
};

TEST(base64_of_the_rfc_goes_both_ways)
{
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct bytes plain = bytes_text(pairs[i].plain);
        char text[16];
        uint8_t back[16];
        size_t size = 99;

        EXPECT(strcmp(base64_encode(plain, text), pairs[i].text) == 0);
        EXPECT(strlen(text) == base64_text_size(plain.size));
        EXPECT_STATUS(base64_decode(bytes_text(text), back, sizeof back, &size), OK);
        EXPECT(bytes_equal(plain, bytes_of(back, size)));
    }
}

TEST(base64_that_is_not_canonical_is_refused)
{
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",      "Zg==\n", "Zh==", "Zm9=", "=AAA",
                                      "A=AA", "====", "AA==AAAA", "Zm9 ",   "Zm9-", "Zm9_", "A==="};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint8_t into[16];
        size_t size;

        EXPECT_STATUS(base64_decode(bytes_text(bad[i]), into, sizeof into, &size), E_MALFORMED);
    }
}

TEST(base64_that_does_not_fit_is_refused)
{
    uint8_t into[3];
    size_t size;

    EXPECT_STATUS(base64_decode(bytes_text("Zm9v"), into, 3, &size), OK);
    EXPECT_STATUS(base64_decode(bytes_text("Zm9v"), into, 2, &size), E_TOO_LARGE);
}
