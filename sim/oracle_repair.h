/* Is what a repair has written what was sealed, and no less than there was? */
#ifndef SEALIFT_SIM_ORACLE_REPAIR_H
#define SEALIFT_SIM_ORACLE_REPAIR_H

#include "sim/oracle.h"

/* That segment's new file has taken its place, durably (invariant 19). */
void oracle_on_repaired(struct oracle *oracle, struct sim_member *member, segment_t number);

#endif
