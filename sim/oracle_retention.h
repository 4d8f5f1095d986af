/* What was allowed to be deleted, and who is lost by that? Part of the oracle. */
#ifndef SEALIFT_SIM_ORACLE_RETENTION_H
#define SEALIFT_SIM_ORACLE_RETENTION_H

#include "sim/oracle.h"

/* The first that takes part in the member's WAL: what is below was allowed to go, and is gone. */
segment_t oracle_first_segment(const struct oracle *oracle, const struct sim_member *member);
void oracle_note_created(struct oracle *oracle, const struct sim_member *member, segment_t segment);
void oracle_on_delete(struct oracle *oracle, const struct sim_member *member, segment_t segment);

/* Whoever lets a segment go serves nothing of it from then on, though it stays until the mark is on
 * the disk, which takes seconds on a slow one. So it is judged as soon as the member forgets it. */
void oracle_check_first(struct oracle *oracle, const struct sim_member *member);

/* Its upstream, or one further up, was allowed to delete what it needs. */
bool oracle_is_lost(const struct oracle *oracle, const struct sim_member *member);

/* E_LOST is only for who is lost, or is about to be: its upstream has forgotten a segment whose
 * mark is not on its disk yet (and may never be, if a crash comes). */
void oracle_on_bye(struct oracle *oracle, const struct sim_member *member,
                   const struct effect_send *send);

/* Whether a reader there may find this LSN to be the first. */
bool oracle_may_begin_at(const struct oracle *oracle, const struct sim_member *member, lsn_t lsn);

/* A control file is durable: whom it names as pinned is so from now on, and without a mark of
 * retention nothing is let go. */
void oracle_note_pins(struct oracle *oracle, const struct sim_member *member, struct bytes file);

#endif
