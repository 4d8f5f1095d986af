/* Where histories part: what only the replica holds goes aside and the copies are equal again; what
 * was committed is never cut. */
#include "tests/support/fake_pair.h"
#include "tests/support/test.h"

#include <stdlib.h>

static const char tokyo_key[] = "arn:aws:kms:ap-northeast-1:111122223333:key/0000";

/* The primary ships `appends` batches that its own disk never gets, and dies. */
static void ship_and_die(struct pair *pair, unsigned appends, size_t size)
{
    pair->members[0].world.hold_writes = true;
    for (unsigned i = 0; i < appends; i++) {
        pair_append(pair, 4, size);
    }
    pair_crash(pair, 0);
}

static void expect_equal_again(struct pair *pair, unsigned replica, size_t size)
{
    struct member_status one, other;

    pair_advance(pair, SPAN_S(20));
    pair_append(pair, 3, size);
    pair_advance(pair, SPAN_S(1));
    pair_status(pair, 0, &one);
    pair_status(pair, replica, &other);
    EXPECT(!pair->members[replica].world.halted);
    EXPECT(one.durable_batch == other.durable_batch && one.durable_lsn == other.durable_lsn);
    EXPECT(other.visible_lsn == one.committed_lsn);
    EXPECT(pair_read(pair, replica, 1, size) == other.visible_lsn);
}

static void cut(unsigned before, unsigned lost, bool restart_replica)
{
    struct pair pair;

    pair_init(&pair, true, 11);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_run(&pair);
    for (unsigned i = 0; i < before; i++) {
        pair_append(&pair, 4, 900);
    }
    ship_and_die(&pair, lost, 900);
    pair.sequence -= 4 * lost;
    if (restart_replica) {
        pair_crash(&pair, replica);
        pair_start(&pair, replica);
    }
    pair_start(&pair, 0);
    expect_equal_again(&pair, replica, 900);
    EXPECT(lost == 0 || pair.members[replica].world.quarantined > 0);
    pair_free(&pair);
}

TEST(what_the_primary_lost_is_set_aside_within_a_segment)
{
    cut(5, 3, false);
    cut(5, 3, true);
}

TEST(what_the_primary_lost_is_set_aside_over_many_segments)
{
    cut(20, 45, false);
    cut(20, 45, true);
}

TEST(what_the_primary_lost_is_set_aside_to_the_first_record)
{
    cut(0, 2, false);
    cut(0, 20, true);
}

TEST(a_crash_of_the_replica_after_any_write_of_a_cut_is_recovered_from)
{
    for (uint64_t extra = 1; extra < 40; extra++) {
        struct pair pair;

        pair_init(&pair, true, 12);
        const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

        pair_start(&pair, 0);
        pair_start(&pair, replica);
        pair_append(&pair, 4, 900);
        pair_advance(&pair, SPAN_MS(100));
        ship_and_die(&pair, 35, 900);
        pair.sequence -= 4 * 35;

        struct fake_world *world = &pair.members[replica].world;

        pair_start(&pair, 0);
        world->events_max = world->events + extra;
        pair_advance(&pair, SPAN_MS(300));
        world->events_max = UINT64_MAX;
        pair_crash(&pair, replica);
        pair_start(&pair, replica);
        expect_equal_again(&pair, replica, 900);
        pair_free(&pair);
    }
}

static void copy_file(struct fake_file *to, const struct fake_file *from)
{
    *to = *from;
    if (from->exists) {
        to->data = malloc(from->size + 1);
        NEED(to->data != NULL);
        memcpy(to->data, from->data, from->size);
    }
}

TEST(a_history_that_would_cut_what_was_committed_halts_the_replica)
{
    static struct fake_file files[STORE_FILES], segments[FAKE_SEGMENTS_MAX];
    struct pair pair;

    pair_init(&pair, true, 13);
    const unsigned replica = pair_add_replica(&pair, 0, "ap-northeast-1", tokyo_key);

    pair_start(&pair, 0);
    pair_start(&pair, replica);
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_MS(100));

    struct fake_world *world = &pair.members[0].world;

    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        copy_file(&segments[i], &world->segments[i]);
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        copy_file(&files[i], &world->files[i]);
    }
    pair_append(&pair, 4, 900);
    pair_advance(&pair, SPAN_MS(100)); /* committed, and the replica knows */
    pair_crash(&pair, 0);
    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        free(world->segments[i].data);
        world->segments[i] = segments[i];
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        free(world->files[i].data);
        world->files[i] = files[i];
    }
    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_S(5));
    EXPECT(pair.members[replica].world.halted);
    EXPECT_STATUS(pair.members[replica].world.halt_why, E_CUT_COMMITTED);
    EXPECT(pair.members[replica].world.quarantined == 0);
    EXPECT(strstr(pair.members[replica].world.halt_text, "LSN 4") != NULL);
    pair_free(&pair);
}
