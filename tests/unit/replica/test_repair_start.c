/* A member that starts on a damaged disk becomes whole from another member before it goes on. */
#include "base/check.h"
#include "cluster/control.h"
#include "member/opening_state.h"
#include "replica/receiver.h"
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"
#include "wal/segment.h"

enum { RECORDS = 30 };

static void write_some(struct pair *pair)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        pair_append(pair, 1, 7000);
        pair_advance(pair, SPAN_MS(20));
    }
    pair_advance(pair, SPAN_S(2)); /* the newest batch is marked */
}

/* Nobody scrubs: what is found is found by the start. */
static void start_pair(struct pair *pair, bool encrypted)
{
    pair_init(pair, encrypted, 4);
    NEED(pair_add_replica(pair, 0, "us-east-1", "") == 1);
    pair->members[0].primary.member.scrub_rate = pair->members[1].replica.member.scrub_rate = 0;
    pair->members[0].primary.groups_max = 64; /* so that a replica may be far ahead of its disk */
    pair_start(pair, 0);
    pair_start(pair, 1);
    pair_advance(pair, SPAN_S(3));
    write_some(pair);
}

static struct fake_file *segment_of(struct pair *pair, unsigned member, unsigned segment)
{
    return &pair->members[member].world.segments[segment];
}

static unsigned newest(struct pair *pair, unsigned member)
{
    unsigned segment = 0;

    while (segment_of(pair, member, segment + 1)->exists) {
        segment++;
    }
    return segment;
}

static struct member_status status_of(const struct pair *pair, unsigned member)
{
    struct member_status status;

    pair_status(pair, member, &status);
    return status;
}

static bool is_repairing(const struct pair *pair, unsigned member)
{
    return !pair->members[member].world.halted
           && strcmp(status_of(pair, member).state, "repairing") == 0;
}

static void expect_whole(struct pair *pair)
{
    pair_advance(pair, SPAN_S(20));
    for (unsigned i = 0; i < 2; i++) {
        EXPECT(!pair->members[i].world.halted && !is_repairing(pair, i));
        EXPECT(status_of(pair, i).outstanding_segments == 0);
    }
    pair_append(pair, 1, 7000);
    pair_advance(pair, SPAN_S(2));
    EXPECT(status_of(pair, 0).committed_lsn == RECORDS + 1);
    EXPECT(pair_disks_are_equal(pair, 0, 1));
    EXPECT(pair_read(pair, 0, 1, 7000) == RECORDS + 1);
    EXPECT(pair_read(pair, 1, 1, 7000) == RECORDS + 1);
}

/* What was done to the member's disk while it was down. */
enum harm {
    ROT_IN_NEWEST, /* in its last batch */
    ROT_IN_NEWEST_BEGINNING,
    NEWEST_HEADER,
    OLD_HEADER,
    NEWEST_GONE,
    FIRST_GONE,
    OLD_GONE,
    TWO_GONE,
    ALL_GONE,
    LAST_TWO_GONE,
    SWAPPED,
    HARMS
};

static void do_harm(struct pair *pair, unsigned member, enum harm harm)
{
    const unsigned last = newest(pair, member);
    struct fake_file *file = segment_of(pair, member, last);
    struct fake_file swapped = *segment_of(pair, member, 1);

    switch (harm) {
    case ROT_IN_NEWEST:
        file->data[file->size - 2000] ^= 1;
        break;
    case ROT_IN_NEWEST_BEGINNING:
        file->data[4096 + 70] ^= 1;
        break;
    case NEWEST_HEADER:
        file->data[100] ^= 1;
        break;
    case OLD_HEADER:
        segment_of(pair, member, 1)->data[2800] ^= 1;
        break;
    case NEWEST_GONE:
        file->exists = false;
        break;
    case FIRST_GONE:
        segment_of(pair, member, 0)->exists = false;
        break;
    case OLD_GONE:
        segment_of(pair, member, 1)->exists = false;
        break;
    case TWO_GONE:
        segment_of(pair, member, 1)->exists = segment_of(pair, member, 2)->exists = false;
        break;
    case LAST_TWO_GONE:
        file->exists = segment_of(pair, member, last - 1)->exists = false;
        break;
    case ALL_GONE:
        for (unsigned i = 0; i <= last; i++) {
            segment_of(pair, member, i)->exists = false;
        }
        break;
    case SWAPPED:
        *segment_of(pair, member, 1) = *segment_of(pair, member, 2);
        *segment_of(pair, member, 2) = swapped;
        break;
    case HARMS:
        break;
    }
}

