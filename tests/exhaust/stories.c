/* How each world is made, the same every time: small segments, fast disks, few records. */
#include "tests/exhaust/stories.h"

#include "tests/support/test.h"

enum { US_EAST = 0, EU_WEST = 3, DISK_MS = 2 };

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

struct world *damaged_world(void)
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

bool all_are_up(struct world *world)
{
    for (unsigned i = 0; i < world->sim->member_count; i++) {
        if (world->sim->members[i].state != SIM_UP) {
            return false;
        }
    }
    return true;
}

bool is_whole(struct world *world)
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

/* ---- what was cut elsewhere, and is damaged here ---- */

struct world *parted_world(void)
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

/* ---- retention ---- */

static void let_go(struct member_settings *settings)
{
    settings->retain_bytes = 64 << 10;
    settings->retain_gap = SPAN_MS(100);
}

struct world *retaining_world(void)
{
    struct world *world = some_world(1);

    let_go(&world->sim->members[0].settings.primary.member);
    let_go(&world->sim->members[1].settings.replica.member);
    start_all(world);
    workload_add(&world->workload, CLIENT_PRODUCER, 0, 200);
    sim_run_until(world->sim, SPAN_S(6).ns);
    return world;
}

/* ---- promotion ---- */

struct world *promoting_world(void)
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
