/* Bytes and their rate are known; what is left is guessed from the part that is done. */
#include "cli/progress.h"

#include "host/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_MS = 200, LINE_SECONDS = 5, LINE_COLUMNS = 60 };

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){
        .begun = clock_now(), .said = clock_now(), .terminal = isatty(STDERR_FILENO)};
}

void progress_show(struct progress *progress, uint64_t bytes, double part)
{
    const struct instant now = clock_now();
    const struct span gap = progress->terminal ? SPAN_MS(TERMINAL_MS) : SPAN_S(LINE_SECONDS);
    const double seconds = (double)instant_since(progress->begun, now).ns / 1e9;
    char line[LINE_COLUMNS + 1], left[32] = "";

    if (!instant_reached(instant_add(progress->said, gap), now)) {
        return;
    }
    progress->said = now;
    progress->shown = true;
    if (part > 0) {
        snprintf(left, sizeof left, ", %.0f %%, %.0f s left", part * 100,
                 seconds * (1 - part) / part);
    }
    snprintf(line, sizeof line, "%" PRIu64 " MB are good so far, %.0f MB/s%s", bytes / 1000000,
             (double)bytes / 1e6 / seconds, left);
    fprintf(stderr, progress->terminal ? "\r%-*s" : "%-*s\n", progress->terminal ? LINE_COLUMNS : 0,
            line);
}

void progress_end(struct progress *progress)
{
    if (progress->shown && progress->terminal) {
        fprintf(stderr, "\r%*s\r", LINE_COLUMNS, "");
    }
}
