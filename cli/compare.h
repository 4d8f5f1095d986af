/* Do two data folders hold the same bytes?
 *
 * Valid bytes only; of segments that one side has not finished, what both have. */
#ifndef SEALIFT_CLI_COMPARE_H
#define SEALIFT_CLI_COMPARE_H

#include "cli/audit.h"

struct comparison {
    uint64_t segments, bytes; /* compared and the same */
    batch_t own_last, other_last;
    segment_t segment; /* where they differ, and how far into it */
    uint64_t offset;
};

/* Of two audits without damage. E_LINEAGE or E_DESCRIPTOR where they are of two WALs; E_CHAIN where
 * a byte, or the end of a segment that both have closed, differs; or what reading says. */
NODISCARD enum status compare_audits(struct comparison *comparison, const struct audit *own,
                                     const struct audit *other);

#endif
