/* Opening a data folder: lock it, tidy it, see what is there.
 *
 * The lock comes first: until it is held nothing is touched. Then the sub-folders are made, the
 * temporary files of interrupted replacements go, small files are loaded and segments are listed
 * in the order of their numbers. Files that are not ours are left alone, and said.
 *
 * What goes wrong here is told in one sentence with the path, since a person is about to read it:
 * in use by whom, not there, cannot be written, disk full. */
#include "host/store_posix.h"

#include "base/check.h"
#include "host/failpoint.h"
#include "host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void store_segment_name(segment_t segment, char name[SEGMENT_NAME_MAX])
{
    snprintf(name, SEGMENT_NAME_MAX, "%020" PRIu64 ".seg", segment);
}

enum status store_said(struct store_posix *store, enum status status, enum store_op op,
                       const char *name)
{
    if (status != OK) {
        trace_event(&store->trace, "disk.failed op=%s folder=%s file=%s status=%s text=\"%s\"",
                    store_op_name(op), store->path, name, status_name(status), strerror(errno));
    }
    return status;
}

static enum status explain(const struct store_posix *store, enum status status, const char *what,
                           char *why)
{
    snprintf(why, STORE_WHY_MAX, "data folder %s: %s: %s (%s)", store->path, what,
             status == E_TOO_LARGE ? "the file is too large to be ours" : strerror(errno),
             status_name(status));
    return status;
}

static enum status sync_parent(const char *path)
{
    char parent[PATH_MAX];

    snprintf(parent, sizeof parent, "%s/..", path);

    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    const enum status status = file_sync_folder(fd);

    close(fd);
    return status;
}

static enum status open_folder(struct store_posix *store, bool create)
{
    if (create) {
        if (mkdir(store->path, 0700) == 0) {
            store->made_folder = true;
            failpoint_pass(FAILPOINT_FOLDER_AFTER_MAKE);
            TRY(sync_parent(store->path));
        } else if (errno != EEXIST) {
            return file_status_of_errno(errno);
        }
    }
    store->folder = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return store->folder >= 0 ? OK : file_status_of_errno(errno);
}

static enum status explain_locked(const struct store_posix *store, char *why)
{
    char pid[32] = "";
    const ssize_t size = pread(store->lock, pid, sizeof pid - 1, 0);

    pid[size > 0 ? size : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    snprintf(why, STORE_WHY_MAX, "data folder %s is in use by process %s (E_LOCKED)", store->path,
             pid[0] != '\0' ? pid : "unknown");
    return E_LOCKED;
}

static enum status take_lock(struct store_posix *store, char *why)
{
    char pid[32];

    store->made_lock = faccessat(store->folder, "lock", F_OK, 0) != 0;
    store->lock = openat(store->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0) {
        return explain(store, file_status_of_errno(errno), "cannot open lock", why);
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? explain_locked(store, why)
                   : explain(store, file_status_of_errno(errno), "cannot take the lock", why);
    }

    const int size = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

    /* Who holds the lock is a courtesy; a full disk must not keep a member from starting. */
    if (ftruncate(store->lock, 0) != 0
        || file_write(store->lock, bytes_of(pid, (size_t)size), 0) != OK) {
        trace_event(&store->trace, "store.pid_unsaid text=\"%s\"", strerror(errno));
    }
    return OK;
}

static enum status open_parts(struct store_posix *store, struct trace trace, uint64_t segment_bytes,
                              char *why)
{
    int spare;

    store->made_parts = faccessat(store->folder, "wal", F_OK, 0) != 0;

    enum status status = file_open_folder(store->folder, "wal", &store->wal);

    if (status == OK) {
        status = file_open_folder(store->folder, "quarantine", &store->quarantine);
    }
    if (status == OK) {
        status = file_open_folder(store->folder, "spare", &spare);
    }
    if (status != OK) {
        return explain(store, status, "cannot open its sub-folders", why);
    }
    status = spares_open(&store->spares, spare, segment_bytes, trace);
    return status == OK ? OK : explain(store, status, "cannot look into spare/", why);
}

static enum status load_files(struct store_posix *store, char *why)
{
    for (int i = 0; i < STORE_FILES; i++) {
        const char *name = store_file_name((enum store_file)i);
        size_t size = 0;
        const enum status status =
            file_load(store->folder, name, STORE_FILE_BYTES_MAX, &store->files[i], &size);

        if (status != OK && status != E_MISSING) {
            return explain(store, status, name, why);
        }
        store->inventory.files[i] = bytes_of(store->files[i], size);
    }
    return OK;
}

/* Exactly twenty digits and ".seg", in a number that fits. */
static bool segment_of_name(const char *name, segment_t *segment)
{
    char again[SEGMENT_NAME_MAX];

    if (strlen(name) != 24 || strspn(name, "0123456789") != 20) {
        return false;
    }
    *segment = strtoull(name, NULL, 10);
    store_segment_name(*segment, again);
    return strcmp(name, again) == 0 && *segment != SEGMENT_NONE;
}

static int by_number(const void *left, const void *right)
{
    const segment_t a = *(const segment_t *)left;
    const segment_t b = *(const segment_t *)right;

    return a < b ? -1 : a > b;
}

static bool add_segment(struct store_posix *store, segment_t segment)
{
    const size_t count = store->inventory.segment_count;

    if ((count & (count - 1)) == 0) { /* grows at 0, 1, 2, 4, 8, ... */
        const size_t room = count == 0 ? 1 : count * 2;
        segment_t *grown = reallocarray(store->segments, room, sizeof *grown);

        if (grown == NULL) {
            errno = ENOMEM;
            return false;
        }
        store->segments = grown;
    }
    store->segments[store->inventory.segment_count++] = segment;
    return true;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t size = strlen(name);

    return size >= strlen(end) && strcmp(name + size - strlen(end), end) == 0;
}

static bool is_ours(const char *name)
{
    static const char *const parts[] = {"wal", "quarantine", "spare", "lock"};

    for (unsigned i = 0; i < COUNT_OF(parts); i++) {
        if (strcmp(name, parts[i]) == 0) {
            return true;
        }
    }
    for (int i = 0; i < STORE_FILES; i++) {
        if (strcmp(name, store_file_name((enum store_file)i)) == 0) {
            return true;
        }
    }
    return false;
}

/* What is to be done with each name that a folder holds. */
typedef bool seen_name(struct store_posix *store, int folder, const char *name);

static bool seen_foreign(struct store_posix *store, const char *name)
{
    trace_event(&store->trace, "store.foreign folder=%s name=%s text=\"not ours: left alone\"",
                store->path, name);
    return true;
}

static bool remove_leftover(struct store_posix *store, int folder, const char *name)
{
    trace_event(&store->trace, "store.leftover name=%s", name);
    failpoint_pass(FAILPOINT_LEFTOVER_BEFORE_UNLINK);
    if (unlinkat(folder, name, 0) != 0) {
        return false;
    }
    failpoint_pass(FAILPOINT_LEFTOVER_AFTER_UNLINK);
    return true;
}

static bool seen_in_folder(struct store_posix *store, int folder, const char *name)
{
    if (is_ours(name)) {
        return true;
    }
    for (int i = 0; i < STORE_FILES; i++) {
        const char *ours = store_file_name((enum store_file)i);

        if (strncmp(name, ours, strlen(ours)) == 0 && strcmp(name + strlen(ours), ".new") == 0) {
            return remove_leftover(store, folder, name);
        }
    }
    return seen_foreign(store, name);
}

static bool seen_in_wal(struct store_posix *store, int folder, const char *name)
{
    segment_t segment;

    (void)folder;
    return segment_of_name(name, &segment) ? add_segment(store, segment)
                                           : seen_foreign(store, name);
}

static bool seen_in_quarantine(struct store_posix *store, int folder, const char *name)
{
    if (ends_with(name, ".new")) {
        return remove_leftover(store, folder, name);
    }
    return true;
}

static enum status look_into(struct store_posix *store, int folder, seen_name *seen)
{
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    enum status status = OK;

