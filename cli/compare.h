/* Do two copies of a WAL hold the same bytes?
 *
 * Valid bytes only; of segments that one side has not finished, what both have. Two folders are
 * compared byte by byte; where a member that runs is one of the two, by SHA-256 and chain. */
#ifndef SEALIFT_CLI_COMPARE_H
#define SEALIFT_CLI_COMPARE_H

#include "cli/audit.h"

struct comparison {
    uint64_t segments, bytes; /* compared and the same */
    batch_t own_last, other_last;
    segment_t segment; /* where they differ, and how far into it */
    uint64_t offset;
    bool by_digest; /* so `offset` is not known */
};

/* Of two audits without damage. E_LINEAGE or E_DESCRIPTOR where they are of two WALs; E_CHAIN where
 * a byte, or the end of a segment that both have closed, differs; or what reading says. */
NODISCARD enum status compare_audits(struct comparison *comparison, const struct audit *own,
                                     const struct audit *other);

/* One copy, by what was found of each segment. */
struct compare_side {
    const struct audit_row *rows;
    uint32_t count;
    /* SHA-256 of the valid bytes of row->segment up to row->last_batch, which ends within what this
     * side has of it; `row` is the other side's. */
    enum status (*prefix)(void *context, const struct audit_row *row, struct digest *sha256);
    void *context;
};

/* E_CHAIN where they differ, or what `prefix` says. Lineages were compared before. */
NODISCARD enum status compare_rows(struct comparison *comparison, const struct compare_side *own,
                                   const struct compare_side *other);

#endif
