/* Files are pairs of contents with a map of sectors between them. Names have two sides likewise: a
 * rename shows at once and is durable with the next sync of the folder. */
#include "sim/sim_store_files.h"

#include "base/check.h"

#include <stdlib.h>

struct sim_file *sim_store_file(const struct sim_store *store, segment_t segment)
{
    for (unsigned i = store->file_count; i-- > 0;) {
        if (store->files[i]->segment == segment && store->files[i]->shown == SIM_IN_WAL) {
            return store->files[i];
        }
    }
    return NULL;
}

static void grow(struct sim_file *file, uint64_t size)
{
    const uint64_t rounded = (size + 4095) / 4096 * 4096;

    if (rounded > file->room) {
        const uint64_t sectors = file->room / SIM_SECTOR_BYTES;

        file->cache = realloc(file->cache, rounded);
        file->disk = realloc(file->disk, rounded);
        file->sectors = realloc(file->sectors, rounded / SIM_SECTOR_BYTES);
        CHECK(file->cache != NULL && file->disk != NULL && file->sectors != NULL);
        memset(file->cache + file->room, 0, rounded - file->room);
        memset(file->disk + file->room, 0, rounded - file->room);
        memset(file->sectors + sectors, SECTOR_CLEAN, rounded / SIM_SECTOR_BYTES - sectors);
        file->room = rounded;
    }
    if (size > file->size) {
        file->size = size;
    }
}

static struct sim_file *add_file(struct sim_store *store, segment_t segment)
{
    if (store->file_count == store->file_room) {
        store->file_room = store->file_room * 2 + 16;
        store->files = realloc(store->files, store->file_room * sizeof(struct sim_file *));
        CHECK(store->files != NULL);
    }
    struct sim_file *file = calloc(1, sizeof *file);

    CHECK(file != NULL);
    file->segment = segment;
    store->files[store->file_count++] = file;
    return file;
}

/* A spare holds zeros, or what a deleted segment left: here, bytes of one that is still there. */
static void fill_spare(struct sim_store *store, struct sim_file *file)
{
    grow(file, store->spare_bytes);
    if (store->recycles && store->file_count > 1) {
        const struct sim_file *old = store->files[prng_below(&store->dice, store->file_count - 1)];
        const uint64_t bytes = old->size < file->size ? old->size : file->size;

        if (bytes > 0) { /* an empty file has no memory */
            memcpy(file->cache, old->cache, bytes);
            memcpy(file->disk, old->cache, bytes);
        }
    }
}

static enum status create(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *file;

    if (sim_store_file(store, write->segment) != NULL) {
        return E_EXISTS;
    }
    file = add_file(store, write->segment);
    fill_spare(store, file);
    grow(file, write->data.size);
    memcpy(file->cache, write->data.data, write->data.size); /* synced before the rename */
    memcpy(file->disk, write->data.data, write->data.size);
    file->written = write->data.size;
    file->shown = SIM_IN_WAL;
    return OK;
}

static void put(struct sim_file *file, uint64_t offset, const uint8_t *data, uint64_t size)
{
    if (size == 0) {
        return;
    }
    grow(file, offset + size);
    memcpy(file->cache + offset, data, size);
    memset(file->sectors + offset / SIM_SECTOR_BYTES, SECTOR_DIRTY,
           (offset + size - 1) / SIM_SECTOR_BYTES - offset / SIM_SECTOR_BYTES + 1);
    if (offset + size > file->written) {
        file->written = offset + size;
    }
}

static void replace(struct sim_small *small, struct bytes data)
{
    small->cache = realloc(small->cache, data.size + 1);
    CHECK(small->cache != NULL);
    if (data.size > 0) {
        memcpy(small->cache, data.data, data.size);
    }
    small->cache_size = data.size;
}

static void sync_file(struct sim_file *file)
{
    for (uint64_t sector = 0; sector < file->room / SIM_SECTOR_BYTES; sector++) {
        if (file->sectors[sector] == SECTOR_DIRTY) {
            memcpy(file->disk + sector * SIM_SECTOR_BYTES, file->cache + sector * SIM_SECTOR_BYTES,
                   SIM_SECTOR_BYTES);
            file->sectors[sector] = SECTOR_CLEAN;
        }
    }
}

static void repair_part(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *file = store->repair;

    if (write->offset == 0) {
        if (file == NULL) {
            file = store->repair = add_file(store, write->segment);
        }
        file->segment = write->segment;
        file->size = file->written = 0;
    }
    CHECK(file != NULL && file->segment == write->segment && write->offset == file->size);
    put(file, write->offset, write->data.data, write->data.size);
}

