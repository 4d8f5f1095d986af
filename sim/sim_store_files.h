/* What each operation does to the files of a simulated disk; only for sim_store.c. */
#ifndef SEALIFT_SIM_SIM_STORE_FILES_H
#define SEALIFT_SIM_SIM_STORE_FILES_H

#include "sim/sim_store.h"

enum sim_sector {
    SECTOR_CLEAN, /* cache and disk agree */
    SECTOR_DIRTY, /* only in the cache: the next sync takes it to the disk, a power cut may not */
    SECTOR_LOST, /* a sync failed: the cache shows it, the disk will never have it */
};

/* Into the cache, as a system call would. E_EXISTS, E_MISSING as store.h says. */
enum status sim_files_write(struct sim_store *store, const struct store_write *write);

/* Cut off at a random place, or not at all. */
void sim_files_write_partly(struct sim_store *store, const struct store_write *write);

/* What the sync behind this operation makes durable. */
void sim_files_sync(struct sim_store *store, const struct store_write *write);

/* A failed sync: the pages are clean and wrong. */
void sim_files_lose_dirty(struct sim_store *store);

/* A batch goes to its offset in some other segment; false where there is no other. */
bool sim_files_misdirect(struct sim_store *store, const struct store_write *write);

void sim_files_power_cut(struct sim_store *store);

/* How many bytes went into read->into. */
uint64_t sim_file_read(const struct sim_file *file, const struct store_read *read);

#endif