    if (entries == NULL) {
        return file_status_of_errno(errno);
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        if (!seen(store, folder, name)) {
            status = file_status_of_errno(errno);
            break;
        }
    }

    const int error = errno;

    closedir(entries);
    errno = error;
    return status;
}

/* A process that was killed between a rename and its sync leaves a name that the next power cut may
 * take back. Whoever starts acts on what it reads: so that comes first. */
static enum status sync_names(const struct store_posix *store)
{
    TRY(file_sync_folder(store->folder));
    TRY(file_sync_folder(store->wal));
    return file_sync_folder(store->quarantine);
}

static enum status take_inventory(struct store_posix *store, char *why)
{
    enum status status = sync_names(store);

    if (status != OK) {
        return explain(store, status, "cannot sync its folders", why);
    }
    status = look_into(store, store->folder, seen_in_folder);
    if (status == OK) {
        status = look_into(store, store->quarantine, seen_in_quarantine);
    }
    if (status == OK) {
        status = look_into(store, store->wal, seen_in_wal);
    }
    if (status != OK) {
        return explain(store, status, "cannot list its files", why);
    }
    if (store->segments != NULL) {
        qsort(store->segments, store->inventory.segment_count, sizeof *store->segments, by_number);
    }
    store->inventory.segments = store->segments;
    return load_files(store, why);
}

static enum status open_all(struct store_posix *store, const struct store_settings *settings,
                            char *why)
{
    const enum status status = open_folder(store, settings->create);

    if (status != OK) {
        return explain(store, status, "cannot open it", why);
    }
    TRY(take_lock(store, why));
    TRY(open_parts(store, settings->trace, settings->segment_bytes, why));
    TRY(take_inventory(store, why));
    if (posix_memalign((void **)&store->bounce, STORE_ALIGN, STORE_BOUNCE_BYTES) != 0) {
        errno = ENOMEM;
        return explain(store, E_IO, "no memory", why);
    }
    return OK;
}

enum status store_open(struct store_posix *store, const struct store_settings *settings, char *why)
{
    memset(store, 0, sizeof *store);
    store->folder = store->wal = store->quarantine = store->lock = store->writer = -1;
    store->repair = -1;
    store->spares.folder = -1;
    store->trace = settings->trace;
    store->leave_nothing = settings->leave_nothing;
    snprintf(store->path, sizeof store->path, "%s", settings->path);

    const enum status status = open_all(store, settings, why);

    if (status != OK) {
        store_close(store);
    }
    return status;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void store_close(struct store_posix *store)
{
    if (store->spares.folder >= 0) {
        spares_close(&store->spares);
    }
    if (store->leave_nothing && store->folder >= 0) {
        store_remove_unused(store);
    }
    close_if_open(store->writer);
    close_if_open(store->repair);
    close_if_open(store->wal);
    close_if_open(store->quarantine);
    close_if_open(store->lock);
    close_if_open(store->folder);
    for (int i = 0; i < STORE_FILES; i++) {
        free(store->files[i]);
    }
    free(store->segments);
    free(store->bounce);
}
