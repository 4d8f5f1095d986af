/* A failed check says what and where, once, and aborts. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static check_listener *last_words;

void check_listen(check_listener *listener)
{
    last_words = listener;
}

_Noreturn void check_failed(const char *file, int line, const char *what)
{
    char text[512];

    snprintf(text, sizeof text, "%s:%d: %s", file, line, what);
    if (last_words != NULL) {
        last_words(text);
    }
    abort();
}
