/* A member's status as text for people, and as JSON for programs. */
#ifndef SEALIFT_CLI_STATUS_FORM_H
#define SEALIFT_CLI_STATUS_FORM_H

#include "proto/control.h"

#include <jansson.h>
#include <stdio.h>

/* What was asked, and what came of it. */
struct status_answer {
    char address[ADDRESS_TEXT_MAX];
    bool answered;
    char why[512]; /* where it did not */
    struct member_status status;
    uint64_t previous_bytes; /* of the watch round before, for the rate */
    uint64_t previous_us;
};

enum status_rows { STATUS_MEMBERS, STATUS_MEMBERS_AND_FEEDS };

/* A lag that nobody can say is "-" (cli/status_lag.h); who says the others, where it is not the
 * primary, is said below. */
void status_print_table(FILE *to, const struct status_answer *answers, unsigned count,
                        enum status_rows rows);

/* Of answers[which], among the others that tell how far it is behind. A new reference. */
json_t *status_to_json(const struct status_answer *answers, unsigned count, unsigned which);

/* What a member has taken in since it started: appended on a primary, persisted on a replica. */
uint64_t status_moved_bytes(const struct member_status *status);

#endif
