/* Loops around pread and pwrite, and the one way of replacing a small file.
 *
 * A write that fails is not tried again here: on most Linux file systems a failed sync leaves the
 * pages marked clean, so a second try would report a success that is none. Only EINTR and short
 * counts, which are no failures, continue. */
#include "host/file.h"

#include "host/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_status_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return E_DISK_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return E_READ_ONLY;
    case ENOENT:
    case ENOTDIR:
        return E_MISSING;
    case EEXIST:
        return E_EXISTS;
    case EWOULDBLOCK:
        return E_LOCKED;
    default: /* foreign: errno */
        return E_IO;
    }
}

enum status file_write(int fd, struct bytes data, uint64_t offset)
{
    size_t done = 0;

    while (done < data.size) {
        const ssize_t wrote =
            pwrite(fd, data.data + done, data.size - done, (off_t)(offset + done));

        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote == 0) {
            errno = EIO;
            return E_IO;
        } else if (errno != EINTR) {
            return file_status_of_errno(errno);
        }
    }
    return OK;
}

enum status file_read(int fd, void *into, uint64_t size, uint64_t offset, uint64_t *got)
{
    *got = 0;
    while (*got < size) {
        const ssize_t count =
            pread(fd, (uint8_t *)into + *got, (size_t)(size - *got), (off_t)(offset + *got));

        if (count > 0) {
            *got += (uint64_t)count;
        } else if (count == 0) {
            break;
        } else if (errno != EINTR) {
            return file_status_of_errno(errno);
        }
    }
    return OK;
}

enum status file_sync(int fd)
{
    return fdatasync(fd) == 0 ? OK : file_status_of_errno(errno);
}

enum status file_sync_folder(int folder)
{
    return fsync(folder) == 0 ? OK : file_status_of_errno(errno);
}

enum status file_close(int fd)
{
    /* On Linux the descriptor is gone even where close is interrupted. */
    return close(fd) == 0 || errno == EINTR ? OK : file_status_of_errno(errno);
}

enum replace_step {
    REPLACE_BEFORE_WRITE,
    REPLACE_BEFORE_SYNC,
    REPLACE_AFTER_SYNC,
    REPLACE_AFTER_RENAME,
    REPLACE_AFTER_FOLDER_SYNC,
};

/* The first of the five places of files of that name; a coordinator's file may have any name. */
static enum failpoint places_of(const char *name)
{
    return strcmp(name, "control") == 0      ? FAILPOINT_CONTROL_BEFORE_WRITE
           : strcmp(name, "keyring") == 0    ? FAILPOINT_KEYRING_BEFORE_WRITE
           : strcmp(name, "descriptor") == 0 ? FAILPOINT_DESCRIPTOR_BEFORE_WRITE
                                             : FAILPOINT_CLAIM_BEFORE_WRITE;
}

static enum status write_new(int folder, const char *name, struct bytes data, enum failpoint steps)
{
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    failpoint_pass(steps + REPLACE_BEFORE_WRITE);

    enum status status = file_write(fd, data, 0);

    failpoint_pass(steps + REPLACE_BEFORE_SYNC);
    if (status == OK && fsync(fd) != 0) {
        status = file_status_of_errno(errno);
    }

    const int error = errno;
    const enum status closed = file_close(fd);

    if (status != OK) {
        errno = error;
        return status;
    }
    return closed;
}

enum status file_replace(int folder, const char *name, struct bytes data)
{
    const enum failpoint steps = places_of(name);
    char new_name[NAME_MAX + 1];

    snprintf(new_name, sizeof new_name, "%s.new", name);
    TRY(write_new(folder, new_name, data, steps));
    failpoint_pass(steps + REPLACE_AFTER_SYNC);
    if (renameat(folder, new_name, folder, name) != 0) {
        return file_status_of_errno(errno);
    }
    failpoint_pass(steps + REPLACE_AFTER_RENAME);
    TRY(file_sync_folder(folder));
    failpoint_pass(steps + REPLACE_AFTER_FOLDER_SYNC);
    return OK;
}

static enum status load_open(int fd, size_t max, uint8_t **data, size_t *size)
{
    struct stat about;
    uint64_t got;

    if (fstat(fd, &about) != 0) {
        return file_status_of_errno(errno);
    }
    if (!S_ISREG(about.st_mode)) {
        return E_IO;
    }
    if ((uint64_t)about.st_size > max) {
        return E_TOO_LARGE;
    }

    uint8_t *memory = malloc((size_t)about.st_size + 1);

    if (memory == NULL) {
        errno = ENOMEM;
        return E_IO;
    }

    const enum status status = file_read(fd, memory, (uint64_t)about.st_size, 0, &got);

    if (status != OK) {
        free(memory);
        return status;
    }
    *data = memory;
    *size = (size_t)got;
    return OK;
}

enum status file_load(int folder, const char *name, size_t max, uint8_t **data, size_t *size)
{
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    const enum status status = load_open(fd, max, data, size);
    const int error = errno;

    close(fd); /* it was only read: there is nothing left to fail */
    errno = error;
    return status;
}

enum status file_open_folder(int parent, const char *name, int *folder)
{
    if (mkdirat(parent, name, 0700) == 0) {
        failpoint_pass(FAILPOINT_FOLDER_AFTER_MAKE);
        TRY(file_sync_folder(parent));
        failpoint_pass(FAILPOINT_FOLDER_AFTER_SYNC);
    } else if (errno != EEXIST) {
        return file_status_of_errno(errno);
    }
    *folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *folder >= 0 ? OK : file_status_of_errno(errno);
}
