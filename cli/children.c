/* fork, exec, wait; nothing clever. */
#include "cli/children.h"

#include "base/check.h"
#include "cli/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STOP_MS_MAX = 10000, LOOK_MS = 10, LOG_LINES_SHOWN = 12, RUN_MS_MAX = 600000 };

/* The log is opened by us, so that it may lie where that user cannot go. */
static bool take_user(const struct child *child)
{
    return child->uid == 0
           || (setgroups(1, &child->gid) == 0 && setgid(child->gid) == 0 && setuid(child->uid) == 0
               && chdir("/") == 0);
}

/* Nothing of whoever started us is kept: no terminal, no folder, no descriptor (a lock, a pipe that
 * somebody reads to its end). */
static bool outlive(const struct child *child)
{
    return setsid() > 0 && pid_file_write(child->pid_file) == OK && chdir("/") == 0
           && close_range(3, ~0U, 0) == 0;
}

static bool die_with(const struct child *child, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG,
          child->death == 0 ? SIGKILL : child->death); /* after setuid: lost there */
    return getppid() == parent; /* else it ended before the promise was made */
}

static void become(const struct child *child, pid_t parent, const char *const *arguments)
{
    const int out = open(child->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = open("/dev/null", O_RDONLY);
    sigset_t none;

    if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0
        || !take_user(child)) {
        _exit(127);
    }
    if (child->pid_file != NULL ? !outlive(child) : !die_with(child, parent)) {
        dprintf(2, "%s: cannot be started as it should: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    dprintf(2, "%s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

bool child_start(struct child *child, const char *name, const char *log,
                 const char *const *arguments)
{
    const pid_t parent = getpid();

    snprintf(child->name, sizeof child->name, "%s", name);
    snprintf(child->log, sizeof child->log, "%s", log);
    child->exit_code = 0;
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0) {
        become(child, parent, arguments);
    }
    if (child->pid < 0) {
        child->pid = 0;
        return false;
    }
    return true;
}

static bool look(struct child *child, int flags)
{
    int status;
    const pid_t ended = child->pid == 0 ? 0 : waitpid(child->pid, &status, flags);

    if (ended != child->pid || child->pid == 0) {
        return child->pid != 0;
    }
    child->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    child->pid = 0;
    return false;
}

bool child_is_running(struct child *child)
{
    return look(child, WNOHANG);
}

bool child_wait(struct child *child, int timeout_ms)
{
    const struct timespec gap = {.tv_nsec = LOOK_MS * 1000000L};

    for (int waited = 0; child_is_running(child); waited += LOOK_MS) {
        if (waited >= timeout_ms) {
            return false;
        }
        nanosleep(&gap, NULL);
    }
    return true;
}

bool child_stop(struct child *child)
{
    return child_stop_with(child, SIGTERM);
}

bool child_stop_with(struct child *child, int signal)
{
    if (!child_is_running(child)) {
        return child->exit_code == 0;
    }
    kill(child->pid, signal);
    if (child_wait(child, STOP_MS_MAX)) {
        return child->exit_code == 0;
    }
    child_kill(child);
    return false;
}

void child_kill(struct child *child)
{
    if (child_is_running(child)) {
        kill(child->pid, SIGKILL);
        look(child, 0);
    }
}

void child_show_log(const struct child *child)
{
    static char text[64 * 1024];
    FILE *file = fopen(child->log, "r");
    size_t size = 0;

    if (file == NULL) {
        return;
    }
    if (fseek(file, -(long)sizeof text + 1, SEEK_END) != 0) {
        rewind(file);
    }
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';

    const char *from = text + size;

    for (int lines = 0; from > text && lines <= LOG_LINES_SHOWN; from--) {
        lines += from[-1] == '\n';
    }
    fprintf(stderr, "---- %s (%s)\n%s----\n", child->name, child->log, from);
}

int child_run(const char *log, const char *const *arguments)
{
    struct child child = {0};

    if (!child_start(&child, arguments[0], log, arguments)) {
        return 127;
    }
    if (!child_wait(&child, RUN_MS_MAX)) {
        child_kill(&child);
    }
    return child.exit_code;
}
