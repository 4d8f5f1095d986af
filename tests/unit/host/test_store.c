/* The store on a real disk: what each operation leaves behind, and what a crash leaves of it. */
#include "base/check.h"
#include "host/file.h"
#include "host/store_posix.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { SEGMENT_BYTES = 256 * 1024 };

static _Alignas(4096) uint8_t blocks[8 * 4096];
static _Alignas(4096) uint8_t room[2 * SEGMENT_BYTES];

static void fill(void)
{
    for (unsigned i = 0; i < sizeof blocks; i++) {
        blocks[i] = (uint8_t)(i / 4096 * 31 + i + 1);
    }
}

static enum status open_at(struct store_posix *store, const char *path, char *why)
{
    const struct store_settings settings = {
        .path = path, .segment_bytes = SEGMENT_BYTES, .create = true};

    return store_open(store, &settings, why);
}

static void open_store(struct store_posix *store, const char *path)
{
    char why[STORE_WHY_MAX];

    fill();
    NEED(open_at(store, path, why) == OK);
}

static enum status create(struct store_posix *store, segment_t segment)
{
    const struct store_write write = {
        .op = STORE_CREATE, .segment = segment, .data = bytes_of(blocks, 4096)};

    return store_put(store, &write);
}

static enum status append(struct store_posix *store, segment_t segment, uint64_t offset,
                          struct bytes data)
{
    const struct store_write write = {
        .op = STORE_APPEND, .segment = segment, .offset = offset, .data = data};

    return store_put(store, &write);
}

static enum status read_at(struct store_posix *store, segment_t segment, uint64_t offset,
                           uint64_t size, bool fresh, uint64_t *got)
{
    const struct store_read read = {
        .segment = segment, .offset = offset, .into = room, .size = size, .fresh = fresh};

    return store_get(store, &read, got);
}

static void path_in(char *path, const char *folder, const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
}

static bool exists(const char *folder, const char *name)
{
    char path[PATH_MAX];

    path_in(path, folder, name);
    return access(path, F_OK) == 0;
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];

    path_in(path, folder, name);

    FILE *file = fopen(path, "w");

    NEED(file != NULL);
    fputs(text, file);
    fclose(file);
}

TEST(what_is_appended_is_read_back_fresh_and_cached)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    uint64_t got;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 7) == OK);
    EXPECT_STATUS(append(&store, 7, 4096, bytes_of(blocks, sizeof blocks)), OK);
    EXPECT(store_is_dirty(&store));
    EXPECT_STATUS(store_settle(&store), OK);
    EXPECT(!store_is_dirty(&store));
    for (int fresh = 0; fresh < 2; fresh++) {
        NEED(read_at(&store, 7, 4096, sizeof blocks, fresh != 0, &got) == OK);
        EXPECT(got == sizeof blocks && memcmp(room, blocks, sizeof blocks) == 0);
        NEED(read_at(&store, 7, 5000, 100, fresh != 0, &got) == OK);
        EXPECT(got == 100 && memcmp(room, blocks + 904, 100) == 0);
        NEED(read_at(&store, 7, SEGMENT_BYTES - 10, 100, fresh != 0, &got) == OK);
        EXPECT(got == 10);
        NEED(read_at(&store, 7, SEGMENT_BYTES + 4096, 4096, fresh != 0, &got) == OK);
        EXPECT(got == 0);
    }
    EXPECT_STATUS(read_at(&store, 8, 0, 4096, true, &got), E_MISSING);
    store_close(&store);
    folder_remove(path);
}

TEST(memory_that_is_not_aligned_is_written_all_the_same)
{
    static uint8_t odd[2 * 4096 + 1];
    char path[FOLDER_MAX];
    struct store_posix store;
    uint64_t got;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 0) == OK);
    memcpy(odd + 1, blocks, 8192);
    EXPECT_STATUS(append(&store, 0, 4096, bytes_of(odd + 1, 8192)), OK);
    EXPECT_STATUS(store_settle(&store), OK);
    NEED(read_at(&store, 0, 4096, 8192, true, &got) == OK);
    EXPECT(got == 8192 && memcmp(room, blocks, 8192) == 0);
    store_close(&store);
    folder_remove(path);
}

TEST(a_segment_is_never_created_over_another)
{
    char path[FOLDER_MAX];
    struct store_posix store;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 3) == OK);
    EXPECT_STATUS(create(&store, 3), E_EXISTS);
    EXPECT_STATUS(append(&store, 4, 4096, bytes_of(blocks, 4096)), E_MISSING);
    store_close(&store);
    folder_remove(path);
}

