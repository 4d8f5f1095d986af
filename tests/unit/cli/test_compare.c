/* Copies that tell of themselves by digest: where they agree, where they part, and what a header's
 * listed digests are worth. */
#include "cli/ask_verify.h"
#include "cli/compare.h"
#include "tests/support/test.h"

struct side {
    struct audit_row rows[4];
    uint32_t count;
    struct digest prefix; /* what it says of a part */
    enum status prefix_status;
    unsigned asked;
    batch_t asked_through;
};

static struct digest digest(uint8_t byte)
{
    return (struct digest){{byte}};
}

/* Three segments of three batches; the last has `last` of its own. */
static struct side side(batch_t last)
{
    struct side side = {.count = 3};

    for (uint32_t i = 0; i < 3; i++) {
        side.rows[i] = (struct audit_row){.segment = i,
                                          .epoch = 1,
                                          .first_batch = 3 * (batch_t)i + 1,
                                          .last_batch = 3 * (batch_t)i + 3,
                                          .valid_bytes = 4096 * 4,
                                          .sha256 = digest((uint8_t)(10 + i)),
                                          .chain = digest((uint8_t)(20 + i))};
    }
    side.rows[2].last_batch = last;
    side.rows[2].valid_bytes = 4096 * (1 + last - 6);
    side.rows[2].sha256 = digest((uint8_t)(30 + last));
    return side;
}

static enum status prefix(void *context, const struct audit_row *row, struct digest *sha256)
{
    struct side *asked = context;

    asked->asked++;
    asked->asked_through = row->last_batch;
    *sha256 = asked->prefix;
    return asked->prefix_status;
}

static enum status compare(struct comparison *found, struct side *own, struct side *other)
{
    const struct compare_side mine = {own->rows, own->count, prefix, own};
    const struct compare_side theirs = {other->rows, other->count, prefix, other};

    return compare_rows(found, &mine, &theirs);
}

TEST(copies_that_end_alike_need_no_second_question)
{
    struct side own = side(8), other = side(8);
    struct comparison found;

    EXPECT_STATUS(compare(&found, &own, &other), OK);
    EXPECT(found.segments == 3 && found.bytes == 2 * 16384 + 12288);
    EXPECT(own.asked + other.asked == 0);
}

TEST(whoever_is_ahead_is_asked_for_what_the_other_has)
{
    struct side own = side(7), other = side(9);
    struct comparison found;

    other.prefix = own.rows[2].sha256;
    EXPECT_STATUS(compare(&found, &own, &other), OK);
    EXPECT(other.asked == 1 && other.asked_through == 7 && own.asked == 0);
    EXPECT(found.own_last == 7 && found.other_last == 9);
    EXPECT_STATUS(compare(&found, &other, &own), OK); /* the other way round */
    EXPECT(other.asked == 2);
    other.prefix = digest(1);
    EXPECT_STATUS(compare(&found, &own, &other), E_CHAIN);
    EXPECT(found.segment == 2 && found.by_digest);
    other.prefix_status = E_NOT_READY;
    EXPECT_STATUS(compare(&found, &own, &other), E_NOT_READY);
}

TEST(one_other_byte_in_a_closed_segment_is_a_difference)
{
    struct side own = side(8), other = side(8);
    struct comparison found;

    other.rows[1].sha256 = digest(99);
    EXPECT_STATUS(compare(&found, &own, &other), E_CHAIN);
    EXPECT(found.segment == 1 && found.segments == 1);
    other = side(8);
    other.rows[1].chain = digest(99);
    EXPECT_STATUS(compare(&found, &own, &other), E_CHAIN);
}

TEST(a_copy_that_went_on_elsewhere_is_another_history)
{
    struct side own = side(8), other = side(8);
    struct comparison found;

    own.rows[1].last_batch = 2; /* and its next segment begins all the same */
    EXPECT_STATUS(compare(&found, &own, &other), E_CHAIN);
    EXPECT(own.asked + other.asked == 0);
    own = side(8);
    own.rows[2].first_batch = 6;
    EXPECT_STATUS(compare(&found, &own, &other), E_CHAIN);
}

TEST(a_header_with_nothing_behind_it_yet_and_no_copy_at_all_are_just_behind)
{
    struct side own = side(6), other = side(9);
    struct comparison found;

    EXPECT_STATUS(compare(&found, &own, &other), OK);
    EXPECT(other.asked == 0 && found.own_last == 6);
    own.count = 0;
    EXPECT_STATUS(compare(&found, &own, &other), OK);
    EXPECT(found.segments == 0 && found.own_last == 0);
}

/* ---- listed digests ---- */

static void take(struct verify_answer *answer, segment_t segment, segment_t listed, uint8_t byte)
{
    static struct verified_segment row;

    row = (struct verified_segment){.segment = segment,
                                    .first_batch = segment * 3 + 1,
                                    .last_batch = segment * 3 + 3,
                                    .batches = 3,
                                    .records = 5,
                                    .bytes = 16384,
                                    .sha256 = digest((uint8_t)(10 + segment)),
                                    .digest_count = listed == SEGMENT_NONE ? 0 : 1};
    row.digests[0].segment = listed;
    row.digests[0].sha256 = digest(byte);
    verify_answer_take(answer, &row);
}

TEST(digests_that_a_later_header_lists_are_held_against_what_was_read)
{
    struct verify_answer answer = {0};

    take(&answer, 4, SEGMENT_NONE, 0);
    take(&answer, 5, 4, 14);
    EXPECT(answer.audit.rows[0].digested && answer.audit.damage.why == OK);
    take(&answer, 6, 3, 77); /* of one that was not read: no verdict */
    EXPECT(answer.audit.row_count == 3 && answer.audit.record_count == 15);
    EXPECT_STATUS(answer.audit.damage.why, OK);
    take(&answer, 7, 5, 99);
    EXPECT_STATUS(answer.audit.damage.why, E_CHECKSUM);
    EXPECT(strcmp(answer.audit.damage.what, "header") == 0 && answer.audit.damage.segment == 7);
    EXPECT(!answer.audit.rows[1].digested);
    verify_answer_drop(&answer);
}

TEST(a_header_lists_only_what_came_before_it)
{
    struct verify_answer answer = {0};

    take(&answer, 0, 0, 10); /* itself, rightly */
    EXPECT_STATUS(answer.audit.damage.why, E_MALFORMED);
    verify_answer_drop(&answer);
}
