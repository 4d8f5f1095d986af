/* Which key wraps what, and since when: as a folder's files say it, and as it is shown. */
#include "base/check.h"
#include "cli/keys_form.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#define KEY "arn:aws:kms:eu-west-1:1:key/a"

enum { SEGMENTS_MAX = 4 };

static const uint64_t day_ns = UINT64_C(86400) * 1000000000;
static const struct id lineage = {{0x11}}, first = {{0xaa}}, second = {{0xbb}}, third = {{0xcc}};

/* A folder in memory: the DEKs of its segments, in order; a zero one cannot be read. */
static struct {
    struct audit_folder seen;
    uint8_t descriptor[DESCRIPTOR_BYTES_MAX], keyring[KEYRING_BYTES_MAX];
    segment_t segments[SEGMENTS_MAX];
    struct id deks[SEGMENTS_MAX];
} folder;

static struct keys_seen seen;
static char shown[4096];

/* Segment n was made on day 10 + n. */
static enum status read_segment(void *context, segment_t segment, uint64_t offset, void *into,
                                uint64_t size, uint64_t *got)
{
    static const struct secret secret = {{1}};
    const struct id *dek = &folder.deks[segment - folder.segments[0]];
    struct segment_header header = {.suite = SUITE_AES_256_GCM,
                                    .lineage = lineage,
                                    .dek = *dek,
                                    .epoch = 1,
                                    .first_batch = 1,
                                    .first_lsn = 1,
                                    .segment = segment,
                                    .created_ns = (10 + segment) * day_ns};
    struct segment_key key;

    (void)context;
    NEED(offset == 0 && size == SEGMENT_HEADER_BYTES);
    segment_header_encode(&header, &secret, into, &key);
    if (id_is_zero(dek)) {
        memset(into, 0xee, SEGMENT_HEADER_BYTES);
    }
    *got = size;
    return OK;
}

static void put_files(enum suite suite, const struct id *of)
{
    static struct keyring keyring;
    struct descriptor descriptor = {.lineage = lineage, .suite = suite, .created_ns = 5 * day_ns};
    const struct id deks[] = {first, second, third};

    strcpy(descriptor.engine, "records");
    keyring = (struct keyring){.lineage = *of};
    strcpy(keyring.cluster, "cluster-X");
    strcpy(keyring.region, "eu-west-1");
    for (unsigned i = 0; i < COUNT_OF(deks) && suite != SUITE_NONE; i++) {
        struct envelope envelope = {
            .dek = deks[i], .lineage = lineage, .blob = bytes_of("blob", 4)};

        strcpy(envelope.region, "eu-west-1");
        strcpy(envelope.key_arn, KEY);
        strcpy(keyring.key_arn, KEY);
        NEED(keyring_add(&keyring, &envelope) == OK);
    }
    memset(&folder.seen, 0, sizeof folder.seen);
    folder.seen.descriptor = descriptor_encode(&descriptor, folder.descriptor);
    folder.seen.keyring = keyring_encode(&keyring, folder.keyring);
    folder.seen.read = read_segment;
    folder.seen.segments = folder.segments;
}

static void put_segments(segment_t from, unsigned count, const struct id *deks)
{
    folder.seen.segment_count = count;
    for (unsigned i = 0; i < count; i++) {
        folder.segments[i] = from + i;
        folder.deks[i] = deks[i];
    }
}

static enum status see(void)
{
    memset(&seen, 0, sizeof seen);
    seen.copy = "data";
    return keys_of_folder(&seen, &folder.seen);
}

static const char *show(void)
{
    FILE *file = fmemopen(shown, sizeof shown, "w");

    NEED(file != NULL);
    keys_print_table(file, &seen, 1, 30 * day_ns);
    NEED(fclose(file) == 0);
    return shown;
}

TEST(a_data_key_is_as_old_as_the_cluster_or_as_its_first_segment)
{
    const struct id deks[] = {first, first, second};

    put_files(SUITE_AES_256_GCM, &lineage);
    put_segments(0, 3, deks);
    EXPECT_STATUS(see(), OK);
    NEED(seen.count == 3);
    EXPECT(seen.is_encrypted && strcmp(seen.key_arn, KEY) == 0 && seen.unread_count == 0);
    EXPECT(seen.rows[0].since_ns == 5 * day_ns && !seen.rows[0].is_older);
    EXPECT(seen.rows[0].segment_count == 2 && seen.rows[0].first == 0 && seen.rows[0].last == 1);
    EXPECT(seen.rows[1].since_ns == 12 * day_ns && !seen.rows[1].is_older);
    EXPECT(seen.rows[1].segment_count == 1 && seen.rows[1].first == 2);
    EXPECT(seen.rows[2].since_ns == 0 && seen.rows[2].segment_count == 0);
    EXPECT(strstr(show(), "eu-west-1       cluster-X") != NULL);
    EXPECT(strstr(shown, "aa000000000000000000000000000000 earlier 0-1          "
                         "1970-01-06T00:00:00Z 25 d     " KEY "  data\n")
           != NULL);
    EXPECT(strstr(shown, "bb000000000000000000000000000000 earlier 2-2 ") != NULL);
    EXPECT(strstr(shown, "cc000000000000000000000000000000 current -            -     ") != NULL);
}