static void harm_and_restart(bool encrypted, unsigned member, enum harm harm)
{
    struct pair pair;

    start_pair(&pair, encrypted);
    NEED(newest(&pair, member) >= 4);
    pair_crash(&pair, member);
    do_harm(&pair, member, harm);
    pair_start(&pair, member);
    fake_run(&pair.members[member].world);
    EXPECT(is_repairing(&pair, member));
    expect_whole(&pair);
    EXPECT(pair.members[member].world.repaired >= 1);
    pair_free(&pair);
}

TEST(a_replica_whose_disk_was_harmed_is_repaired_from_its_upstream_and_goes_on)
{
    for (unsigned harm = 0; harm < HARMS; harm++) {
        harm_and_restart(harm % 2 == 0, 1, (enum harm)harm);
    }
}

TEST(a_primary_whose_disk_was_harmed_is_repaired_from_its_replica_before_its_next_epoch)
{
    for (unsigned harm = 0; harm < HARMS; harm++) {
        harm_and_restart(harm % 2 == 1, 0, (enum harm)harm);
    }
}

TEST(both_may_be_harmed_in_different_places)
{
    for (unsigned i = 0; i < 4; i++) {
        struct pair pair;

        start_pair(&pair, true);
        pair.members[0].primary.member.scrub_rate = pair.members[1].replica.member.scrub_rate =
            10 << 20; /* where a start does not look */
        pair_crash(&pair, 0);
        pair_crash(&pair, 1);
        do_harm(&pair, i % 2, ROT_IN_NEWEST);
        do_harm(&pair, i % 2, OLD_GONE);
        segment_of(&pair, 1 - i % 2, 3)->data[i < 2 ? 50 : 20000] ^= 1;
        pair_start(&pair, 0);
        pair_start(&pair, 1);
        expect_whole(&pair);
        pair_free(&pair);
    }
}

TEST(a_primary_begins_no_epoch_and_writes_nothing_while_it_is_not_whole)
{
    struct pair pair;

    start_pair(&pair, true);
    pair_crash(&pair, 0);
    pair_crash(&pair, 1);
    do_harm(&pair, 0, ROT_IN_NEWEST);
    const uint64_t version = pair.members[0].world.record.version;
    const unsigned last = newest(&pair, 0);

    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_S(60));
    EXPECT(is_repairing(&pair, 0));
    EXPECT(strstr(status_of(&pair, 0).repair, "nobody is linked") != NULL);
    EXPECT(pair.members[0].world.record.version == version && newest(&pair, 0) == last);
    EXPECT(pair.members[0].world.quarantined == 0 && pair.members[0].world.repaired == 0);
    pair_start(&pair, 1);
    expect_whole(&pair);
    pair_free(&pair);
}

TEST(where_the_same_is_damaged_everywhere_both_wait_and_name_it)
{
    struct pair pair;

    start_pair(&pair, true);
    pair_crash(&pair, 0);
    pair_crash(&pair, 1);
    do_harm(&pair, 0, ROT_IN_NEWEST);
    do_harm(&pair, 1, ROT_IN_NEWEST);
    pair_start(&pair, 0);
    pair_start(&pair, 1);
    pair_advance(&pair, SPAN_S(30));
    for (unsigned i = 0; i < 2; i++) {
        const struct member_status status = status_of(&pair, i);

        EXPECT(is_repairing(&pair, i) && status.outstanding_segments == 1);
        EXPECT(strstr(status.repair, " lacks batch ") != NULL);
        EXPECT(strstr(status.repair, "not readable there either") != NULL);
        EXPECT(pair.members[i].world.quarantined == 0 && pair.members[i].world.repaired == 0);
    }
    pair_free(&pair);
}

TEST(a_crash_after_any_event_of_a_repair_is_recovered_from)
{
    for (unsigned member = 0; member < 2; member++) {
        for (uint64_t extra = 1; extra < 120; extra += 3) {
            struct pair pair;
            struct fake_world *world = &pair.members[member].world;

            start_pair(&pair, true);
            pair_crash(&pair, member);
            do_harm(&pair, member, extra % 2 == 0 ? TWO_GONE : ROT_IN_NEWEST);
            pair_start(&pair, member);
            world->events_max = world->events + extra;
            pair_advance(&pair, SPAN_MS(300));
            world->events_max = UINT64_MAX;
            pair_crash(&pair, member);
            pair_start(&pair, member);
            expect_whole(&pair);
            pair_free(&pair);
        }
    }
}

