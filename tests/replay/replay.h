/* Goes through what a disk may hold after each operation of a run.
 *
 * After each operation: nothing pending is there, all of it is (that is kill -9), and some samples
 * of it; where little is pending, also each thing alone, and all but each. Every so often the start
 * on such a disk is recorded itself, and power is lost after each of its operations; after a
 * kill -9 what the dead process did not sync may still be lost then. In the environment:
 *
 *   REPLAY_SAMPLES   samples a place (default 2)
 *   REPLAY_STRIDE    only every so many places (default: as the test says, most often 1)
 *   REPLAY_NESTED    starts that are recorded: every so many states (default 100; 0: none; 1: all)
 *   REPLAY_AT        PLACE.HOW.NUMBER, as a failure says it: that state only
 *   REPLAY_LIST      list the operations; with REPLAY_AT also those of its start */
#ifndef SEALIFT_TESTS_REPLAY_REPLAY_H
#define SEALIFT_TESTS_REPLAY_REPLAY_H

#include "tests/replay/disk.h"
#include "tests/replay/model.h"

struct replay {
    const char *name;
    bool encrypted;
    bool lets_go; /* of old segments: where the test's member does that */
    unsigned stride; /* where another test looks at the same operations; 0: at all places */
    /* Starts the member on the disk, as of that moment; `recovery` is not NULL where that start is
     * to be recorded. */
    void (*check)(struct replay *replay, struct real_disk *disk, const struct moment *moment,
                  const struct claim_record *claim, struct run *recovery);
    uint64_t places; /* at which power was lost: as many as the stride leaves */
    uint64_t states, kills, nested, aside,
        failures; /* aside: states of which something was kept aside */
    char place[160]; /* where we are: in every message */
    bool is_nested;
};

void replay_run(struct replay *replay, const struct run *run);

/* Enough places, and at each of them several ways to lose power. */
bool replay_looked_around(const struct replay *replay);

__attribute__((format(printf, 2, 3))) void replay_fail(struct replay *replay, const char *format,
                                                       ...);

#endif
