/* Old segments go while a replica follows, is away, and is away too long. */
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

enum { SEGMENT = 64 << 10, RECORD = 8000 };

static const char no_key[] = "";

/* A primary that keeps two segments, and `pin_segments` for a replica. */
static unsigned begin(struct pair *pair, unsigned pin_segments)
{
    struct member_settings *settings;

    pair_init(pair, false, 21);
    settings = &pair->members[0].primary.member;
    settings->segment_bytes = SEGMENT;
    settings->retain_bytes = 2 * SEGMENT;
    settings->pin_bytes = (uint64_t)pin_segments * SEGMENT;
    settings->retain_gap = SPAN_MS(10);

    const unsigned replica = pair_add_replica(pair, 0, "us-east-1", no_key);

    pair->members[replica].replica.member.segment_bytes = SEGMENT;
    pair_start(pair, 0);
    pair_start(pair, replica);
    return replica;
}

/* So many segments, and time for what is done beside. */
static void fill(struct pair *pair, unsigned segments)
{
    for (unsigned i = 0; i < segments * SEGMENT / RECORD; i++) {
        pair_append(pair, 1, RECORD);
        pair_advance(pair, SPAN_MS(20));
    }
    pair_advance(pair, SPAN_MS(500));
}

static segment_t first_of(const struct pair *pair, unsigned member)
{
    static struct member_status status;

    pair_status(pair, member, &status);
    return status.first_segment;
}

TEST(old_segments_go_and_the_wal_begins_where_they_ended)
{
    static struct member_status status;
    struct pair pair;
    const unsigned replica = begin(&pair, 100);

    fill(&pair, 8);
    const segment_t first = first_of(&pair, 0);

    EXPECT(first >= 3 && !pair.members[0].world.segments[first - 1].exists);
    EXPECT(pair.members[0].world.segments[first].exists);
    EXPECT(first_of(&pair, replica) == 0); /* it was told nothing */
    pair_crash(&pair, 0);
    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_MS(1000));
    pair_status(&pair, 0, &status);
    EXPECT(status.first_segment >= first && strcmp(status.state, "serving") == 0);
    EXPECT(status.pin_count == 1 && strcmp(status.pins[0].state, "held") == 0);
    fill(&pair, 1);
    pair_status(&pair, replica, &status);
    EXPECT(strcmp(status.state, "streaming") == 0);
    pair_free(&pair);
}

TEST(a_missing_segment_behind_the_mark_is_damage_and_one_before_it_is_not)
{
    struct pair pair;
    struct fake_world *world = &pair.members[0].world;

    (void)begin(&pair, 100);
    fill(&pair, 8);
    const segment_t first = first_of(&pair, 0);

    pair_crash(&pair, 0);
    /* a crash between the mark and the deletion leaves the file: any bytes will do */
    world->segments[first - 1] = (struct fake_file){.exists = true};
    pair_start(&pair, 0);
    pair_run(&pair);
    EXPECT(!world->halted && first_of(&pair, 0) >= first);
    EXPECT(!world->segments[first - 1].exists);
    pair_free(&pair);
}

TEST(a_replica_within_its_bound_finds_what_it_needs)
{
    struct pair pair;
    const unsigned replica = begin(&pair, 100);

    fill(&pair, 2);
    pair_crash(&pair, replica);
    fill(&pair, 8);
    EXPECT(first_of(&pair, 0) <= 3);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_MS(3000));
    static struct member_status status;

    pair_status(&pair, replica, &status);
    EXPECT(strcmp(status.state, "streaming") == 0 && status.notice[0] == '\0');
    EXPECT(first_of(&pair, 0) > 3); /* and lets go when it has it */
    pair_free(&pair);
}

TEST(a_replica_past_its_bound_is_lost_and_says_what_to_do)
{
    static struct member_status status;
    struct pair pair;
    const unsigned replica = begin(&pair, 4);

    fill(&pair, 2);
    pair_crash(&pair, replica);
    fill(&pair, 8);
    pair_status(&pair, 0, &status);
    NEED(status.pin_count == 1);
    EXPECT(strcmp(status.pins[0].state, "lost") == 0 && !status.pins[0].connected);
    pair_start(&pair, replica);
    pair_advance(&pair, SPAN_MS(3000));
    pair_status(&pair, replica, &status);
    EXPECT(strcmp(status.state, "lost") == 0);
    EXPECT(strstr(status.notice, "mv DATA DATA.lost") != NULL);
    EXPECT(pair.last_bye.why == E_LOST && !pair.members[replica].world.halted);
    fake_stop(&pair.members[replica].world);
    pair_run(&pair);
    EXPECT(strstr(pair.members[replica].world.halt_text, "This replica is lost") != NULL);
    pair_free(&pair);
}

