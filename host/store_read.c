/* Performing reads, on a descriptor of their own, from any thread.
 *
 * A fresh read must show what is on the disk and not what an earlier process left in the page
 * cache. Direct I/O does that (it first writes back what is dirty); where it is refused, the file
 * is synced and its cached pages are dropped before the read.
 *
 * A large read is direct too: what it wants was written past the cache, so that it is not there,
 * and putting it there costs more than the read itself. */
#include "host/file.h"
#include "host/store_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_aligned(const struct store_read *read)
{
    return ((uintptr_t)read->into | read->offset | read->size) % STORE_ALIGN == 0;
}

/* Reads whole blocks into `block` and copies the part that was asked for. */
static enum status read_bounced(int fd, const struct store_read *read, uint8_t *block,
                                uint64_t *got)
{
    *got = 0;
    while (*got < read->size) {
        const uint64_t from = read->offset + *got;
        const uint64_t skip = from % STORE_ALIGN;
        uint64_t count;

        TRY(file_read(fd, block, STORE_BOUNCE_BYTES, from - skip, &count));
        if (count <= skip) {
            break;
        }

        const uint64_t here = count - skip;
        const uint64_t left = read->size - *got;
        const uint64_t part = here < left ? here : left;

        memcpy(read->into + *got, block + skip, (size_t)part);
        *got += part;
        if (count < STORE_BOUNCE_BYTES) {
            break;
        }
    }
    return OK;
}

static enum status read_direct(int fd, const struct store_read *read, uint64_t *got)
{
    void *block;

    if (is_aligned(read)) {
        return file_read(fd, read->into, read->size, read->offset, got);
    }
    if (posix_memalign(&block, STORE_ALIGN, STORE_BOUNCE_BYTES) != 0) {
        errno = ENOMEM;
        return E_IO;
    }

    const enum status status = read_bounced(fd, read, block, got);
    const int error = errno;

    free(block);
    errno = error;
    return status;
}

static enum status read_uncached(int fd, const struct store_read *read, uint64_t *got)
{
    TRY(file_sync(fd));
    posix_fadvise(fd, (off_t)read->offset, (off_t)read->size, POSIX_FADV_DONTNEED);
    return file_read(fd, read->into, read->size, read->offset, got);
}

static enum status read_opened(int fd, bool direct, const struct store_read *read, uint64_t *got)
{
    if (direct) {
        return read_direct(fd, read, got);
    }
    return read->fresh ? read_uncached(fd, read, got)
                       : file_read(fd, read->into, read->size, read->offset, got);
}

enum status store_read_file(int folder, const char *name, const struct store_read *read,
                            uint64_t *got)
{
    bool direct = read->fresh || (is_aligned(read) && read->size >= STORE_DIRECT_READ_BYTES);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));

    if (fd < 0 && direct && errno == EINVAL) {
        direct = false;
        fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    }
    *got = 0;
    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    const enum status status = read_opened(fd, direct, read, got);
    const int error = errno;

    close(fd); /* it was only read: there is nothing left to fail */
    errno = error;
    return status;
}

enum status store_get(struct store_posix *store, const struct store_read *read, uint64_t *got)
{
    char name[SEGMENT_NAME_MAX];

    store_segment_name(read->segment, name);

    const enum status status = store_read_file(store->wal, name, read, got);

    if (status != OK) {
        trace_event(&store->trace, "disk.failed op=read folder=%s file=%s status=%s text=\"%s\"",
                    store->path, name, status_name(status), strerror(errno));
    }
    return status;
}
