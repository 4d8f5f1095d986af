/* A file in memory for what wants a path. */
#ifndef SEALIFT_TESTS_FUZZ_FILE_H
#define SEALIFT_TESTS_FUZZ_FILE_H

#include "base/bytes.h"
#include "base/check.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FUZZ_PATH_MAX = 64 };

/* `path` (FUZZ_PATH_MAX) names it until fuzz_file_close. Only its owner may read it. */
static inline int fuzz_file_open(struct bytes content, char *path)
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);

    CHECK(fd >= 0 && fchmod(fd, 0600) == 0);
    CHECK(write(fd, content.data, content.size) == (ssize_t)content.size);
    snprintf(path, FUZZ_PATH_MAX, "/proc/self/fd/%d", fd);
    return fd;
}

static inline void fuzz_file_close(int fd)
{
    close(fd);
}

#endif
