/* What do store operations (node/store.h) do to a real folder?
 *
 *   descriptor keyring control   small files, replaced whole
 *   wal/00000000000000000000.seg segments, by decimal number
 *   spare/                       the next segments (spares.h), and what a repair is writing
 *   quarantine/                  what was set aside: EPOCH-SEGMENT-OFFSET.part, EPOCH-SEGMENT.seg
 *   lock                         flock'ed while in use; holds the pid
 *
 * One thread at a time writes (the disk decides which); reads may come from any thread beside it.
 * A failure is traced where it happens, once, with the file and the system's own words. The folder
 * may lie on any Linux file system: direct I/O is used where it is to be had. */
#ifndef SEALIFT_HOST_STORE_POSIX_H
#define SEALIFT_HOST_STORE_POSIX_H

#include "host/spares.h"
#include "node/store.h"

#include <limits.h>

enum {
    STORE_WHY_MAX = PATH_MAX + 256,
    STORE_FILE_BYTES_MAX = 16 << 20, /* a small file that is larger is not ours */
    STORE_ALIGN = 4096, /* of batches, headers and direct I/O */
    STORE_BOUNCE_BYTES = 1 << 20, /* where the node's memory is not aligned */
    STORE_DIRECT_READ_BYTES = 256 << 10, /* smaller ones may come again */
};

struct store_settings {
    const char *path;
    uint64_t segment_bytes; /* the size of spares; a segment may still be larger */
    bool create; /* make the folder if it is not there */
    bool leave_nothing; /* store_close removes what this made, if nothing came of it */
    struct trace trace;
};

struct store_posix {
    char path[PATH_MAX];
    struct trace trace;
    int folder, wal, quarantine, lock;
    struct spares spares;
    struct store_inventory inventory;
    uint8_t *files[STORE_FILES];
    segment_t *segments;
    int writer; /* the segment that was written to last; -1 = none */
    segment_t writer_segment;
    bool dirty; /* written and not yet synced */
    int repair; /* the new file of a segment that is being repaired; -1 = none */
    segment_t repair_segment;
    uint8_t *bounce;
    bool leave_nothing;
    bool made_folder, made_lock, made_parts;
};

/* Locks the folder, removes what an interrupted operation left behind, and takes the inventory.
 * E_LOCKED, E_MISSING, E_READ_ONLY, E_DISK_FULL, E_TOO_LARGE, E_IO; `why` (STORE_WHY_MAX) then has
 * a sentence for the operator, and nothing stays open. */
NODISCARD enum status store_open(struct store_posix *store, const struct store_settings *settings,
                                 char *why);

/* The maker stops, the lock goes. Nothing may be under way. With `leave_nothing` a folder that was
 * new and holds neither a small file nor a segment is as it was before store_open. */
void store_close(struct store_posix *store);

/* Performs one operation. STORE_APPEND is durable only after store_settle; all others when this
 * returns. Where an APPEND has not been settled, only another to the same segment may follow. */
NODISCARD enum status store_put(struct store_posix *store, const struct store_write *write);

/* Syncs, on the descriptor that wrote, whatever was appended. */
NODISCARD enum status store_settle(struct store_posix *store);

/* What was appended and is not settled is in doubt for good: it is never synced by this process,
 * since a second sync could say that all is well when the first one lost it. */
void store_abandon(struct store_posix *store);

static inline bool store_is_dirty(const struct store_posix *store)
{
    return store->dirty;
}

/* `got` < size: the file ends there. E_MISSING where there is no such segment. */
NODISCARD enum status store_get(struct store_posix *store, const struct store_read *read,
                                uint64_t *got);

/* For the parts of this module: store_posix.c, store_write.c, store_read.c, store_aside.c,
 * store_repair.c, store_unused.c. */
enum { SEGMENT_NAME_MAX = 32 };

void store_segment_name(segment_t segment, char name[SEGMENT_NAME_MAX]);

/* Traces the failure with errno's words and returns `status`; OK passes through. */
enum status store_said(struct store_posix *store, enum status status, enum store_op op,
                       const char *name);

void store_remove_unused(struct store_posix *store);
NODISCARD enum status store_forget_writer(struct store_posix *store);
NODISCARD enum status store_aside_part(struct store_posix *store, const struct store_write *write);
NODISCARD enum status store_aside_segment(struct store_posix *store,
                                          const struct store_write *write);

/* The damaged file keeps its name and gets a second one in quarantine; where the file system knows
 * no second names, it moves there. OK also where there is none. */
NODISCARD enum status store_aside_damaged(struct store_posix *store,
                                          const struct store_write *write);
NODISCARD enum status store_repair_part(struct store_posix *store, const struct store_write *write);
NODISCARD enum status store_repair_done(struct store_posix *store, const struct store_write *write);

/* Reads into memory of any alignment; past the page cache where `fresh`. */
NODISCARD enum status store_read_file(int folder, const char *name, const struct store_read *read,
                                      uint64_t *got);

#endif
