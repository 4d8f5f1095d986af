/* The folder of `sealift up`: which regions it has, and at which ports their services were last.
 *
 * DIR/regions, one line a region: NAME PORT, in the order in which they were first named. It is
 * there before anything else is, so that a folder without it is either empty or somebody else's;
 * the rest is that of cli/region_keyd.h. The folder is locked (flock(2)) while it is open: of two
 * commands at once the second is refused. What fails has been said on stderr. */
#ifndef SEALIFT_CLI_UP_FOLDER_H
#define SEALIFT_CLI_UP_FOLDER_H

#include "base/bytes.h"
#include "base/ids.h"

enum { UP_REGIONS_MAX = 32, UP_DIR_MAX = 512 }; /* AWS has some 35; one machine is one machine */

struct up_region {
    char name[REGION_TEXT_MAX];
    unsigned port; /* 0: none yet */
};

struct up_folder {
    char dir[UP_DIR_MAX]; /* its whole path */
    int fd;
    struct up_region regions[UP_REGIONS_MAX];
    unsigned count;
};

/* Like us-east-1. What has no hyphen could be a name of something else in the folder. */
bool up_region_is_valid(const char *name);

/* `create`: makes the folder where it is missing, and takes an empty one. */
bool up_folder_open(struct up_folder *folder, const char *dir, bool create);
void up_folder_close(struct up_folder *folder);

/* The region of that name, added where it is new; NULL where there is no room. */
struct up_region *up_folder_region(struct up_folder *folder, const char *name);

/* Durable. */
bool up_folder_save(const struct up_folder *folder);

/* "sealift VERB: WHAT: WHY", on stderr; false. */
bool up_fail(const char *what, const char *why);

#endif
