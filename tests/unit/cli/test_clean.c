/* A folder from elsewhere tells what it is, and gives no orders to a terminal. */
#include "cli/clean.h"
#include "tests/support/test.h"

TEST(names_of_a_keyring_are_printable_once_cleaned)
{
    static struct keyring keyring = {.cluster = "cluster-\x1b[2J",
                                     .region = "eu\xc3\xa9",
                                     .key_arn = "arn:aws:kms:~ !",
                                     .count = 2};

    memcpy(keyring.envelopes[1].region, "\x7f\n", 3);
    memcpy(keyring.envelopes[1].key_arn, "\xff", 2);
    clean_keyring(&keyring);
    EXPECT(strcmp(keyring.cluster, "cluster-?[2J") == 0);
    EXPECT(strcmp(keyring.region, "eu??") == 0);
    EXPECT(strcmp(keyring.key_arn, "arn:aws:kms:~ !") == 0);
    EXPECT(strcmp(keyring.envelopes[1].region, "??") == 0);
    EXPECT(strcmp(keyring.envelopes[1].key_arn, "?") == 0);
    EXPECT(keyring.envelopes[0].region[0] == '\0');
}
