/* What a member asks of its disk, as data.
 *
 * A data folder holds a few small files, numbered segment files and a quarantine. Every WRITE is
 * answered, in order, by one WRITTEN: durable, or failed for good. There is nothing in between:
 * a member whose write failed stops using its disk. The host performs these on a disk thread
 * (store_posix), the sim on a model of a cruel disk. */
#ifndef SEALIFT_NODE_STORE_H
#define SEALIFT_NODE_STORE_H

#include "base/bytes.h"
#include "base/ids.h"

/* Small files, replaced whole: write new, fsync, rename, fsync the folder. */
enum store_file {
    STORE_DESCRIPTOR, /* the genesis of the WAL; written once, never changed */
    STORE_KEYRING, /* the envelopes of this cluster in its region */
    STORE_CONTROL, /* what this member must remember across a crash */
    STORE_FILES
};

enum store_op {
    STORE_REPLACE, /* file, data */
    STORE_CREATE, /* segment, data = its header; refused where the segment exists */
    STORE_APPEND, /* segment, offset, data: one batch, a multiple of 4096 bytes */
    STORE_SYNC, /* segment: make what an earlier process wrote durable, folder too */
    STORE_QUARANTINE_PART, /* segment, offset, size, epoch: copy those bytes aside */
    STORE_QUARANTINE_SEGMENT, /* segment, epoch: the file moves aside, if it is there */
    STORE_DELETE, /* segment: gone for good, folder synced; done already where it is not there */
    STORE_REPAIR_PART, /* segment, offset, data: into a new file for it, begun anew at offset 0 */
    STORE_REPAIR_DONE, /* segment, epoch: that file becomes the segment, the old one goes aside */
    STORE_OPS
};

/* A repair never touches the only copy. Its parts go, in order, into a file of their own, one at a
 * time; alone among the operations a PART is not durable when it is answered, and counts for
 * nothing. DONE makes them durable, keeps the damaged file (if there is one) in quarantine, and
 * puts the new one into its place: whoever reads finds the one or the other. A crash in between
 * leaves the damaged file or the new one; or, where the file system knows no second names, none: to
 * be repaired again. */

/* One operation. `data` stays where it is until the matching WRITTEN. */
struct store_write {
    enum store_op op;
    enum store_file file;
    segment_t segment;
    uint64_t offset;
    uint64_t size;
    epoch_t epoch;
    struct bytes data;
};

/* Reads past the page cache where `fresh`. Fewer bytes than asked for means the file ends there;
 * `into` belongs to the node and stays until the matching READ. */
struct store_read {
    segment_t segment;
    uint64_t offset;
    uint8_t *into;
    uint64_t size;
    bool fresh;
};

/* How full the file system of the data folder is, as `df` counts. Told when it changes
 * (EVENT_SPACE), which a member may not rely on: until the first time nothing is known, and nothing
 * is full. */
struct store_space {
    uint64_t total_bytes; /* used and free; what only the system may use counts as neither */
    uint64_t free_bytes;
};

/* What the world found in the data folder when it started the node. Borrowed during START. */
struct store_inventory {
    struct bytes files[STORE_FILES]; /* empty where missing */
    const segment_t *segments; /* ascending */
    size_t segment_count;
};

const char *store_op_name(enum store_op op);
const char *store_file_name(enum store_file file);

#endif
