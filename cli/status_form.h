/* A member's status as text for people, and as JSON for programs. */
#ifndef SEALIFT_CLI_STATUS_FORM_H
#define SEALIFT_CLI_STATUS_FORM_H

#include "proto/control.h"

#include <jansson.h>

/* What was asked, and what came of it. */
struct status_answer {
    char address[ADDRESS_TEXT_MAX];
    bool answered;
    char why[512]; /* where it did not */
    struct member_status status;
    uint64_t previous_bytes; /* of the watch round before, for the rate */
    uint64_t previous_us;
};

void status_print_table(const struct status_answer *answers, unsigned count);

/* A new reference. */
json_t *status_to_json(const struct status_answer *answer);

/* What a member has taken in since it started: appended on a primary, persisted on a replica. */
uint64_t status_moved_bytes(const struct member_status *status);

#endif
