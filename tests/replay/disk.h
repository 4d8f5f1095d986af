/* The real store (host/store_posix.h) under a fake world, and what was true when. */
#ifndef SEALIFT_TESTS_REPLAY_DISK_H
#define SEALIFT_TESTS_REPLAY_DISK_H

#include "host/store_posix.h"
#include "tests/replay/model.h"
#include "tests/support/fake_pair.h"

enum { RECORD_BYTES = 1500, CLAIMS_MAX = 64 };

struct real_disk {
    struct store_posix store;
    struct fake_disk disk;
    char folder[64];
    bool is_open;
};

/* A new folder, in memory where the machine has that. */
void real_disk_make(struct real_disk *disk);
void real_disk_open(struct real_disk *disk, struct fake_world *world);
void real_disk_close(struct real_disk *disk); /* as a process that dies does: nothing is synced */
void real_disk_remove(struct real_disk *disk);

bool real_disk_has_quarantine(const struct real_disk *disk); /* asked last: may remove it */

/* Has two spares made, as the maker of a host does. */
void real_disk_make_spares(struct real_disk *disk, struct fake_world *world);

/* What was promised before each operation, and what the coordinator held. */
struct moment {
    uint64_t floor, ceiling; /* of what may be there: acknowledged, and sent at all */
    unsigned claim;
    bool harmed; /* something is damaged, and not known to be repaired: it may wait for others */
    bool lost; /* a whole file of it */
};

struct run {
    struct pair *pair;
    unsigned member; /* whose disk it is */
    struct model base; /* the disk before the first operation */
    struct recording recording;
    struct moment *moments; /* one more than operations */
    struct claim_record claims[CLAIMS_MAX];
    unsigned claim_count;
    uint64_t floor; /* beside what messages say */
    bool harmed, lost;
    uint64_t (*promised)(struct run *run); /* by messages that were not looked at yet */
};

/* What lies in the folder by now is durable. */
void run_start(struct run *run, struct pair *pair, unsigned member, const char *folder,
               uint64_t (*promised)(struct run *run));
void run_end(struct run *run); /* the moment after the last operation */
void run_free(struct run *run);

#endif
