/* A primary's work is recorded, call by call, and another's that lets old segments go; then power
 * is lost after each call, and of what was not synced some is there. The same primary starts on
 * what is left: everything acknowledged is there, nothing that was never sent, nothing half; the
 * next start finds what the first found. And power is lost while it starts, too. */
#include "tests/replay/replay.h"
#include "tests/support/test.h"

enum { KEPT_BYTES = 64 << 10 };

/* Of the answers that lie there: the highest LSN that a client was told. */
static uint64_t told(struct run *run)
{
    static uint8_t memory[65536];
    const struct fake_world *world = &run->pair->members[0].world;
    uint64_t most = 0;

    for (size_t i = 0; i < world->message_count; i++) {
        struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};
        const struct fake_message *message = &world->messages[i];
        struct appended appended;

        if (message->type == MESSAGE_APPENDED
            && appended_decode(&appended, fake_head(message), &scratch) == OK
            && appended.first_lsn + appended.count - 1 > most) {
            most = appended.first_lsn + appended.count - 1;
        }
    }
    return most;
}

static void append(struct run *run, unsigned count)
{
    pair_append(run->pair, count, RECORD_BYTES);
    if (!run->pair->members[0].world.hold_writes) {
        run->floor = run->pair->sequence;
    }
}

/* Several batches under one sync. */
static void append_group(struct run *run, unsigned messages)
{
    struct fake_world *world = &run->pair->members[0].world;

    world->hold_writes = true;
    for (unsigned i = 0; i < messages; i++) {
        append(run, 5);
    }
    world->hold_writes = false;
    pair_run(run->pair);
    run->floor = run->pair->sequence;
}

static void start_again(struct run *run, struct real_disk *disk)
{
    pair_crash(run->pair, 0);
    real_disk_close(disk);
    real_disk_open(disk, &run->pair->members[0].world);
    pair_start(run->pair, 0);
    pair_run(run->pair);
}

/* Nearly all goes soon: files are counted, and a new one is as large as a full one. */
static void let_go(struct pair *pair)
{
    struct member_settings *settings = &pair->members[0].primary.member;

    settings->retain_bytes = KEPT_BYTES;
    settings->retain_gap = SPAN_MS(100);
}

static void begin(struct replay *replay, struct pair *pair, uint64_t seed)
{
    pair_init(pair, replay->encrypted, seed);
    if (replay->lets_go) {
        let_go(pair);
    }
}

static void work(struct run *run, struct real_disk *disk)
{
    struct fake_world *world = &run->pair->members[0].world;

    real_disk_open(disk, world);
    real_disk_make_spares(disk, world);
    pair_start(run->pair, 0);
    pair_run(run->pair);
    append(run, 1);
    append(run, 4);
    append_group(run, 3);
    pair_advance(run->pair, SPAN_S(2)); /* at rest: a mark */
    append_group(run, 2);
    start_again(run, disk);
    append_group(run, 4); /* the segment is full, and another begins */
    append(run, 12);
    append(run, 12);
    append(run, 12);
    start_again(run, disk);
    append(run, 3);
    pair_advance(run->pair, SPAN_S(2));
}

static void work_and_let_go(struct run *run, struct real_disk *disk)
{
    real_disk_open(disk, &run->pair->members[0].world);
    real_disk_make_spares(disk, &run->pair->members[0].world);
    pair_start(run->pair, 0);
    for (unsigned i = 0; i < 11; i++) {
        append(run, 11);
        pair_advance(run->pair, SPAN_MS(500));
    }
    start_again(run, disk); /* and takes up what it has let go of last */
    append(run, 11);
    pair_advance(run->pair, SPAN_S(2));
    append(run, 12);
    pair_advance(run->pair, SPAN_S(2));
}

/* The records up to the last that a primary which starts on that folder has; -1 where it does not
 * start. Those that it let go of count: they are before what it keeps, and that is enough. */