TEST(the_inventory_has_files_and_segments_in_order_and_leaves_foreign_files_alone)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    const struct store_write keyring = {
        .op = STORE_REPLACE, .file = STORE_KEYRING, .data = bytes_text("ring")};

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    EXPECT(store.inventory.segment_count == 0);
    EXPECT(store.inventory.files[STORE_KEYRING].size == 0);
    EXPECT_STATUS(store_put(&store, &keyring), OK);
    NEED(create(&store, 10) == OK && create(&store, 9) == OK && create(&store, 11) == OK);
    store_close(&store);
    put_file(path, "wal/notes.txt", "mine");
    put_file(path, "wal/99999999999999999999.seg", "no such number");
    put_file(path, "control.new", "half");
    put_file(path, "other.new", "mine");
    put_file(path, "quarantine/copying.new", "half");
    open_store(&store, path);
    NEED(store.inventory.segment_count == 3);
    EXPECT(store.inventory.segments[0] == 9 && store.inventory.segments[2] == 11);
    EXPECT(bytes_equal(store.inventory.files[STORE_KEYRING], bytes_text("ring")));
    EXPECT(store.inventory.files[STORE_CONTROL].size == 0);
    EXPECT(exists(path, "wal/notes.txt") && exists(path, "other.new"));
    EXPECT(!exists(path, "control.new") && !exists(path, "quarantine/copying.new"));
    store_close(&store);
    folder_remove(path);
}

TEST(a_folder_in_use_names_the_process)
{
    char path[FOLDER_MAX];
    char why[STORE_WHY_MAX];
    char pid[32];
    struct store_posix store, second;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    EXPECT_STATUS(open_at(&second, path, why), E_LOCKED);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    EXPECT(strstr(why, pid) != NULL && strstr(why, "E_LOCKED") != NULL);
    store_close(&store);
    NEED(open_at(&second, path, why) == OK);
    store_close(&second);
    folder_remove(path);
}

TEST(a_folder_that_is_not_there_is_said)
{
    char why[STORE_WHY_MAX];
    struct store_posix store;
    const struct store_settings settings = {.path = "/var/tmp/sealift-none/none",
                                            .segment_bytes = SEGMENT_BYTES};

    EXPECT_STATUS(store_open(&store, &settings, why), E_MISSING);
    EXPECT(strstr(why, "/var/tmp/sealift-none/none") != NULL);
}

TEST(a_part_set_aside_twice_is_kept_once_and_another_tear_beside_it)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    const struct store_write part = {
        .op = STORE_QUARANTINE_PART, .segment = 2, .offset = 8192, .size = 8192, .epoch = 5};

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 2) == OK);
    NEED(append(&store, 2, 4096, bytes_of(blocks, sizeof blocks)) == OK);
    NEED(store_settle(&store) == OK);
    EXPECT_STATUS(store_put(&store, &part), OK);
    EXPECT_STATUS(store_put(&store, &part), OK);
    EXPECT(exists(path, "quarantine/5-2-8192.part"));
    EXPECT(!exists(path, "quarantine/5-2-8192.2.part"));
    NEED(append(&store, 2, 8192, bytes_of(blocks, 8192)) == OK);
    NEED(store_settle(&store) == OK);
    EXPECT_STATUS(store_put(&store, &part), OK);
    EXPECT(exists(path, "quarantine/5-2-8192.2.part"));
    EXPECT(!exists(path, "quarantine/copying.new"));

    uint8_t *data;
    size_t size;

    NEED(file_load(store.quarantine, "5-2-8192.part", 1 << 20, &data, &size) == OK);
    EXPECT(size == 8192 && memcmp(data, blocks + 4096, 8192) == 0);
    free(data);
    store_close(&store);
    folder_remove(path);
}

TEST(a_segment_set_aside_twice_has_moved_once)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    const struct store_write aside = {.op = STORE_QUARANTINE_SEGMENT, .segment = 2, .epoch = 5};

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    EXPECT_STATUS(store_put(&store, &aside), OK); /* nothing is there that could be in the way */
    NEED(create(&store, 2) == OK);
    EXPECT_STATUS(store_put(&store, &aside), OK);
    EXPECT_STATUS(store_put(&store, &aside), OK);
    EXPECT(exists(path, "quarantine/5-2.seg"));
    NEED(create(&store, 2) == OK);
    EXPECT_STATUS(store_put(&store, &aside), OK);
    EXPECT(exists(path, "quarantine/5-2.2.seg"));
    store_close(&store);
    folder_remove(path);
}

static void wait_for_spares(struct store_posix *store)
{
    for (int i = 0; i < 500 && spares_count(&store->spares) < SPARES_READY; i++) {
        usleep(10000);
    }
    NEED(spares_count(&store->spares) == SPARES_READY);
}

