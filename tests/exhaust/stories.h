/* Where do the stories begin that are struck?
 *
 * Each world is made up to where it becomes interesting, and is the same every time; places are
 * counted from there on, for so long as its name says. */
#ifndef SEALIFT_TESTS_EXHAUST_STORIES_H
#define SEALIFT_TESTS_EXHAUST_STORIES_H

#include "sim/swarm.h"

enum { REPAIR_S = 3, PARTED_S = 2, RETENTION_S = 2, PROMOTION_S = 4 };

/* Both disks are damaged, each where the other is whole. */
struct world *damaged_world(void);

/* The replica is ahead of its primary's slow disk; both die, and the replica's newest batch rots.
 * It is of a history that the primary does not go on with. */
struct world *parted_world(void);

/* Two members who keep little. */
struct world *retaining_world(void);

/* A primary and two replicas, of which the first has just been told to take over. */
struct world *promoting_world(void);

bool all_are_up(struct world *world);

/* All are up, with the same bytes, and nothing is missing. */
bool is_whole(struct world *world);

#endif
