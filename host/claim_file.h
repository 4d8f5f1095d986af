/* Who may write? The coordinator of one machine: a file.
 *
 * Holds the record of one lineage (node/claim.h) as text, changed only by compare-and-swap under a
 * lock (PATH.lock) and replaced whole and durably. It lies outside the data folder, so that a
 * folder that is copied or rolled back does not bring its own permission along; and it notes
 * machine and inode of the writer's folder, so that a copy of that folder is found out. */
#ifndef SEALIFT_HOST_CLAIM_FILE_H
#define SEALIFT_HOST_CLAIM_FILE_H

#include "base/status.h"
#include "base/trace.h"
#include "node/claim.h"

#include <limits.h>

enum {
    CLAIM_WHY_MAX = 2 * PATH_MAX + 512,
    CLAIM_LOCK_WAIT_MS = 5000, /* a change takes some ms; who holds the lock longer is stuck */
    CLAIM_LOCK_AGAIN_MS = 5,
};

struct claim_binding {
    struct id machine; /* /etc/machine-id; zeros where there is none */
    uint64_t inode; /* of the data folder */
};

struct claim_file {
    char name[NAME_MAX - 8]; /* in its folder; room for .lock and .new */
    int folder;
    struct claim_binding here;
    bool adopt; /* an operator says: the folder at hand is the writer's, copied or not */
    struct trace trace;
};

/* `coordinator` is file:PATH; the data folder exists already. E_USAGE: another form, or a path
 * inside the data folder; E_MISSING: no such folder; `why` (CLAIM_WHY_MAX) says so. */
NODISCARD enum status claim_file_open(struct claim_file *claim, const char *coordinator,
                                      const char *data, struct trace trace, char *why);
void claim_file_close(struct claim_file *claim);

/* Effect CLAIM: replaces the record if it is at record->version, or only reads where the lineage is
 * zero. Afterwards `record` is what the file holds. E_CLAIM_LOST: it was at another version or is
 * of another lineage. E_COPIED_FOLDER: of the same random id, but on another machine or inode.
 * E_COORDINATOR: it cannot be read (damaged included) or written. E_LOCKED: somebody else holds the
 * lock at the moment; ask again after CLAIM_LOCK_AGAIN_MS, for CLAIM_LOCK_WAIT_MS at most, and then
 * claim_file_give_up says so and is the answer. Never waits for the lock itself. */
NODISCARD enum status claim_file_change(struct claim_file *claim, struct claim_record *record);
NODISCARD enum status claim_file_give_up(struct claim_file *claim);

#endif
