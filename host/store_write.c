/* Performing writes: a segment's header, its batches, small files, syncs.
 *
 * The descriptor of the segment that is being written stays open, so that a sync happens on the
 * very descriptor that wrote. It is opened for direct I/O where the file system has that: batches
 * are aligned and are not read again soon. Memory that is not aligned goes through a bounce buffer.
 *
 * A segment is born complete: its header is written into a spare and synced before the spare is
 * renamed into the WAL, never over something. A file found under that name is E_EXISTS. */
#include "host/store_posix.h"

#include "base/check.h"
#include "host/failpoint.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_DIRECT is a wish: file systems that refuse it say EINVAL. */
static int open_direct(int folder, const char *name, int flags)
{
    const int fd = openat(folder, name, flags | O_DIRECT | O_CLOEXEC);

    return fd >= 0 || errno != EINVAL ? fd : openat(folder, name, flags | O_CLOEXEC);
}

enum status store_forget_writer(struct store_posix *store)
{
    const int fd = store->writer;

    CHECK(!store->dirty);

    store->writer = -1;
    return fd < 0 ? OK : file_close(fd);
}

static bool is_aligned(const void *data)
{
    return (uintptr_t)data % STORE_ALIGN == 0;
}

static enum status write_aligned(struct store_posix *store, int fd, struct bytes data,
                                 uint64_t offset)
{
    CHECK(data.size % STORE_ALIGN == 0 && offset % STORE_ALIGN == 0);

    if (is_aligned(data.data)) {
        return file_write(fd, data, offset);
    }
    for (size_t done = 0; done < data.size; done += STORE_BOUNCE_BYTES) {
        const struct bytes part = bytes_part(data, done, STORE_BOUNCE_BYTES);

        memcpy(store->bounce, part.data, part.size);
        TRY(file_write(fd, bytes_of(store->bounce, part.size), offset + done));
    }
    return OK;
}

/* The spare in hand becomes the segment, by name; its descriptor is then the writer. */
static enum status give_birth(struct store_posix *store, const struct store_write *write,
                              const struct spare *spare, const char *name)
{
    const int fd = open_direct(store->spares.folder, spare->name, O_WRONLY);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }
    store->writer = fd;
    store->writer_segment = write->segment;
    failpoint_pass(FAILPOINT_CREATE_BEFORE_WRITE);
    TRY(write_aligned(store, fd, write->data, 0));
    failpoint_pass(FAILPOINT_CREATE_BEFORE_SYNC);
    TRY(file_sync(fd));
    failpoint_pass(FAILPOINT_CREATE_AFTER_SYNC);
    if (renameat2(store->spares.folder, spare->name, store->wal, name, RENAME_NOREPLACE) != 0) {
        return file_status_of_errno(errno);
    }
    failpoint_pass(FAILPOINT_CREATE_AFTER_RENAME);
    return OK;
}

/* No byte of it was ever promised to anybody. */
static void bury(struct store_posix *store, const struct spare *spare)
{
    const int before = errno;

    if (store->writer >= 0) {
        close(store->writer);
        store->writer = -1;
    }
    unlinkat(store->spares.folder, spare->name, 0);
    spares_release(&store->spares, spare);
    errno = before;
}

/* A full disk may refuse even what was reserved: xfs, the conversion of an extent or a name. */
static enum status take_and_give_birth(struct store_posix *store, const struct store_write *write,
                                       struct spare *spare, const char *name)
{
    TRY(spares_take(&store->spares, spare));

    const enum status status = give_birth(store, write, spare, name);

    if (status == E_DISK_FULL) {
        bury(store, spare);
    }
    return status;
}

