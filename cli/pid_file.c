/* Three numbers from /proc and one of the folder, written and compared.
 *
 * The process is opened before its start is read: if it were replaced in between, the start would
 * be another's, and that is a process that has ended. A zombie has ended, too: whoever should reap
 * it may be busy. */
#include "cli/pid_file.h"

#include "base/check.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 128, BOOT_TEXT_MAX = 37, STAT_BYTES_MAX = 1024, START_FIELD = 22 };

struct mark {
    int pid;
    unsigned long long start;
    char boot[BOOT_TEXT_MAX];
    unsigned long long folder;
};

static enum status read_text(const char *path, char *text, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t got = 0;

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    const enum status status = file_read(fd, text, room - 1, 0, &got);
    const int error = errno;

    close(fd); /* it was only read: there is nothing left to fail */
    errno = error;
    text[got] = '\0';
    return status;
}

static enum status read_boot(char boot[BOOT_TEXT_MAX])
{
    return read_text("/proc/sys/kernel/random/boot_id", boot, BOOT_TEXT_MAX);
}

/* Counted from behind the name, which may hold anything. */
static enum status read_start(const char *who, unsigned long long *start)
{
    char path[64], text[STAT_BYTES_MAX];

    snprintf(path, sizeof path, "/proc/%s/stat", who);
    TRY(read_text(path, text, sizeof text));

    char *field = strrchr(text, ')');

    for (unsigned i = 2; field != NULL && i < START_FIELD; i++) {
        field = strchr(field + 1, ' ');
    }
    return field != NULL && sscanf(field, "%llu", start) == 1 ? OK : E_MALFORMED;
}

/* Opens the folder of a file, and says its inode. */
static enum status open_folder(const char *path, int *fd, unsigned long long *inode)
{
    char folder[PATH_MAX];
    struct stat about;
    const char *slash = strrchr(path, '/');

    CHECK(slash != NULL && slash - path < PATH_MAX);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) {
        return file_status_of_errno(errno);
    }
    CHECK(fstat(*fd, &about) == 0);
    *inode = about.st_ino;
    return OK;
}

enum status pid_file_write(const char *path)
{
    struct mark mark;
    char line[LINE_MAX_BYTES];
    int fd;

    TRY(read_start("self", &mark.start));
    TRY(read_boot(mark.boot));
    TRY(open_folder(path, &fd, &mark.folder));
    snprintf(line, sizeof line, "%d %llu %s %llu\n", (int)getpid(), mark.start, mark.boot,
             mark.folder);

    const enum status status = file_replace(fd, strrchr(path, '/') + 1, bytes_text(line));
    const int error = errno;

    close(fd);
    errno = error;
    return status;
}

static enum status read_mark(const char *path, struct mark *mark)
{
    char line[LINE_MAX_BYTES];
    int end = 0;

    TRY(read_text(path, line, sizeof line));
    return sscanf(line, "%d %llu %36[0-9a-f-] %llu%n", &mark->pid, &mark->start, mark->boot,
                  &mark->folder,
                  &end) == 4
                   && strcmp(line + end, "\n") == 0 && mark->pid > 0
               ? OK
               : E_MALFORMED;
}

/* Of whoever has that number now. */
static enum status is_it(const struct pid_found *found, const struct mark *mark,
                         unsigned long long folder, bool *same)
{
    char who[16], boot[BOOT_TEXT_MAX];
    unsigned long long start = 0;

    snprintf(who, sizeof who, "%d", mark->pid);
    *same = false;

    const enum status status = read_start(who, &start);

    if (pid_found_wait(found, 0)) {
        return OK; /* ended, perhaps while we looked */
    }
    TRY(status);
    TRY(read_boot(boot));
    *same = start == mark->start && strcmp(boot, mark->boot) == 0 && folder == mark->folder;
    return OK;
}

enum status pid_file_look(const char *path, struct pid_found *found)
{
    struct mark mark;
    enum status status = read_mark(path, &mark);
    unsigned long long folder;
    bool same;
    int fd;

    *found = (struct pid_found){.state = PID_NOBODY, .fd = -1};
    if (status != OK) {
        return status == E_MISSING ? OK : status;
    }
    TRY(open_folder(path, &fd, &folder));
    close(fd);
    *found = (struct pid_found){PID_ENDED, mark.pid, pidfd_open(mark.pid, 0)};
    if (found->fd < 0) {
        return errno == ESRCH ? OK : E_IO;
    }
    status = is_it(found, &mark, folder, &same);
    if (status == OK && same) {
        found->state = PID_RUNS;
    } else {
        pid_found_close(found);
    }
    return status;
}

bool pid_found_signal(const struct pid_found *found, int signal)
{
    return pidfd_send_signal(found->fd, signal, NULL, 0) == 0 || errno == ESRCH;
}

bool pid_found_wait(const struct pid_found *found, int timeout_ms)
{
    struct pollfd ended = {.fd = found->fd, .events = POLLIN};

    return poll(&ended, 1, timeout_ms) == 1;
}

void pid_found_close(struct pid_found *found)
{
    if (found->fd >= 0) {
        close(found->fd);
        found->fd = -1;
    }
}
