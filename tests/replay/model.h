/* What may a disk hold after power was lost?
 *
 * A folder as a disk knows it: names and contents, each with what is durable and what is pending.
 * A sync of a file makes its contents durable, a sync of a folder the names in it. Of what is
 * pending, any part may be there after a cut: any subset of 512-byte sectors, of sizes, of names
 * (each name's change is whole, a rename with both of its sides). That is more cruel than any
 * journalling file system is, and what docs say the store stands. */
#ifndef SEALIFT_TESTS_REPLAY_MODEL_H
#define SEALIFT_TESTS_REPLAY_MODEL_H

#include "base/prng.h"
#include "tests/replay/recorder.h"

enum { SECTOR_BYTES = 512, FILES_MAX = 4096, NAMES_MAX = 512, PENDING_MAX = 1024 };

struct contents {
    uint8_t *data;
    uint64_t size;
};

struct model_file {
    struct contents durable;
    const struct op *pending[PENDING_MAX]; /* WRITE, TRUNCATE, ALLOCATE */
    unsigned pending_count;
    uint64_t live_size;
};

struct model_name {
    char path[PATH_BYTES];
    int file; /* -1: a folder */
};

struct names {
    struct model_name list[NAMES_MAX];
    unsigned count;
};

struct model {
    struct model_file *files;
    int file_count;
    struct names durable, live;
    const struct op *pending[PENDING_MAX]; /* changes of names */
    int pending_file[PENDING_MAX][2]; /* what the names meant when they were changed */
    unsigned pending_count;
};

/* Which of the pending things are there after the cut. */
struct choice {
    enum { CHOOSE_NONE, CHOOSE_ALL, CHOOSE_SOME, CHOOSE_ALL_BUT, CHOOSE_ONLY } how;
    uint64_t number; /* SOME: a seed; ALL_BUT and ONLY: the thing */
};

/* Everything that the folder holds is durable. */
void model_load(struct model *model, const char *folder);
void model_copy(struct model *copy, const struct model *model);
void model_free(struct model *model);

void model_apply(struct model *model, const struct op *op);

/* Writes what is left into an empty folder. Returns how many pending things there were. */
unsigned model_cut(const struct model *model, const struct choice *choice, const char *folder);

#endif
