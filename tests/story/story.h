/* A disaster in a small world, and the transcript that it must leave.
 *
 * A story starts members by hand, hurts them at chosen moments and ends with story_end, which
 * expects the world to settle without a broken promise and the transcript to be the golden one.
 * STORY_UPDATE=1 in the environment writes the golden file instead. */
#ifndef SEALIFT_TESTS_STORY_STORY_H
#define SEALIFT_TESTS_STORY_STORY_H

#include "sim/swarm.h"

enum { US_EAST = 0, EU_WEST = 3, AP_SOUTHEAST = 8 };

struct world *story_begin(bool encrypted, struct level level);

/* Virtual milliseconds since the beginning. */
void story_run_to(struct world *world, uint64_t ms);

/* Step by step until that is so; the test fails if it never is. */
void story_run_until(struct world *world, bool (*is_so)(const struct world *world));

/* All faults end, everything settles, and the transcript is that of golden/`name`.txt. */
void story_end(struct world *world, const char *name);

#endif
