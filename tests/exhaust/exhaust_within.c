/* The stories once more, with the fault within a step: libcrypto refuses a call, there is no memory
 * for one, a byte is heard wrong. And with one link that ends behind any message on it: a message
 * of which a part has come is none (transport/channel.h), so it may be any byte of the next.
 *
 * Strides are primes: sealing and opening take the same few calls for each batch, and so each of
 * these has its turn. In the end all must be whole: a process that stopped is started again, and
 * what was not believed is repaired. */
#include "tests/exhaust/countdown.h"
#include "tests/exhaust/exhaust.h"
#include "tests/exhaust/stories.h"
#include "tests/support/test.h"

/* Some seconds each, on one core; EXHAUST_FULL takes a few minutes for all but the bytes. */
enum {
    CALLS_EVERY = 7,
    ALLOCATIONS_EVERY = 11,
    PARTED_EVERY = 31, /* that one is about two openings, so there are many, and all alike */
    BYTES_EVERY = 2039,
};

static const struct exhaustion repair = {
    .make = damaged_world, .run_s = REPAIR_S, .is_well = is_whole};
static const struct exhaustion parted = {
    .make = parted_world, .run_s = PARTED_S, .is_well = is_whole};
static const struct exhaustion retention = {
    .make = retaining_world, .run_s = RETENTION_S, .is_well = all_are_up};
static const struct exhaustion promotion = {
    .make = promoting_world, .run_s = PROMOTION_S, .is_well = all_are_up};

static void exhaust(struct exhaustion run, unsigned members, enum what what, unsigned every)
{
    const uint64_t before = countdown_stops();

    run.what = what;
    run.every = every;
    for (run.member = 0; run.member < members; run.member++) {
        exhaust_all(&run);
    }
    EXPECT((countdown_stops() > before) == (what == WHAT_CALL || what == WHAT_ALLOCATION));
}

TEST(libcrypto_may_refuse_any_call_of_a_repair)
{
    exhaust(repair, 2, WHAT_CALL, CALLS_EVERY);
}

TEST(libcrypto_may_refuse_any_call_of_a_cut)
{
    exhaust(parted, 2, WHAT_CALL, PARTED_EVERY);
}

TEST(libcrypto_may_refuse_any_call_while_segments_are_deleted)
{
    exhaust(retention, 2, WHAT_CALL, CALLS_EVERY);
}

TEST(libcrypto_may_refuse_any_call_of_a_promotion)
{
    exhaust(promotion, 3, WHAT_CALL, CALLS_EVERY);
}

TEST(any_allocation_of_a_repair_may_fail)
{
    exhaust(repair, 2, WHAT_ALLOCATION, ALLOCATIONS_EVERY);
}

TEST(any_allocation_of_a_cut_may_fail)
{
    exhaust(parted, 2, WHAT_ALLOCATION, PARTED_EVERY);
}

TEST(any_allocation_may_fail_while_segments_are_deleted)
{
    exhaust(retention, 2, WHAT_ALLOCATION, ALLOCATIONS_EVERY);
}

TEST(any_allocation_of_a_promotion_may_fail)
{
    exhaust(promotion, 3, WHAT_ALLOCATION, ALLOCATIONS_EVERY);
}

TEST(any_byte_of_a_repair_may_be_wrong)
{
    exhaust(repair, 2, WHAT_FLIP, BYTES_EVERY);
}

/* A writer whose history is not in doubt hears nothing that is sealed: these are replicas. */
static void falsify_replica(struct exhaustion run)
{
    run.member = 1;
    run.what = WHAT_FLIP;
    run.every = BYTES_EVERY;
    exhaust_all(&run);
}

TEST(any_byte_of_a_cut_may_be_wrong)
{
    falsify_replica(parted);
}

TEST(any_byte_may_be_wrong_while_segments_are_deleted)
{
    falsify_replica(retention);
}

TEST(any_byte_of_a_promotion_may_be_wrong)
{
    exhaust(promotion, 3, WHAT_FLIP, BYTES_EVERY);
}

TEST(a_link_may_end_behind_any_message_of_a_repair_a_cut_deletions_and_a_promotion)
{
    exhaust(repair, 1, WHAT_CUT_ONE, 0);
    exhaust(parted, 1, WHAT_CUT_ONE, 0);
    exhaust(retention, 1, WHAT_CUT_ONE, 0);
    exhaust(promotion, 1, WHAT_CUT_ONE, 0);
}
