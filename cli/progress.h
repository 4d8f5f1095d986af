/* How far has something long come? Many times a second on a terminal, a line every few seconds
 * elsewhere, on stderr; nothing where it is over before that. */
#ifndef SEALIFT_CLI_PROGRESS_H
#define SEALIFT_CLI_PROGRESS_H

#include "base/instant.h"

struct progress {
    struct instant begun, said;
    bool terminal, shown;
};

void progress_begin(struct progress *progress);

double progress_seconds(const struct progress *progress); /* since it began */

/* At most so often; a longer text is cut. */
__attribute__((format(printf, 2, 3))) void progress_say(struct progress *progress,
                                                        const char *format, ...);

/* Of a read: `part` of 1 is done; below 0: nobody knows. */
void progress_show(struct progress *progress, uint64_t bytes, double part);
void progress_end(struct progress *progress); /* takes the line away again; it may go on */

#endif