static int64_t records_of(struct replay *replay, struct real_disk *disk, struct pair *pair)
{
    static struct member_status status;
    struct fake_world *world = &pair->members[0].world;

    real_disk_open(disk, world);
    pair_start(pair, 0);
    pair_run(pair);
    if (world->halted) {
        replay_fail(replay, "does not start: %s", world->halt_text);
        return -1;
    }
    pair_status(pair, 0, &status);
    if (strcmp(status.state, "serving") != 0) {
        replay_fail(replay, "is %s: %s", status.state, status.repair);
        return -1;
    }
    const lsn_t first = status.first_segment == 0 ? 1 : status.first_lsn;
    const int64_t kept = (int64_t)pair_read(pair, 0, first, RECORD_BYTES);

    if (first > 1 && kept == 0) {
        replay_fail(replay, "keeps nothing from LSN %llu on", (unsigned long long)first);
    }
    return (int64_t)first - 1 + kept;
}

static void crash(struct real_disk *disk, struct pair *pair)
{
    pair_crash(pair, 0);
    real_disk_close(disk);
}

static void check_goes_on(struct replay *replay, struct real_disk *disk, struct pair *pair,
                          int64_t found)
{
    pair->sequence = (uint64_t)found;
    pair_append(pair, 2, RECORD_BYTES);
    crash(disk, pair);

    const int64_t after = records_of(replay, disk, pair);

    if (after != found + 2) {
        replay_fail(replay, "had %lld records, took 2 more, and has %lld", (long long)found,
                    (long long)after);
    }
}

static void check(struct replay *replay, struct real_disk *disk, const struct moment *moment,
                  const struct claim_record *claim, struct run *recovery)
{
    static struct pair pair;

    begin(replay, &pair, 1000 + replay->states);
    pair.members[0].world.record = *claim;
    pair.sequence = moment->ceiling;
    if (recovery != NULL) {
        run_start(recovery, &pair, 0, disk->folder, told);
        recovery->floor = moment->floor;
    }

    const int64_t found = records_of(replay, disk, &pair);

    if (recovery != NULL) {
        recovery->floor = found > 0 ? (uint64_t)found : 0; /* somebody has read them */
        run_end(recovery);
    }
    if (found >= 0 && ((uint64_t)found < moment->floor || (uint64_t)found > moment->ceiling)) {
        replay_fail(replay, "has %lld records; %llu were acknowledged, %llu sent", (long long)found,
                    (unsigned long long)moment->floor, (unsigned long long)moment->ceiling);
    } else if (found >= 0) {
        crash(disk, &pair);

        const int64_t again = records_of(replay, disk, &pair);

        if (again != found) {
            replay_fail(replay, "the first start found %lld records, the second %lld",
                        (long long)found, (long long)again);
        } else if (replay->states % 4 == 0) {
            check_goes_on(replay, disk, &pair, found);
        }
    }
    pair_free(&pair);
    real_disk_close(disk);
}

static unsigned count_of(const struct run *run, enum op_kind kind, const char *folder)
{
    unsigned count = 0;

    for (size_t i = 0; i < run->recording.count; i++) {
        const struct op *op = &run->recording.ops[i];

        count += op->kind == kind && strncmp(op->path, folder, strlen(folder)) == 0;
    }
    return count;
}

static void replay_all(struct replay *replay, void (*what)(struct run *, struct real_disk *))
{
    static struct pair pair;
    struct real_disk disk;
    struct run run;

    replay->check = check;
    real_disk_make(&disk);
    begin(replay, &pair, 5);
    run_start(&run, &pair, 0, disk.folder, told);
    what(&run, &disk);
    run_end(&run);
    EXPECT(!replay->lets_go || count_of(&run, OP_UNLINK, "wal/") >= 2);
    replay_run(replay, &run);
    EXPECT(replay->failures == 0);
    EXPECT(replay_looked_around(replay));
    pair_free(&pair);
    run_free(&run);
    real_disk_remove(&disk);
}

TEST(a_primary_that_loses_power_after_any_call_has_what_it_acknowledged)
{
    replay_all(&(struct replay){.name = "encrypted", .encrypted = true}, work);
}

/* The same calls with other bytes. */
TEST(an_unencrypted_primary_too)
{
    replay_all(&(struct replay){.name = "plain", .stride = 4}, work);
}

TEST(a_primary_that_lets_old_segments_go_has_all_behind_them)
{
    replay_all(&(struct replay){.name = "retention", .encrypted = true, .lets_go = true},
               work_and_let_go);
}
