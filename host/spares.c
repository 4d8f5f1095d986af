/* The maker: while a slot is empty, fill a file with zeros (in a hurry: reserve its blocks), sync
 * it, name it after the slot.
 *
 * A file that bears a slot's name is complete, whenever the process died: the name comes last. The
 * header of a segment that was never renamed into the WAL may be left in one; the next header
 * replaces it before the file becomes a segment. Where the maker fails (disk full) it says so once
 * and tries again later; space that has come back is said, too. Waiting goes by the monotonic
 * clock: a wall clock that is put back must not make it last a year. */
#include "host/spares.h"

#include "base/check.h"
#include "host/clock.h"
#include "host/failpoint.h"
#include "host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const char MAKING[] = "making";
static const char SPOT[] = "spot";

enum filling {
    FILL_ZEROS, /* the maker: rests in between, and can be asked to stop */
    FILL_ZEROS_NOW,
    FILL_RESERVE,
};

/* With the mutex held, which is let go meanwhile. */
static void wait_a_little(struct spares *spares, unsigned ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&spares->changed, &spares->mutex, &until);
}

static int find_slot(const struct spares *spares, enum spare_state state)
{
    for (int i = 0; i < SPARES_READY; i++) {
        if (spares->states[i] == state) {
            return i;
        }
    }
    return -1;
}

/* Between two chunks. While another spare is ready nothing is urgent: a fill in one go would keep
 * the disk, and every commit, busy for as long as it takes. False: asked to stop. */
static bool rest(struct spares *spares)
{
    pthread_mutex_lock(&spares->mutex);
    if (!spares->stopping && !spares->hurried && find_slot(spares, SPARE_READY) >= 0) {
        wait_a_little(spares, SPARES_REST_MS);
    }

    const bool go_on = !spares->stopping;

    pthread_mutex_unlock(&spares->mutex);
    return go_on;
}

/* Direct where the file system can: a maker that fills the page cache slows everybody down. */
static int open_for_zeros(int folder, const char *name)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    const int fd = openat(folder, name, flags | O_DIRECT, 0600);

    return fd >= 0 || errno != EINVAL ? fd : openat(folder, name, flags, 0600);
}

static enum status write_zeros(struct spares *spares, int fd, bool stoppable)
{
    void *zeros;

    if (posix_memalign(&zeros, 4096, SPARE_CHUNK_BYTES) != 0) {
        errno = ENOMEM;
        return E_IO;
    }
    memset(zeros, 0, SPARE_CHUNK_BYTES);

    enum status status = OK;

    for (uint64_t at = 0; at < spares->bytes && status == OK; at += SPARE_CHUNK_BYTES) {
        const uint64_t left = spares->bytes - at;
        const size_t size = left < SPARE_CHUNK_BYTES ? (size_t)left : SPARE_CHUNK_BYTES;

        status =
            stoppable && !rest(spares) ? E_NOT_READY : file_write(fd, bytes_of(zeros, size), at);
    }
    free(zeros);
    return status;
}

/* A file system that cannot reserve is written to instead. */
static enum status fill(struct spares *spares, int fd, enum filling how)
{
    if (how == FILL_RESERVE) {
        if (fallocate(fd, 0, 0, (off_t)spares->bytes) == 0) {
            return OK;
        }
        if (errno != EOPNOTSUPP && errno != ENOSYS) {
            return file_status_of_errno(errno);
        }
    }
    return write_zeros(spares, fd, how == FILL_ZEROS);
}

/* A spare that takes the last byte would make the next small file fail. A file system that does not
 * say what is left is believed to have it. */
static enum status check_headroom(const struct spares *spares)
{
    const uint64_t part = spares->bytes / SPARES_HEADROOM_PARTS;
    const uint64_t headroom = part < SPARES_HEADROOM_BYTES_MAX ? part : SPARES_HEADROOM_BYTES_MAX;
    struct statvfs about;

    if (fstatvfs(spares->folder, &about) == 0 && about.f_blocks > 0
        && (uint64_t)about.f_bavail * about.f_frsize < spares->bytes + headroom) {
        errno = ENOSPC;
        return E_DISK_FULL;
    }
    return OK;
}

static enum status make_file(struct spares *spares, const char *name, enum filling how)
{
    TRY(check_headroom(spares));

    const int fd = open_for_zeros(spares->folder, name);

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    failpoint_pass(FAILPOINT_SPARE_BEFORE_FILL);

