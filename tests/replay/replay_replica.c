/* A replica's work, likewise: it joins, adopts, marks, is started again, and sets aside what a new
 * reign did not take over; and another's, whose disk damages and loses what is repaired, while it
 * serves and at a start. What is left after each call is started while its primary cannot be
 * reached: it must hold whatever it has acked; the next start finds the same; then the link is
 * there again, and the copy becomes the primary's, byte for byte. */
#include "base/check.h"
#include "tests/replay/replay.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROOM_BYTES = 256 << 10, FAILED = -1, WAITS = -2 };

static struct pair pair; /* the primary lives on in it while replicas come and go */
static epoch_t reign; /* acks of earlier ones count up to `reign_after` only */
static batch_t reign_after;

/* The last batch that the replica has told its primary to be durable. */
static uint64_t told(struct run *run)
{
    static uint8_t memory[65536];
    const struct fake_world *world = &run->pair->members[1].world;
    uint64_t most = 0;

    for (size_t i = 0; i < world->message_count; i++) {
        struct proto_scratch scratch = {.memory = memory, .size = sizeof memory};
        const struct fake_message *message = &world->messages[i];
        struct ack ack;

        if (message->type != MESSAGE_ACK || ack_decode(&ack, fake_head(message), &scratch) != OK) {
            continue;
        }
        if (ack.epoch < reign && ack.batch > reign_after) {
            ack.batch = reign_after;
        }
        most = ack.batch > most ? ack.batch : most;
    }
    return most;
}

/* A scrub finds what is damaged within a second. */
static void begin(struct real_disk *disk)
{
    struct member_settings *settings;

    real_disk_make(disk);
    pair_init(&pair, true, 5);
    (void)pair_add_replica(&pair, 0, "us-east-1", "");
    settings = &pair.members[1].replica.member;
    settings->scrub_rate = 10 << 20;
    settings->scrub_gap = SPAN_S(1);
    reign = 0;
}

static void start(struct real_disk *disk)
{
    real_disk_open(disk, &pair.members[1].world);
    pair_start(&pair, 1);
    pair_run(&pair);
}

static void crash(struct real_disk *disk)
{
    pair_crash(&pair, 1);
    real_disk_close(disk);
}

static struct member_status *status_of(unsigned member)
{
    static struct member_status status;

    pair_status(&pair, member, &status);
    return &status;
}

/* The primary dies while the replica is ahead of its disk: its next reign begins below that. */
static void lose_a_suffix(struct run *run, unsigned messages)
{
    struct fake_world *world = &pair.members[0].world;
    const uint64_t kept = pair.sequence;

    world->hold_writes = true;
    for (unsigned i = 0; i < messages; i++) {
        pair_append(&pair, 5, RECORD_BYTES);
    }
    reign = status_of(0)->epoch + 1;
    reign_after = status_of(0)->durable_batch;
    run->floor = run->floor < reign_after ? run->floor : reign_after;
    pair_crash(&pair, 0);
    pair.sequence = kept;
    pair_start(&pair, 0);
    pair_advance(&pair, SPAN_S(10));
}

static void work(struct run *run, struct real_disk *disk)
{
    pair_start(&pair, 0);
    pair_append(&pair, 3, RECORD_BYTES);
    real_disk_open(disk, &pair.members[1].world);
    real_disk_make_spares(disk, &pair.members[1].world);
    real_disk_close(disk);
    start(disk);
    pair_advance(&pair, SPAN_S(2)); /* joins, catches up, marks */
    pair_append(&pair, 4, RECORD_BYTES);
    pair.members[1].world.hold_writes = true;
    pair_append(&pair, 5, RECORD_BYTES);
    pair_append(&pair, 5, RECORD_BYTES);
    pair_append(&pair, 5, RECORD_BYTES);
    pair.members[1].world.hold_writes = false; /* several batches under one sync */
    pair_run(&pair);
    lose_a_suffix(run, 2); /* some batches */
    pair_append(&pair, 12, RECORD_BYTES);
    crash(disk);
    pair_append(&pair, 20, RECORD_BYTES);
    start(disk);
    pair_advance(&pair, SPAN_S(10));
    lose_a_suffix(run, 8); /* a whole segment, too */
    pair_append(&pair, 7, RECORD_BYTES);
    pair_advance(&pair, SPAN_S(3));
}

