/* Lock, load, compare, replace, unlock.
 *
 * The lock is a file of its own, since the claim itself is replaced by renaming. A claim that was
 * written is durable before the change is reported. What cannot be read is never taken for "no
 * record yet": that would hand out an epoch twice. */
#include "host/claim_file.h"

#include "base/check.h"
#include "base/hex.h"
#include "host/claim_text.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_machine(struct id *machine)
{
    uint8_t *text;
    size_t size;

    memset(machine, 0, sizeof *machine);
    if (file_load(AT_FDCWD, "/etc/machine-id", 64, &text, &size) != OK) {
        return;
    }
    text[size] = '\0'; /* file_load leaves room for it */
    text[strcspn((char *)text, "\n")] = '\0';
    if (hex_decode((char *)text, machine->bytes, sizeof machine->bytes) != OK) {
        memset(machine, 0, sizeof *machine);
    }
    free(text);
}

static bool is_inside(const char *path, const char *folder)
{
    const size_t size = strlen(folder);

    return strcmp(folder, "/") == 0
           || (strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0'));
}

/* The folder of the path in its true form, and the last part as the name. */
static enum status split(struct claim_file *claim, const char *path, char folder[PATH_MAX],
                         char *why)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char before[PATH_MAX];

    if (name[0] == '\0' || strlen(name) >= sizeof claim->name || strlen(path) >= PATH_MAX) {
        snprintf(why, CLAIM_WHY_MAX, "coordinator %s: this names no file (E_USAGE)", path);
        return E_USAGE;
    }
    snprintf(claim->name, sizeof claim->name, "%s", name);
    if (slash == NULL) {
        snprintf(before, sizeof before, ".");
    } else {
        snprintf(before, sizeof before, "%.*s", (int)(slash - path) + 1, path);
    }
    if (realpath(before, folder) == NULL) {
        snprintf(why, CLAIM_WHY_MAX, "coordinator %s: cannot find its folder: %s (E_MISSING)", path,
                 strerror(errno));
        return E_MISSING;
    }
    return OK;
}

static enum status look_at_data(struct claim_file *claim, const char *data, const char *folder,
                                char *why)
{
    struct stat about;
    char real[PATH_MAX];

    if (realpath(data, real) == NULL || stat(real, &about) != 0) {
        snprintf(why, CLAIM_WHY_MAX, "data folder %s: %s (E_MISSING)", data, strerror(errno));
        return E_MISSING;
    }
    claim->here.inode = about.st_ino;
    read_machine(&claim->here.machine);
    if (is_inside(folder, real)) {
        snprintf(
            why, CLAIM_WHY_MAX,
            "coordinator %s/%s lies inside the data folder %s: a copy of the folder would bring "
            "its own permission along; put it elsewhere (E_USAGE)",
            folder, claim->name, data);
        return E_USAGE;
    }
    return OK;
}

enum status claim_file_open(struct claim_file *claim, const char *coordinator, const char *data,
                            struct trace trace, char *why)
{
    char folder[PATH_MAX];

    memset(claim, 0, sizeof *claim);
    claim->folder = -1;
    claim->trace = trace;
    if (strncmp(coordinator, "file:", 5) != 0) {
        snprintf(why, CLAIM_WHY_MAX, "coordinator %s: must be file:PATH (E_USAGE)", coordinator);
        return E_USAGE;
    }
    TRY(split(claim, coordinator + 5, folder, why));
    TRY(look_at_data(claim, data, folder, why));
    claim->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (claim->folder < 0) {
        snprintf(why, CLAIM_WHY_MAX, "coordinator folder %s: %s (E_COORDINATOR)", folder,
                 strerror(errno));
        return E_COORDINATOR;
    }
    return OK;
}

void claim_file_close(struct claim_file *claim)
{
    if (claim->folder >= 0) {
        close(claim->folder);
    }
    claim->folder = -1;
}

static enum status said(struct claim_file *claim, const char *what, enum status status)
{
    trace_event(&claim->trace, "claim.failed file=%s what=\"%s\" status=%s text=\"%s\"",
                claim->name, what, status_name(status),
                status_blame(status) == BLAME_DISK ? strerror(errno) : status_text(status));
    return E_COORDINATOR;
}

/* E_LOCKED where somebody else has it at the moment. */
static enum status take_lock(struct claim_file *claim, int *lock)
{
    char name[NAME_MAX + 1];

    snprintf(name, sizeof name, "%s.lock", claim->name);

    const int fd = openat(claim->folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return said(claim, "lock", file_status_of_errno(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const bool held = errno == EWOULDBLOCK || errno == EINTR;
        const enum status status =
            held ? E_LOCKED : said(claim, "lock", file_status_of_errno(errno));

        close(fd);
        return status;
    }
    *lock = fd;
    return OK;
}

static enum status load(struct claim_file *claim, struct claim_record *record,
                        struct claim_binding *binding)
{
    uint8_t *text;
    size_t size;
    enum status status = file_load(claim->folder, claim->name, CLAIM_TEXT_BYTES_MAX, &text, &size);

    if (status == E_MISSING) {
        memset(record, 0, sizeof *record);
        return OK;
    }
    if (status != OK) {
        return said(claim, "read", status);
    }
    status = claim_text_decode(record, binding, bytes_of(text, size));
    free(text);
    return status == OK ? OK : said(claim, "understand", status);
}

/* No claim of an epoch, and so no word of the writer's folder: what others may note in the
 * record. */
static bool is_same_reign(const struct claim_record *now, const struct claim_record *wish)
{
    return now->version > 0 && now->epoch == wish->epoch && id_equal(&now->folder, &wish->folder);
}

static bool is_copied(const struct claim_file *claim, const struct claim_record *now,
                      const struct claim_binding *then, const struct claim_record *wish)
{
    return now->version > 0 && !claim->adopt && id_equal(&now->folder, &wish->folder)
           && !(id_equal(&then->machine, &claim->here.machine) && then->inode == claim->here.inode);
}

static enum status store(struct claim_file *claim, const struct claim_record *record,
                         const struct claim_binding *binding)
{
    char *text = malloc(CLAIM_TEXT_BYTES_MAX);

    CHECK(text != NULL);

    const enum status status =
        file_replace(claim->folder, claim->name, claim_text_encode(record, binding, text));

    free(text);
    return status == OK ? OK : said(claim, "write", status);
}

static enum status change_locked(struct claim_file *claim, struct claim_record *record)
{
    struct claim_record now;
    struct claim_binding then;
    struct claim_record next = *record;

    TRY(load(claim, &now, &then));
    *record = now;
    if (id_is_zero(&next.lineage)) {
        return OK;
    }
    if (next.version != now.version
        || (now.version > 0 && !id_equal(&now.lineage, &next.lineage))) {
        return E_CLAIM_LOST;
    }
    const bool is_claim = !is_same_reign(&now, &next);

    if (is_claim && is_copied(claim, &now, &then, &next)) {
        return E_COPIED_FOLDER;
    }
    CHECK(next.member_count <= CLAIM_MEMBERS_MAX);
    next.version++;
    TRY(store(claim, &next, is_claim ? &claim->here : &then));
    *record = next;
    return OK;
}

enum status claim_file_change(struct claim_file *claim, struct claim_record *record)
{
    int lock;

    TRY(take_lock(claim, &lock));

    const enum status status = change_locked(claim, record);

    close(lock);
    return status;
}

enum status claim_file_give_up(struct claim_file *claim)
{
    errno = EWOULDBLOCK;
    return said(claim, "lock: another process has held it for 5 s", E_LOCKED);
}
