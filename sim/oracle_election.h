/* Are promises and claims on the disk before anybody hears of them? */
#ifndef SEALIFT_SIM_ORACLE_ELECTION_H
#define SEALIFT_SIM_ORACLE_ELECTION_H

#include "sim/oracle.h"

/* What is acked in an epoch, or promised of one, binds the next life: the disk knows it (14). */
void oracle_check_promise(struct oracle *oracle, const struct sim_member *member, epoch_t epoch,
                          const char *how);

/* A member answers a candidate: its promise and what it tells of are on its disk (14, 2). */
void oracle_on_fenced(struct oracle *oracle, const struct sim_member *member,
                      const struct effect_send *send);

/* A candidate claims: a later start of it must know, or it would go on as if it had not (14). */
void oracle_on_claim(struct oracle *oracle, const struct sim_member *member,
                     const struct claim_record *record);

#endif
