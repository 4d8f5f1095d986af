/* Puts, settles and gets go straight to the store; a recording is watched as it grows. */
#include "tests/replay/disk.h"

#include "base/check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static enum status put(void *context, const struct store_write *write)
{
    struct real_disk *disk = context;

    return store_put(&disk->store, write);
}

static enum status settle(void *context)
{
    struct real_disk *disk = context;

    return store_settle(&disk->store);
}

static enum status get(void *context, const struct store_read *read, uint64_t *got)
{
    struct real_disk *disk = context;

    return store_get(&disk->store, read, got);
}

void real_disk_make(struct real_disk *disk)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp";

    *disk = (struct real_disk){.disk = {put, settle, get, NULL, disk}};
    snprintf(disk->folder, sizeof disk->folder, "%s/sealift-replay-XXXXXX", base);
    CHECK(mkdtemp(disk->folder) != NULL);
}

void real_disk_open(struct real_disk *disk, struct fake_world *world)
{
    const struct store_settings settings = {
        .path = disk->folder, .segment_bytes = 64 << 10, .create = true};
    char why[STORE_WHY_MAX];
    const enum status status = store_open(&disk->store, &settings, why);

    if (status != OK) {
        fprintf(stderr, "%s\n", why);
    }
    CHECK(status == OK);
    disk->is_open = true;
    disk->disk.inventory = &disk->store.inventory;
    world->disk = &disk->disk;
}

void real_disk_close(struct real_disk *disk)
{
    if (disk->is_open) {
        store_close(&disk->store);
        disk->is_open = false;
    }
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

void real_disk_remove(struct real_disk *disk)
{
    real_disk_close(disk);
    CHECK(nftw(disk->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

bool real_disk_has_quarantine(const struct real_disk *disk)
{
    char path[80];

    snprintf(path, sizeof path, "%s/quarantine", disk->folder);
    /* An empty folder can be removed; the whole is about to be. */
    return rmdir(path) != 0;
}

void real_disk_make_spares(struct real_disk *disk, struct fake_world *world)
{
    const struct timespec gap = {.tv_nsec = 1000000};

    CHECK(spares_start_maker(&disk->store.spares) == OK);
    while (spares_count(&disk->store.spares) < SPARES_READY) {
        nanosleep(&gap, NULL);
    }
    real_disk_close(disk);
    real_disk_open(disk, world);
}

/* ---- moments ---- */

static void note(void *context, size_t index)
{
    struct run *run = context;
    const struct claim_record *claim = &run->pair->members[run->member].world.record;
    const uint64_t promised = run->promised(run);

    if (run->claim_count == 0 || run->claims[run->claim_count - 1].version != claim->version) {
        CHECK(run->claim_count < CLAIMS_MAX);
        run->claims[run->claim_count++] = *claim;
    }
    run->floor = promised > run->floor ? promised : run->floor;
    run->moments[index] = (struct moment){.floor = run->floor,
                                          .ceiling = run->pair->sequence,
                                          .claim = run->claim_count - 1,
                                          .harmed = run->harmed,
                                          .lost = run->lost};
}

void run_start(struct run *run, struct pair *pair, unsigned member, const char *folder,
               uint64_t (*promised)(struct run *run))
{
    *run = (struct run){.pair = pair, .member = member, .promised = promised};
    model_load(&run->base, folder);
    run->moments = calloc(OPS_MAX + 1, sizeof *run->moments);
    CHECK(run->moments != NULL);
    run->recording.before = note;
    run->recording.context = run;
    recorder_start(&run->recording, folder);
}

void run_end(struct run *run)
{
    recorder_stop();
    note(run, run->recording.count);
}

void run_free(struct run *run)
{
    model_free(&run->base);
    recording_free(&run->recording);
    free(run->moments);
}
