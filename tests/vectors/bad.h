/* Which files must be refused, and how?
 *
 * One table: a name, what is done to a good folder, and the status with which a reader must refuse
 * it, with the keys and without. OK: this reader cannot see it, and docs/FORMAT.md says so. */
#ifndef SEALIFT_TESTS_VECTORS_BAD_H
#define SEALIFT_TESTS_VECTORS_BAD_H

#include "tests/vectors/good.h"

enum { BAD_ARGUMENTS = 2 };

struct bad;

/* A folder on its way from good to bad, and what to take parts from. */
struct bad_copy {
    struct good_folder folder;
    struct audit_dek deks[GOOD_DEKS];
    const struct good *good;
};

struct bad {
    const char *name;
    void (*edit)(struct bad_copy *copy, const struct bad *bad);
    int file; /* enum good_file, or a segment: GOOD_SEGMENT + number */
    size_t at[BAD_ARGUMENTS]; /* offsets, as `edit` takes them */
    enum status keyed, keyless;
    bool plain; /* of the unencrypted folder */
};

extern const struct bad bads[];
extern const unsigned bad_count;

/* Makes the folder; good_folder_free(&copy->folder) afterwards. */
void bad_make(struct bad_copy *copy, const struct good *good, const struct bad *bad);

#endif