/* The disk itself does that, so it is durable at once. */
static void harm(struct run *run, struct real_disk *disk, unsigned segment, off_t at)
{
    char path[128];
    uint8_t byte;

    snprintf(path, sizeof path, "%s/wal/%020u.seg", disk->folder, segment);
    const int fd = openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);

    CHECK(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 4;
    run->harmed = true;
    CHECK(pwrite(fd, &byte, 1, at) == 1 && fdatasync(fd) == 0 && close(fd) == 0);
}

static void lose(struct run *run, struct real_disk *disk, unsigned segment)
{
    char path[80], name[SEGMENT_NAME_MAX];

    snprintf(path, sizeof path, "%s/wal", disk->folder);
    store_segment_name(segment, name);
    const int folder = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    run->harmed = run->lost = true;
    CHECK(folder >= 0 && unlinkat(folder, name, 0) == 0 && fsync(folder) == 0);
    CHECK(close(folder) == 0);
}

static void expect_repaired(struct run *run, uint64_t count)
{
    pair_advance(&pair, SPAN_S(10));
    CHECK(status_of(1)->repaired_segments == count && status_of(1)->outstanding_segments == 0);
    run->harmed = run->lost = false;
}

static void fill(struct real_disk *disk)
{
    pair_start(&pair, 0);
    start(disk);
    pair_advance(&pair, SPAN_S(2));
    for (unsigned i = 0; i < 8; i++) {
        pair_append(&pair, 11, RECORD_BYTES);
    }
    pair_advance(&pair, SPAN_S(2));
}

static unsigned newest(void)
{
    const struct fake_world *world = &pair.members[0].world;
    unsigned segment = 0;

    while (world->segments[segment + 1].exists) {
        segment++;
    }
    return segment;
}

static void work_and_heal(struct run *run, struct real_disk *disk)
{
    harm(run, disk, 1, 9000);
    expect_repaired(run, 1);
    lose(run, disk, 0);
    expect_repaired(run, 2);
    pair_append(&pair, 3, RECORD_BYTES); /* a start after that must not miss it again */
    crash(disk);
    harm(run, disk, 2, 100); /* its header, which a start needs */
    start(disk);
    expect_repaired(run, 1);
    crash(disk);
    lose(run, disk, newest()); /* and with it what was durable */
    start(disk);
    expect_repaired(run, 1);
    pair_append(&pair, 3, RECORD_BYTES);
}

/* So that the primary's links do not run out: those of replicas that are gone are forgotten, with
 * what was still to be said there. */
static void forget_links(link_t from)
{
    struct fake_world *world = &pair.members[0].world;
    size_t kept = 0;

    for (size_t i = 0; i < world->message_count; i++) {
        if (world->messages[i].link < from) {
            world->messages[kept++] = world->messages[i];
            continue;
        }
        free(world->messages[i].head);
        free(world->messages[i].tail);
    }
    world->message_count = kept;

    for (link_t link = from; link < world->next_link; link++) {
        free(world->links[link].head);
        free(world->links[link].tail);
        world->links[link] = (struct fake_link){0};
    }
    world->next_link = from;
}

static bool is_the_primarys(const struct real_disk *disk)
{
    static uint8_t room[ROOM_BYTES];
    const struct fake_world *world = &pair.members[0].world;

    for (unsigned i = 0; i < FAKE_SEGMENTS_MAX && world->segments[i].exists; i++) {
        const struct fake_file *theirs = &world->segments[i];
        char path[128];

        snprintf(path, sizeof path, "%s/wal/%020u.seg", disk->folder, i);
        FILE *file = fopen(path, "r");

        CHECK(theirs->size <= sizeof room);
        if (file == NULL || fread(room, 1, theirs->size, file) != theirs->size
            || memcmp(room, theirs->data, theirs->size) != 0) {
            if (file != NULL) {
                fclose(file);
            }
            return false;
        }
        fclose(file);
    }
    return true;
}

/* The batch up to which it holds everything; FAILED where it does not start; WAITS where it lacks
 * something, and may. */
static int64_t held_by(struct replay *replay, struct real_disk *disk, bool harmed)
{
    start(disk);
    if (harmed && strcmp(status_of(1)->state, "repairing") == 0) {
        return WAITS;
    }
    if (pair.members[1].world.halted) {
        replay_fail(replay, "does not start: %s", pair.members[1].world.halt_text);
        return FAILED;
    }
    return (int64_t)status_of(1)->durable_batch;
}

static bool is_well(const struct real_disk *disk)
{
    return strcmp(status_of(1)->state, "streaming") == 0 && status_of(1)->outstanding_segments == 0
           && is_the_primarys(disk);
}

