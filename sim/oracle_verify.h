/* Is what a member says of its own copy true? Each VERIFIED_SEGMENT and VERIFIED that a member
 * sends is held against what was sealed; what does not agree fails the seed (invariant 39). */
#ifndef SEALIFT_SIM_ORACLE_VERIFY_H
#define SEALIFT_SIM_ORACLE_VERIFY_H

#include "sim/oracle.h"

void oracle_on_verified_segment(struct oracle *oracle, const struct sim_member *member,
                                const struct effect_send *send);
void oracle_on_verified(struct oracle *oracle, const struct sim_member *member,
                        const struct effect_send *send);

#endif
