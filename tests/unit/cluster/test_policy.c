/* The levels against counting by hand, over every small cluster; then the edges. */
#include "base/check.h"
#include "cluster/policy.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { HOLDERS = 4, REGIONS = 3, BATCHES = 3, SHAPES = REGIONS * (BATCHES + 1) };

static const char *const regions[REGIONS] = {"home", "north", "south"};

static struct level level_of(enum level_kind kind, unsigned count)
{
    return (struct level){kind, count};
}

/* Whether so many holders, or regions other than home, have this batch. */
static bool batch_is_held(const struct policy *policy, struct level level, batch_t batch)
{
    unsigned holders = 0;
    bool region_has[REGIONS] = {false};

    for (unsigned i = 0; i < policy->count; i++) {
        if (policy->holders[i].acked < batch) {
            continue;
        }
        holders++;
        for (unsigned r = 0; r < REGIONS; r++) {
            region_has[r] |= strcmp(policy->holders[i].region, regions[r]) == 0;
        }
    }
    return level.kind == LEVEL_QUORUM
               ? holders >= level.count
               : (unsigned)region_has[1] + (unsigned)region_has[2] >= level.count;
}

static bool reached_is_right(const struct policy *policy, struct level level, batch_t durable)
{
    batch_t must = 0;

    for (batch_t batch = 1; batch <= durable; batch++) {
        if (batch_is_held(policy, level, batch)) {
            must = batch;
        }
    }
    return policy_reached(policy, level, durable) == must
           && policy_can_meet(policy, level) == batch_is_held(policy, level, 0);
}

static void policy_make(struct policy *policy, unsigned shape)
{
    policy_init(policy, regions[0]);
    for (unsigned i = 0; i < HOLDERS; i++, shape /= SHAPES) {
        char name[16];

        snprintf(name, sizeof name, "r%u", i);

        const uint32_t holder = policy_admit(policy, name, regions[shape % REGIONS]);

        policy_acked(policy, holder, shape % SHAPES / REGIONS);
    }
}

TEST(every_small_cluster_reaches_what_counting_by_hand_says)
{
    static struct policy policy;
    unsigned wrong = 0;

    for (unsigned shape = 0; shape < SHAPES * SHAPES * SHAPES * SHAPES; shape++) {
        policy_make(&policy, shape);
        for (unsigned count = 1; count <= HOLDERS + 1; count++) {
            wrong += !reached_is_right(&policy, level_of(LEVEL_QUORUM, count), BATCHES - 1);
            wrong += !reached_is_right(&policy, level_of(LEVEL_REGION, count), BATCHES);
        }
    }
    EXPECT(wrong == 0);
}

TEST(a_primary_alone_reaches_only_local)
{
    static struct policy policy;
    const struct level local = level_of(LEVEL_LOCAL, 0);

    policy_init(&policy, "home");
    EXPECT(policy_reached(&policy, local, 7) == 7);
    EXPECT(policy_reached(&policy, level_of(LEVEL_QUORUM, 1), 7) == 0);
    EXPECT(policy_can_meet(&policy, local));
    EXPECT(!policy_can_meet(&policy, level_of(LEVEL_QUORUM, 1)));
    EXPECT(!policy_can_meet(&policy, level_of(LEVEL_REGION, 1)));
}

TEST(one_replica_counts_once_however_often_it_is_admitted)
{
    static struct policy policy;

    policy_init(&policy, "home");

    const uint32_t first = policy_admit(&policy, "a", "north");

    EXPECT(policy_admit(&policy, "a", "north") == first);
    policy_acked(&policy, first, 5);
    policy_acked(&policy, first, 3); /* an old ack takes nothing back */
    EXPECT(policy_reached(&policy, level_of(LEVEL_QUORUM, 1), 9) == 5);
    EXPECT(policy_reached(&policy, level_of(LEVEL_QUORUM, 2), 9) == 0);

    EXPECT(policy_admit(&policy, "a", "south") == first);
    EXPECT(policy_reached(&policy, level_of(LEVEL_REGION, 1), 9) == 0); /* it starts anew there */
}

TEST(all_places_and_the_highest_level_work_and_one_more_has_no_place)
{
    static struct policy policy;
    const batch_t must = CLAIM_MEMBERS_MAX - LEVEL_COUNT_MAX + 1;
    char name[16];

    policy_init(&policy, "home");
    for (unsigned i = 0; i < CLAIM_MEMBERS_MAX; i++) {
        snprintf(name, sizeof name, "r%u", i);

        const uint32_t holder = policy_admit(&policy, name, name);

        EXPECT(holder == i);
        policy_acked(&policy, holder, i + 1);
    }
    EXPECT(policy_admit(&policy, "more", "north") == CLAIM_MEMBERS_MAX);
    EXPECT(policy_reached(&policy, level_of(LEVEL_QUORUM, LEVEL_COUNT_MAX), 1000) == must);
    EXPECT(policy_reached(&policy, level_of(LEVEL_REGION, LEVEL_COUNT_MAX), 1000) == must);
}
