/* What a disk does by itself: bits flip, blocks land elsewhere, files and whole disks vanish. All
 * of it is silent, and none of it is undone by a restart. */
#include "base/check.h"
#include "cluster/control.h"
#include "seal/crc32c.h"
#include "sim/sim_store_files.h"

#include <stdlib.h>

static uint64_t number_at(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* What the control file on the disk marks as durable in this segment (docs/FORMAT.md: the mark's
 * epoch at 64, its batch at 72; a header's epoch at 80); 0: nothing. */
static uint64_t marked_batch(const struct sim_store *store, const struct sim_file *file)
{
    const struct sim_small *control = &store->smalls[STORE_CONTROL];

    return control->disk_size >= 80
                   && number_at(control->disk + 64, 8) == number_at(file->disk + 80, 8)
               ? number_at(control->disk + 72, 8)
               : 0;
}

/* How far into the newest segment the control file, or some batch of it, says "durable"
 * (docs/FORMAT.md: size at 0, number at 8, durable batch at 32). What lies beyond cannot be told
 * from a torn write, by anybody without a peer: a flipped bit there is a legal loss, so it is not
 * made. */
static uint64_t marked_bytes(const struct sim_store *store, const struct sim_file *file)
{
    enum { BLOCK = 4096 };
    uint64_t end = BLOCK, durable = marked_batch(store, file);

    for (unsigned pass = 0; pass < 2; pass++) {
        uint64_t at = BLOCK;

        while (at + BLOCK <= file->written) {
            const uint64_t bytes = number_at(file->disk + at, 4);

            if (bytes == 0 || bytes % BLOCK != 0 || at + bytes > file->written) {
                break;
            }
            const uint64_t said = number_at(file->disk + at + 32, 8);

            durable = pass == 0 && said > durable ? said : durable;
            at += bytes;
            end = number_at(file->disk + at - bytes + 8, 8) <= durable ? at : end;
        }
    }
    return end < file->written ? end : file->written;
}

static bool is_newest(const struct sim_store *store, const struct sim_file *file)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        if (store->files[i]->shown == SIM_IN_WAL && store->files[i]->segment > file->segment) {
            return false;
        }
    }
    return true;
}

static bool may_harm(const struct sim_store *store, const struct sim_file *file, uint64_t begin,
                     uint64_t end)
{
    const struct sim_leave *leave = &store->leave;

    return leave->may_harm == NULL
           || leave->may_harm(leave->context, store->member, file, begin, end);
}

bool sim_store_rot(struct sim_store *store)
{
    if (store->file_count == 0) {
        return false;
    }
    const bool at_the_end = prng_chance(&store->dice, 1, 2);
    struct sim_file *file = store->files[prng_below(&store->dice, store->file_count)];

    for (unsigned i = 0; i < store->file_count && at_the_end; i++) {
        file = is_newest(store, store->files[i]) ? store->files[i] : file;
    }
    if (file->shown != SIM_IN_WAL || file->written == 0) {
        return false;
    }
    const uint64_t end = is_newest(store, file) ? marked_bytes(store, file) : file->written;
    const uint64_t begin = at_the_end && end > 8192 ? end - 8192 : 0; /* the last group */
    const uint64_t at = prng_between(&store->dice, begin, end - 1);
    const uint8_t bit = (uint8_t)(1u << prng_below(&store->dice, 8));

    if (!may_harm(store, file, at, at + 1)) {
        return false;
    }
    file->cache[at] ^= bit;
    file->disk[at] ^= bit;
    store->damage++;
    store->spoilt++;
    store->flips++;
    return true;
}

static struct sim_file *any_file(struct sim_store *store)
{
    struct sim_file *file =
        store->file_count == 0 ? NULL : store->files[prng_below(&store->dice, store->file_count)];

    return file != NULL && file->shown == SIM_IN_WAL ? file : NULL;
}

