/* Setting bytes aside: out of the WAL, never away.
 *
 * A part (the bytes behind a torn tail) is copied to quarantine/EPOCH-SEGMENT-OFFSET.part, written
 * under a temporary name, synced, then renamed; a whole segment is renamed to EPOCH-SEGMENT.seg. A
 * crash in between leaves the operation to be asked for again: a part that is there already with
 * the same bytes is not kept twice, and a segment that has moved already is a success. Where other
 * bytes lie under the name (another tear at the same place), the newcomer gets a number. A segment
 * of a history that was cut may also have been lost: then there is nothing to move.
 *
 * A damaged segment that is being repaired stays where it is until the repaired one takes its
 * place, so it gets a second name in quarantine first. */
#include "host/failpoint.h"
#include "host/file.h"
#include "host/store_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ASIDE_NAMES_MAX = 1000, /* tears at one place of one epoch: far beyond any honest history */
};

static const char COPYING[] = "copying.new";

/* "", ".2", ".3", ... after the name. */
static void numbered(char name[NAME_MAX], const char *base, const char *end, unsigned number)
{
    if (number == 1) {
        snprintf(name, NAME_MAX, "%s%s", base, end);
    } else {
        snprintf(name, NAME_MAX, "%s.%u%s", base, number, end);
    }
}

static enum status read_piece(int folder, const char *name, uint64_t offset, uint8_t *into,
                              uint64_t *got)
{
    const struct store_read read = {
        .offset = offset, .into = into, .size = STORE_BOUNCE_BYTES, .fresh = true};

    return store_read_file(folder, name, &read, got);
}

static enum status copy_pieces(struct store_posix *store, const struct store_write *write, int fd)
{
    char segment[SEGMENT_NAME_MAX];

    store_segment_name(write->segment, segment);
    for (uint64_t done = 0; done < write->size;) {
        uint64_t got;

        TRY(read_piece(store->wal, segment, write->offset + done, store->bounce, &got));
        if (got == 0) {
            break;
        }
        if (got > write->size - done) {
            got = write->size - done;
        }
        TRY(file_write(fd, bytes_of(store->bounce, (size_t)got), done));
        done += got;
    }
    failpoint_pass(FAILPOINT_PART_BEFORE_SYNC);
    return fsync(fd) == 0 ? OK : file_status_of_errno(errno);
}

static enum status copy_part(struct store_posix *store, const struct store_write *write)
{
    const int fd =
        openat(store->quarantine, COPYING, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    failpoint_pass(FAILPOINT_PART_BEFORE_WRITE);

    const enum status status = copy_pieces(store, write, fd);
    const int error = errno;
    const enum status closed = file_close(fd);

    if (status != OK) {
        errno = error;
        return status;
    }
    return closed;
}

/* Whether two files in quarantine hold the same bytes. `room` is for two pieces. */
static enum status compare(int folder, const char *name, uint8_t *room, bool *same)
{
    uint64_t at = 0;
    uint64_t a = 1;
    uint64_t b = 1;

    *same = true;
    while (*same && a > 0) {
        TRY(read_piece(folder, COPYING, at, room, &a));
        TRY(read_piece(folder, name, at, room + STORE_BOUNCE_BYTES, &b));
        *same =
            bytes_equal(bytes_of(room, (size_t)a), bytes_of(room + STORE_BOUNCE_BYTES, (size_t)b));
        at += a;
    }
    return OK;
}

/* Names the copy; or drops it where an earlier one holds the same. */
static enum status keep_once(struct store_posix *store, const char *base, uint8_t *room)
{
    char name[NAME_MAX];
    bool same = false;

    for (unsigned i = 1; i <= ASIDE_NAMES_MAX; i++) {
        numbered(name, base, ".part", i);
        if (renameat2(store->quarantine, COPYING, store->quarantine, name, RENAME_NOREPLACE) == 0) {
            return OK;
        }
        if (errno != EEXIST) {
            return file_status_of_errno(errno);
        }
        TRY(compare(store->quarantine, name, room, &same));
        if (same) {
            return unlinkat(store->quarantine, COPYING, 0) == 0 ? OK : file_status_of_errno(errno);
        }
    }
    errno = EEXIST;
    return E_EXISTS;
}

enum status store_aside_part(struct store_posix *store, const struct store_write *write)
{
    char base[NAME_MAX / 2];
    void *room;

