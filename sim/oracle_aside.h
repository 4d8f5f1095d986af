/* Is what a history leaves out kept in quarantine first?
 *
 * A header that follows a segment says where that one ended. Whole batches behind that end, which
 * lie on this disk, belong to nothing any more: before the header is written they were copied
 * aside (invariant 45). */
#ifndef SEALIFT_SIM_ORACLE_ASIDE_H
#define SEALIFT_SIM_ORACLE_ASIDE_H

#include "sim/oracle.h"

/* A part of a segment was copied into quarantine, durably. */
void oracle_note_aside(struct oracle *oracle, const struct sim_member *member,
                       const struct store_write *write);

/* A header is asked to be written: what it leaves out of the segment before it is in quarantine. */
void oracle_check_left_out(struct oracle *oracle, const struct sim_member *member,
                           const struct store_write *write);

#endif
