/* Whom are we waiting for? On stderr, so that a member that hangs does not look like a slow disk:
 * after a second of trouble, again when it changes or lasts, and once when it is over. */
#ifndef SEALIFT_CLI_WAITING_H
#define SEALIFT_CLI_WAITING_H

#include "base/instant.h"

#include <stdbool.h>

struct waiting { /* zero: all is well */
    const char *verb;
    bool quiet;
    bool troubled, told;
    struct instant since, said;
};

/* Often; `why` is a sentence that begins with an address, or "" while that member answers. */
void waiting_look(struct waiting *waiting, const char *why);

#endif
