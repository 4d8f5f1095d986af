/* The wrapped calls: each does what it is asked, then notes it where it lies below the folder.
 *
 * A file is known by its path at the time, which the kernel tells (/proc/self/fd); files that lose
 * their name while they are open are written to no more by the store. The lock says nothing about
 * the WAL and is left out. */
#include "tests/replay/recorder.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct recording *active;
static char root[PATH_MAX];
static bool refuses_exchange;

void recorder_start(struct recording *recording, const char *folder)
{
    CHECK(active == NULL && recording->count == 0 && realpath(folder, root) != NULL);
    recording->ops = calloc(OPS_MAX, sizeof *recording->ops);
    CHECK(recording->ops != NULL);
    active = recording;
}

void recorder_stop(void)
{
    active = NULL;
}

void recording_free(struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++) {
        free(recording->ops[i].data);
    }
    free(recording->ops);
    recording->ops = NULL;
    recording->count = 0;
}

void recorder_refuse_exchange(bool refuse)
{
    refuses_exchange = refuse;
}

const char *op_name(enum op_kind kind)
{
    static const char *const names[] = {"make-folder", "create",    "truncate",    "write",
                                        "allocate",    "sync-file", "sync-folder", "rename",
                                        "exchange",    "link",      "unlink"};

    return names[kind];
}

/* "" for the folder itself; false where it is elsewhere. */
static bool path_below(int fd, const char *name, char path[PATH_BYTES])
{
    char link[64], folder[PATH_MAX];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);

    const ssize_t size = readlink(link, folder, sizeof folder - 1);

    if (active == NULL || size < 0) {
        return false;
    }
    folder[size] = '\0';
    if (strncmp(folder, root, strlen(root)) != 0) {
        return false;
    }
    const char *below = folder + strlen(root);

    below += *below == '/';
    snprintf(path, PATH_BYTES, "%s%s%s", below, *below != '\0' && name != NULL ? "/" : "",
             name != NULL ? name : "");
    return strcmp(path, "lock") != 0;
}

static struct op *add(enum op_kind kind, const char *path)
{
    if (active->before != NULL) {
        active->before(active->context, active->count);
    }
    CHECK(active->count < OPS_MAX);
    struct op *op = &active->ops[active->count++];

    *op = (struct op){.kind = kind};
    snprintf(op->path, sizeof op->path, "%s", path);
    return op;
}

static void add_at(enum op_kind kind, int fd, const char *name)
{
    char path[PATH_BYTES];

    if (path_below(fd, name, path)) {
        add(kind, path);
    }
}

static void add_two(enum op_kind kind, int from, const char *old, int to, const char *new)
{
    char path[PATH_BYTES], other[PATH_BYTES];

    if (path_below(from, old, path) && path_below(to, new, other)) {
        snprintf(add(kind, path)->other, PATH_BYTES, "%s", other);
    }
}

/* The linker's names. */
#define WRAP(type, name, ...) \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

WRAP(ssize_t, pwrite, int fd, const void *data, size_t size, off_t offset)
{
    const ssize_t wrote = __real_pwrite(fd, data, size, offset);
    char path[PATH_BYTES];

    if (wrote > 0 && path_below(fd, NULL, path)) {
        struct op *op = add(OP_WRITE, path);

        op->offset = (uint64_t)offset;
        op->size = (uint64_t)wrote;
        op->data = malloc((size_t)wrote);
        CHECK(op->data != NULL);
        memcpy(op->data, data, (size_t)wrote);
    }
    return wrote;
}

static int note_sync(int fd, int result)
{
    struct stat about;

    if (result == 0 && fstat(fd, &about) == 0) {
        add_at(S_ISDIR(about.st_mode) ? OP_SYNC_FOLDER : OP_SYNC_FILE, fd, NULL);
    }
    return result;
}

WRAP(int, fsync, int fd)
{
    return note_sync(fd, __real_fsync(fd));
}

WRAP(int, fdatasync, int fd)
{
    return note_sync(fd, __real_fdatasync(fd));
}

WRAP(int, fallocate, int fd, int mode, off_t offset, off_t size)
{
    const int result = __real_fallocate(fd, mode, offset, size);
    char path[PATH_BYTES];

    if (result == 0 && path_below(fd, NULL, path)) {
        add(OP_ALLOCATE, path)->size = (uint64_t)(offset + size);
    }
    return result;
}

WRAP(int, renameat, int from, const char *old, int to, const char *new)
{
    const int result = __real_renameat(from, old, to, new);

    if (result == 0) {
        add_two(OP_RENAME, from, old, to, new);
    }
    return result;
}

WRAP(int, renameat2, int from, const char *old, int to, const char *new, unsigned flags)
{
    if (flags == RENAME_EXCHANGE && refuses_exchange) {
        errno = EINVAL;
        return -1;
    }
    const int result = __real_renameat2(from, old, to, new, flags);

    if (result == 0) {
        add_two(flags == RENAME_EXCHANGE ? OP_EXCHANGE : OP_RENAME, from, old, to, new);
    }
    return result;
}

WRAP(int, linkat, int from, const char *old, int to, const char *new, int flags)
{
    const int result = __real_linkat(from, old, to, new, flags);

    if (result == 0) {
        add_two(OP_LINK, from, old, to, new);
    }
    return result;
}

WRAP(int, unlinkat, int folder, const char *name, int flags)
{
    const int result = __real_unlinkat(folder, name, flags);

    if (result == 0) {
        add_at(OP_UNLINK, folder, name);
    }
    return result;
}

WRAP(int, mkdirat, int folder, const char *name, mode_t mode)
{
    const int result = __real_mkdirat(folder, name, mode);

    if (result == 0) {
        add_at(OP_MAKE_FOLDER, folder, name);
    }
    return result;
}

int __real_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...);
int __wrap_openat(int folder, const char *name, int flags, ...)
{
    mode_t mode = 0;
    const bool creates = (flags & O_CREAT) != 0;
    const bool was_there = faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    if (creates) {
        va_list rest;

        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }

    const int fd = __real_openat(folder, name, flags, mode);
    const int error = errno;

    if (fd >= 0 && creates && !was_there) {
        add_at(OP_CREATE, folder, name);
    } else if (fd >= 0 && was_there && (flags & O_TRUNC) != 0) {
        add_at(OP_TRUNCATE, folder, name);
    }
    errno = error;
    return fd;
}
