/* Each promise is kept, its opposite refused with AWS's name and with what to do instead. */
#include "base/check.h"
#include "cluster/rules.h"
#include "tests/support/test.h"

static const char east_key[] = "arn:aws:kms:us-east-1:000000000000:key/11111111-aaaa";
static const char west_key[] = "arn:aws:kms:eu-west-1:000000000000:key/22222222-bbbb";
static const char combination[] = "InvalidParameterCombination";
static const char not_accessible[] = "KMSKeyNotAccessibleFault";

static bool refused(struct verdict verdict, const char *rule, const char *name, const char *says)
{
    return !verdict.allowed && strcmp(verdict.rule, rule) == 0 && strcmp(verdict.name, name) == 0
           && strstr(verdict.text, says) != NULL && verdict.text[strlen(verdict.text) - 1] == '.';
}

TEST(R1_a_cluster_is_created_encrypted_or_not_and_a_key_needs_encryption)
{
    EXPECT(rule_create(WISH_YES, "").allowed);
    EXPECT(rule_create(WISH_YES, east_key).allowed);
    EXPECT(rule_create(WISH_NO, "").allowed);
    EXPECT(rule_create(WISH_UNSAID, "").allowed);
    EXPECT(refused(rule_create(WISH_NO, east_key), "R1", combination, "--storage-encrypted"));
    EXPECT(refused(rule_create(WISH_UNSAID, "alias/x"), "R1", combination, "alias/x"));
}

TEST(R3_the_setting_is_for_life)
{
    EXPECT(rule_open(SUITE_NONE, WISH_UNSAID).allowed);
    EXPECT(rule_open(SUITE_NONE, WISH_NO).allowed);
    EXPECT(rule_open(SUITE_AES_256_GCM, WISH_UNSAID).allowed);
    EXPECT(rule_open(SUITE_AES_256_GCM, WISH_YES).allowed);
    EXPECT(refused(rule_open(SUITE_NONE, WISH_YES), "R3", combination, "create a new cluster"));
    EXPECT(refused(rule_open(SUITE_AES_256_GCM, WISH_NO), "R3", combination, "export"));
}

TEST(R4_the_key_is_for_life)
{
    EXPECT(rule_open_key(east_key, "").allowed);
    EXPECT(rule_open_key(east_key, east_key).allowed);
    EXPECT(rule_open_key(east_key, "11111111-aaaa").allowed);
    EXPECT(rule_open_key("", "").allowed);
    EXPECT(refused(rule_open_key(east_key, west_key), "R4", combination, east_key));
    EXPECT(refused(rule_open_key(east_key, "aaaa"), "R4", combination, "never changes"));
    EXPECT(refused(rule_open_key(east_key, "alias/x"), "R4", combination, "by its ARN"));
    EXPECT(refused(rule_open_key("", east_key), "R4", combination, "not encrypted"));
}

TEST(R12_a_replica_is_what_its_source_is)
{
    EXPECT(rule_replica_setting(SUITE_NONE, WISH_UNSAID).allowed);
    EXPECT(rule_replica_setting(SUITE_NONE, WISH_NO).allowed);
    EXPECT(rule_replica_setting(SUITE_AES_256_GCM, WISH_UNSAID).allowed);
    EXPECT(rule_replica_setting(SUITE_AES_256_GCM, WISH_YES).allowed);
    EXPECT(refused(rule_replica_setting(SUITE_NONE, WISH_YES), "R12", combination, "unencrypted"));
    EXPECT(refused(rule_replica_setting(SUITE_AES_256_GCM, WISH_NO), "R12", combination,
                   "leave out --no-storage-encrypted"));
}

static struct verdict replica(enum suite suite, const char *region, const char *key)
{
    return rule_replica_key(suite, "us-east-1", suite == SUITE_NONE ? "" : east_key, region, key);
}

TEST(R13_in_the_same_region_the_key_is_the_clusters_own)
{
    EXPECT(replica(SUITE_AES_256_GCM, "us-east-1", "").allowed);
    EXPECT(replica(SUITE_AES_256_GCM, "us-east-1", east_key).allowed);
    EXPECT(refused(replica(SUITE_AES_256_GCM, "us-east-1", west_key), "R13", combination,
                   "name that key, or none"));
}

TEST(R14_in_another_region_a_key_of_that_region_must_be_named)
{
    EXPECT(replica(SUITE_AES_256_GCM, "eu-west-1", west_key).allowed);
    EXPECT(replica(SUITE_AES_256_GCM, "eu-west-1", "alias/mine").allowed);
    EXPECT(refused(replica(SUITE_AES_256_GCM, "eu-west-1", ""), "R14", not_accessible,
                   "--kms-key-id"));
    EXPECT(refused(replica(SUITE_AES_256_GCM, "eu-west-1", east_key), "R14", not_accessible,
                   "name a key of eu-west-1"));
    EXPECT(refused(replica(SUITE_AES_256_GCM, "eu-west-1", "arn:aws:s3:eu-west-1::x"), "R14",
                   not_accessible, "not the ARN of a KMS key"));
}

TEST(an_unencrypted_replica_takes_no_key)
{
    EXPECT(replica(SUITE_NONE, "eu-west-1", "").allowed);
    EXPECT(replica(SUITE_NONE, "us-east-1", "").allowed);
    EXPECT(
        refused(replica(SUITE_NONE, "eu-west-1", west_key), "R12", combination, "leave the key"));
}

TEST(the_region_of_an_arn_is_its_fourth_field)
{
    static const char *const bad[] = {
        "",
        "arn",
        "arn:",
        "arn:aws:kms",
        "arn:aws:kms:eu-west-1",
        "arn:aws:kms::1:key/x",
        "arn:aws:s3:eu-west-1:1:key/x",
        "key/x",
        "arn:aws:kmsx:eu-west-1:1:key/x",
        "arn:aws:kms:a-region-of-thirty-two-characters:1:key/x",
    };
    char region[REGION_TEXT_MAX];

    EXPECT(rule_arn_region(west_key, region) && strcmp(region, "eu-west-1") == 0);
    EXPECT(rule_arn_region("arn:aws-cn:kms:cn-north-1:1:alias/x", region));
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        EXPECT(!rule_arn_region(bad[i], region));
    }
}

TEST(a_refusal_of_long_texts_still_ends_with_what_to_do)
{
    char longest[KEY_ARN_TEXT_MAX] = {0};
    char region[REGION_TEXT_MAX] = {0};

    memset(longest, 'k', sizeof longest - 1);
    memset(region, 'r', sizeof region - 1);
    EXPECT(refused(rule_create(WISH_NO, longest), "R1", combination, "leave the key out."));
    EXPECT(refused(rule_open_key(longest, west_key), "R4", combination, "or none."));
    EXPECT(refused(rule_replica_key(SUITE_AES_256_GCM, region, longest, region, east_key), "R13",
                   combination, "or none."));
    memcpy(longest, "arn:aws:kms:us-east-1:", 22);
    EXPECT(refused(replica(SUITE_AES_256_GCM, region, longest), "R14", not_accessible,
                   "name a key of rrr"));
    memcpy(longest, "arn:aws:xxx", 11);
    EXPECT(refused(replica(SUITE_AES_256_GCM, region, longest), "R14", not_accessible, "alias."));
}
