/* Whatever a member begins to write can be opened after a crash at that very moment: its keyring on
 * the disk has an envelope of the DEK that the segment's header names. */
#ifndef SEALIFT_SIM_ORACLE_KEYS_H
#define SEALIFT_SIM_ORACLE_KEYS_H

#include "sim/oracle.h"

/* A member asks for a segment of that header to be made. */
void oracle_check_keyring(struct oracle *oracle, const struct sim_member *member,
                          struct bytes header);

#endif
