/* Where do the rows of a SAVE go, and where does START get them? A SQLite database in the data
 * folder: node/event.h says what a row and a transaction are.
 *
 * Tables kms_key, kms_version, kms_alias, kms_grant and audit, each of key TEXT and value BLOB.
 * Rows of audit cannot be changed or removed, by anybody who uses the database: triggers see to it.
 * The view audit_lines shows them in columns, for `sqlite3` and people: number, time (UTC),
 * principal, key, operation, context, allowed (1 or 0), error, message, request_id.
 *
 * All SAVEs between two commits are one transaction (group commit) and share its fate. Journal mode
 * WAL with synchronous=FULL: what catalog_commit answered OK to is durable.
 *
 * Statuses: E_DISK_FULL, E_READ_ONLY, E_LOCKED (the folder: another process; a save: somebody else
 * has been writing for BUSY seconds), E_EXISTS (a row of audit was to be changed), E_MISSING,
 * E_DAMAGED, E_VERSION, E_FOREIGN_FOLDER (a database that is none of ours), else E_IO. After E_IO
 * and E_DAMAGED what is on the disk is in doubt: the world stops and starts anew. */
#ifndef SEALIFT_HOST_CATALOG_H
#define SEALIFT_HOST_CATALOG_H

#include "node/event.h"

#include <limits.h>

enum {
    CATALOG_WHY_MAX = PATH_MAX + 512,
    CATALOG_BUSY_MS = 2000, /* somebody's sqlite3 in the same database */
    CATALOG_APPLICATION_ID = 0x534c4b44, /* "SLKD" */
    CATALOG_SCHEMA_VERSION = 2,
};

#define CATALOG_FILE "catalog.db" /* in its folder */

struct catalog;

/* The folder (made where `create` says so and it is missing) is locked until catalog_close. `why`
 * (CATALOG_WHY_MAX) is a sentence. */
NODISCARD enum status catalog_open(struct catalog **catalog, const char *folder, bool create,
                                   char *why);
void catalog_close(struct catalog *catalog);

/* The same, where the service never began: what catalog_open has made is removed again. */
void catalog_close_unused(struct catalog *catalog, const char *folder);

struct catalog_rows {
    struct save_row *rows;
    size_t count;
};

/* All of the tables, but of audit the last row only. `rows` is the caller's to free, whatever the
 * status. */
NODISCARD enum status catalog_load(struct catalog *catalog, struct catalog_rows *rows);
void catalog_rows_free(struct catalog_rows *rows);

/* Rows of audit with numbers below `before`, from the newest on, until `on_row` returns false. Only
 * between transactions: what is read is durable. */
NODISCARD enum status
catalog_read_audit(struct catalog *catalog, uint64_t before,
                   bool (*on_row)(void *context, const char *key, struct bytes row), void *context);

/* Copies. What goes wrong is the commit's to say. */
void catalog_save(struct catalog *catalog, const struct save_row *rows, size_t count);

/* Of all that was saved since the last. After a failure none of it has happened, unless the status
 * leaves that in doubt. OK without doing anything where nothing was saved. */
NODISCARD enum status catalog_commit(struct catalog *catalog);

/* What SQLite said last, for traces. */
const char *catalog_error(const struct catalog *catalog);

#endif
