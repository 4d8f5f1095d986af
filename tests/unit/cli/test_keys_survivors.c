/* Which copies would not open without a key, and what is left of each lineage then. */
#include "base/check.h"
#include "cli/keys_survivors.h"
#include "cli/verbs.h"
#include "tests/support/test.h"

#include <string.h>

#define US "arn:aws:kms:us-east-1:1:key/a"
#define EU "arn:aws:kms:eu-west-1:1:key/a"

enum { COPIES_MAX = 4 };

static const struct id one = {{0x11}}, two = {{0x22}};

static struct keys_seen seen[COPIES_MAX];
static struct survivors found;
static char shown[8192];

static struct keys_seen *put(const char *copy, const struct id *lineage, const char *region,
                             const char *key)
{
    struct keys_seen *into = &seen[found.count++];

    CHECK(found.count <= COPIES_MAX);
    *into = (struct keys_seen){
        .copy = copy, .lineage = *lineage, .is_encrypted = key[0] != '\0', .count = key[0] != '\0'};
    strcpy(into->region, region);
    strcpy(into->cluster, "cluster-X");
    strcpy(into->key_arn, key);
    strcpy(into->rows[0].key_arn, key);
    return into;
}

static void begin(const char *key)
{
    found = (struct survivors){.seen = seen, .asked = key, .key = key, .state = ""};
}

static const char *show(void)
{
    FILE *to = fmemopen(shown, sizeof shown, "w");

    NEED(to != NULL);
    survivors_print(to, &found);
    fclose(to);
    return shown;
}

TEST(a_key_that_wraps_nothing_here_costs_nothing)
{
    begin(US);
    put("r1", &one, "eu-west-1", EU); /* the same key id, in another region */
    put("plain", &two, "us-east-1", "");
    EXPECT(survivors_code(&found) == EXIT_DONE);
    EXPECT(strcmp(show(), "Without " US "\nwould still open:\n"
                          "  eu-west-1       lineage 11000000000000000000000000000000  cluster-X"
                          "                          " EU "  r1\n"
                          "  us-east-1       lineage 22000000000000000000000000000000  cluster-X"
                          "                          not encrypted: it needs no key  plain\n"
                          "No copy that was named is under this key.\n")
           == 0);
}

TEST(copies_are_lost_and_their_lineage_survives_in_each_other_region_once)
{
    begin(US);
    put("p1", &one, "us-east-1", US);
    put("r2", &one, "us-east-1", US);
    put("r3", &one, "eu-west-1", EU);
    put("r4", &one, "eu-west-1", EU);
    EXPECT(survivors_code(&found) == EXIT_COPIES_LOST);
    EXPECT(strstr(show(), "2 copies would not open any more.\nLineage "
                          "11000000000000000000000000000000 would survive in eu-west-1.\n")
           != NULL);
}

TEST(a_lineage_without_another_copy_is_lost_and_another_does_not_console)
{
    begin(US);
    found.state = "PendingDeletion";
    found.asked = "us-east-1=alias/a";
    put("p1", &one, "us-east-1", US);
    put("p2", &two, "eu-west-1", EU);
    EXPECT(survivors_code(&found) == EXIT_LINEAGE_LOST);
    EXPECT(strncmp(show(), "Without " US " (us-east-1=alias/a), which is now PendingDeletion\n",
                   strlen("Without " US " (us-east-1=alias/a), which is now PendingDeletion\n"))
           == 0);
    EXPECT(strstr(shown, "1 copy would not open any more.\nLineage "
                         "11000000000000000000000000000000 would be LOST: ")
           != NULL);
    EXPECT(strstr(shown, "Lineage 22") == NULL);
}

TEST(one_data_key_under_the_key_is_enough)
{
    begin(US);
    struct keys_seen *mixed = put("r1", &one, "us-east-1", EU);

    mixed->count = 2;
    strcpy(mixed->rows[1].key_arn, US);
    EXPECT(keys_fate(mixed, US) == FATE_LOST && keys_fate(mixed, EU) == FATE_LOST);
    EXPECT(keys_fate(mixed, "arn:aws:kms:us-east-1:1:key/b") == FATE_OPENS);
}

TEST(a_cluster_that_has_no_data_key_yet_is_lost_with_its_key_too)
{
    begin(US);
    struct keys_seen *young = put("r1", &one, "us-east-1", US);

    young->count = 0;
    EXPECT(keys_fate(young, US) == FATE_LOST);
}

TEST(what_could_not_be_read_makes_no_whole_verdict)
{
    begin(US);
    put("p1", &one, "us-east-1", US);
    strcpy(put("r9", &one, "", "")->why, "nobody answers");
    EXPECT(survivors_code(&found) == EXIT_REFUSED);
    EXPECT(strstr(show(), "could not be read:\n  r9: nobody answers\n") != NULL);
    EXPECT(strstr(shown, "would be LOST") != NULL && strstr(shown, "no whole verdict") != NULL);
}

TEST(the_object_says_the_same)
{
    const char *copy, *region, *why;
    int lost, kept, under;
    json_t *object;

    begin(US);
    put("p1", &one, "us-east-1", US);
    put("r1", &one, "eu-west-1", EU);
    strcpy(put("r9", &one, "", "")->why, "nobody answers");
    object = survivors_to_json(&found);
    NEED(json_unpack(object, "{s:[{s:s, s:i}], s:[{s:s}], s:[{s:s}], s:[{s:i, s:i, s:[s!]}]}",
                     "would_not_open", "copy", &copy, "data_keys_lost", &under, "would_open",
                     "region", &region, "not_read", "why", &why, "lineages", "would_not_open",
                     &lost, "would_open", &kept, "survives_in", &region)
         == 0);
    EXPECT(strcmp(copy, "p1") == 0 && under == 1 && strcmp(region, "eu-west-1") == 0);
    EXPECT(strcmp(why, "nobody answers") == 0 && lost == 1 && kept == 1);
    EXPECT(json_is_false(json_object_get(object, "whole_verdict")));
    EXPECT(json_is_null(json_object_get(object, "key_state")));
    json_decref(object);
}