    enum status status = fill(spares, fd, how);

    failpoint_pass(FAILPOINT_SPARE_BEFORE_SYNC);
    if (status == OK && fsync(fd) != 0) {
        status = file_status_of_errno(errno);
    }

    const enum status closed = file_close(fd);

    if (status != OK) {
        unlinkat(spares->folder, name, 0);
        return status;
    }
    return closed;
}

static void slot_name(int slot, char name[SPARE_NAME_MAX])
{
    snprintf(name, SPARE_NAME_MAX, "%d.spare", slot);
}

static enum status make_spare(struct spares *spares, int slot, enum filling how)
{
    char name[SPARE_NAME_MAX];

    slot_name(slot, name);
    TRY(make_file(spares, MAKING, how));
    failpoint_pass(FAILPOINT_SPARE_AFTER_SYNC);
    if (renameat(spares->folder, MAKING, spares->folder, name) != 0) {
        return file_status_of_errno(errno);
    }
    failpoint_pass(FAILPOINT_SPARE_AFTER_RENAME);
    return OK;
}

/* With the mutex held: says what has changed, and remembers it. */
static void note_attempt(struct spares *spares, enum status before, enum status status)
{
    spares->short_of_space = status == E_DISK_FULL;
    if (status != OK && status != before) {
        trace_event(&spares->trace, "spare.failed status=%s text=\"%s\"", status_name(status),
                    status_text(status));
    } else if (status == OK && before == E_DISK_FULL) {
        spares->said_waiting = false;
        trace_event(&spares->trace, "spare.made text=\"there is space again\"");
    }
}

static void *maker_main(void *argument)
{
    struct spares *spares = argument;
    enum status before = OK;

    pthread_mutex_lock(&spares->mutex);
    while (!spares->stopping) {
        const int slot = find_slot(spares, SPARE_EMPTY);

        if (slot < 0) {
            pthread_cond_wait(&spares->changed, &spares->mutex);
            continue;
        }
        const enum filling how = spares->hurried ? FILL_RESERVE : FILL_ZEROS;

        pthread_mutex_unlock(&spares->mutex);

        const enum status status = make_spare(spares, slot, how);

        pthread_mutex_lock(&spares->mutex);
        if (spares->stopping) {
            break;
        }
        note_attempt(spares, before, status);
        before = status;
        if (status == OK) {
            spares->states[slot] = SPARE_READY;
            pthread_cond_broadcast(&spares->changed);
        } else {
            wait_a_little(spares, SPARES_RETRY_MS);
        }
    }
    pthread_mutex_unlock(&spares->mutex);
    return NULL;
}

/* Whether the name is a complete spare of the size that is wanted now. */
static bool keep_found(struct spares *spares, const char *found)
{
    char name[SPARE_NAME_MAX];
    struct stat about;

    for (int i = 0; i < SPARES_READY; i++) {
        slot_name(i, name);
        if (strcmp(found, name) == 0) {
            if (fstatat(spares->folder, name, &about, AT_SYMLINK_NOFOLLOW) != 0
                || !S_ISREG(about.st_mode) || (uint64_t)about.st_size != spares->bytes) {
                return false;
            }
            spares->states[i] = SPARE_READY;
            return true;
        }
    }
    return false;
}

static enum status look_around(struct spares *spares)
{
    const int copy = openat(spares->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);

    if (entries == NULL) {
        return file_status_of_errno(errno);
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_name[0] != '.' && !keep_found(spares, entry->d_name)) {
            unlinkat(spares->folder, entry->d_name, 0);
            trace_event(&spares->trace, "spare.removed name=%s", entry->d_name);
        }
    }
    closedir(entries);
    return OK;
}

enum status spares_open(struct spares *spares, int folder, uint64_t bytes, struct trace trace)
{
    CHECK(bytes >= 4096 && bytes % 4096 == 0);

    memset(spares, 0, sizeof *spares);
    spares->folder = folder;
    spares->bytes = bytes;
    spares->trace = trace;
    pthread_mutex_init(&spares->mutex, NULL);
    pthread_condattr_t monotonic;

