/* Before a KMS key is deleted: which copies would not open any more, and which still would?
 *
 * Judged by the ARN in each copy's envelopes: a copy with one data key under the key is lost with
 * it, whatever opens its others. It is known of the copies that were named, and of no others; and
 * that a survivor's own key opens it now, `sealift verify` says, not this. Nothing is changed, and
 * no copy's key is used. */
#ifndef SEALIFT_CLI_KEYS_SURVIVORS_H
#define SEALIFT_CLI_KEYS_SURVIVORS_H

#include "cli/keys_seen.h"

#include <jansson.h>
#include <stdio.h>

enum {
    SURVIVORS_COPIES_MAX = 64,
    EXIT_COPIES_LOST = 3, /* some would not open, but each lineage has a copy that would */
    EXIT_LINEAGE_LOST = 4, /* of at least one lineage no named copy would open */
};

enum fate {
    FATE_OPENS,
    FATE_LOST,
    FATE_UNKNOWN, /* it could not be read */
};

struct survivors {
    const struct keys_seen *seen;
    unsigned count; /* at most SURVIVORS_COPIES_MAX */
    const char *asked; /* as it was named */
    const char *key; /* its ARN */
    const char *state; /* "Enabled", "PendingDeletion", ...; "": nobody was asked */
};

enum fate keys_fate(const struct keys_seen *seen, const char *key);

/* EXIT_DONE: all that is known would open. EXIT_REFUSED: a copy could not be read, so this is no
 * whole verdict. Else one of the above. */
int survivors_code(const struct survivors *survivors);

void survivors_print(FILE *to, const struct survivors *survivors);
json_t *survivors_to_json(const struct survivors *survivors);

#endif