    TRY(store_forget_writer(store)); /* what it wrote is settled; the next append opens it again */
    snprintf(base, sizeof base, "%" PRIu64 "-%" PRIu64 "-%" PRIu64, write->epoch, write->segment,
             write->offset);
    TRY(copy_part(store, write));
    failpoint_pass(FAILPOINT_PART_AFTER_SYNC);
    if (posix_memalign(&room, STORE_ALIGN, 2 * (size_t)STORE_BOUNCE_BYTES) != 0) {
        errno = ENOMEM;
        return E_IO;
    }

    const enum status status = keep_once(store, base, room);
    const int error = errno;

    free(room);
    errno = error;
    TRY(status);
    failpoint_pass(FAILPOINT_PART_AFTER_RENAME);
    TRY(file_sync_folder(store->quarantine));
    failpoint_pass(FAILPOINT_PART_AFTER_FOLDER_SYNC);
    return OK;
}

static enum status move_segment(struct store_posix *store, const char *segment, const char *base)
{
    char name[NAME_MAX];

    for (unsigned i = 1; i <= ASIDE_NAMES_MAX; i++) {
        numbered(name, base, ".seg", i);
        if (renameat2(store->wal, segment, store->quarantine, name, RENAME_NOREPLACE) == 0) {
            return OK;
        }
        if (errno == ENOENT) {
            return OK; /* moved before a crash, or lost: nothing of it is in the way */
        }
        if (errno != EEXIST) {
            return file_status_of_errno(errno);
        }
    }
    errno = EEXIST;
    return E_EXISTS;
}

enum status store_aside_segment(struct store_posix *store, const struct store_write *write)
{
    char segment[SEGMENT_NAME_MAX];
    char base[NAME_MAX / 2];

    TRY(store_forget_writer(store));
    store_segment_name(write->segment, segment);
    snprintf(base, sizeof base, "%" PRIu64 "-%" PRIu64, write->epoch, write->segment);
    failpoint_pass(FAILPOINT_ASIDE_BEFORE_RENAME);
    TRY(move_segment(store, segment, base));
    failpoint_pass(FAILPOINT_ASIDE_AFTER_RENAME);
    TRY(file_sync_folder(store->quarantine));
    failpoint_pass(FAILPOINT_ASIDE_AFTER_QUARANTINE_SYNC);
    TRY(file_sync_folder(store->wal));
    failpoint_pass(FAILPOINT_ASIDE_AFTER_WAL_SYNC);
    return OK;
}

/* A second name; the same file again where an earlier try gave it that name. */
static enum status link_segment(struct store_posix *store, const char *segment, const char *base)
{
    char name[NAME_MAX];
    struct stat from, there;

    if (fstatat(store->wal, segment, &from, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? OK : file_status_of_errno(errno);
    }
    for (unsigned i = 1; i <= ASIDE_NAMES_MAX; i++) {
        numbered(name, base, ".seg", i);
        if (linkat(store->wal, segment, store->quarantine, name, 0) == 0) {
            return OK;
        }
        if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK) {
            return move_segment(store, segment, base);
        }
        if (errno != EEXIST) {
            return file_status_of_errno(errno);
        }
        if (fstatat(store->quarantine, name, &there, AT_SYMLINK_NOFOLLOW) == 0
            && there.st_ino == from.st_ino) {
            return OK;
        }
    }
    errno = EEXIST;
    return E_EXISTS;
}

enum status store_aside_damaged(struct store_posix *store, const struct store_write *write)
{
    char segment[SEGMENT_NAME_MAX];
    char base[NAME_MAX / 2];

    store_segment_name(write->segment, segment);
    snprintf(base, sizeof base, "%" PRIu64 "-%" PRIu64, write->epoch, write->segment);
    TRY(link_segment(store, segment, base));
    TRY(file_sync_folder(store->quarantine));
    return file_sync_folder(store->wal);
}
