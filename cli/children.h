/* Processes that a command starts and must not leave behind, unless it says so.
 *
 * Output goes to a log file of the child's own. Children die with us, however we end
 * (PR_SET_PDEATHSIG). One with a pid file outlives us: it has a session of its own, and has written
 * who it is (cli/pid_file.h) before it is the program. */
#ifndef SEALIFT_CLI_CHILDREN_H
#define SEALIFT_CLI_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

enum { CHILD_NAME_MAX = 48, CHILD_PATH_MAX = 1024, CHILD_ARGUMENTS_MAX = 48 };

struct child {
    char name[CHILD_NAME_MAX];
    pid_t pid; /* 0: not running */
    char log[CHILD_PATH_MAX];
    int exit_code; /* once it has ended; 128 + signal where a signal ended it */

    /* given before the start; zeros: ourselves, and SIGKILL */
    uid_t uid; /* runs as this user, in / */
    gid_t gid;
    int death; /* the signal that it gets where we die first */
    const char *pid_file; /* it outlives us */
};

/* `arguments` end with NULL; the first is the program's path. The log is appended to. */
bool child_start(struct child *child, const char *name, const char *log,
                 const char *const *arguments);

/* Looks without waiting. */
bool child_is_running(struct child *child);

/* False where it still runs after so long. */
bool child_wait(struct child *child, int timeout_ms);

/* SIGTERM, ten seconds, SIGKILL. True where it ended by itself with 0. */
bool child_stop(struct child *child);
bool child_stop_with(struct child *child, int signal); /* another signal first */
void child_kill(struct child *child); /* SIGKILL, and waits */

/* The last lines of its log, to stderr: what a person needs when it did not start. */
void child_show_log(const struct child *child);

/* Runs to the end; its standard output is thrown away. */
int child_run(const char *log, const char *const *arguments);

#endif
