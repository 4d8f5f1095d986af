/* Small files whole, segments by their names; anything else in wal/ is nobody's segment. */
#include "cli/folder.h"

#include "host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALL_FILE_MAX = 16 << 20, NAME_DIGITS = 20, NAME_MAX_BYTES = 32 };

static enum status load(struct folder *folder, const char *name, uint8_t **data, struct bytes *seen)
{
    size_t size = 0;
    const enum status status = file_load(folder->fd, name, SMALL_FILE_MAX, data, &size);

    *seen = status == OK ? bytes_of(*data, size) : bytes_none();
    return status;
}

/* Where it is not there, it is not looked at. */
static enum status load_if_there(struct folder *folder, const char *name, uint8_t **data,
                                 struct bytes *seen)
{
    const enum status status = load(folder, name, data, seen);

    return status == E_MISSING ? OK : status;
}

static bool is_segment(const char *name, segment_t *segment)
{
    char *end;

    if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, ".seg") != 0) {
        return false;
    }
    errno = 0;
    *segment = strtoull(name, &end, 10);
    return errno == 0;
}

static int compare(const void *a, const void *b)
{
    const segment_t first = *(const segment_t *)a;
    const segment_t second = *(const segment_t *)b;

    return (first > second) - (first < second);
}

static enum status add(struct folder *folder, segment_t segment, uint32_t *room)
{
    if (folder->seen.segment_count == *room) {
        *room = *room == 0 ? 64 : 2 * *room;
        segment_t *more = realloc(folder->segments, *room * sizeof *more);

        if (more == NULL) {
            return E_FULL;
        }
        folder->segments = more;
    }
    folder->segments[folder->seen.segment_count++] = segment;
    return OK;
}

static enum status list(struct folder *folder)
{
    const int copy = openat(folder->wal, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    enum status status = OK;
    segment_t segment;
    uint32_t room = 0;

    if (entries == NULL) {
        return file_status_of_errno(errno);
    }
    for (struct dirent *entry = readdir(entries); entry != NULL && status == OK;
         entry = readdir(entries)) {
        if (is_segment(entry->d_name, &segment)) {
            status = add(folder, segment, &room);
        }
    }
    closedir(entries);
    if (folder->seen.segment_count > 0) {
        qsort(folder->segments, folder->seen.segment_count, sizeof segment, compare);
    }
    folder->seen.segments = folder->segments;
    return status;
}

static enum status read_segment(void *context, segment_t segment, uint64_t offset, void *into,
                                uint64_t size, uint64_t *got)
{
    const struct folder *folder = context;
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof name, "%020" PRIu64 ".seg", segment);

    const int fd = openat(folder->wal, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }
    const enum status status = file_read(fd, into, size, offset, got);

    close(fd);
    return status;
}

enum status folder_open(struct folder *folder, const char *path)
{
    *folder = (struct folder){.path = path, .fd = -1, .wal = -1};
    folder->seen.read = read_segment;
    folder->seen.context = folder;
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        return errno == ENOTDIR ? E_MISSING : file_status_of_errno(errno);
    }
    TRY(load_if_there(folder, "control", &folder->control, &folder->seen.control));
    TRY(load_if_there(folder, "keyring", &folder->keyring, &folder->seen.keyring));
    TRY(load(folder, "descriptor", &folder->descriptor, &folder->seen.descriptor));
    folder->wal = openat(folder->fd, "wal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->wal < 0) {
        return errno == ENOENT ? OK : file_status_of_errno(errno);
    }
    return list(folder);
}

void folder_close(struct folder *folder)
{
    if (folder->fd >= 0) {
        close(folder->fd);
    }
    if (folder->wal >= 0) {
        close(folder->wal);
    }
    free(folder->descriptor);
    free(folder->keyring);
    free(folder->control);
    free(folder->segments);
}
