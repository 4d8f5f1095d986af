/* Which files must be refused, and how?
 *
 * Each has a name, what is done to a good folder, and the status with which a reader must refuse
 * it, with the keys and without. OK: what was altered does not count, or this reader cannot see
 * it; the records are then those of the good folder. */
#ifndef SEALIFT_TESTS_VECTORS_BAD_H
#define SEALIFT_TESTS_VECTORS_BAD_H

#include "tests/vectors/good.h"

enum { BAD_ARGUMENTS = 3 };

enum bad_base { BAD_ENCRYPTED, BAD_PLAIN, BAD_TORN, BAD_RESTORED, BAD_RETAINED };

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
    enum bad_base base;
};

/* All of them, from 0; NULL behind the last. */
const struct bad *bad_at(unsigned at);

/* The folder that it was made from. */
const struct good_folder *bad_base(const struct good *good, const struct bad *bad);

/* Makes the folder; good_folder_free(&copy->folder) afterwards. */
void bad_make(struct bad_copy *copy, const struct good *good, const struct bad *bad);

#endif
