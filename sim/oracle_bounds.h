/* What stays within bounds, and what must not stay at all? Only for the oracle. */
#ifndef SEALIFT_SIM_ORACLE_BOUNDS_H
#define SEALIFT_SIM_ORACLE_BOUNDS_H

#include "sim/oracle.h"

/* A batch that a writer has just sealed, against the size of its segment. */
void oracle_check_segment(struct oracle *oracle, const struct sim_member *member,
                          const struct oracle_batch *added);

/* A batch that is about to be sent, against the window of its feed. */
void oracle_check_flight(struct oracle *oracle, const struct sim_member *member,
                         const struct effect_send *send);

/* A node that is gone, but for its memory: no data key may lie there. One in four is looked at. */
void oracle_check_memory(struct oracle *oracle, const struct sim_member *member);

/* Nor in that of one that is still there, and has lost its key. */
void oracle_check_memory_now(struct oracle *oracle, const struct sim_member *member);

#endif
