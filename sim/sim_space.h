/* How full is a simulated file system, and when does its member hear of it?
 *
 * It holds the segment files of one member, in the WAL or aside, and `foreign_bytes` of others, who
 * come and go as they please. A member is told at its start and whenever a thousandth has changed;
 * where not even a segment file would fit, every event says so (event.disk_full). Nothing ever
 * fails for want of space: what a member asks for all the same waits for it, as in the host. */
#ifndef SEALIFT_SIM_SIM_SPACE_H
#define SEALIFT_SIM_SIM_SPACE_H

#include "sim/sim.h"

/* Zeros where it has no end. */
struct store_space sim_space_of(const struct sim_store *store);
bool sim_space_is_short(const struct sim_store *store);

/* Soon, if there is news and the member is up. */
void sim_space_tell(struct sim *sim, struct sim_member *member);

/* Others fill it up to so many thousandths; 0: they go. */
void sim_space_fill(struct sim *sim, struct sim_member *member, unsigned permille);

#endif
