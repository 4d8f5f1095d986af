/* A segment that is damaged on one disk is made whole again from another, while both serve. */
#include "base/check.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include "wal/segment.h"

#include <stdio.h>

static void write_some(struct pair *pair)
{
    for (unsigned i = 0; i < 60; i++) {
        pair_append(pair, 1, 7000);
        pair_advance(pair, SPAN_MS(20));
    }
    pair_advance(pair, SPAN_S(2));
}

/* The scrub reads fast, and often. */
static void start_pair(struct pair *pair, bool encrypted)
{
    pair_init(pair, encrypted, 4);
    NEED(pair_add_replica(pair, 0, "us-east-1", "") == 1);
    pair->members[0].primary.member.scrub_rate = pair->members[1].replica.member.scrub_rate = 10
                                                                                              << 20;
    pair->members[0].primary.member.scrub_gap = pair->members[1].replica.member.scrub_gap =
        SPAN_S(1);
    pair_start(pair, 0);
    pair_start(pair, 1);
    pair_advance(pair, SPAN_S(3));
    write_some(pair);
}

static struct fake_file *segment_of(struct pair *pair, unsigned member, unsigned segment)
{
    return &pair->members[member].world.segments[segment];
}

static struct member_status status_of(const struct pair *pair, unsigned member)
{
    struct member_status status;

    pair_status(pair, member, &status);
    return status;
}

static void expect_repaired(struct pair *pair, unsigned member, unsigned count)
{
    const struct member_status status = status_of(pair, member);

    EXPECT(status.damaged_segments == count);
    EXPECT(status.repaired_segments == count);
    EXPECT(status.outstanding_segments == 0 && status.repair[0] == '\0');
    EXPECT(pair_disks_are_equal(pair, 0, 1));
    EXPECT(pair_read(pair, member, 1, 7000) == 60);
}

TEST(a_scrub_that_finds_nothing_says_when_it_ended)
{
    struct pair pair;

    start_pair(&pair, true);
    pair_advance(&pair, SPAN_S(10));
    EXPECT(status_of(&pair, 0).scrubs >= 5 && status_of(&pair, 1).scrubs >= 5);
    EXPECT(status_of(&pair, 1).scrubbed_us <= 2000000);
    EXPECT(status_of(&pair, 1).damaged_segments == 0);
    EXPECT(pair.carried[MESSAGE_REPAIR_ASK] == 0);
    pair_free(&pair);
}

TEST(rot_anywhere_in_a_closed_segment_is_found_by_the_scrub_and_repaired_from_the_other)
{
    static const size_t places[] = {9000, 4096, 4096 + 40, 20, 150, 2820, 2845, 30000};

    for (unsigned i = 0; i < 2 * COUNT_OF(places); i++) {
        struct pair pair;
        const unsigned member = i % 2;

        start_pair(&pair, i % 4 < 2);
        segment_of(&pair, member, 1)->data[places[i / 2]] ^= 4;
        pair_advance(&pair, SPAN_S(20));
        expect_repaired(&pair, member, 1);
        EXPECT(pair.members[member].world.repaired == 1);
        pair_free(&pair);
    }
}

TEST(only_what_is_damaged_is_fetched)
{
    struct pair pair;

    start_pair(&pair, true);
    segment_of(&pair, 1, 1)->data[9000] ^= 4;
    pair_advance(&pair, SPAN_S(20));
    EXPECT(pair.carried[MESSAGE_REPAIR_ASK] == 1 && pair.carried[MESSAGE_REPAIR_IS] == 1);
    pair_free(&pair);
}

TEST(a_file_that_went_away_comes_back)
{
    for (unsigned member = 0; member < 2; member++) {
        struct pair pair;

        start_pair(&pair, true);
        segment_of(&pair, member, 1)->exists = false;
        pair_advance(&pair, SPAN_S(20));
        expect_repaired(&pair, member, 1);
        pair_free(&pair);
    }
}

TEST(a_segment_that_reads_well_and_is_another_is_replaced_whole)
{
    for (unsigned member = 0; member < 2; member++) {
        struct pair pair;
        struct fake_file *there, *here;

        start_pair(&pair, true);
        there = segment_of(&pair, member, 2);
        here = segment_of(&pair, member, 1);
        memcpy(here->data, there->data, here->size < there->size ? here->size : there->size);
        pair_advance(&pair, SPAN_S(20));
        expect_repaired(&pair, member, 1);
        pair_free(&pair);
    }
}