/* Contents and names become durable before anybody hears of it; the exchange of names is one. */
static void repair_done(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *file = store->repair;
    struct sim_file *damaged = sim_store_file(store, write->segment);

    CHECK(file != NULL && file->segment == write->segment);
    sync_file(file);
    if (damaged != NULL) {
        damaged->shown = damaged->on_disk = SIM_ASIDE;
    }
    file->shown = file->on_disk = SIM_IN_WAL;
    store->last_replaced = damaged;
    store->repair = NULL;
    store->repaired++;
}

/* Before the exchange or after it. */
static void repair_done_partly(struct sim_store *store, const struct store_write *write)
{
    if (prng_chance(&store->dice, 1, 4)) {
        repair_done(store, write);
    }
}

enum status sim_files_write(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *file =
        write->op == STORE_REPLACE ? NULL : sim_store_file(store, write->segment);

    const bool needs_file = write->op != STORE_REPLACE && write->op != STORE_CREATE
                            && write->op != STORE_DELETE && write->op != STORE_REPAIR_PART
                            && write->op != STORE_REPAIR_DONE
                            && write->op != STORE_QUARANTINE_SEGMENT;

    if (needs_file && file == NULL) {
        return E_MISSING;
    }
    switch (write->op) {
    case STORE_REPLACE:
        replace(&store->smalls[write->file], write->data);
        return OK;
    case STORE_CREATE:
        return create(store, write);
    case STORE_APPEND:
        put(file, write->offset, write->data.data, write->data.size);
        return OK;
    case STORE_QUARANTINE_SEGMENT:
        if (file != NULL) {
            file->shown = SIM_ASIDE;
        }
        return OK;
    case STORE_DELETE:
        if (file != NULL) {
            file->shown = SIM_NOWHERE;
        }
        return OK;
    case STORE_SYNC:
    case STORE_QUARANTINE_PART:
        return OK;
    case STORE_REPAIR_PART:
        repair_part(store, write);
        return OK;
    case STORE_REPAIR_DONE:
        repair_done(store, write);
        return OK;
    case STORE_OPS:
        break;
    }
    UNREACHABLE();
}

void sim_files_write_partly(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *file;

    if (write->op == STORE_APPEND) {
        file = sim_store_file(store, write->segment);
        if (file != NULL) {
            const uint64_t all = write->data.size;
            const uint64_t some =
                prng_chance(&store->dice, 1, 2) ? all : prng_below(&store->dice, all + 1);

            put(file, write->offset, write->data.data, some);
        }
    } else if (write->op == STORE_REPAIR_DONE) {
        repair_done_partly(store, write);
    } else if (prng_chance(&store->dice, 1, 2)) {
        const enum status ignored = sim_files_write(store, write);

        (void)ignored; /* nobody waits for the answer any more */
    }
}

static void settle_small(struct sim_small *small)
{
    small->disk = realloc(small->disk, small->cache_size + 1);
    CHECK(small->disk != NULL);
    if (small->cache_size > 0) {
        memcpy(small->disk, small->cache, small->cache_size);
    }
    small->disk_size = small->cache_size;
}

static void sync_folder(struct sim_store *store)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        store->files[i]->on_disk = store->files[i]->shown;
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        settle_small(&store->smalls[i]);
    }
}

void sim_files_sync(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *file = sim_store_file(store, write->segment);

    if (write->op == STORE_APPEND || write->op == STORE_SYNC) {
        if (file != NULL) {
            sync_file(file);
        }
    }
    if (write->op != STORE_APPEND && write->op != STORE_REPAIR_PART) {
        sync_folder(store);
    }
}

void sim_files_lose_dirty(struct sim_store *store)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        struct sim_file *file = store->files[i];

        for (uint64_t sector = 0; sector < file->room / SIM_SECTOR_BYTES; sector++) {
            if (file->sectors[sector] == SECTOR_DIRTY && prng_chance(&store->dice, 1, 2)) {
                file->sectors[sector] = SECTOR_LOST;
            }
        }
        sync_file(file);
    }
}

/* What a power cut leaves of a file's unsynced sectors. Whole pages are the most likely of subsets
 * on a real machine, and the only likely one that leaves a batch whole behind a torn one. */
enum mood { MOOD_ALL, MOOD_NONE, MOOD_PAGES, MOOD_SECTORS, MOODS };

