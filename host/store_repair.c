/* Writing a segment anew beside the damaged one, and putting it into its place.
 *
 * The parts go into spare/repair, which a start removes. When the last is there: sync on the
 * descriptor that wrote; a second name for the damaged file in quarantine, synced; then the two
 * files exchange their names, in one step, so that whoever reads the segment meanwhile finds either
 * of them; the folders are synced, and spare/repair, by now the damaged one, loses that name.
 *
 * How it goes wrong: a full disk takes a spare first. A file system that cannot exchange names gets
 * the new file renamed over the damaged one, which has its second name by then; so there is always
 * one of them, with what is good in it. Only where no second names are known the damaged one moves
 * first: a crash in between leaves no file, which recovery knows as a missing one. */
#include "host/failpoint.h"
#include "host/file.h"
#include "host/store_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char REPAIR[] = "repair";

/* What was begun and not ended is nothing. */
static enum status begin(struct store_posix *store, segment_t segment)
{
    const int before = store->repair;

    store->repair = -1;
    if (before >= 0) {
        TRY(file_close(before));
    }
    store->repair =
        openat(store->spares.folder, REPAIR, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    store->repair_segment = segment;
    return store->repair >= 0 ? OK : file_status_of_errno(errno);
}

enum status store_repair_part(struct store_posix *store, const struct store_write *write)
{
    if (write->offset == 0) {
        TRY(begin(store, write->segment));
    }
    if (store->repair < 0 || store->repair_segment != write->segment) {
        errno = EBADF;
        return E_IO;
    }

    failpoint_pass(FAILPOINT_REPAIR_BEFORE_WRITE);

    const enum status status = file_write(store->repair, write->data, write->offset);
    const int error = errno;

    if (status == E_DISK_FULL && spares_give_up_one(&store->spares)) {
        return file_write(store->repair, write->data, write->offset);
    }
    errno = error;
    return status;
}

/* Something has that name, whose second one is durable; or nothing has, or no exchange is known. */
static enum status take_place(struct store_posix *store, const char *name)
{
    const int folder = store->spares.folder;

    if (renameat2(folder, REPAIR, store->wal, name, RENAME_EXCHANGE) == 0) {
        return OK;
    }
    if (errno != ENOENT && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return file_status_of_errno(errno);
    }
    return renameat(folder, REPAIR, store->wal, name) == 0 ? OK : file_status_of_errno(errno);
}

static enum status sync_names(const struct store_posix *store)
{
    TRY(file_sync_folder(store->wal));
    return file_sync_folder(store->spares.folder);
}

enum status store_repair_done(struct store_posix *store, const struct store_write *write)
{
    char name[SEGMENT_NAME_MAX];
    const int fd = store->repair;

    if (fd < 0 || store->repair_segment != write->segment) {
        errno = EBADF;
        return E_IO;
    }
    failpoint_pass(FAILPOINT_REPAIR_BEFORE_SYNC);
    TRY(file_sync(fd));
    failpoint_pass(FAILPOINT_REPAIR_AFTER_SYNC);
    store->repair = -1;
    TRY(file_close(fd));
    TRY(store_forget_writer(store)); /* its descriptor would be of the damaged file */
    store_segment_name(write->segment, name);
    TRY(store_aside_damaged(store, write));
    failpoint_pass(FAILPOINT_REPAIR_AFTER_ASIDE);
    TRY(take_place(store, name));
    failpoint_pass(FAILPOINT_REPAIR_AFTER_EXCHANGE);
    TRY(sync_names(store));
    failpoint_pass(FAILPOINT_REPAIR_AFTER_FOLDER_SYNC);
    if (unlinkat(store->spares.folder, REPAIR, 0) != 0 && errno != ENOENT) {
        return file_status_of_errno(errno);
    }
    failpoint_pass(FAILPOINT_REPAIR_AFTER_UNLINK);
    return OK;
}
