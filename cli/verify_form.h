/* What `sealift verify` found, for people and as one object. */
#ifndef SEALIFT_CLI_VERIFY_FORM_H
#define SEALIFT_CLI_VERIFY_FORM_H

#include "cli/compare.h"
#include "cli/folder.h"
#include "cluster/keyring.h"

struct verify_report {
    const struct folder *folder;
    struct keyring *keyring;
    struct audit *audit;
    struct comparison comparison;
    bool has_keyring, keys_opened, compared;
    double seconds;
};

void verify_print_text(const struct verify_report *report, bool whole);
void verify_print_json(const struct verify_report *report, bool whole);

/* One line on stderr: what, where, and what to do. */
void verify_say_damage(const char *path, const struct audit_damage *damage);
void verify_say_difference(const char *path, const char *other, enum status status,
                           const struct comparison *comparison);

#endif