TEST(the_maker_keeps_spares_which_become_segments_and_outlive_the_process)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    uint64_t got;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(spares_start_maker(&store.spares) == OK);
    wait_for_spares(&store);
    EXPECT(exists(path, "spare/0.spare") && exists(path, "spare/1.spare"));
    NEED(create(&store, 0) == OK);
    wait_for_spares(&store);
    NEED(read_at(&store, 0, 0, sizeof room, true, &got) == OK);
    EXPECT(got == SEGMENT_BYTES && memcmp(room, blocks, 4096) == 0 && room[4096] == 0);
    store_close(&store);
    put_file(path, "spare/making", "half of one");
    put_file(path, "spare/1.spare", "of another size");
    open_store(&store, path);
    EXPECT(spares_count(&store.spares) == 1);
    EXPECT(!exists(path, "spare/making") && !exists(path, "spare/1.spare"));
    store_close(&store);
    folder_remove(path);
}

TEST(sync_makes_an_earlier_segment_durable_or_says_that_it_is_not_there)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    struct store_write sync = {.op = STORE_SYNC, .segment = 1};

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 1) == OK);
    EXPECT_STATUS(store_put(&store, &sync), OK);
    sync.segment = 2;
    EXPECT_STATUS(store_put(&store, &sync), E_MISSING);
    store_close(&store);
    folder_remove(path);
}

/* Until not a byte is left. */
static void fill_disk(const char *folder)
{
    char path[PATH_MAX];

    path_in(path, folder, "junk");

    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

    while (write(fd, blocks, 4096) > 0) {
    }
    close(fd);
}

static void *free_space_soon(void *folder)
{
    char path[PATH_MAX];

    path_in(path, folder, "junk");
    usleep(200000);
    unlink(path);
    return NULL;
}

/* A segment and a small file that find no byte wait for somebody to make room. */
static bool space_ends_the_waiting(struct store_posix *store, const char *path)
{
    const struct store_write control = {
        .op = STORE_REPLACE, .file = STORE_CONTROL, .data = bytes_of(blocks, sizeof blocks)};
    pthread_t helper;

    if (spares_count(&store->spares) != 0
        || pthread_create(&helper, NULL, free_space_soon, (void *)(uintptr_t)path) != 0) {
        return false;
    }

    const bool made = create(store, 1) == OK && store_put(store, &control) == OK;

    pthread_join(helper, NULL);
    for (int i = 0; i < 500 && spares_count(&store->spares) < SPARES_READY; i++) {
        usleep(10000);
    }
    return made && !spares_are_short(&store->spares);
}

static int on_a_filled_disk(const char *path)
{
    const struct store_write control = {
        .op = STORE_REPLACE, .file = STORE_CONTROL, .data = bytes_of(blocks, sizeof blocks)};
    char why[STORE_WHY_MAX];
    struct store_posix store;
    segment_t filled = 1;

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("none", path, "tmpfs", 0, "size=1200k") != 0) {
        return 77;
    }
    fill();
    if (open_at(&store, path, why) != OK || spares_start_maker(&store.spares) != OK) {
        return 1;
    }
    for (int i = 0; i < 500 && spares_count(&store.spares) < SPARES_READY; i++) {
        usleep(10000);
    }
    fill_disk(path);
    if (store_put(&store, &control) != OK || store_put(&store, &control) != OK
        || spares_count(&store.spares) != 1) {
        return 2;
    }
    fill_disk(path);
    for (int i = 0; i < 500 && !spares_are_short(&store.spares); i++) {
        usleep(10000);
    }
    if (!spares_are_short(&store.spares)) {
        return 5;
    }
    if (create(&store, 0) != OK || append(&store, 0, 4096, bytes_of(blocks, 4096)) != OK
        || store_settle(&store) != OK) {
        return 3;
    }
    if (!space_ends_the_waiting(&store, path)) {
        return 6;
    }
    fill_disk(path);
    while (spares_count(&store.spares) > 0) {
        if (create(&store, ++filled) != OK) {
            return 7;
        }
    }
    spares_hasten(&store.spares);
    if (create(&store, ++filled) != E_DISK_FULL || store_put(&store, &control) != E_DISK_FULL) {
        return 4;
    }
    store_close(&store);
    return 0;
}

/* In a child with mounts of its own; 77 where the machine does not allow that. */
static int on_a_small_disk(const char *path)
{
    char why[STORE_WHY_MAX];
    struct store_posix store;

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("none", path, "tmpfs", 0, "size=600k") != 0) {
        return 77;
    }
    fill();
    if (open_at(&store, path, why) != OK || create(&store, 0) != OK || create(&store, 1) != OK
        || append(&store, 1, 4096, bytes_of(blocks, 4096)) != OK || store_settle(&store) != OK) {
        return 1;
    }
    if (create(&store, 2) != E_DISK_FULL || exists(path, "spare/spot")) {
        return 2;
    }
    store_close(&store);
    if (mount("none", path, NULL, MS_REMOUNT | MS_RDONLY, "size=600k") != 0) {
        return 3;
    }
    return open_at(&store, path, why) == E_READ_ONLY && strstr(why, path) != NULL ? 0 : 4;
}

