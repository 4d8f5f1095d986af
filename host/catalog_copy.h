/* Is a catalog whole, and how does it get to another place and back?
 *
 * For a catalog that a service may be using, or for a copy of one: SQLite lets others read. None of
 * it needs the root key, and a copy opens nothing without it. */
#ifndef SEALIFT_HOST_CATALOG_COPY_H
#define SEALIFT_HOST_CATALOG_COPY_H

#include "host/catalog.h"
#include "keys/audit.h"

/* Walks the audit from its first row. OK, and `chain` is where it ends; or E_GAP, and `why`
 * (CATALOG_WHY_MAX) names the row that does not follow the one before: something was changed or
 * removed. What was cut off at the end shows only to those who know where it ended before. */
NODISCARD enum status catalog_check_audit(const char *file, struct audit_chain *chain, char *why);

/* The same of the catalog in a data folder. */
NODISCARD enum status catalog_check_folder(const char *folder, struct audit_chain *chain,
                                           char *why);

/* A copy as of one moment, durable, under a name that must be free (E_EXISTS). */
NODISCARD enum status catalog_backup(const char *folder, const char *file, char *why);

/* The copy becomes the catalog of a folder that has none (E_EXISTS), after its audit was walked.
 * The folder is made where it is missing. */
NODISCARD enum status catalog_restore(const char *file, const char *folder, char *why);

#endif
