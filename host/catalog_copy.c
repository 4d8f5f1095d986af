/* A connection of its own for each, closed at the end.
 *
 * A copy is made by SQLite's VACUUM INTO, which reads one state of the database and writes it into
 * a new file; that is synced, and gets its name last. So is a restored catalog: a crash leaves no
 * catalog or a whole one. */
#include "host/catalog_copy.h"

#include "base/check.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status explain(enum status status, const char *path, const char *detail, char *why)
{
    snprintf(why, CATALOG_WHY_MAX, "%s: %s (%s)", path, detail, status_name(status));
    return status;
}

/* Ours, and of this version. */
static enum status check_kind(sqlite3 *database)
{
    sqlite3_stmt *statement;
    enum status status = E_FOREIGN_FOLDER;

    if (sqlite3_prepare_v2(database,
                           "SELECT (SELECT application_id FROM pragma_application_id),"
                           " (SELECT user_version FROM pragma_user_version)",
                           -1, &statement, NULL)
        != SQLITE_OK) {
        return E_DAMAGED;
    }
    if (sqlite3_step(statement) == SQLITE_ROW
        && sqlite3_column_int64(statement, 0) == CATALOG_APPLICATION_ID) {
        status = sqlite3_column_int64(statement, 1) == CATALOG_SCHEMA_VERSION ? OK : E_VERSION;
    }
    sqlite3_finalize(statement);
    return status;
}

static enum status open_database(sqlite3 **database, const char *file, char *why)
{
    if (access(file, R_OK) != 0) {
        *database = NULL;
        return explain(file_status_of_errno(errno), file, strerror(errno), why);
    }
    if (sqlite3_open_v2(file, database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        return explain(E_DAMAGED, file, sqlite3_errmsg(*database), why);
    }
    sqlite3_busy_timeout(*database, CATALOG_BUSY_MS);

    const enum status status = check_kind(*database);

    return status == OK ? OK : explain(status, file, status_text(status), why);
}

static enum status walk_audit(sqlite3 *database, const char *file, struct audit_chain *chain,
                              char *why)
{
    sqlite3_stmt *statement;
    enum status status = OK;
    int result = SQLITE_DONE;

    *chain = (struct audit_chain){0};
    if (sqlite3_prepare_v2(database, "SELECT key, value FROM audit ORDER BY key", -1, &statement,
                           NULL)
        != SQLITE_OK) {
        return explain(E_DAMAGED, file, sqlite3_errmsg(database), why);
    }
    while (status == OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        const struct bytes row =
            bytes_of(sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1));

        status = audit_chain_add(chain, key, row);
        if (status != OK) {
            snprintf(
                why, CATALOG_WHY_MAX,
                "%s: row %.20s of the audit does not follow row %llu: something was changed or "
                "removed (%s)",
                file, key, (unsigned long long)chain->number, status_name(status));
        }
    }
    sqlite3_finalize(statement);
    return status != OK || result == SQLITE_DONE
               ? status
               : explain(E_DAMAGED, file, sqlite3_errmsg(database), why);
}

static enum status path_in(const char *folder, char path[PATH_MAX], char *why)
{
    return snprintf(path, PATH_MAX, "%s/" CATALOG_FILE, folder) < PATH_MAX
               ? OK
               : explain(E_TOO_LARGE, folder, "the path is too long", why);
}

enum status catalog_check_audit(const char *file, struct audit_chain *chain, char *why)
{
    sqlite3 *database;
    enum status status = open_database(&database, file, why);

    if (status == OK) {
        status = walk_audit(database, file, chain, why);
    }
    sqlite3_close(database);
    return status;
}

static enum status sync_path(const char *path, bool folder)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | (folder ? O_DIRECTORY : 0));

    if (fd < 0) {
        return file_status_of_errno(errno);
    }

    const enum status status = folder ? file_sync_folder(fd) : file_sync(fd);

    close(fd);
    return status;
}

/* From its temporary name to the one that must be free. */
static enum status settle(const char *beside, const char *file)
{
    char copy[PATH_MAX + 32];

    TRY(sync_path(beside, false));
    if (renameat2(AT_FDCWD, beside, AT_FDCWD, file, RENAME_NOREPLACE) != 0) {
        return file_status_of_errno(errno);
    }
    snprintf(copy, sizeof copy, "%s", file);
    return sync_path(dirname(copy), true);
}

static enum status vacuum_into(sqlite3 *database, const char *beside)
{
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v2(database, "VACUUM INTO ?1", -1, &statement, NULL) != SQLITE_OK) {
        return E_DAMAGED;
    }
    sqlite3_bind_text(statement, 1, beside, -1, SQLITE_STATIC);

    const int result = sqlite3_step(statement);

    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? OK : result == SQLITE_FULL ? E_DISK_FULL : E_IO;
}

static enum status copy_database(sqlite3 *database, const char *file, char *why)
{
    char beside[PATH_MAX + 32];

    if (access(file, F_OK) == 0) {
        return explain(E_EXISTS, file, "is there already, and is left as it is", why);
    }
    snprintf(beside, sizeof beside, "%s.%ld.new", file, (long)getpid());
    umask(077);

    enum status status = vacuum_into(database, beside);

    if (status == OK) {
        status = settle(beside, file);
    }
    unlink(beside); /* still there where something went wrong */
    return status == OK ? OK : explain(status, file, status_text(status), why);
}

enum status catalog_check_folder(const char *folder, struct audit_chain *chain, char *why)
{
    char path[PATH_MAX];

    TRY(path_in(folder, path, why));
    return catalog_check_audit(path, chain, why);
}

enum status catalog_backup(const char *folder, const char *file, char *why)
{
    char path[PATH_MAX];
    sqlite3 *database;

    TRY(path_in(folder, path, why));

    enum status status = open_database(&database, path, why);

    if (status == OK) {
        status = copy_database(database, file, why);
    }
    sqlite3_close(database);
    return status;
}

enum status catalog_restore(const char *file, const char *folder, char *why)
{
    char path[PATH_MAX];
    struct audit_chain chain;
    sqlite3 *database;

    TRY(path_in(folder, path, why));
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return explain(file_status_of_errno(errno), folder, strerror(errno), why);
    }

    enum status status = open_database(&database, file, why);

    if (status == OK) {
        status = walk_audit(database, file, &chain, why);
    }
    if (status == OK) {
        status = copy_database(database, path, why);
    }
    sqlite3_close(database);
    return status;
}
