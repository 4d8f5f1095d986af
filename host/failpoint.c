/* One armed place, one count.
 *
 * A name that is none is said and refused: a test that thinks it kills, and does not, proves
 * nothing. */
#include "host/failpoint.h"

#include "base/check.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum failpoint failpoint_armed = FAILPOINT_COUNT;
static atomic_long passes_left;
static const char *from_file; /* passes count as soon as it is there; NULL: at once */

static const char *const texts[] = {
#define FAILPOINT_TEXT(name, text) text,
    FAILPOINTS(FAILPOINT_TEXT)
#undef FAILPOINT_TEXT
};

const char *failpoint_text(enum failpoint point)
{
    CHECK(point < FAILPOINT_COUNT);
    return texts[point];
}

bool failpoint_arm(void)
{
    const char *order = getenv("SEALIFT_FAILPOINT");
    const char *colon = order == NULL ? NULL : strrchr(order, ':');

    failpoint_armed = FAILPOINT_COUNT;
    from_file = getenv("SEALIFT_FAILPOINT_FROM");
    if (order == NULL) {
        return true;
    }
    for (unsigned i = 0; colon != NULL && i < FAILPOINT_COUNT; i++) {
        const size_t size = strlen(texts[i]);

        if ((size_t)(colon - order) == size && strncmp(order, texts[i], size) == 0) {
            atomic_store(&passes_left, strtol(colon + 1, NULL, 10));
            failpoint_armed = i;
            return true;
        }
    }
    fprintf(stderr, "SEALIFT_FAILPOINT=%s: must be NAME:COUNT (sealift failpoints)\n", order);
    return false;
}

bool failpoint_is_due(void)
{
    return (from_file == NULL || access(from_file, F_OK) == 0)
           && atomic_fetch_sub(&passes_left, 1) == 1;
}

void failpoint_die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) {
        pause(); /* until the signal arrives */
    }
}