TEST(damage_in_many_places_on_both_disks_is_repaired_both_ways)
{
    struct pair pair;

    start_pair(&pair, true);
    segment_of(&pair, 0, 1)->data[9000] ^= 1;
    segment_of(&pair, 1, 1)->data[30000] ^= 1;
    segment_of(&pair, 1, 2)->data[100] ^= 1;
    segment_of(&pair, 0, 3)->exists = false;
    pair_advance(&pair, SPAN_S(60));
    expect_repaired(&pair, 0, 2);
    expect_repaired(&pair, 1, 2);
    pair_free(&pair);
}

TEST(a_reading_that_meets_damage_is_refused_and_starts_its_repair)
{
    struct pair pair;

    pair_init(&pair, true, 4);
    NEED(pair_add_replica(&pair, 0, "us-east-1", "") == 1);
    pair.members[0].primary.member.scrub_rate = pair.members[1].replica.member.scrub_rate = 0;
    pair_start(&pair, 0);
    pair_start(&pair, 1);
    pair_advance(&pair, SPAN_S(3));
    write_some(&pair);
    segment_of(&pair, 1, 1)->data[9000] ^= 4;
    pair_advance(&pair, SPAN_S(20));
    EXPECT(status_of(&pair, 1).damaged_segments == 0); /* nobody looked */
    EXPECT(pair_read(&pair, 1, 1, 7000) < 60);
    pair_advance(&pair, SPAN_S(2));
    expect_repaired(&pair, 1, 1);
    pair_free(&pair);
}

TEST(where_nobody_has_a_good_copy_it_stays_damaged_and_status_names_the_range)
{
    struct pair pair;
    struct member_status status;

    start_pair(&pair, true);
    segment_of(&pair, 0, 1)->data[9000] ^= 4;
    segment_of(&pair, 1, 1)->data[9000] ^= 4;
    pair_advance(&pair, SPAN_S(30));
    status = status_of(&pair, 1);
    EXPECT(status.damaged_segments == 1 && status.repaired_segments == 0);
    EXPECT(status.outstanding_segments == 1);
    EXPECT(strstr(status.repair, "segment 1 lacks batch ") != NULL);
    EXPECT(strstr(status.repair, "not readable there either") != NULL);
    EXPECT(strcmp(status.state, "streaming") == 0);
    EXPECT(pair.members[1].world.repaired == 0);
    pair_append(&pair, 1, 100);
    pair_advance(&pair, SPAN_S(1));
    EXPECT(status_of(&pair, 1).durable_lsn == 61);

    /* somebody brings the file back by hand: it is noticed */
    segment_of(&pair, 0, 1)->data[9000] ^= 4;
    pair_advance(&pair, SPAN_S(60));
    EXPECT(status_of(&pair, 1).repaired_segments == 1);
    EXPECT(status_of(&pair, 1).outstanding_segments == 0);
    EXPECT(pair_disks_are_equal(&pair, 0, 1));
    pair_free(&pair);
}

TEST(a_link_that_is_cut_in_the_middle_of_a_repair_delays_it)
{
    struct pair pair;

    start_pair(&pair, true);
    segment_of(&pair, 1, 1)->exists = false;
    pair_cut(&pair, 1);
    pair_advance(&pair, SPAN_S(10));
    EXPECT(status_of(&pair, 1).outstanding_segments == 1);
    EXPECT(strstr(status_of(&pair, 1).repair, "nobody is linked") != NULL);
    pair_heal(&pair, 1);
    pair_advance(&pair, SPAN_S(40));
    expect_repaired(&pair, 1, 1);
    pair_free(&pair);
}

/* What comes over the link is checked like anything that comes. */
struct liar {
    unsigned answers;
    size_t flip;
};

static void lie(void *context, struct pair_message *message)
{
    struct liar *liar = context;

    if (message->message->type == MESSAGE_REPAIR_IS && message->message->tail_size > liar->flip) {
        liar->answers++;
        message->message->tail[liar->flip] ^= 1;
    }
}

TEST(bytes_that_do_not_fit_are_never_written)
{
    static const size_t flips[] = {0, 9, 50, 300, 5000};

    for (unsigned i = 0; i < COUNT_OF(flips); i++) {
        struct pair pair;
        struct liar liar = {.flip = flips[i]};

        start_pair(&pair, true);
        pair.watch = lie;
        pair.context = &liar;
        segment_of(&pair, 1, 1)->data[9000] ^= 4;
        pair_advance(&pair, SPAN_S(20));
        EXPECT(liar.answers > 0);
        EXPECT(pair.members[1].world.repaired == 0);
        EXPECT(status_of(&pair, 1).outstanding_segments == 1);
        pair.watch = NULL;
        pair_advance(&pair, SPAN_S(20));
        expect_repaired(&pair, 1, 1);
        pair_free(&pair);
    }
}

