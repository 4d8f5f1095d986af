/* One line that is written over, or one in a while. Of a read the bytes and their rate are known;
 * what is left is guessed from the part that is done. */
#include "cli/progress.h"

#include "host/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_MS = 200, LINE_SECONDS = 5, LINE_COLUMNS = 72 };

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){
        .begun = clock_now(), .said = clock_now(), .terminal = isatty(STDERR_FILENO)};
}

void progress_say(struct progress *progress, const char *format, ...)
{
    const struct instant now = clock_now();
    const struct span gap = progress->terminal ? SPAN_MS(TERMINAL_MS) : SPAN_S(LINE_SECONDS);
    char line[LINE_COLUMNS + 1];
    va_list arguments;

    if (!instant_reached(instant_add(progress->said, gap), now)) {
        return;
    }
    progress->said = now;
    progress->shown = true;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, progress->terminal ? "\r%-*s" : "%-*s\n", progress->terminal ? LINE_COLUMNS : 0,
            line);
}

double progress_seconds(const struct progress *progress)
{
    return (double)instant_since(progress->begun, clock_now()).ns / 1e9;
}

void progress_show(struct progress *progress, uint64_t bytes, double part)
{
    const double seconds = progress_seconds(progress);
    char left[32] = "";

    if (part > 0) {
        snprintf(left, sizeof left, ", %.0f %%, %.0f s left", part * 100,
                 seconds * (1 - part) / part);
    }
    progress_say(progress, "%" PRIu64 " MB are good so far, %.0f MB/s%s", bytes / 1000000,
                 (double)bytes / 1e6 / seconds, left);
}

void progress_end(struct progress *progress)
{
    if (progress->shown && progress->terminal) {
        fprintf(stderr, "\r%*s\r", LINE_COLUMNS, "");
    }
    progress->shown = false;
}