TEST(what_retention_has_let_go_makes_a_data_key_older_than_can_be_said)
{
    const struct id deks[] = {second, second, third};

    put_files(SUITE_AES_256_GCM, &lineage);
    put_segments(2, 3, deks);
    EXPECT_STATUS(see(), OK);
    EXPECT(seen.rows[0].segment_count == 0 && seen.rows[0].since_ns == 5 * day_ns);
    EXPECT(seen.rows[1].since_ns == 12 * day_ns && seen.rows[1].is_older);
    EXPECT(seen.rows[2].since_ns == 14 * day_ns && !seen.rows[2].is_older);
    EXPECT(strstr(show(), "1970-01-13T00:00:00Z > 18 d") != NULL);
    EXPECT(strstr(shown, "1970-01-15T00:00:00Z 16 d") != NULL);
}

TEST(a_header_that_cannot_be_read_is_said)
{
    const struct id deks[] = {first, {{0}}, first};

    put_files(SUITE_AES_256_GCM, &lineage);
    put_segments(0, 3, deks);
    EXPECT_STATUS(see(), OK);
    EXPECT(seen.unread_count == 1 && seen.rows[0].segment_count == 2 && seen.rows[0].last == 2);
    EXPECT(strstr(show(), "1 segments cannot be read: ask 'sealift verify data --no-key'") != NULL);
}

TEST(what_has_no_data_key_and_what_is_no_keyring_of_this_wal)
{
    put_files(SUITE_NONE, &lineage);
    EXPECT_STATUS(see(), OK);
    EXPECT(!seen.is_encrypted && seen.count == 0);
    EXPECT(strstr(show(), "not encrypted  data") != NULL);
    put_files(SUITE_AES_256_GCM, &first);
    EXPECT_STATUS(see(), E_LINEAGE);
    put_files(SUITE_AES_256_GCM, &lineage);
    folder.keyring[40] ^= 1;
    EXPECT_STATUS(see(), E_CHECKSUM);
    folder.seen.keyring = bytes_none();
    EXPECT_STATUS(see(), E_MISSING);
    folder.seen.descriptor = bytes_of("x", 1);
    EXPECT(see() != OK);
}

TEST(a_member_tells_its_key_and_its_current_data_key_and_programs_get_null_for_the_rest)
{
    struct member_status status = {.suite = SUITE_AES_256_GCM, .lineage = lineage, .dek = second};

    strcpy(status.key_arn, KEY);
    strcpy(status.region, "eu-west-1");
    strcpy(status.member, "r1");
    memset(&seen, 0, sizeof seen);
    seen.copy = "127.0.0.1:1";
    keys_of_member(&seen, &status);

    json_t *object = keys_to_json(&seen, 30 * day_ns);
    const json_t *row = json_array_get(json_object_get(object, "data_keys"), 0);

    NEED(row != NULL);
    EXPECT(strcmp(json_string_value(json_object_get(object, "member")), "r1") == 0);
    EXPECT(json_is_true(json_object_get(object, "StorageEncrypted")));
    EXPECT(strcmp(json_string_value(json_object_get(row, "KmsKeyId")), KEY) == 0);
    EXPECT(json_is_true(json_object_get(row, "current")));
    EXPECT(json_is_null(json_object_get(row, "since")));
    EXPECT(json_is_null(json_object_get(row, "age_seconds")));
    EXPECT(json_is_null(json_object_get(row, "segments")));
    json_decref(object);
    EXPECT(strstr(show(), "bb000000000000000000000000000000 current -            -  ") != NULL);

    status.suite = SUITE_NONE;
    memset(&seen, 0, sizeof seen);
    keys_of_member(&seen, &status);
    EXPECT(!seen.is_encrypted && seen.count == 0);
}

TEST(a_copy_that_says_nothing_says_why)
{
    memset(&seen, 0, sizeof seen);
    seen.copy = "here";
    strcpy(seen.why, "it is asleep");
    EXPECT(strstr(show(), "here: it is asleep") != NULL);

    json_t *object = keys_to_json(&seen, 0);

    EXPECT(json_is_false(json_object_get(object, "answered")));
    json_decref(object);
}

TEST(an_age_has_the_largest_unit_of_which_there_are_two_and_is_never_below_nothing)
{
    static const struct {
        uint64_t seconds;
        const char *age;
    } cases[] = {{0, " 0 s "},    {119, " 119 s "},   {120, " 2 min "}, {7199, " 119 min "},
                 {7200, " 2 h "}, {172799, " 47 h "}, {172800, " 2 d "}};

    memset(&seen, 0, sizeof seen);
    seen.copy = "data";
    seen.is_encrypted = true;
    seen.count = 1;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        seen.rows[0].since_ns = 30 * day_ns - cases[i].seconds * 1000000000;
        EXPECT(strstr(show(), cases[i].age) != NULL);
    }
    seen.rows[0].since_ns = 31 * day_ns;
    EXPECT(strstr(show(), " 0 s ") != NULL);
}