bool sim_files_misdirect(struct sim_store *store, const struct store_write *write)
{
    struct sim_file *other = any_file(store);

    if (other == NULL || other->segment == write->segment
        || write->offset + write->data.size > other->size
        || !may_harm(store, other, write->offset, write->offset + write->data.size)) {
        return false;
    }
    memcpy(other->cache + write->offset, write->data.data, write->data.size);
    memcpy(other->disk + write->offset, write->data.data, write->data.size);
    store->damage++;
    store->unseen++;
    return true;
}

/* The control file's mark reaches into it: that it is gone can be told. */
static bool is_missed(const struct sim_store *store, const struct sim_file *file)
{
    enum { BLOCK = 4096 };

    return !is_newest(store, file)
           || (file->written > BLOCK
               && marked_batch(store, file) >= number_at(file->disk + BLOCK + 8, 8));
}

bool sim_store_lose_file(struct sim_store *store)
{
    struct sim_file *file = any_file(store);

    const bool at_the_end = prng_chance(&store->dice, 3, 4);

    for (unsigned i = 0; i < store->file_count && at_the_end; i++) {
        file = is_newest(store, store->files[i]) ? store->files[i] : file;
    }
    if (file == NULL || file->shown != SIM_IN_WAL || !is_missed(store, file)
        || !may_harm(store, file, 0, file->size)) {
        return false;
    }
    file->shown = file->on_disk = SIM_NOWHERE;
    store->damage++;
    store->spoilt++;
    return true;
}

bool sim_store_spoil_control(struct sim_store *store, unsigned copies)
{
    struct sim_small *control = &store->smalls[STORE_CONTROL];
    const unsigned first = store->member; /* the copy before it is the last to go */

    if (control->cache_size != CONTROL_BYTES || control->disk_size != CONTROL_BYTES) {
        return false;
    }
    for (unsigned i = 0; i < copies; i++) {
        const uint64_t at = (uint64_t)((first + i) % CONTROL_COPIES) * CONTROL_COPY_BYTES
                            + prng_below(&store->dice, CONTROL_COPY_BYTES);
        const uint8_t bit = (uint8_t)(1u << prng_below(&store->dice, 8));

        control->cache[at] ^= bit;
        control->disk[at] ^= bit;
    }
    store->no_control |= copies >= CONTROL_COPIES;
    store->damage += copies >= CONTROL_COPIES;
    store->spoilt++;
    return true;
}

void sim_store_lose_all(struct sim_store *store)
{
    for (unsigned i = 0; i < store->file_count; i++) {
        free(store->files[i]->cache);
        free(store->files[i]->disk);
        free(store->files[i]->sectors);
        free(store->files[i]);
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        free(store->smalls[i].cache);
        free(store->smalls[i].disk);
        store->smalls[i] = (struct sim_small){0};
    }
    store->file_count = 0;
    store->damage = store->flips = store->unseen = store->io_failures = 0; /* it is another disk */
    store->no_control = false;
    store->losses++;
}

uint64_t sim_store_hash(const struct sim_store *store)
{
    uint64_t hash = store->file_count;

    for (unsigned i = 0; i < store->file_count; i++) {
        const struct sim_file *file = store->files[i];

        hash = (hash ^ crc32c((uint32_t)file->shown, bytes_of(file->cache, file->size)))
               * 0x9e3779b97f4a7c15u;
        hash = (hash ^ crc32c((uint32_t)file->on_disk, bytes_of(file->disk, file->size)))
               * 0x9e3779b97f4a7c15u;
    }
    for (unsigned i = 0; i < STORE_FILES; i++) {
        const struct sim_small *small = &store->smalls[i];

        hash = (hash ^ crc32c(i, bytes_of(small->cache, small->cache_size))) * 0x9e3779b97f4a7c15u;
        hash = (hash ^ crc32c(i, bytes_of(small->disk, small->disk_size))) * 0x9e3779b97f4a7c15u;
    }
    return hash;
}
