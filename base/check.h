/* What must be true, or the process stops.
 *
 * CHECK is for bugs: what only our own code can cause. What a peer, a disk or a person can cause
 * is a status. Checks stay in every build. */
#ifndef SEALIFT_BASE_CHECK_H
#define SEALIFT_BASE_CHECK_H

#include <stddef.h>

/* Called once, before abort(), with "file:line: what" so that the world can print it. */
typedef void check_listener(const char *text);

/* The world that runs the node registers where the last words go. NULL: nowhere. */
void check_listen(check_listener *listener);

_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(condition) \
    do { \
        if (__builtin_expect(!(condition), 0)) { \
            check_failed(__FILE__, __LINE__, #condition); \
        } \
    } while (0)

#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
