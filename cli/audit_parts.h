/* What the parts of an audit share: audit.c (order, batches), audit_headers.c, audit_content.c. */
#ifndef SEALIFT_CLI_AUDIT_PARTS_H
#define SEALIFT_CLI_AUDIT_PARTS_H

#include "cli/audit.h"

/* Notes the damage; returns `why`. */
enum status audit_damaged(struct audit *audit, enum status why, const char *what);

/* All headers, into rows; row_count stays 0: batches are counted with it. Notes damage itself. */
NODISCARD enum status audit_read_headers(struct audit *audit);

/* Reads, decodes and, with a key, opens one header into audit->raw, header and key. */
NODISCARD enum status audit_open_header(struct audit *audit, segment_t segment);

/* The digests that audit->header lists, of segments that were read already. */
NODISCARD enum status audit_check_digests(struct audit *audit);

/* What the seal was right about must also have a form, and agree with what came before, or it is
 * E_MALFORMED. The segment is that of rows[row_count]. */
NODISCARD enum status audit_check_content(const struct audit *audit,
                                          const struct scan_batch *found);

/* Whether seals are opened; of the header that was opened last. */
bool audit_has_key(const struct audit *audit);

#endif
