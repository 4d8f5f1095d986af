/* Where may a disk be harmed?
 *
 * Only where another disk still has what is there: the same header, the same sealed batch, whole
 * and synced, at a member of the cluster. So whatever befalls disks in a world, one good copy of
 * every record stays, a loss is always a bug, and so is a member that does not get whole again. */
#ifndef SEALIFT_SIM_ATLAS_H
#define SEALIFT_SIM_ATLAS_H

#include "sim/oracle.h"

/* Bytes [begin, end) of that segment's file on that member's disk may change. What is of no
 * history that counts may change at any time. */
bool atlas_allows(const struct oracle *oracle, const struct sim_member *victim,
                  const struct sim_file *file, uint64_t begin, uint64_t end);

/* All of its disk may go. */
bool atlas_allows_all(const struct oracle *oracle, const struct sim_member *victim);

#endif
