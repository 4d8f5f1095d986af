/* A repair, deletions by retention, and a promotion, struck at any place. In the world of the
 * repair both disks are damaged, each where the other is whole: in the end all of it is there
 * again, on both. Where the fault was a disk's, a person is waited for; only promises are looked at
 * then. */
#include "base/check.h"
#include "tests/exhaust/exhaust.h"
#include "tests/support/test.h"

enum { US_EAST = 0, EU_WEST = 3, DISK_MS = 2, REPAIR_S = 3, RETENTION_S = 2, PROMOTION_S = 4 };

/* Power cuts at each place, the rest at each fifth: those take as long, and find less. */
static unsigned every(enum what what)
{
    return what == WHAT_POWER || what == WHAT_IO || what == WHAT_FULL ? 1 : 5;
}

static void add_member_limits(struct sim_member *member, struct member_settings *settings)
{
    settings->segment_bytes = member->store.spare_bytes = 64 << 10;
    settings->scrub_gap = SPAN_S(1);
    member->store.latency_ns = SPAN_MS(DISK_MS).ns;
}

static struct world *some_world(unsigned replicas)
{
    static const char *const names[] = {"eu-1", "eu-2"};
    struct world *world = world_create(7, true, (struct level){LEVEL_QUORUM, 1});
    struct sim_member *primary = world_add_primary(world, US_EAST);

    world->oracle->record_bytes_usual = 4000;
    add_member_limits(primary, &primary->settings.primary.member);
    for (unsigned i = 0; i < replicas; i++) {
        struct sim_member *replica = world_add_replica(world, names[i], EU_WEST, primary);

        add_member_limits(replica, &replica->settings.replica.member);
    }
    return world;
}

static void start_all(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        sim_start(world->sim, &world->sim->members[i]);
    }
}

/* ---- repair ---- */

static void flip(struct sim_member *member, segment_t segment, uint64_t offset)
{
    struct sim_file *file = sim_store_file(&member->store, segment);

    NEED(file != NULL && offset < file->written);
    file->cache[offset] ^= 1;
    file->disk[offset] ^= 1;
    member->store.damage++;
}

static void lose(struct sim_member *member, segment_t segment)
{
    struct sim_file *file = sim_store_file(&member->store, segment);

    NEED(file != NULL);
    file->shown = file->on_disk = SIM_NOWHERE;
    member->store.damage++;
}

static struct world *damaged_world(void)
{
    struct world *world = some_world(1);

    start_all(world);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 50);
    sim_run_until(world->sim, SPAN_S(12).ns);
    NEED(world->oracle->segment_count >= 3);
    flip(&world->sim->members[1], 0, 5000);
    flip(&world->sim->members[0], 0, 40000);
    lose(&world->sim->members[1], 1);
    return world;
}

static bool is_whole(struct world *world)
{
    const struct sim_member *members = world->sim->members;

    for (unsigned i = 0; i < world->sim->member_count; i++) {
        if (members[i].state != SIM_UP || oracle_read_disk(world->oracle, &members[i]).broken
            || !oracle_same_wal(world->oracle, &members[0], &members[i])) {
            return false;
        }
    }
    return oracle_read_disk(world->oracle, &members[0]).reached.batch == world->oracle->line_end;
}

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

/* The replica is ahead of its primary's slow disk; both die, and the replica's newest batch rots.
 * It is of a history that the primary does not go on with. */
static struct world *parted_world(void)
{
    struct world *world = some_world(1);
    struct sim_member *primary = &world->sim->members[0], *replica = &world->sim->members[1];
    const batch_t *durable = world->oracle->durable;
    segment_t newest = 0;

    start_all(world);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 40);
    sim_run_until(world->sim, SPAN_S(4).ns);
    primary->store.latency_ns = SPAN_S(4).ns;
    while (durable[1] < durable[0] + 1 && sim_next(world->sim)) {
    }
    sim_run_until(world->sim, world->sim->now + SPAN_MS(600).ns); /* the mark is on it */
    NEED(durable[1] > durable[0]);
    sim_crash(world->sim, primary, SIM_KILL);
    sim_crash(world->sim, replica, SIM_KILL);
    while (sim_store_file(&replica->store, newest + 1) != NULL) {
        newest++;
    }
    flip(replica, newest, sim_store_file(&replica->store, newest)->written - 100);
    primary->store.latency_ns = SPAN_MS(DISK_MS).ns;
    start_all(world);
    return world;
}

TEST(a_cut_of_what_is_damaged_is_struck_at_any_place)
{
    static const enum what whats[] = {WHAT_KILL, WHAT_POWER, WHAT_POWER_ALL, WHAT_CUT};

    for (unsigned i = 0; i < COUNT_OF(whats); i++) {
        exhaust_all(&(struct exhaustion){.make = parted_world,
                                         .run_s = 2,
                                         .member = 1,
                                         .what = whats[i],
                                         .every = every(whats[i]),
                                         .is_well = is_whole});
    }
}

/* ---- retention ---- */

static void let_go(struct member_settings *settings)
{
    settings->retain_bytes = 64 << 10;
    settings->retain_gap = SPAN_MS(100);
}

static struct world *retaining_world(void)
{
    struct world *world = some_world(1);

    let_go(&world->sim->members[0].settings.primary.member);
    let_go(&world->sim->members[1].settings.replica.member);
    start_all(world);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 200);
    sim_run_until(world->sim, SPAN_S(6).ns);
    return world;
}

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

static struct world *promoting_world(void)
{
    struct world *world = some_world(2);

    succession_begin(world, &world->operator, 0);
    world->workload.follows_writer = true;
    start_all(world);
    sim_run_until(world->sim, SPAN_S(2).ns);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 10);
    sim_run_until(world->sim, SPAN_S(3).ns);
    succession_promote(&world->operator, & world->sim->members[1]);
    return world;
}

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
