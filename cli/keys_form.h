/* What was seen of keys, as text for people and as JSON for programs. */
#ifndef SEALIFT_CLI_KEYS_FORM_H
#define SEALIFT_CLI_KEYS_FORM_H

#include "cli/keys_seen.h"

#include <jansson.h>
#include <stdio.h>

/* `now_ns`: UNIX time, for ages. A copy that says nothing has a line with its `why`. */
void keys_print_table(FILE *to, const struct keys_seen *seen, unsigned count, uint64_t now_ns);

/* One copy. null: nobody can say. A new reference. */
json_t *keys_to_json(const struct keys_seen *seen, uint64_t now_ns);

#endif
