/* Is the process that an earlier command left running still there, and is it that one?
 *
 * A file of one line, PID START BOOT FOLDER: a number alone may be a stranger's by now, but with
 * the time at which the process began (clock ticks since boot, proc(5)) and the boot's own id it is
 * one process's. FOLDER is the inode of the folder that the file was written in: a copy of the
 * folder has no process of its own. What was found is held by a descriptor of that very process
 * (pidfd_open(2)): no signal reaches another. */
#ifndef SEALIFT_CLI_PID_FILE_H
#define SEALIFT_CLI_PID_FILE_H

#include "base/status.h"

#include <sys/types.h>

enum pid_state {
    PID_NOBODY, /* no file: none was started, or it was ended in good order */
    PID_RUNS,
    PID_ENDED, /* by itself, by somebody else, or with the machine; or it is another folder's */
};

struct pid_found {
    enum pid_state state;
    pid_t pid; /* 0 where there is no file */
    int fd; /* -1 unless it runs */
};

/* Of this process, durable; exec keeps it true. A file that is there is replaced. */
NODISCARD enum status pid_file_write(const char *path);

/* E_MALFORMED: no such line. E_IO, E_READ_ONLY and errno: it cannot be told. */
NODISCARD enum status pid_file_look(const char *path, struct pid_found *found);

/* Of one that runs. False and errno where it may not be signalled; one that has ended just now is
 * no failure. */
bool pid_found_signal(const struct pid_found *found, int signal);

/* Until it has ended: false where it has not by then. */
bool pid_found_wait(const struct pid_found *found, int timeout_ms);

void pid_found_close(struct pid_found *found);

#endif
