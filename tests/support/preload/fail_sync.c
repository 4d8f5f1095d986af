/* A disk that fails when a test says so: preloaded into a real daemon.
 *
 * FAIL_SYNC_ORDER names a file that need not be there. While it is, its one line says which call
 * fails, on which files, and how:
 *
 *   fdatasync /wal/ EIO      CALL (fdatasync fsync pwrite), a part of the path, what happens
 *
 * EIO and ENOSPC fail every time; EIO-ONCE fails one call and takes the order away, as a kernel
 * does that reports lost pages once and then calls them clean; EINTR fails every other call; SHORT
 * (pwrite) writes at most 512 bytes of what it is given; SLOW waits a tenth of a second first.
 * Anything else goes through. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { SHORT_BYTES = 512, TEXT_MAX = 4096 };

struct order {
    char call[32];
    char part[256];
    char how[32];
};

int fdatasync(int fd);
int fsync(int fd);
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset);

static bool read_order(struct order *order)
{
    const char *path = getenv("FAIL_SYNC_ORDER");
    FILE *file = path == NULL ? NULL : fopen(path, "re");

    if (file == NULL) {
        return false;
    }

    const bool whole = fscanf(file, "%31s %255s %31s", order->call, order->part, order->how) == 3;

    fclose(file);
    return whole;
}

/* Of several threads one succeeds. */
static bool take_order(void)
{
    const int before = errno;
    const bool taken = unlink(getenv("FAIL_SYNC_ORDER")) == 0;

    errno = before;
    return taken;
}

static bool is_for(const struct order *order, int fd)
{
    char link[64];
    char path[TEXT_MAX];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);

    const ssize_t size = readlink(link, path, sizeof path - 1);

    if (size < 0) {
        return false;
    }
    path[size] = '\0';
    return strstr(path, order->part) != NULL;
}

/* The errno that this call fails with; 0: none. SHORT shortens `size`. */
static int verdict(const char *call, int fd, size_t *size)
{
    static _Thread_local unsigned calls;
    const int before = errno;
    struct order order;
    const bool meant = read_order(&order) && strcmp(order.call, call) == 0 && is_for(&order, fd);

    errno = before;
    if (!meant) {
        return 0;
    }
    if (strcmp(order.how, "EIO") == 0) {
        return EIO;
    }
    if (strcmp(order.how, "EIO-ONCE") == 0) {
        return take_order() ? EIO : 0;
    }
    if (strcmp(order.how, "ENOSPC") == 0) {
        return ENOSPC;
    }
    if (strcmp(order.how, "EINTR") == 0) {
        return ++calls % 2 == 1 ? EINTR : 0;
    }
    if (strcmp(order.how, "SHORT") == 0 && size != NULL && *size > SHORT_BYTES) {
        *size = SHORT_BYTES;
    }
    if (strcmp(order.how, "SLOW") == 0) {
        usleep(100000);
    }
    return 0;
}

static int sync_with(const char *call, int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
    const int error = verdict(call, fd, NULL);

    if (error != 0) {
        errno = error;
        return -1;
    }
    return real(fd);
}

int fdatasync(int fd)
{
    return sync_with("fdatasync", fd);
}

int fsync(int fd)
{
    return sync_with("fsync", fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    const int error = verdict("pwrite", fd, &size);

    if (error != 0) {
        errno = error;
        return -1;
    }
    return real(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite64(fd, data, size, offset);
}
