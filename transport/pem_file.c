/* open, write, fsync, close; and rename over the old one where a file is replaced.
 *
 * How it goes wrong: a file that is there already, a folder that is not, a full or read-only disk.
 * A half-written file is removed. */
#include "transport/pem_file.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return E_MISSING;
    case EEXIST:
        return E_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return E_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return E_DISK_FULL;
    default: /* foreign: errno */
        return E_IO;
    }
}

static bool write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(file, data, size);

        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return fsync(file) == 0;
}

enum status pem_file_create(const char *path, BIO *content, mode_t mode)
{
    char *data;
    const long size = BIO_get_mem_data(content, &data);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    enum status status = OK;

    if (file < 0) {
        return status_of_errno(errno);
    }
    if (!write_all(file, data, (size_t)size)) {
        status = status_of_errno(errno);
    }
    if (close(file) != 0 && status == OK) {
        status = status_of_errno(errno);
    }
    if (status != OK) {
        unlink(path);
    }
    return status;
}

/* The name of a file is durable once its folder is. */
static enum status sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int size = slash == NULL ? 1 : (int)(slash - path) + 1;

    snprintf(folder, sizeof folder, "%.*s", size, slash == NULL ? "." : path);

    const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file < 0) {
        return status_of_errno(errno);
    }
    const bool synced = fsync(file) == 0;

    close(file);
    return synced ? OK : E_IO;
}

enum status pem_file_replace(const char *path, BIO *content, mode_t mode)
{
    char fresh[PATH_MAX];

    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh) {
        return E_USAGE;
    }
    unlink(fresh); /* of an attempt that was cut short */
    TRY(pem_file_create(fresh, content, mode));
    if (rename(fresh, path) != 0) {
        const enum status status = status_of_errno(errno);

        unlink(fresh);
        return status;
    }
    return sync_folder(path);
}

enum status pem_file_open(const char *path, BIO **file)
{
    errno = 0;
    *file = BIO_new_file(path, "r");
    if (*file == NULL) {
        const int error = errno;

        ERR_clear_error();
        return error == ENOENT || error == ENOTDIR ? E_MISSING : E_IO;
    }
    return OK;
}