static void check_catches_up(struct replay *replay, struct real_disk *disk)
{
    pair_heal(&pair, 1);
    for (unsigned tries = 0; tries < 10 && !is_well(disk); tries++) {
        pair_advance(&pair, SPAN_S(2));
    }
    if (pair.members[1].world.halted) {
        replay_fail(replay, "halts: %s", pair.members[1].world.halt_text);
    } else if (strcmp(status_of(1)->state, "streaming") != 0
               || status_of(1)->outstanding_segments > 0) {
        replay_fail(replay, "is %s, with %llu damaged segments", status_of(1)->state,
                    (unsigned long long)status_of(1)->outstanding_segments);
    } else if (!is_the_primarys(disk)) {
        replay_fail(replay, "its copy is not the primary's, though it has batch %llu",
                    (unsigned long long)status_of(1)->durable_batch);
    }
}

static void check_again(struct replay *replay, struct real_disk *disk, int64_t held, bool harmed)
{
    crash(disk);

    const int64_t again = held_by(replay, disk, harmed);

    if (again != held) {
        replay_fail(replay, "the first start found batch %lld, the second %lld", (long long)held,
                    (long long)again);
    }
}

/* What is damaged in part is still there, or whole again. */
static void check_has_files(struct replay *replay, const struct real_disk *disk)
{
    for (unsigned segment = 0; segment < newest(); segment++) {
        char path[128];

        snprintf(path, sizeof path, "%s/wal/%020u.seg", disk->folder, segment);
        if (access(path, F_OK) != 0) {
            replay_fail(replay, "has no file of segment %u any more", segment);
        }
    }
}

static void check(struct replay *replay, struct real_disk *disk, const struct moment *moment,
                  const struct claim_record *claim, struct run *recovery)
{
    const link_t links = pair.members[0].world.next_link;

    (void)claim;
    pair_cut(&pair, 1);
    if (moment->harmed && !moment->lost) {
        check_has_files(replay, disk);
    }
    if (recovery != NULL) {
        run_start(recovery, &pair, 1, disk->folder, told);
        recovery->floor = moment->floor;
        recovery->harmed = moment->harmed;
        recovery->lost = moment->lost;
    }

    const int64_t held = held_by(replay, disk, moment->harmed);

    if (held >= 0 && (uint64_t)held < moment->floor) {
        replay_fail(replay, "holds batch %lld; it has acked %llu", (long long)held,
                    (unsigned long long)moment->floor);
    } else if (held != FAILED && recovery == NULL) {
        check_again(replay, disk, held, moment->harmed);
    }
    if (!pair.members[1].world.halted) {
        check_catches_up(replay, disk);
    }
    if (recovery != NULL) {
        run_end(recovery); /* of the start and of all that it does until it has caught up */
    }
    crash(disk);
    pair_cut(&pair, 1);
    forget_links(links);
}

TEST(a_replica_that_loses_power_after_any_call_has_what_it_acked_and_becomes_equal)
{
    struct replay replay = {.name = "replica", .encrypted = true, .check = check};
    struct real_disk disk;
    struct run run;

    begin(&disk);
    run_start(&run, &pair, 1, disk.folder, told);
    work(&run, &disk);
    run_end(&run);
    EXPECT(is_the_primarys(&disk));
    crash(&disk);
    replay_run(&replay, &run);
    EXPECT(replay.failures == 0);
    EXPECT(replay_looked_around(&replay));
    EXPECT(replay.aside > 0);
    pair_free(&pair);
    run_free(&run);
    real_disk_remove(&disk);
}

static void replay_repairs(const char *name)
{
    struct replay replay = {.name = name, .encrypted = true, .check = check};
    struct real_disk disk;
    struct run run;

    begin(&disk);
    fill(&disk);
    run_start(&run, &pair, 1, disk.folder, told);
    run.floor = status_of(1)->durable_batch;
    work_and_heal(&run, &disk);
    run_end(&run);
    EXPECT(is_the_primarys(&disk));
    crash(&disk);
    replay_run(&replay, &run);
    EXPECT(replay.failures == 0);
    EXPECT(replay_looked_around(&replay));
    EXPECT(replay.aside > 0);
    pair_free(&pair);
    run_free(&run);
    real_disk_remove(&disk);
}

TEST(a_replica_that_loses_power_while_its_disk_is_repaired_loses_nothing_more)
{
    replay_repairs("repair");
}

TEST(a_replica_is_repaired_as_well_where_names_cannot_be_exchanged)
{
    recorder_refuse_exchange(true);
    replay_repairs("repair without exchange");
    recorder_refuse_exchange(false);
}
