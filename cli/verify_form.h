/* What `sealift verify` found, for people and as one object. */
#ifndef SEALIFT_CLI_VERIFY_FORM_H
#define SEALIFT_CLI_VERIFY_FORM_H

#include "cli/copy.h"
#include "cluster/keyring.h"

struct verify_report {
    struct copy *copy;
    struct keyring *keyring; /* a folder's */
    struct comparison comparison;
    bool has_keyring, keys_opened, compared;
};

void verify_print_text(const struct verify_report *report, bool whole);
void verify_print_json(const struct verify_report *report, bool whole);

/* One line on stderr: what, where, and what to do. */
void verify_say_damage(const struct copy *copy);
void verify_say_difference(const struct copy *copy, const struct copy *other, enum status status,
                           const struct comparison *comparison);

#endif
