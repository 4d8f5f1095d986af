/* A replica compares what the headers list with its own bytes, off the way of what it receives. */
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

static void write_some(struct pair *pair)
{
    for (unsigned i = 0; i < 60; i++) {
        pair_append(pair, 1, 7000);
        pair_advance(pair, SPAN_MS(20));
    }
    pair_advance(pair, SPAN_S(2));
}

static void start_pair(struct pair *pair)
{
    pair_init(pair, true, 4);
    NEED(pair_add_replica(pair, 0, "us-east-1", "") == 1);
    pair_start(pair, 0);
    pair_start(pair, 1);
    pair_advance(pair, SPAN_S(3));
    write_some(pair);
}

TEST(a_replica_compares_each_listed_segment_once)
{
    struct pair pair;
    struct member_status one, other;

    start_pair(&pair);
    pair_status(&pair, 0, &one);
    pair_status(&pair, 1, &other);
    EXPECT(one.digested_segments >= 3); /* the newest of them are listed by no header yet */
    EXPECT(other.digested_segments >= 2 && other.digested_segments <= one.digested_segments);
    EXPECT(one.damaged_segments == 0 && other.damaged_segments == 0);
    const uint64_t before = other.digested_segments;

    pair_advance(&pair, SPAN_S(20));
    pair_status(&pair, 1, &other);
    EXPECT(other.digested_segments == before);
    pair_free(&pair);
}

TEST(rot_on_a_replica_is_an_alarm_there_and_nobody_stops)
{
    struct pair pair;
    struct member_status one, other;

    start_pair(&pair);
    pair_crash(&pair, 1);
    pair.members[1].world.segments[0].data[9000] ^= 1;
    pair_start(&pair, 1);
    pair_advance(&pair, SPAN_S(3));
    pair_status(&pair, 0, &one);
    pair_status(&pair, 1, &other);
    EXPECT(other.damaged_segments == 1 && one.damaged_segments == 0);
    EXPECT(strcmp(other.state, "streaming") == 0);
    pair_append(&pair, 1, 100);
    pair_advance(&pair, SPAN_S(1));
    pair_status(&pair, 0, &one);
    pair_status(&pair, 1, &other);
    EXPECT(one.durable_lsn == other.durable_lsn);
    pair_free(&pair);
}

/* Headers come in, are in the index, and the disk does not have them yet: that is no damage. */
TEST(a_slow_disk_of_a_replica_raises_no_alarm)
{
    struct pair pair;
    struct member_status one, other;

    start_pair(&pair);
    pair.members[1].world.hold_writes = true;
    write_some(&pair);
    pair_status(&pair, 1, &other);
    EXPECT(other.damaged_segments == 0);
    pair.members[1].world.hold_writes = false;
    pair_advance(&pair, SPAN_S(20));
    pair_status(&pair, 0, &one);
    pair_status(&pair, 1, &other);
    EXPECT(other.damaged_segments == 0);
    EXPECT(one.durable_batch == other.durable_batch);
    pair_free(&pair);
}
