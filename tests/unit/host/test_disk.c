/* The disk thread: order, groups, inline writes, reads beside, and the finality of a failure. */
#include "base/check.h"
#include "host/disk.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <poll.h>
#include <string.h>

enum { SEGMENT_BYTES = 4 << 20 };

static _Alignas(4096) uint8_t block[256 * 1024];
static _Alignas(4096) uint8_t room[256 * 1024];

struct rig {
    char path[FOLDER_MAX];
    struct store_posix store;
    struct disk *disk;
};

static void rig_start(struct rig *rig)
{
    char why[STORE_WHY_MAX];

    NEED(folder_make(rig->path) != NULL);

    const struct store_settings settings = {
        .path = rig->path, .segment_bytes = SEGMENT_BYTES, .create = true};

    NEED(store_open(&rig->store, &settings, why) == OK);
    NEED(disk_start(&rig->disk, &rig->store) == OK);
    memset(block, 0x5a, sizeof block);
}

static void rig_stop(struct rig *rig)
{
    disk_stop(rig->disk);
    store_close(&rig->store);
    folder_remove(rig->path);
}

static struct disk_answer await(struct rig *rig)
{
    struct disk_answer answer;
    struct pollfd poll_for = {.fd = disk_fd(rig->disk), .events = POLLIN};

    while (!disk_next(rig->disk, &answer)) {
        NEED(poll(&poll_for, 1, 5000) == 1);
    }
    return answer;
}

static void put(struct rig *rig, uint64_t ticket, enum store_op op, segment_t segment,
                uint64_t offset, size_t size)
{
    const struct store_write write = {
        .op = op, .segment = segment, .offset = offset, .data = bytes_of(block, size)};

    disk_write(rig->disk, ticket, &write);
}

TEST(writes_are_answered_in_order_across_segments)
{
    struct rig rig;

    rig_start(&rig);
    for (uint64_t i = 0; i < 300; i++) {
        if (i % 100 == 0) {
            put(&rig, i, STORE_CREATE, i / 100, 0, 4096);
        } else {
            put(&rig, i, STORE_APPEND, i / 100, i % 100 * 4096, 4096);
        }
        if (i % 7 == 0) {
            disk_kick(rig.disk);
        }
    }
    disk_kick(rig.disk);
    for (uint64_t i = 0; i < 300; i++) {
        const struct disk_answer answer = await(&rig);

        EXPECT(!answer.is_read && answer.ticket == i && answer.status == OK);
    }
    rig_stop(&rig);
}

TEST(a_small_write_to_an_idle_disk_is_done_when_the_kick_returns)
{
    struct rig rig;
    struct disk_answer answer;

    rig_start(&rig);
    put(&rig, 1, STORE_CREATE, 0, 0, 4096);
    disk_kick(rig.disk);
    EXPECT(await(&rig).ticket == 1);
    usleep(20000); /* the thread has gone to sleep */
    put(&rig, 2, STORE_APPEND, 0, 4096, 4096);
    put(&rig, 3, STORE_APPEND, 0, 8192, 4096);
    EXPECT(!disk_next(rig.disk, &answer));
    disk_kick(rig.disk);
    NEED(disk_next(rig.disk, &answer));
    EXPECT(answer.ticket == 2 && answer.status == OK);
    NEED(disk_next(rig.disk, &answer));
    EXPECT(answer.ticket == 3 && answer.status == OK);
    put(&rig, 4, STORE_APPEND, 0, 12288, sizeof block);
    disk_kick(rig.disk);
    EXPECT(await(&rig).ticket == 4);
    rig_stop(&rig);
}

TEST(reads_come_back_with_their_size_while_writes_go_on)
{
    struct rig rig;
    bool seen[3] = {false};
    const struct store_read read = {
        .segment = 0, .offset = 4096, .into = room, .size = 8192, .fresh = true};

    rig_start(&rig);
    put(&rig, 0, STORE_CREATE, 0, 0, 4096);
    put(&rig, 1, STORE_APPEND, 0, 4096, 8192);
    disk_kick(rig.disk);
    EXPECT(await(&rig).ticket == 0);
    EXPECT(await(&rig).ticket == 1);
    disk_read(rig.disk, 2, &read);
    put(&rig, 1, STORE_APPEND, 0, 12288, sizeof block);
    disk_kick(rig.disk);
    for (int i = 0; i < 2; i++) {
        const struct disk_answer answer = await(&rig);

        NEED(answer.ticket < 3);
        seen[answer.ticket] = true;
        EXPECT(answer.status == OK && answer.is_read == (answer.ticket == 2));
        EXPECT(!answer.is_read || (answer.size == 8192 && memcmp(room, block, 8192) == 0));
    }
    EXPECT(seen[1] && seen[2]);
    rig_stop(&rig);
}

TEST(after_a_failure_nothing_is_written_any_more)
{
    struct rig rig;

    rig_start(&rig);
    put(&rig, 1, STORE_APPEND, 9, 4096, 4096);
    put(&rig, 2, STORE_CREATE, 0, 0, 4096);
    disk_kick(rig.disk);
    EXPECT(await(&rig).status == E_MISSING);
    EXPECT(await(&rig).status == E_MISSING);
    put(&rig, 3, STORE_CREATE, 1, 0, 4096);
    disk_kick(rig.disk);
    EXPECT(await(&rig).status == E_MISSING);
    EXPECT(faccessat(rig.store.wal, "00000000000000000001.seg", F_OK, 0) != 0);
    rig_stop(&rig);
}

static void put_file(struct rig *rig, uint64_t ticket, enum store_file file)
{
    const struct store_write write = {
        .op = STORE_REPLACE, .file = file, .data = bytes_of(block, 4096)};

    disk_write(rig->disk, ticket, &write);
}

TEST(after_a_failure_the_member_may_still_say_that_its_disk_is_suspect)
{
    struct rig rig;

    rig_start(&rig);
    put(&rig, 0, STORE_CREATE, 0, 0, 4096);
    put(&rig, 1, STORE_APPEND, 0, 4096, 4096); /* written, and never synced: the next one fails */
    put(&rig, 1, STORE_APPEND, 0, (uint64_t)1 << 62, 4096);
    disk_kick(rig.disk);
    EXPECT(await(&rig).status == OK);
    EXPECT(await(&rig).status == E_IO);
    EXPECT(await(&rig).status == E_IO);
    put_file(&rig, 2, STORE_KEYRING);
    put_file(&rig, 3, STORE_CONTROL);
    put(&rig, 4, STORE_CREATE, 1, 0, 4096);
    disk_kick(rig.disk);
    EXPECT(await(&rig).status == E_IO);
    EXPECT(await(&rig).status == OK);
    EXPECT(await(&rig).status == E_IO); /* and it is no new beginning */
    EXPECT(faccessat(rig.store.folder, "keyring", F_OK, 0) != 0);
    EXPECT(faccessat(rig.store.folder, "control", F_OK, 0) == 0);
    EXPECT(faccessat(rig.store.wal, "00000000000000000001.seg", F_OK, 0) != 0);
    rig_stop(&rig);
}
