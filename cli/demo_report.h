/* Did every promise hold? Shows them one after the other, and says so: in words as they come, or in
 * one JSON line at the end. */
#ifndef SEALIFT_CLI_DEMO_REPORT_H
#define SEALIFT_CLI_DEMO_REPORT_H

#include "cli/demo_promises.h"

#include <stdio.h>

enum demo_input { DEMO_LINES = 1, DEMO_POSTGRES = 2, DEMO_BOTH = 3 };

struct promise {
    const char *name;
    const char *text;
    bool (*show)(struct demo_show *show);
    enum demo_input input; /* with which it is shown */
    bool at_rest; /* on the folders, with all members stopped; these come last */
};

struct demo_report {
    const struct promise *promises;
    unsigned count;
    enum demo_input input; /* the others are left out */
    bool json;
    const char *keep; /* where everything is kept; NULL: nowhere */
    FILE *to;
};

/* The exit code: 0 only where the workload went well, something was promised and all of it held.
 * One that did not is also in the JSON, as false, and on stderr with what was seen. */
int demo_report(const struct demo_report *report, struct demo_show *show, bool went_well);

#endif