/* ---- ages ---- */

enum { AGE_S = 400 };

/* A primary with some closed segments that are AGE_S - 50 s old, started again just now; its wall
 * clock is wrong by `skew` since then. */
static void begin_aged(struct pair *pair, int64_t skew_s)
{
    (void)begin(pair, 100);
    pair_crash(pair, 0);
    pair->members[0].primary.member.retain_bytes = 0;
    pair->members[0].primary.member.retain_age = SPAN_S(AGE_S);
    pair_start(pair, 0);
    pair_advance(pair, SPAN_S(3));
    fill(pair, 3);
    pair_advance(pair, SPAN_S(AGE_S - 50));
    EXPECT(first_of(pair, 0) == 0);
    pair_crash(pair, 0);
    pair->members[0].world.wall_skew_ns = skew_s * 1000000000;
    pair_start(pair, 0);
}

TEST(an_age_goes_on_counting_over_a_restart)
{
    struct pair pair;

    begin_aged(&pair, 0);
    pair_append(&pair, 1, RECORD);
    pair_advance(&pair, SPAN_S(AGE_S / 4 - 10)); /* old enough, but the clock has not settled */
    EXPECT(first_of(&pair, 0) == 0);
    pair_advance(&pair, SPAN_S(20));
    EXPECT(first_of(&pair, 0) >= 2);
    pair_free(&pair);
}

TEST(a_wall_clock_that_is_set_is_believed_after_a_while_only)
{
    struct pair pair;
    struct fake_world *world = &pair.members[0].world;

    (void)begin(&pair, 100);
    pair_crash(&pair, 0);
    pair.members[0].primary.member.retain_bytes = 0;
    pair.members[0].primary.member.retain_age = SPAN_S(AGE_S);
    pair_start(&pair, 0);
    fill(&pair, 3);
    pair_crash(&pair, 0);
    pair_start(&pair, 0);
    pair_append(&pair, 1, RECORD);
    pair_advance(&pair, SPAN_S(AGE_S / 4 - 20));
    for (unsigned i = 0; i < 3; i++) { /* wrong by a year for a while, and again */
        world->wall_skew_ns = i % 2 == 0 ? 31536000000000000 : 0;
        pair_advance(&pair, SPAN_S(AGE_S / 4 - 40));
    }
    EXPECT(first_of(&pair, 0) == 0);
    pair_advance(&pair, SPAN_S(50)); /* and then it stays so */
    EXPECT(first_of(&pair, 0) >= 2);
    pair_free(&pair);
}

TEST(where_the_wall_clock_says_less_the_own_clock_says_enough)
{
    struct pair pair;

    begin_aged(&pair, -31536000);
    pair_append(&pair, 1, RECORD);
    pair_advance(&pair, SPAN_S(AGE_S - 20));
    EXPECT(first_of(&pair, 0) == 0);
    pair_advance(&pair, SPAN_S(40));
    EXPECT(first_of(&pair, 0) >= 2);
    pair_free(&pair);
}

/* Found by a seed: a writer took the segment that it had begun itself for one that it had found. */
TEST(what_a_start_has_closed_goes_by_its_own_clock)
{
    struct pair pair;

    (void)begin(&pair, 100);
    pair_crash(&pair, 0);
    pair.members[0].primary.member.retain_bytes = 0;
    pair.members[0].primary.member.retain_age = SPAN_S(AGE_S);
    pair_start(&pair, 0);
    pair_append(&pair, 1, RECORD);
    pair_crash(&pair, 0);
    pair_start(&pair, 0);
    pair_append(&pair, 1, RECORD);
    pair_advance(&pair, SPAN_S(1));
    pair.members[0].world.wall_skew_ns = 31536000000000000; /* by a year, for good */
    pair_advance(&pair, SPAN_S(AGE_S / 2));
    EXPECT(first_of(&pair, 0) == 0);
    pair_advance(&pair, SPAN_S(AGE_S / 2 + 10));
    EXPECT(first_of(&pair, 0) == 1);
    pair_free(&pair);
}
