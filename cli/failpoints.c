/* `sealift failpoints`: the places at which a daemon can be made to die, one a line. For tests. */
#include "host/failpoint.h"

#include "cli/verbs.h"

#include <stdio.h>

int verb_failpoints(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < FAILPOINT_COUNT; i++) {
        puts(failpoint_text(i));
    }
    return EXIT_DONE;
}