static void in_a_child(int (*run)(const char *path))
{
    char path[FOLDER_MAX];
    int ended = -1;

    NEED(folder_make(path) != NULL);

    const pid_t child = fork();

    if (child == 0) {
        _exit(run(path));
    }
    waitpid(child, &ended, 0);
    EXPECT(WIFEXITED(ended) && (WEXITSTATUS(ended) == 0 || WEXITSTATUS(ended) == 77));
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 77) {
        puts("    (not tried: this process may not mount)");
    }
    folder_remove(path);
}

TEST(a_full_disk_and_a_read_only_one_have_their_own_names)
{
    in_a_child(on_a_small_disk);
}

TEST(a_full_disk_takes_the_spares_before_it_takes_a_commit)
{
    in_a_child(on_a_filled_disk);
}

static enum status repair_part(struct store_posix *store, segment_t segment, uint64_t offset,
                               struct bytes data)
{
    const struct store_write write = {
        .op = STORE_REPAIR_PART, .segment = segment, .offset = offset, .data = data};

    return store_put(store, &write);
}

static enum status repair_done(struct store_posix *store, segment_t segment)
{
    const struct store_write write = {.op = STORE_REPAIR_DONE, .segment = segment, .epoch = 5};

    return store_put(store, &write);
}

TEST(a_repaired_segment_takes_the_place_of_the_damaged_one_which_is_kept)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    uint64_t got;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 2) == OK);
    NEED(append(&store, 2, 4096, bytes_of(blocks, 4096)) == OK && store_settle(&store) == OK);
    NEED(repair_part(&store, 2, 0, bytes_of(blocks, 8192)) == OK);
    NEED(repair_part(&store, 2, 8192, bytes_of(blocks + 8192, 4096)) == OK);
    NEED(read_at(&store, 2, 4096, 4096, true, &got) == OK);
    EXPECT(got == 4096 && memcmp(room, blocks, 4096) == 0); /* not yet */
    NEED(repair_done(&store, 2) == OK);
    NEED(read_at(&store, 2, 0, sizeof room, true, &got) == OK);
    EXPECT(got == 3 * 4096 && memcmp(room, blocks, 3 * 4096) == 0);
    EXPECT(exists(path, "quarantine/5-2.seg") && !exists(path, "spare/repair"));

    /* where it was written to last, writing goes on in the new file */
    NEED(append(&store, 2, 3 * 4096, bytes_of(blocks, 4096)) == OK && store_settle(&store) == OK);
    NEED(read_at(&store, 2, 0, sizeof room, true, &got) == OK);
    EXPECT(got == 4 * 4096);
    store_close(&store);
    folder_remove(path);
}

TEST(a_missing_segment_is_repaired_and_nothing_goes_aside)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    uint64_t got;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(repair_part(&store, 7, 0, bytes_of(blocks, 4096)) == OK);
    NEED(repair_done(&store, 7) == OK);
    NEED(read_at(&store, 7, 0, sizeof room, true, &got) == OK);
    EXPECT(got == 4096);
    EXPECT(!exists(path, "quarantine/5-7.seg") && !exists(path, "spare/repair"));
    store_close(&store);
    folder_remove(path);
}

TEST(a_repair_that_did_not_end_is_nothing)
{
    char path[FOLDER_MAX];
    struct store_posix store;
    uint64_t got;

    NEED(folder_make(path) != NULL);
    open_store(&store, path);
    NEED(create(&store, 2) == OK);
    EXPECT_STATUS(repair_part(&store, 2, 4096, bytes_of(blocks, 4096)), E_IO); /* not begun */
    NEED(repair_part(&store, 2, 0, bytes_of(blocks, 8192)) == OK);
    EXPECT_STATUS(repair_done(&store, 3), E_IO); /* of another segment */
    EXPECT(exists(path, "spare/repair"));
    store_close(&store);
    open_store(&store, path);
    EXPECT(!exists(path, "spare/repair"));
    EXPECT(store.inventory.segment_count == 1);
    EXPECT_STATUS(repair_done(&store, 2), E_IO);
    NEED(repair_part(&store, 2, 0, bytes_of(blocks + 4096, 4096)) == OK); /* a shorter one */
    NEED(repair_done(&store, 2) == OK);
    NEED(read_at(&store, 2, 0, sizeof room, true, &got) == OK);
    EXPECT(got == 4096 && memcmp(room, blocks + 4096, 4096) == 0);
    store_close(&store);
    folder_remove(path);
}
