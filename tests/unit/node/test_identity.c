/* A URI names one member in exactly one way. */
#include "base/check.h"
#include "node/identity.h"
#include "tests/support/test.h"

#define LINEAGE "00112233445566778899aabbccddeeff"

static enum status parse(const char *uri)
{
    struct identity identity;

    return identity_parse(&identity, bytes_text(uri));
}

TEST(a_uri_is_taken_apart_and_put_together_again)
{
    static const char *const good[] = {
        "sealift://demo/" LINEAGE "/us-east-1/primary/p1",
        "sealift://demo/" LINEAGE "/us-east-1/replica/R_2.x-y",
        "sealift://demo/*/eu-west-1/client/c",
        "sealift://demo/" LINEAGE "/eu-west-1/client/c",
        "sealift://d/*/r/reader/m",
        "sealift://d/*/r/operator/m",
        "sealift://d/*/r/keyd/m",
        "sealift://d/*/r/region/m",
    };
    struct identity identity;
    char text[IDENTITY_URI_MAX];

    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        EXPECT_STATUS(identity_parse(&identity, bytes_text(good[i])), OK);
        EXPECT(strcmp(identity_format(&identity, text), good[i]) == 0);
    }
    EXPECT_STATUS(identity_parse(&identity, bytes_text(good[0])), OK);
    EXPECT(strcmp(identity.deployment, "demo") == 0 && strcmp(identity.region, "us-east-1") == 0);
    EXPECT(identity.role == ROLE_PRIMARY && strcmp(identity.member, "p1") == 0);
    EXPECT(identity.lineage.bytes[1] == 0x11 && !identity.any_lineage);
}

TEST(any_other_form_is_refused)
{
    static const char *const bad[] = {
        "",
        "sealift://",
        "Sealift://d/" LINEAGE "/r/primary/m",
        "https://d/" LINEAGE "/r/primary/m",
        "sealift:/d/" LINEAGE "/r/primary/m",
        "sealift:///" LINEAGE "/r/primary/m",
        "sealift://d//r/primary/m",
        "sealift://d/" LINEAGE "//primary/m",
        "sealift://d/" LINEAGE "/r//m",
        "sealift://d/" LINEAGE "/r/primary/",
        "sealift://d/" LINEAGE "/r/primary",
        "sealift://d/" LINEAGE "/r/primary/m/",
        "sealift://d/" LINEAGE "/r/primary/m/x",
        "sealift://d/00112233445566778899AABBCCDDEEFF/r/primary/m",
        "sealift://d/0112233445566778899aabbccddeeff/r/primary/m",
        "sealift://d/000112233445566778899aabbccddeeff/r/primary/m",
        "sealift://d/00000000000000000000000000000000/r/primary/m",
        "sealift://d/0011223344556677.899aabbccddeeff/r/primary/m",
        "sealift://d/" LINEAGE "/r/Primary/m",
        "sealift://d/" LINEAGE "/r/none/m",
        "sealift://d/" LINEAGE "/r/admin/m",
        "sealift://d/*/r/primary/m", /* those that hold the WAL name it */
        "sealift://d/*/r/replica/m",
        "sealift://d/**/r/keyd/m",
        "sealift://d/" LINEAGE "/r/primary/m%41",
        "sealift://d/" LINEAGE "/r/primary/m m",
        "sealift://d/" LINEAGE "/r/primary/m?x",
        "sealift://d:1/" LINEAGE "/r/primary/m",
        "sealift://d/" LINEAGE "/r/primary/m\xc3\xa9",
        " sealift://d/" LINEAGE "/r/primary/m",
    };

    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(parse(bad[i]), E_IDENTITY);
    }
}

TEST(a_nul_or_a_cut_is_refused_and_leaves_nobody)
{
    static const char nul[] = "sealift://d/" LINEAGE "/r/primary/m\0x";
    static const char whole[] = "sealift://d/" LINEAGE "/r/primary/m";
    struct identity identity;

    EXPECT_STATUS(identity_parse(&identity, bytes_of(nul, sizeof nul - 1)), E_IDENTITY);
    EXPECT_STATUS(identity_parse(&identity, bytes_of(whole, sizeof whole)), E_IDENTITY);
    for (size_t size = 0; size + 1 < sizeof whole; size++) {
        EXPECT_STATUS(identity_parse(&identity, bytes_of(whole, size)), E_IDENTITY);
        EXPECT(identity.role == ROLE_NONE && identity.deployment[0] == '\0');
    }
}

TEST(the_longest_parts_fit_and_one_byte_more_does_not)
{
    char text[IDENTITY_URI_MAX + 2];
    struct identity identity = {.role = ROLE_OPERATOR, .lineage = {{1}}};
    struct identity again;

    memset(identity.deployment, 'd', sizeof identity.deployment - 1);
    memset(identity.region, 'r', sizeof identity.region - 1);
    memset(identity.member, 'm', sizeof identity.member - 1);
    EXPECT_STATUS(identity_parse(&again, bytes_text(identity_format(&identity, text))), OK);
    EXPECT(strcmp(again.member, identity.member) == 0);
    EXPECT(strcmp(again.region, identity.region) == 0);

    const size_t size = strlen(text);

    memcpy(text + size, "m", 2);
    EXPECT_STATUS(parse(text), E_IDENTITY);
}
