/* Open, lock, read; write whole.
 *
 * A file that does not have the form is refused as it is, with its line: guessing which services
 * may run would leave some of them running. */
#include "cli/up_folder.h"

#include "base/check.h"
#include "host/file.h"
#include "keys/arn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = REGION_TEXT_MAX + 8, FILE_BYTES_MAX = UP_REGIONS_MAX * LINE_BYTES_MAX };

static const char list[] = "regions";

bool up_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    return false;
}

bool up_region_is_valid(const char *name)
{
    return region_is_valid(name) && name[0] != '-' && strchr(name, '-') != NULL;
}

struct up_region *up_folder_region(struct up_folder *folder, const char *name)
{
    for (unsigned i = 0; i < folder->count; i++) {
        if (strcmp(folder->regions[i].name, name) == 0) {
            return &folder->regions[i];
        }
    }
    if (folder->count == UP_REGIONS_MAX) {
        return NULL;
    }

    struct up_region *region = &folder->regions[folder->count++];

    *region = (struct up_region){.port = 0};
    snprintf(region->name, sizeof region->name, "%s", name);
    return region;
}

/* ---- the list ---- */

/* A line without its end. */
static bool take_line(struct up_folder *folder, const char *line)
{
    char name[LINE_BYTES_MAX + 1];
    unsigned port;
    int end = 0;

    if (strlen(line) > LINE_BYTES_MAX || sscanf(line, "%s %5u%n", name, &port, &end) != 2
        || line[end] != '\0' || !up_region_is_valid(name) || port > UINT16_MAX) {
        return false;
    }

    const unsigned count = folder->count;
    struct up_region *region = up_folder_region(folder, name);

    if (region == NULL || folder->count == count) {
        return false;
    }
    region->port = port;
    return true;
}

static bool take_list(struct up_folder *folder, char *text)
{
    char why[96], path[UP_DIR_MAX + sizeof list + 1];
    char *line;

    for (unsigned number = 1; (line = strsep(&text, "\n")) != NULL && text != NULL; number++) {
        if (!take_line(folder, line)) {
            snprintf(path, sizeof path, "%s/%s", folder->dir, list);
            snprintf(why, sizeof why,
                     "line %u is not REGION PORT of another region: put it right, or make a new "
                     "folder",
                     number);
            return up_fail(path, why);
        }
    }
    return true;
}

static bool is_empty(const struct up_folder *folder)
{
    DIR *entries = fdopendir(openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    bool empty = entries != NULL;

    for (struct dirent *entry; empty && (entry = readdir(entries)) != NULL;) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return empty;
}

static bool read_list(struct up_folder *folder, bool create)
{
    uint8_t *data;
    size_t size;
    const enum status status = file_load(folder->fd, list, FILE_BYTES_MAX, &data, &size);

    if (status == E_MISSING && create && is_empty(folder)) {
        return true;
    }
    if (status == E_MISSING) {
        return up_fail(folder->dir,
                       "not made by 'sealift up': give a folder that is, or a new one");
    }
    if (status != OK) {
        return up_fail(list, status_text(status));
    }
    data[size] = '\0'; /* file_load has left room for it */

    const bool taken = take_list(folder, (char *)data);

    free(data);
    return taken;
}

bool up_folder_save(const struct up_folder *folder)
{
    char text[FILE_BYTES_MAX + 1];
    size_t size = 0;

    for (unsigned i = 0; i < folder->count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s %u\n",
                                 folder->regions[i].name, folder->regions[i].port);
    }

    const enum status status = file_replace(folder->fd, list, bytes_of(text, size));

    return status == OK ? true : up_fail(folder->dir, strerror(errno));
}

/* ---- the folder ---- */

static bool has_control_characters(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == '\x7f') {
            return true;
        }
    }
    return false;
}

static bool take_path(struct up_folder *folder, const char *dir)
{
    char *whole = realpath(dir, NULL);

    if (whole == NULL) {
        return up_fail(dir, strerror(errno));
    }

    const int size = snprintf(folder->dir, sizeof folder->dir, "%s", whole);

    free(whole);
    if (size >= UP_DIR_MAX || has_control_characters(folder->dir)) {
        return up_fail(dir, "its whole path has more than 511 bytes, or control characters: give "
                            "another folder");
    }
    return true;
}

static bool open_locked(struct up_folder *folder)
{
    folder->fd = open(folder->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        return up_fail(folder->dir, strerror(errno));
    }
    if (flock(folder->fd, LOCK_EX | LOCK_NB) != 0) {
        return up_fail(folder->dir,
                       errno == EWOULDBLOCK
                           ? "another 'sealift up' or 'down' is at work there: wait for its end"
                           : strerror(errno));
    }
    return true;
}

bool up_folder_open(struct up_folder *folder, const char *dir, bool create)
{
    *folder = (struct up_folder){.fd = -1};
    if (create && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return up_fail(dir, strerror(errno));
    }
    return take_path(folder, dir) && open_locked(folder) && read_list(folder, create);
}

void up_folder_close(struct up_folder *folder)
{
    if (folder->fd >= 0) {
        close(folder->fd);
        folder->fd = -1;
    }
}