static bool is_kept(struct sim_store *store, enum mood mood, uint64_t sector, bool before)
{
    switch (mood) {
    case MOOD_ALL:
        return true;
    case MOOD_PAGES:
        return sector % SIM_PAGE_SECTORS == 0 ? prng_chance(&store->dice, 1, 2) : before;
    case MOOD_SECTORS:
        return prng_chance(&store->dice, 1, 2);
    case MOOD_NONE:
    case MOODS:
        break;
    }
    return false;
}

static void power_cut_file(struct sim_store *store, struct sim_file *file)
{
    const enum mood mood = (enum mood)prng_below(&store->dice, MOODS);
    bool kept = false;

    for (uint64_t sector = 0; sector < file->room / SIM_SECTOR_BYTES; sector++) {
        uint8_t *cache = file->cache + sector * SIM_SECTOR_BYTES;
        uint8_t *disk = file->disk + sector * SIM_SECTOR_BYTES;

        kept = is_kept(store, mood, sector, kept);
        if (file->sectors[sector] == SECTOR_DIRTY && kept) {
            memcpy(disk, cache, SIM_SECTOR_BYTES);
        } else if (file->sectors[sector] == SECTOR_DIRTY) {
            store->torn_sectors++;
        }
        if (file->sectors[sector] != SECTOR_CLEAN) {
            memcpy(cache, disk, SIM_SECTOR_BYTES);
            file->sectors[sector] = SECTOR_CLEAN;
        }
    }
    if (file->shown != file->on_disk) {
        const bool renamed = prng_chance(&store->dice, 1, 2);

        file->shown = file->on_disk = renamed ? file->shown : file->on_disk;
    }
}

static void power_cut_small(struct sim_store *store, struct sim_small *small)
{
    const bool same =
        small->cache_size == small->disk_size
        && (small->cache_size == 0 || memcmp(small->cache, small->disk, small->cache_size) == 0);

    if (!same && prng_chance(&store->dice, 1, 2)) {
        replace(small, bytes_of(small->disk, small->disk_size));
    }
    settle_small(small);
}

void sim_files_power_cut(struct sim_store *store)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        power_cut_file(store, store->files[i]);
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        power_cut_small(store, &store->smalls[i]);
    }
}

uint64_t sim_file_read(const struct sim_file *file, const struct store_read *read)
{
    const uint64_t left = read->offset < file->size ? file->size - read->offset : 0;
    const uint64_t size = left < read->size ? left : read->size;

    for (uint64_t done = 0; done < size;) {
        const uint64_t at = read->offset + done;
        const uint64_t in_sector = SIM_SECTOR_BYTES - at % SIM_SECTOR_BYTES;
        const uint64_t part = in_sector < size - done ? in_sector : size - done;
        const bool lost = file->sectors[at / SIM_SECTOR_BYTES] == SECTOR_LOST;

        memcpy(read->into + done, (read->fresh && lost ? file->disk : file->cache) + at, part);
        done += part;
    }
    return size;
}

static int ascending(const void *a, const void *b)
{
    const segment_t x = *(const segment_t *)a, y = *(const segment_t *)b;

    return x < y ? -1 : x > y;
}

struct store_inventory sim_store_inventory(const struct sim_store *store)
{
    struct store_inventory inventory = {0};
    segment_t *segments = malloc((store->file_count + 1) * sizeof *segments);

    CHECK(segments != NULL);
    for (unsigned i = 0; i < store->file_count; i++) {
        if (store->files[i]->shown == SIM_IN_WAL) {
            segments[inventory.segment_count++] = store->files[i]->segment;
        }
    }
    qsort(segments, inventory.segment_count, sizeof *segments, ascending);
    inventory.segments = segments;
    for (unsigned i = 0; i < STORE_FILES; i++) {
        const struct sim_small *small = &store->smalls[i];
        uint8_t *copy = malloc(small->cache_size + 1);

        CHECK(copy != NULL);
        if (small->cache_size > 0) {
            memcpy(copy, small->cache, small->cache_size);
        }
        inventory.files[i] = bytes_of(copy, small->cache_size);
    }
    return inventory;
}

void sim_store_inventory_drop(struct store_inventory *inventory)
{
    for (unsigned i = 0; i < STORE_FILES; i++) {
        uint8_t *copy = (uint8_t *)(uintptr_t)inventory->files[i].data;

        memset(copy, 0xdd, inventory->files[i].size);
        free(copy);
    }
    free((segment_t *)(uintptr_t)inventory->segments);
}
