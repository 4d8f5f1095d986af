/* Which epochs has this WAL had, and where did each begin?
 *
 * An epoch ends where the next one in the table begins; a batch (epoch, number) belongs to the WAL
 * exactly if its number lies in its epoch's range. Divergence is decided here, as a pure function
 * of two tables. The table keeps the newest EPOCH_TABLE_MAX entries. */
#ifndef SEALIFT_CLUSTER_EPOCH_TABLE_H
#define SEALIFT_CLUSTER_EPOCH_TABLE_H

#include "base/ids.h"
#include "base/status.h"
#include "proto/ship.h"

enum { EPOCH_TABLE_MAX = GREET_EPOCHS_MAX };

struct epoch_table {
    uint32_t count;
    struct epoch_entry entries[EPOCH_TABLE_MAX]; /* ascending by epoch */
};

/* Adds the newest. E_STALE_EPOCH where its epoch is not higher than the last (the very same entry
 * again is OK); E_MALFORMED for an epoch or start of 0, and where batch or LSN begin before
 * those of the one before it: a cut takes over the upstream's whole table instead. The oldest
 * makes room. */
NODISCARD enum status epoch_table_add(struct epoch_table *table, const struct epoch_entry *entry);

/* NULL where unknown. */
const struct epoch_entry *epoch_table_find(const struct epoch_table *table, epoch_t epoch);

/* The epoch that batch `batch` belongs to; 0 where it is older than the table. */
epoch_t epoch_table_epoch_of(const struct epoch_table *table, batch_t batch);

/* The last batch of `epoch`: the one before the next entry's start; BATCH_OPEN_END for the newest.
 * An epoch that ended before its first batch ends at its start - 1. 0 where the epoch is
 * unknown. */
#define BATCH_OPEN_END UINT64_MAX
batch_t epoch_table_end(const struct epoch_table *table, epoch_t epoch);

/* A mark (e, b) as this history sees it: min(b, end of e). 0 where e is unknown. */
batch_t epoch_table_clamp(const struct epoch_table *table, struct position mark);

enum divergence {
    DIVERGENCE_NONE, /* everything that the downstream has is part of the upstream's history */
    DIVERGENCE_CUT, /* what follows `keep` is not: to quarantine, then go on */
    DIVERGENCE_LOST, /* older than the tables reach: re-seed */
};

struct divergence_verdict {
    enum divergence kind;
    struct position keep; /* the downstream's last batch that is part of the upstream's history */
};

/* `at` is the downstream's last durable position, `own` its table, `upstream` the other's. An empty
 * downstream (0, 0) never diverges. `at` may name an epoch whose first batch is still to come (its
 * empty segment is stored): where the upstream does not know that epoch, the segment is cut.
 *
 * Nothing is ever cut on weak evidence. LOST also where the upstream's newest epoch is below
 * at.epoch (it is stale, and the caller refuses it with E_STALE_EPOCH before asking), where `own`
 * does not know at.epoch, and where the tables agree on a batch after one on which they differ,
 * which no honest history can. */
struct divergence_verdict epoch_table_compare(const struct epoch_table *upstream,
                                              const struct epoch_table *own, struct position at);

#endif
