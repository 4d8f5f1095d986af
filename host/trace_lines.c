/* One write a line, so that threads and processes that share the terminal do not cut each other. */
#include "host/trace_lines.h"

#include "host/clock.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { STAMPED_MAX = TRACE_LINE_MAX + 64 };

static void put_line(void *context, const char *line)
{
    char text[STAMPED_MAX];
    const uint64_t wall = clock_wall_ns();
    const time_t seconds = (time_t)(wall / 1000000000u);
    struct tm date;

    (void)context;
    gmtime_r(&seconds, &date);

    const size_t used = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &date);
    const int more = snprintf(text + used, sizeof text - used, ".%06uZ %.*s\n",
                              (unsigned)(wall % 1000000000u / 1000u), TRACE_LINE_MAX, line);

    /* A terminal that is gone must not stop a member. */
    if (write(STDERR_FILENO, text, used + (size_t)more) < 0) {
        return;
    }
}

struct trace host_trace(void)
{
    return (struct trace){.sink = put_line};
}

void host_last_words(const char *text)
{
    char line[TRACE_LINE_MAX];

    snprintf(line, sizeof line,
             "bug check=\"%s\" text=\"this is a bug in Sealift: the process stops\"", text);
    put_line(NULL, line);
}
