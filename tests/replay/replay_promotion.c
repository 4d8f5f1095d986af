/* A replica is promoted after its primary has died: an epoch saved, a mark, a claim; then the same
 * folder goes on as a writer's, with an epoch of its own. What is left after each call is started
 * as the coordinator has it. The claim not done: as a replica, which is promoted once more. The
 * claim done: as a replica it says that it is the writer, and as a writer it holds all that it
 * acked. */
#include "base/check.h"
#include "tests/replay/replay.h"
#include "tests/support/test.h"

static struct pair pair;
static batch_t written; /* and durable: acked as a replica, or acknowledged as a writer */
static uint64_t promoted; /* the record's version with the candidate's claim */

static uint64_t told(struct run *run)
{
    (void)run;
    return written;
}

static void start(struct real_disk *disk, bool as_primary)
{
    pair.members[1].is_primary = as_primary;
    real_disk_open(disk, &pair.members[1].world);
    pair_start(&pair, 1);
    pair_run(&pair);
}

static void crash(struct real_disk *disk)
{
    pair_crash(&pair, 1);
    real_disk_close(disk);
}

static batch_t held(void)
{
    static struct member_status status;

    pair_status(&pair, 1, &status);
    return status.durable_batch;
}

static bool is_promoted(void)
{
    return pair.members[1].world.halted && pair.members[1].world.halt_why == E_PROMOTED;
}

static void promote(void)
{
    pair_promote(&pair, 1);
    pair_advance(&pair, SPAN_S(30));
}

static void write_some(unsigned messages)
{
    for (unsigned i = 0; i < messages; i++) {
        pair_append(&pair, 6, RECORD_BYTES);
        written = held();
    }
}

static void work(struct real_disk *disk)
{
    promote();
    CHECK(is_promoted());
    promoted = pair.members[1].world.record.version;
    crash(disk);
    start(disk, true);
    write_some(8);
    pair_advance(&pair, SPAN_S(2));
    crash(disk);
    start(disk, true);
    write_some(1);
}

static void check_held(struct replay *replay, batch_t floor, const char *as)
{
    const struct fake_world *world = &pair.members[1].world;

    if (world->halted) {
        replay_fail(replay, "does not start as a %s: %s", as, world->halt_text);
    } else if (held() < floor) {
        replay_fail(replay, "as a %s it holds batch %llu of %llu", as, (unsigned long long)held(),
                    (unsigned long long)floor);
    }
}

static bool is_claimed_in(const struct claim_record *record)
{
    return strcmp(record->writer, pair.members[1].self.member) == 0;
}

static void check_as_replica(struct replay *replay, struct real_disk *disk, batch_t floor)
{
    start(disk, false);
    pair_advance(&pair, SPAN_S(2)); /* an earlier claim is looked for */
    if (!is_claimed_in(&pair.members[1].world.record)) {
        check_held(replay, floor, "replica");
        if (!pair.members[1].world.halted) {
            promote();
        }
    }
    if (!is_promoted()) {
        replay_fail(replay, "is not promoted: %s", pair.members[1].world.halt_text);
    }
    crash(disk);
}

static void check_as_writer(struct replay *replay, struct real_disk *disk, batch_t floor)
{
    start(disk, true);
    check_held(replay, floor, "writer");
    if (!pair.members[1].world.halted) {
        const batch_t before = held();

        pair_append(&pair, 2, RECORD_BYTES);
        if (held() <= before) {
            replay_fail(replay, "does not write on behind batch %llu", (unsigned long long)before);
        }
        floor = held();
    }
    crash(disk);
    start(disk, true);
    check_held(replay, floor, "writer that starts again");
}

static void check(struct replay *replay, struct real_disk *disk, const struct moment *moment,
                  const struct claim_record *claim, struct run *recovery)
{
    const batch_t floor = moment->floor;
    struct fake_world *world = &pair.members[1].world;
    const bool claimed = is_claimed_in(claim);

    world->record = *claim;
    written = floor;
    if (recovery != NULL) {
        run_start(recovery, &pair, 1, disk->folder, told);
    }
    if (!claimed || claim->version == promoted) {
        check_as_replica(replay, disk, floor);
    }
    check_as_writer(replay, disk, floor);
    if (recovery != NULL) {
        run_end(recovery);
    }
    crash(disk);
}

/* The replica has all that its primary wrote, and is alone. */
static void begin(struct real_disk *disk)
{
    struct pair_member *replica = &pair.members[1];

    pair_init(&pair, true, 5);
    pair.members[0].primary.level = (struct level){LEVEL_QUORUM, 1};
    pair.members[0].primary.level_given = true;
    (void)pair_add_replica(&pair, 0, "us-east-1", "");
    replica->self.role = replica->replica.member.self.role = ROLE_PRIMARY;
    replica->replica.has_coordinator = true;
    replica->primary = pair.members[0].primary;
    replica->primary.member = replica->replica.member;
    replica->primary.create = false;
    pair_start(&pair, 0);
    start(disk, false);
    pair_advance(&pair, SPAN_S(3));
    for (unsigned i = 0; i < 9; i++) {
        pair_append(&pair, 6, RECORD_BYTES);
    }
    pair_advance(&pair, SPAN_S(1));
    pair_crash(&pair, 0);
    replica->world.record = pair.members[0].world.record;
    pair.writer = 1;
    pair.local = true;
}

TEST(a_replica_that_loses_power_while_it_is_promoted_is_promoted_or_may_be)
{
    struct replay replay = {.name = "promotion", .encrypted = true, .check = check};
    struct real_disk disk;
    struct run run;

    real_disk_make(&disk);
    begin(&disk);
    written = held();
    EXPECT(written >= 9);
    run_start(&run, &pair, 1, disk.folder, told);
    work(&disk);
    run_end(&run);
    EXPECT(run.claim_count == 4);
    crash(&disk);
    replay_run(&replay, &run);
    EXPECT(replay.failures == 0);
    EXPECT(replay_looked_around(&replay));
    pair_free(&pair);
    run_free(&run);
    real_disk_remove(&disk);
}
