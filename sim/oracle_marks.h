/* Does a member keep to what its control file marks as durable?
 *
 * Judged by the disk alone: whoever starts on one that lacks a marked batch goes on with nothing,
 * nothing that is marked leaves the WAL, and no mark says more than is there. */
#ifndef SEALIFT_SIM_ORACLE_MARKS_H
#define SEALIFT_SIM_ORACLE_MARKS_H

#include "sim/oracle.h"

/* Whether the disk lacks a batch, in its newest segment, that its own control file marks as
 * durable: then its member must refuse to start, and above all must not cut there. */
bool oracle_marks_are_broken(const struct oracle *oracle, const struct sim_member *member);
void oracle_check_refusal(struct oracle *oracle, const struct sim_member *member,
                          const struct store_write *write);

/* A control file has become durable. */
void oracle_on_marked(struct oracle *oracle, const struct sim_member *member);

/* Of a segment that leaves the WAL: no mark on that disk covers it. */
void oracle_check_aside(struct oracle *oracle, const struct sim_member *member, segment_t number);

/* Of a control file that is written: its mark is durable, its commit is one. */
void oracle_check_mark(struct oracle *oracle, const struct sim_member *member,
                       const struct store_write *write);

#endif