/* Primary, a replica that scrubs nothing, and a replica of that one. */
static void start_chain(struct pair *pair)
{
    pair_init(pair, true, 4);
    NEED(pair_add_replica(pair, 0, "us-east-1", "") == 1);
    NEED(pair_add_replica(pair, 1, "us-east-1", "") == 2);
    for (unsigned i = 0; i < 3; i++) {
        struct member_settings *settings =
            i == 0 ? &pair->members[0].primary.member : &pair->members[i].replica.member;

        settings->scrub_rate = i == 2 ? 10 << 20 : 0;
        settings->scrub_gap = SPAN_S(1);
    }
    for (unsigned i = 0; i < 3; i++) {
        pair_start(pair, i);
    }
    pair_advance(pair, SPAN_S(3));
    write_some(pair);
}

TEST(what_the_upstream_lacks_as_well_comes_through_it_from_its_own)
{
    static const size_t places[] = {9000, 4096, 100, 30000};

    for (unsigned i = 0; i <= COUNT_OF(places); i++) {
        struct pair pair;

        start_chain(&pair);
        for (unsigned member = 1; member <= 2; member++) {
            struct fake_file *file = segment_of(&pair, member, 1);

            if (i < COUNT_OF(places)) {
                file->data[places[i]] ^= 4;
            } else {
                file->exists = false;
            }
        }
        pair_advance(&pair, SPAN_S(30));
        for (unsigned member = 1; member <= 2; member++) {
            EXPECT(status_of(&pair, member).repaired_segments == 1);
            EXPECT(status_of(&pair, member).outstanding_segments == 0);
            EXPECT(pair_disks_are_equal(&pair, 0, member));
        }
        pair_free(&pair);
    }
}

TEST(a_start_that_lacks_what_its_upstream_lacks_gets_it_as_well)
{
    for (unsigned i = 0; i < 2; i++) {
        struct pair pair;

        start_chain(&pair);
        pair_crash(&pair, 2);
        for (unsigned member = 1; member <= 2; member++) {
            struct fake_file *file = segment_of(&pair, member, 1);

            if (i == 0) {
                file->data[100] ^= 4;
            } else {
                file->exists = false;
            }
        }
        pair_start(&pair, 2);
        pair_advance(&pair, SPAN_S(40));
        EXPECT(strcmp(status_of(&pair, 2).state, "streaming") == 0);
        EXPECT(pair_disks_are_equal(&pair, 0, 1) && pair_disks_are_equal(&pair, 0, 2));
        pair_free(&pair);
    }
}

/* In the newest segment of all, which only a start looks at. */
TEST(two_that_start_on_the_same_damage_are_whole_one_after_the_other)
{
    for (unsigned i = 0; i < 2; i++) {
        struct pair pair;
        unsigned last = 0;

        start_chain(&pair);
        while (segment_of(&pair, 2, last + 1)->exists) {
            last++;
        }
        for (unsigned member = 1; member <= 2; member++) {
            struct fake_file *file = segment_of(&pair, member, last);

            pair_crash(&pair, member);
            if (i == 0) {
                file->data[file->size - 2000] ^= 4;
            } else {
                file->exists = false;
            }
        }
        pair_start(&pair, 1);
        pair_start(&pair, 2);
        pair_advance(&pair, SPAN_S(60));
        EXPECT(strcmp(status_of(&pair, 1).state, "streaming") == 0);
        EXPECT(strcmp(status_of(&pair, 2).state, "streaming") == 0);
        EXPECT(pair_disks_are_equal(&pair, 0, 1) && pair_disks_are_equal(&pair, 0, 2));
        pair_free(&pair);
    }
}

TEST(a_start_leaves_an_upstream_that_cannot_give_for_one_that_can)
{
    struct pair pair;

    start_chain(&pair);
    pair_crash(&pair, 2);
    pair_cut(&pair, 1); /* so that it lacks it for ever */
    for (unsigned member = 1; member <= 2; member++) {
        segment_of(&pair, member, 1)->exists = false;
    }
    pair_start(&pair, 2);
    pair_advance(&pair, SPAN_S(60));
    EXPECT(strcmp(status_of(&pair, 2).state, "repairing") == 0);
    pair_crash(&pair, 2);
    pair.members[2].second = 0;
    pair.members[2].replica.upstream_count = 2;
    snprintf(pair.members[2].replica.upstreams[1], ADDRESS_TEXT_MAX, "second:1");
    pair_start(&pair, 2);
    pair_advance(&pair, SPAN_S(120));
    EXPECT(strcmp(status_of(&pair, 2).state, "repairing") != 0);
    EXPECT(pair_disks_are_equal(&pair, 0, 2));
    pair_free(&pair);
}
