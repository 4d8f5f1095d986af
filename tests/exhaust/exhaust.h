/* And if it happens at the n-th place, for every n?
 *
 * A small world is made, always the same, up to where it becomes interesting; from there on the
 * fault strikes at the first step of a member, or at its first group of writes; in the next world
 * at the second, and so on. The count ends by itself: with the first place that a run never
 * reaches. After the fault all is calm, everybody is started, and no promise may be broken.
 *
 * A failure says its place as MEMBER.WHAT.PLACE.AGAIN. In the environment:
 *   EXHAUST_AT       that place only, with the transcript
 *   EXHAUST_STRIDE   every so many places only
 *   EXHAUST_FULL     every place, where usually only some are looked at */
#ifndef SEALIFT_TESTS_EXHAUST_EXHAUST_H
#define SEALIFT_TESTS_EXHAUST_EXHAUST_H

#include "sim/swarm.h"

enum { N_MAX = 200000 };

enum what {
    WHAT_KILL,
    WHAT_POWER,
    WHAT_POWER_ALL, /* of everybody, at a step of that member */
    WHAT_IO, /* a group of writes fails */
    WHAT_FULL,
    WHAT_READ, /* the next read after a step fails */
    WHAT_CUT, /* all links */
    WHAT_CUT_ONE, /* a link, behind the n-th message that anybody hears, which came on it */
    WHAT_CALL, /* within a step, as are the next two: a call of libcrypto */
    WHAT_ALLOCATION, /* of libcrypto */
    WHAT_FLIP, /* a byte of what is sealed, as that member hears it */
    WHATS
};

struct exhaustion {
    struct world *(*make)(void);
    unsigned run_s; /* how long places are counted, and */
    unsigned member; /* whose */
    enum what what;
    unsigned every; /* so many-th place only; 0: each */
    bool (*is_well)(struct world *world); /* in the end, beside what the oracle demands; or NULL */
};

/* `again`: how many steps after the first fault the second comes; 0: there is none. False where the
 * run ends before place n. */
bool exhaust_one(const struct exhaustion *run, uint64_t n, uint64_t again);

/* All of them. */
void exhaust_all(const struct exhaustion *run);

/* 1, or an odd number where somebody is in a hurry: every so many places only. */
unsigned exhaust_stride(void);

#endif
