/* A replica's work, likewise: it joins, adopts, marks, is started again, and sets aside what a new
 * reign did not take over. What is left after each call is started while its primary cannot be
 * reached: it must hold whatever it has acked; the next start finds the same; then the link is
 * there again, and the copy becomes the primary's, byte for byte. */
#include "base/check.h"
#include "tests/replay/replay.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM_BYTES = 256 << 10 };

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

/* So that the primary's links do not run out: those of replicas that are gone are forgotten. */
static void forget_links(link_t from)
{
    struct fake_world *world = &pair.members[0].world;

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

/* The batch up to which it holds everything; -1 where it does not start. */
static int64_t held_by(struct replay *replay, struct real_disk *disk)
{
    start(disk);
    if (pair.members[1].world.halted) {
        replay_fail(replay, "does not start: %s", pair.members[1].world.halt_text);
        return -1;
    }
    return (int64_t)status_of(1)->durable_batch;
}

static void check_catches_up(struct replay *replay, struct real_disk *disk)
{
    pair_heal(&pair, 1);
    pair_advance(&pair, SPAN_S(20));
    if (pair.members[1].world.halted) {
        replay_fail(replay, "halts: %s", pair.members[1].world.halt_text);
    } else if (!is_the_primarys(disk)) {
        replay_fail(replay, "its copy is not the primary's, though it has batch %llu",
                    (unsigned long long)status_of(1)->durable_batch);
    }
}

static void check_again(struct replay *replay, struct real_disk *disk, int64_t held)
{
    crash(disk);

    const int64_t again = held_by(replay, disk);

    if (again != held) {
        replay_fail(replay, "the first start found batch %lld, the second %lld", (long long)held,
                    (long long)again);
    }
}

static void check(struct replay *replay, struct real_disk *disk, const struct moment *moment,
                  const struct claim_record *claim, struct run *recovery)
{
    const link_t links = pair.members[0].world.next_link;

    (void)claim;
    pair_cut(&pair, 1);
    if (recovery != NULL) {
        run_start(recovery, &pair, disk->folder, told);
        recovery->floor = moment->floor;
    }

    const int64_t held = held_by(replay, disk);

    if (held >= 0 && (uint64_t)held < moment->floor) {
        replay_fail(replay, "holds batch %lld; it has acked %llu", (long long)held,
                    (unsigned long long)moment->floor);
    } else if (held >= 0 && recovery == NULL) {
        check_again(replay, disk, held);
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

    real_disk_make(&disk);
    pair_init(&pair, true, 5);
    (void)pair_add_replica(&pair, 0, "us-east-1", "");
    run_start(&run, &pair, disk.folder, told);
    work(&run, &disk);
    run_end(&run);
    EXPECT(is_the_primarys(&disk));
    crash(&disk);
    replay_run(&replay, &run);
    EXPECT(replay.failures == 0);
    EXPECT(replay.states > 100);
    EXPECT(replay.aside > 0);
    pair_free(&pair);
    run_free(&run);
    real_disk_remove(&disk);
}
