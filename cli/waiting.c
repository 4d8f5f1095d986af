/* Trouble that lasts less than a second is nobody's business: members restart. */
#include "cli/waiting.h"

#include "host/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000, REPEAT_S = 5 };

static void say(const struct waiting *waiting, const char *what, const char *why)
{
    fprintf(stderr, "%ssealift %s: %s%s\n", isatty(STDERR_FILENO) ? "\r" : "", waiting->verb, what,
            why);
}

void waiting_look(struct waiting *waiting, const char *why)
{
    const struct instant now = clock_now();

    if (waiting->quiet) {
        return;
    }
    if (why[0] == '\0') {
        if (waiting->told) {
            say(waiting, "goes on", "");
        }
        waiting->troubled = waiting->told = false;
        return;
    }
    if (!waiting->troubled) {
        waiting->troubled = true;
        waiting->since = now;
    }
    const struct instant due = waiting->told ? instant_add(waiting->said, SPAN_S(REPEAT_S))
                                             : instant_add(waiting->since, SPAN_MS(PATIENCE_MS));

    if (instant_reached(due, now)) {
        waiting->told = true;
        waiting->said = now;
        say(waiting, "waiting for ", why);
    }
}
