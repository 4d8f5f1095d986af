/* Prints the root key that a token opens, in hexadecimal: for a test that looks for it on the disk.
 *
 *   root_of_token MODULE TOKEN KEY PIN-FILE ROOT.PKCS11 */
#include "base/hex.h"
#include "host/root_token.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    char text[2 * SECRET_BYTES + 1], why[SECRET_FILE_WHY_MAX];
    struct secret root;

    if (argc != 6) {
        fprintf(stderr, "usage: %s MODULE TOKEN KEY PIN-FILE ROOT.PKCS11\n", argv[0]);
        return 2;
    }

    const struct root_token token = {.place = {argv[1], argv[2], argv[3]},
                                     .pin_file = argv[4],
                                     .seconds_max = ROOT_TOKEN_SECONDS};

    if (root_token_load(&token, argv[5], &root, why) != OK) {
        fprintf(stderr, "%s: %s\n", argv[0], why);
        return 1;
    }
    hex_encode(bytes_of(root.bytes, sizeof root.bytes), text);
    puts(text);
    return 0;
}
