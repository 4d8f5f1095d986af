/* mlockall, no dumps, no tracing by others of the same user.
 *
 * Pages are locked as they are touched, so a large window costs nothing until it is used. A process
 * under a limit is not locked at all: it would start well and fail at some later allocation. */
#include "host/lockdown.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* More than the heading line in /proc/swaps. Where that cannot be read, assume the worst. */
static bool machine_has_swap(void)
{
    char line[512];
    unsigned count = 0;
    FILE *swaps = fopen("/proc/swaps", "re");

    if (swaps == NULL) {
        return true;
    }
    while (fgets(line, sizeof line, swaps) != NULL) {
        count++;
    }
    fclose(swaps);
    return count > 1;
}

/* Root in a container has not always the capability, and is then under the limit like anybody. */
static bool is_limited(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    return syscall(SYS_capget, &header, data) != 0
           || (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) == 0;
}

static bool lock_memory(void)
{
    if (SANITIZED) {
        errno = ENOTSUP;
        return false;
    }
    /* A limited process that locks what comes would fail at some later allocation instead. */
    if (is_limited()) {
        errno = ENOMEM;
        return false;
    }
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

enum status lockdown_process(struct trace trace, bool *locked, char *why)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
        snprintf(why, LOCKDOWN_WHY_MAX, "cannot forbid core dumps: %s (E_USAGE)", strerror(errno));
        return E_USAGE;
    }
    *locked = lock_memory();
    if (*locked) {
        return OK;
    }
    if (machine_has_swap() && !SANITIZED) {
        snprintf(
            why, LOCKDOWN_WHY_MAX,
            "cannot lock memory (%s) and this machine swaps: keys could reach the disk; raise "
            "the limit (ulimit -l unlimited, LimitMEMLOCK=infinity) or turn swap off (E_USAGE)",
            strerror(errno));
        return E_USAGE;
    }
    trace_event(&trace, "lockdown.unlocked text=\"%s; there is no swap, so keys stay in memory\"",
                strerror(errno));
    return OK;
}

void *lockdown_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    madvise(memory, size, MADV_DONTDUMP);
    return memory;
}

void lockdown_free(void *memory, size_t size)
{
    munmap(memory, size);
}