/* ---- what is lacking was cut elsewhere ---- */

/* The replica holds what its primary has lost: `suffix` records, marked, and then loses some of it;
 * the primary goes on in a new reign. */
static unsigned lose_the_newest_of_two_histories(struct pair *pair, unsigned suffix)
{
    start_pair(pair, true);
    pair->members[0].world.hold_writes = true;
    for (unsigned i = 0; i < suffix; i++) {
        pair_append(pair, 1, 7000);
    }
    pair_advance(pair, SPAN_S(2));
    EXPECT(status_of(pair, 1).durable_lsn == RECORDS + suffix);
    pair_crash(pair, 1);
    pair_crash(pair, 0);
    pair->members[0].world.hold_writes = false;
    pair->sequence = RECORDS;
    return newest(pair, 1);
}

static void expect_followed(struct pair *pair)
{
    pair_start(pair, 1);
    fake_run(&pair->members[1].world);
    EXPECT(is_repairing(pair, 1));
    pair_start(pair, 0);
    expect_whole(pair);
    EXPECT(pair->members[1].world.quarantined > 0);
    pair_crash(pair, 1);
    pair_start(pair, 1);
    pair_advance(pair, SPAN_S(5));
    EXPECT(strcmp(status_of(pair, 1).state, "streaming") == 0);
}

TEST(what_was_cut_elsewhere_is_set_aside_although_it_is_damaged)
{
    struct pair pair;
    const unsigned last = lose_the_newest_of_two_histories(&pair, 3);
    struct fake_file *file = segment_of(&pair, 1, last);

    file->data[file->size - 2000] ^= 1;
    expect_followed(&pair);
    pair_free(&pair);
}

TEST(whole_segments_that_were_cut_elsewhere_may_be_gone_or_without_a_header)
{
    for (unsigned i = 0; i < 6; i++) {
        struct pair pair;
        const unsigned last = lose_the_newest_of_two_histories(&pair, 18);
        struct fake_file *file = segment_of(&pair, 1, last - i / 2);

        if (i % 2 == 0) {
            file->exists = false;
        } else {
            file->data[100] ^= 1;
        }
        expect_followed(&pair);
        pair_free(&pair);
    }
}

/* Found by a seed: the greeting came when what the disk had not given at first was there again, and
 * the start was looking at it. */
TEST(what_is_being_looked_at_is_compared_when_it_is_known)
{
    struct pair pair;
    struct fake_world *world = &pair.members[1].world;

    (void)lose_the_newest_of_two_histories(&pair, 3);
    world->read_status = E_IO;
    pair_start(&pair, 1);
    while (((struct replica *)world->node)->member.opening->state != OPENING_REPAIR) {
        world->events_max = world->events + 1;
        NEED(!fake_run(world));
    }
    world->read_status = OK;
    while (((struct replica *)world->node)->member.opening->state != OPENING_SCAN) {
        world->events_max = world->events + 1;
        fake_run(world);
        world->now = instant_add(world->now, SPAN_MS(1));
    }
    world->events_max = UINT64_MAX;
    world->hold_reads = true;
    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_S(5));
    EXPECT(is_repairing(&pair, 1) && !world->halted);
    world->hold_reads = false;
    expect_whole(&pair);
    EXPECT(world->quarantined > 0);
    pair_free(&pair);
}

TEST(what_may_have_been_committed_is_not_set_aside_unread)
{
    struct pair pair;
    const unsigned last = lose_the_newest_of_two_histories(&pair, 3);
    struct fake_file *file = segment_of(&pair, 1, last);
    struct fake_file *text = &pair.members[1].world.files[STORE_CONTROL];
    static struct control control;

    file->data[file->size - 2000] ^= 1;
    NEED(control_decode(&control, bytes_of(text->data, text->size), NULL) == OK);
    control.commit_lsn = RECORDS + 3;
    NEED(text->size == control_encode(&control, text->data).size);
    pair_start(&pair, 1);
    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_S(20));
    EXPECT(is_repairing(&pair, 1));
    EXPECT(pair.members[1].world.quarantined == 0);
    pair_free(&pair);
}
