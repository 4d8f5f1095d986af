/* Two folders of one WAL are the same as far as both go, wherever each stops. */
#include "cli/compare.h"
#include "tests/support/test.h"
#include "tests/vectors/good.h"

#include <stdlib.h>

struct side {
    struct good_folder folder;
    segment_t segments[GOOD_SEGMENTS_MAX];
    struct audit_folder seen;
    struct audit audit;
};

static void side_read(struct side *side)
{
    side->seen = good_audit_folder(&side->folder, side->segments);
    side->audit = (struct audit){.folder = &side->seen, .keyless = true};
    EXPECT_STATUS(audit_run(&side->audit), OK);
}

static void side_free(struct side *side)
{
    audit_drop(&side->audit);
    good_folder_free(&side->folder);
}

static void lose(struct side *side, unsigned file)
{
    free(side->folder.files[file].data);
    side->folder.files[file] = (struct good_bytes){0};
}

static enum status compare(struct comparison *comparison, struct side *own, struct side *other)
{
    side_read(own);
    side_read(other);
    const enum status status = compare_audits(comparison, &own->audit, &other->audit);

    side_free(own);
    side_free(other);
    return status;
}

TEST(what_lies_behind_valid_bytes_makes_no_difference)
{
    struct good good;
    struct side own, other;
    struct comparison found;

    good_make(&good);
    good_copy(&own.folder, &good.encrypted);
    good_copy(&other.folder, &good.encrypted);
    other.folder.files[GOOD_SEGMENT + 1].size = 16384; /* the surplus batch */
    other.folder.files[GOOD_SEGMENT + 2].size = 24576; /* the zeros */
    EXPECT_STATUS(compare(&found, &own, &other), OK);
    EXPECT(found.segments == 3 && found.own_last == 12 && found.other_last == 12);
    EXPECT(found.bytes == 32768 + 16384 + 24576);
    good_free(&good);
}

TEST(one_side_may_be_behind_in_its_newest_segment)
{
    struct good good;
    struct side own, other;
    struct comparison found;

    good_make(&good);
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        good_copy(&own.folder, &good.encrypted);
        good_copy(&other.folder, &good.encrypted);
        lose(&other, GOOD_CONTROL);
        lose(&other, GOOD_SEGMENT + 2);
        other.folder.files[GOOD_SEGMENT + 1].size = 12288;
        EXPECT_STATUS(swapped ? compare(&found, &other, &own) : compare(&found, &own, &other), OK);
        EXPECT(found.segments == 2 && found.bytes == 32768 + 12288);
        EXPECT((swapped ? found.own_last : found.other_last) == 7);
    }
    good_free(&good);
}

TEST(two_histories_differ_where_they_part)
{
    struct good good;
    struct side own, other;
    struct comparison found;

    good_make(&good);
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        good_copy(&own.folder, &good.encrypted);
        good_copy(&other.folder, &good.encrypted);
        lose(&other, GOOD_CONTROL);
        lose(&other, GOOD_SEGMENT + 2); /* so its batch 9 counts, which the other side has cut */
        EXPECT_STATUS(swapped ? compare(&found, &other, &own) : compare(&found, &own, &other),
                      E_CHAIN);
        EXPECT(found.segment == 1 && found.segments == 1);
    }
    good_copy(&own.folder, &good.encrypted);
    good_copy(&other.folder, &good.encrypted);
    lose(&own, GOOD_CONTROL);
    lose(&other, GOOD_CONTROL);
    lose(&own, GOOD_SEGMENT + 2);
    lose(&other, GOOD_SEGMENT + 2);
    free(other.folder.files[GOOD_SEGMENT + 1].data);
    other.folder.files[GOOD_SEGMENT + 1] = good.fork;
    good.fork.data = NULL;
    EXPECT_STATUS(compare(&found, &own, &other), E_CHAIN);
    EXPECT(found.segment == 1 && found.offset == 136); /* the salt */
    good_free(&good);
}

TEST(folders_of_two_wals_are_not_compared)
{
    struct good good;
    struct side own, other;
    struct comparison found;

    good_make(&good);
    good_copy(&own.folder, &good.encrypted);
    good_copy(&other.folder, &good.plain);
    EXPECT_STATUS(compare(&found, &own, &other), E_LINEAGE);
    good_free(&good);
}
