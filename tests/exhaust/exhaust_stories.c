/* A repair, deletions by retention, and a promotion, struck at any place. In the world of the
 * repair both disks are damaged, each where the other is whole: in the end all of it is there
 * again, on both. Where the fault was a disk's, a person is waited for; only promises are looked at
 * then. */
#include "base/check.h"
#include "tests/exhaust/exhaust.h"
#include "tests/exhaust/stories.h"
#include "tests/support/test.h"

/* Power cuts at each place, the rest at each fifth: those take as long, and find less. */
static unsigned every(enum what what)
{
    return what == WHAT_POWER || what == WHAT_IO || what == WHAT_FULL ? 1 : 5;
}

/* ---- repair ---- */

TEST(a_repair_is_struck_at_any_place_and_all_is_whole_in_the_end)
{
    static const enum what whats[] = {WHAT_KILL, WHAT_POWER, WHAT_POWER_ALL, WHAT_READ, WHAT_CUT};

    for (unsigned i = 0; i < 2 * COUNT_OF(whats); i++) {
        exhaust_all(&(struct exhaustion){.make = damaged_world,
                                         .run_s = REPAIR_S,
                                         .member = i % 2,
                                         .what = whats[i / 2],
                                         .every = every(whats[i / 2]),
                                         .is_well = is_whole});
    }
}

TEST(any_write_of_a_repair_may_fail)
{
    for (unsigned i = 0; i < 4; i++) {
        exhaust_all(&(struct exhaustion){.make = damaged_world,
                                         .run_s = REPAIR_S,
                                         .member = i % 2,
                                         .what = i < 2 ? WHAT_IO : WHAT_FULL});
    }
}

/* ---- what was cut elsewhere, and is damaged here ---- */

TEST(a_cut_of_what_is_damaged_is_struck_at_any_place)
{
    static const enum what whats[] = {WHAT_KILL, WHAT_POWER, WHAT_POWER_ALL, WHAT_CUT};

    for (unsigned i = 0; i < COUNT_OF(whats); i++) {
        exhaust_all(&(struct exhaustion){.make = parted_world,
                                         .run_s = PARTED_S,
                                         .member = 1,
                                         .what = whats[i],
                                         .every = every(whats[i]),
                                         .is_well = is_whole});
    }
}

/* ---- retention ---- */

TEST(deletions_by_retention_are_struck_at_any_place)
{
    static const enum what whats[] = {WHAT_KILL, WHAT_POWER, WHAT_POWER_ALL,
                                      WHAT_IO,   WHAT_FULL,  WHAT_CUT};

    for (unsigned i = 0; i < 2 * COUNT_OF(whats); i++) {
        exhaust_all(&(struct exhaustion){.make = retaining_world,
                                         .run_s = RETENTION_S,
                                         .member = i % 2,
                                         .what = whats[i / 2],
                                         .every = every(whats[i / 2])});
    }
}

/* ---- promotion ---- */

TEST(a_promotion_is_struck_at_any_place)
{
    static const enum what whats[] = {WHAT_KILL, WHAT_POWER, WHAT_POWER_ALL, WHAT_CUT};

    for (unsigned i = 0; i < 3 * COUNT_OF(whats); i++) {
        exhaust_all(&(struct exhaustion){.make = promoting_world,
                                         .run_s = PROMOTION_S,
                                         .member = i % 3,
                                         .what = whats[i / 3],
                                         .every = every(whats[i / 3])});
    }
}

TEST(any_write_of_a_promotion_may_fail)
{
    for (unsigned i = 0; i < 6; i++) {
        exhaust_all(&(struct exhaustion){.make = promoting_world,
                                         .run_s = PROMOTION_S,
                                         .member = i % 3,
                                         .what = i < 3 ? WHAT_IO : WHAT_FULL});
    }
}

static segment_t first_of(const struct sim_member *member)
{
    segment_t segment = 0;

    while (sim_store_file(&member->store, segment) == NULL) {
        segment++;
    }
    return segment;
}

TEST(what_is_struck_comes_to_its_end_where_nothing_strikes)
{
    struct world *world = damaged_world();

    sim_run_until(world->sim, world->sim->now + SPAN_S(REPAIR_S).ns);
    EXPECT(is_whole(world));
    EXPECT(world->sim->members[0].store.repaired == 1);
    EXPECT(world->sim->members[1].store.repaired == 2);
    world_destroy(world);

    world = retaining_world();
    const segment_t before = first_of(&world->sim->members[0]);

    sim_run_until(world->sim, world->sim->now + SPAN_S(RETENTION_S).ns);
    EXPECT(first_of(&world->sim->members[0]) >= before + 2);
    EXPECT(first_of(&world->sim->members[1]) >= before + 2);
    world_destroy(world);

    world = promoting_world();
    sim_run_until(world->sim, world->sim->now + SPAN_S(PROMOTION_S).ns);
    EXPECT(world->oracle->primary == 1);
    world_destroy(world);
}