    CHECK(pthread_condattr_init(&monotonic) == 0
          && pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0
          && pthread_cond_init(&spares->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    return look_around(spares);
}

enum status spares_start_maker(struct spares *spares)
{
    CHECK(!spares->running);

    if (pthread_create(&spares->maker, NULL, maker_main, spares) != 0) {
        return E_IO;
    }
    spares->running = true;
    return OK;
}

void spares_close(struct spares *spares)
{
    pthread_mutex_lock(&spares->mutex);
    spares->stopping = true;
    pthread_cond_broadcast(&spares->changed);
    pthread_mutex_unlock(&spares->mutex);
    if (spares->running) {
        pthread_join(spares->maker, NULL);
    }
    pthread_cond_destroy(&spares->changed);
    pthread_mutex_destroy(&spares->mutex);
    close(spares->folder);
}

/* With the mutex held. */
static void note_take(struct spares *spares)
{
    const struct instant now = clock_now();

    spares->hurried = spares->taken_at.ns != 0
                      && instant_since(spares->taken_at, now).ns < SPAN_MS(SPARES_HURRY_MS).ns;
    spares->taken_at = now;
}

static enum status take_once(struct spares *spares, struct spare *spare)
{
    pthread_mutex_lock(&spares->mutex);
    note_take(spares);

    const bool hurried = spares->hurried;

    spare->slot = find_slot(spares, SPARE_READY);
    if (spare->slot >= 0) {
        spares->states[spare->slot] = SPARE_TAKEN;
    }
    pthread_mutex_unlock(&spares->mutex);
    if (spare->slot >= 0) {
        slot_name(spare->slot, spare->name);
        return OK;
    }
    snprintf(spare->name, sizeof spare->name, "%s", SPOT);
    return make_file(spares, SPOT, hurried ? FILL_RESERVE : FILL_ZEROS_NOW);
}

enum status spares_take(struct spares *spares, struct spare *spare)
{
    enum status status = take_once(spares, spare);

    while (status == E_DISK_FULL && spares_wait_for_space(spares)) {
        status = take_once(spares, spare);
    }
    return status;
}

void spares_release(struct spares *spares, const struct spare *spare)
{
    if (spare->slot < 0) {
        return;
    }
    pthread_mutex_lock(&spares->mutex);
    CHECK(spares->states[spare->slot] == SPARE_TAKEN);
    spares->states[spare->slot] = SPARE_EMPTY;
    pthread_cond_broadcast(&spares->changed);
    pthread_mutex_unlock(&spares->mutex);
}

bool spares_give_up_one(struct spares *spares)
{
    char name[SPARE_NAME_MAX];

    pthread_mutex_lock(&spares->mutex);

    const int slot = find_slot(spares, SPARE_READY);

    if (slot >= 0) {
        spares->states[slot] = SPARE_TAKEN;
    }
    pthread_mutex_unlock(&spares->mutex);
    if (slot < 0) {
        return false;
    }
    slot_name(slot, name);
    trace_event(&spares->trace, "spare.given_up name=%s text=\"the disk is full\"", name);

    const bool removed = unlinkat(spares->folder, name, 0) == 0;
    const struct spare spare = {.slot = slot};

    spares_release(spares, &spare);
    return removed;
}

bool spares_wait_for_space(struct spares *spares)
{
    pthread_mutex_lock(&spares->mutex);

    const bool waits = spares->running && !spares->hasty;

    if (waits && !spares->said_waiting) {
        trace_event(&spares->trace,
                    "disk.waiting text=\"the disk is full: free some space, and it goes on\"");
    }
    if (waits) {
        spares->said_waiting = true;
        wait_a_little(spares, SPARES_RETRY_MS);
    }
    pthread_mutex_unlock(&spares->mutex);
    return waits;
}

void spares_hasten(struct spares *spares)
{
    pthread_mutex_lock(&spares->mutex);
    spares->hasty = true;
    pthread_cond_broadcast(&spares->changed);
    pthread_mutex_unlock(&spares->mutex);
}

bool spares_are_short(struct spares *spares)
{
    pthread_mutex_lock(&spares->mutex);

    const bool answer = spares->short_of_space;

    pthread_mutex_unlock(&spares->mutex);
    return answer;
}

unsigned spares_count(struct spares *spares)
{
    unsigned count = 0;

    pthread_mutex_lock(&spares->mutex);
    for (int i = 0; i < SPARES_READY; i++) {
        count += spares->states[i] == SPARE_READY;
    }
    pthread_mutex_unlock(&spares->mutex);
    return count;
}