static enum status create_segment(struct store_posix *store, const struct store_write *write,
                                  const char *name)
{
    TRY(store_forget_writer(store));
    if (faccessat(store->wal, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return E_EXISTS;
    }

    struct spare spare;
    enum status status = take_and_give_birth(store, write, &spare, name);

    while (status == E_DISK_FULL && spares_wait_for_space(&store->spares)) {
        status = take_and_give_birth(store, write, &spare, name);
    }
    TRY(status); /* the slot stays taken: nothing more is written anyway */
    TRY(file_sync_folder(store->wal));
    failpoint_pass(FAILPOINT_CREATE_AFTER_WAL_SYNC);
    TRY(file_sync_folder(store->spares.folder));
    failpoint_pass(FAILPOINT_CREATE_AFTER_SPARE_SYNC);
    spares_release(&store->spares, &spare);
    return OK;
}

/* What a power cut makes of a write: its first half, in sectors, and then nothing. */
static void tear(struct store_posix *store, const struct store_write *write)
{
    const size_t half = write->data.size / 2 / STORE_ALIGN * STORE_ALIGN;

    if (half > 0 && failpoint_is_due()) {
        (void)!write_aligned(store, store->writer, bytes_of(write->data.data, half), write->offset);
        failpoint_die();
    }
}

static enum status append(struct store_posix *store, const struct store_write *write,
                          const char *name)
{
    if (store->writer < 0 || store->writer_segment != write->segment) {
        TRY(store_forget_writer(store));
        store->writer = open_direct(store->wal, name, O_WRONLY);
        if (store->writer < 0) {
            return file_status_of_errno(errno);
        }
        store->writer_segment = write->segment;
    }
    store->dirty = true;
    failpoint_pass(FAILPOINT_APPEND_BEFORE_WRITE);
    if (failpoint_armed == FAILPOINT_APPEND_TORN) {
        tear(store, write);
    }
    TRY(write_aligned(store, store->writer, write->data, write->offset));
    failpoint_pass(FAILPOINT_APPEND_AFTER_WRITE);
    return OK;
}

enum status store_settle(struct store_posix *store)
{
    char name[SEGMENT_NAME_MAX];

    if (!store->dirty) {
        return OK;
    }

    failpoint_pass(FAILPOINT_APPEND_BEFORE_SYNC);

    const enum status status = file_sync(store->writer);

    if (status == OK) {
        failpoint_pass(FAILPOINT_APPEND_AFTER_SYNC);
        store->dirty = false;
        return OK;
    }
    store_segment_name(store->writer_segment, name);
    return store_said(store, status, STORE_SYNC, name);
}

void store_abandon(struct store_posix *store)
{
    store->dirty = false;
    const enum status closed = store_forget_writer(store);

    (void)closed; /* changes nothing any more */
}

static enum status sync_segment(struct store_posix *store, const char *name)
{
    const int fd = openat(store->wal, name, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    failpoint_pass(FAILPOINT_SYNC_BEFORE_SYNC);

    enum status status = fsync(fd) == 0 ? OK : file_status_of_errno(errno);
    const int error = errno;
    const enum status closed = file_close(fd);

    failpoint_pass(FAILPOINT_SYNC_AFTER_SYNC);

    if (status != OK) {
        errno = error;
        return status;
    }
    TRY(closed);
    TRY(file_sync_folder(store->wal));
    failpoint_pass(FAILPOINT_SYNC_AFTER_FOLDER_SYNC);
    return OK;
}

/* Nothing is in doubt where the new file could not be written: the old one stands. So a full disk
 * takes the spares first; then this waits for space. */
static enum status replace_file(struct store_posix *store, const char *name, struct bytes data)
{
    enum status status = file_replace(store->folder, name, data);
    int error = errno;

    while (status == E_DISK_FULL
           && (spares_give_up_one(&store->spares) || spares_wait_for_space(&store->spares))) {
        status = file_replace(store->folder, name, data);
        error = errno;
    }
    errno = error;
    return status;
}

/* It may have gone before a crash. */
static enum status delete_segment(struct store_posix *store, const char *name)
{
    TRY(store_forget_writer(store)); /* what it wrote is settled; the next append opens it again */
    failpoint_pass(FAILPOINT_DELETE_BEFORE_UNLINK);
    if (unlinkat(store->wal, name, 0) != 0 && errno != ENOENT) {
        return file_status_of_errno(errno);
    }
    failpoint_pass(FAILPOINT_DELETE_AFTER_UNLINK);
    TRY(file_sync_folder(store->wal));
    failpoint_pass(FAILPOINT_DELETE_AFTER_FOLDER_SYNC);
    return OK;
}

static enum status perform(struct store_posix *store, const struct store_write *write,
                           const char *name)
{
    switch (write->op) {
    case STORE_REPLACE:
        return replace_file(store, name, write->data);
    case STORE_CREATE:
        return create_segment(store, write, name);
    case STORE_APPEND:
        return append(store, write, name);
    case STORE_SYNC:
        return sync_segment(store, name);
    case STORE_QUARANTINE_PART:
        return store_aside_part(store, write);
    case STORE_QUARANTINE_SEGMENT:
        return store_aside_segment(store, write);
    case STORE_DELETE:
        return delete_segment(store, name);
    case STORE_REPAIR_PART:
        return store_repair_part(store, write);
    case STORE_REPAIR_DONE:
        return store_repair_done(store, write);
    case STORE_OPS:
        break;
    }
    UNREACHABLE();
}

enum status store_put(struct store_posix *store, const struct store_write *write)
{
    char name[SEGMENT_NAME_MAX];

    CHECK(!store->dirty || (write->op == STORE_APPEND && write->segment == store->writer_segment));

    if (write->op == STORE_REPLACE) {
        snprintf(name, sizeof name, "%s", store_file_name(write->file));
    } else {
        store_segment_name(write->segment, name);
    }
    return store_said(store, perform(store, write, name), write->op, name);
}
