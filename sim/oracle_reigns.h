/* Who was the writer when, and what had it heard by then?
 *
 * Each epoch is the reign of one writer. What it may call committed is what its disk and enough
 * acks of its own epoch say; a writer that has been superseded may still say so of its own time,
 * late, and be right. */
#ifndef SEALIFT_SIM_ORACLE_REIGNS_H
#define SEALIFT_SIM_ORACLE_REIGNS_H

#include "base/ids.h"
#include "base/level.h"
#include "sim/sim.h"

struct oracle;
struct oracle_segment;

enum { ORACLE_REIGNS = 32 }; /* what is told of older ones has long arrived */

/* The time of one writer: what it has heard from others of their disks, in its own epoch. */
struct oracle_reign {
    epoch_t epoch;
    unsigned primary;
    unsigned start; /* index of its epoch-start batch + 1; 0: not sealed yet */
    batch_t acked[SIM_MEMBERS_MAX];
    uint32_t recorded; /* members that were seen in the coordinator's record in this reign */
};

/* A writer makes the first segment of an epoch above all others. */
void oracle_begin_reign(struct oracle *oracle, const struct oracle_segment *first);

/* Whether the newest reign is of another member than the one before. */
bool oracle_was_promoted(const struct oracle *oracle);

/* Whether what is told at `level` is kept through a promotion in such a cluster. */
bool oracle_protects(struct level level, struct level cluster);

/* An ACK has reached a writer. */
void oracle_on_acked(struct oracle *oracle, unsigned writer, unsigned from, epoch_t epoch,
                     batch_t batch);

/* In some reign, at some time. */
bool oracle_level_is_met(const struct oracle *oracle, lsn_t lsn, struct level level);

/* Whether the newest writer, if it is that member, has heard enough `among` those to say so now. */
bool oracle_writer_has_heard(const struct oracle *oracle, unsigned member, lsn_t lsn,
                             struct level level, uint32_t among);

/* What is committed is so from the moment when it is true, whether or not anybody says so. */
void oracle_note_committed(struct oracle *oracle);

#endif
