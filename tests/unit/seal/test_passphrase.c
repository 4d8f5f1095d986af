/* scrypt as RFC 7914 has it, with our parameters: against an independent computation. */
#include "seal/passphrase.h"
#include "tests/support/test.h"

#include "base/hex.h"

#include <string.h>

TEST(a_passphrase_is_stretched_as_scrypt_says)
{
    /* Python: hashlib.scrypt(b"correct horse battery", salt=bytes(range(32)), n=2**14, r=8, p=1,
     * maxmem=2**26, dklen=32) */
    static const char expected[] =
        "593b05e035c14d13b25b0acd2764a17eebd545801c33dc8e68b5f00aaa039f0c";
    struct passphrase_costs costs = {.log2_n = PASSPHRASE_LOG2_N_MIN};
    char text[2 * SECRET_BYTES + 1];
    uint8_t check[2][PASSPHRASE_CHECK_BYTES];
    struct secret root;

    for (unsigned i = 0; i < sizeof costs.salt; i++) {
        costs.salt[i] = (uint8_t)i;
    }
    EXPECT_STATUS(passphrase_stretch(bytes_text("correct horse battery"), &costs, &root), OK);
    EXPECT(strcmp(hex_encode(bytes_of(root.bytes, SECRET_BYTES), text), expected) == 0);
    passphrase_check_value(&root, check[0]);
    EXPECT_STATUS(passphrase_stretch(bytes_text("correct horse batterz"), &costs, &root), OK);
    passphrase_check_value(&root, check[1]);
    EXPECT(!bytes_equal(bytes_of(check[0], sizeof check[0]), bytes_of(check[1], sizeof check[1])));
    costs.salt[0] ^= 1;
    EXPECT_STATUS(passphrase_stretch(bytes_text("correct horse battery"), &costs, &root), OK);
    EXPECT(strcmp(hex_encode(bytes_of(root.bytes, SECRET_BYTES), text), expected) != 0);
}
