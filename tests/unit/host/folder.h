/* A fresh folder on a real disk for one test, which removes it again. SEALIFT_TEST_FOLDER says
 * where. */
#ifndef SEALIFT_TESTS_UNIT_HOST_FOLDER_H
#define SEALIFT_TESTS_UNIT_HOST_FOLDER_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOLDER_MAX = 128 };

static inline char *folder_make(char path[FOLDER_MAX])
{
    const char *base = getenv("SEALIFT_TEST_FOLDER");

    snprintf(path, FOLDER_MAX, "%s/sealift-host-XXXXXX", base != NULL ? base : "/var/tmp");
    return mkdtemp(path);
}

static inline void folder_remove(const char *path)
{
    const pid_t child = fork();

    if (child == 0) {
        execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

#endif
