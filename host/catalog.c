/* A transaction is begun by its first row, and ended by the commit.
 *
 * One statement per table puts a row over the one of its name; for audit the trigger turns that
 * into a refusal. A row that cannot be put is remembered, and the commit becomes a rollback.
 *
 * The lock file is taken before SQLite is let in: two services on one folder would each believe in
 * tables of their own. */
#include "host/catalog.h"

#include "base/check.h"
#include "host/failpoint.h"
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const tables[] = {"kms_key", "kms_version", "kms_alias", "kms_grant",
                                     "audit"}; /* the last is loaded otherwise */
enum { TABLES = sizeof tables / sizeof tables[0] };

struct catalog {
    int folder;
    int lock;
    bool made_folder, made_lock, made_database;
    sqlite3 *database;
    sqlite3_stmt *put[TABLES];
    sqlite3_stmt *remove[TABLES];
    bool begun;
    enum status failed; /* of the transaction under way */
};

static const char settings_sql[] = "PRAGMA trusted_schema = OFF;"
                                   "PRAGMA cell_size_check = ON;"
                                   "PRAGMA secure_delete = ON;"
                                   "PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL;";

/* JSON functions take no BLOB; the values of audit are JSON texts. */
static const char schema_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE kms_key(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kms_version(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kms_alias(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE kms_grant(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE audit(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'rows of audit stay'); END;"
    "CREATE TRIGGER audit_is BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'rows of audit do not change'); END;"
    /* INSERT OR REPLACE removes without asking the trigger above. */
    "CREATE TRIGGER audit_grows BEFORE INSERT ON audit"
    " WHEN EXISTS (SELECT 1 FROM audit WHERE key = NEW.key)"
    " BEGIN SELECT RAISE(ABORT, 'rows of audit do not change'); END;"
    "CREATE VIEW audit_lines AS"
    " SELECT CAST(key AS INTEGER) AS number,"
    "  strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(line, '$.time_ns') / 1e9, 'unixepoch') AS time,"
    "  json_extract(line, '$.principal') AS principal,"
    "  json_extract(line, '$.key') AS key,"
    "  json_extract(line, '$.operation') AS operation,"
    "  json_extract(line, '$.context') AS context,"
    "  json_extract(line, '$.outcome') = 'allowed' AS allowed,"
    "  json_extract(line, '$.error') AS error,"
    "  json_extract(line, '$.message') AS message,"
    "  json_extract(line, '$.request_id') AS request_id"
    " FROM (SELECT key, CAST(value AS TEXT) AS line FROM audit);"
    "PRAGMA application_id = 0x534c4b44;"
    "PRAGMA user_version = 2;"
    "COMMIT;";

static enum status status_of_sqlite(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return OK;
    case SQLITE_FULL:
        return E_DISK_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return E_READ_ONLY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return E_LOCKED;
    case SQLITE_CONSTRAINT:
        return E_EXISTS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return E_DAMAGED;
    case SQLITE_CANTOPEN:
        return E_MISSING;
    default: /* foreign: SQLite's codes */
        return E_IO;
    }
}

static enum status explain(enum status status, const char *folder, const char *what,
                           const char *detail, char *why)
{
    snprintf(why, CATALOG_WHY_MAX, "%s: %s: %s (%s)", folder, what, detail, status_name(status));
    return status;
}

static enum status open_folder(struct catalog *catalog, const char *path, bool create, char *why)
{
    catalog->made_folder = create && mkdir(path, 0700) == 0;
    if (create && !catalog->made_folder && errno != EEXIST) {
        return explain(file_status_of_errno(errno), path, "cannot make the data folder",
                       strerror(errno), why);
    }
    catalog->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (catalog->folder < 0) {
        return explain(file_status_of_errno(errno), path,
                       create ? "cannot open the data folder"
                              : "cannot open the data folder (--create makes one)",
                       strerror(errno), why);
    }
    catalog->made_lock = faccessat(catalog->folder, "lock", F_OK, 0) != 0;
    catalog->made_database = faccessat(catalog->folder, CATALOG_FILE, F_OK, 0) != 0;
    catalog->lock = openat(catalog->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (catalog->lock < 0) {
        return explain(file_status_of_errno(errno), path, "cannot open lock", strerror(errno), why);
    }
    if (flock(catalog->lock, LOCK_EX | LOCK_NB) != 0) {
        return explain(E_LOCKED, path, "cannot take the lock", status_text(E_LOCKED), why);
    }
    return OK;
}

static int ask_number(struct catalog *catalog, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement;
    int result = sqlite3_prepare_v2(catalog->database, sql, -1, &statement, NULL);

    if (result != SQLITE_OK) {
        return result;
    }
    result = sqlite3_step(statement);
    *number = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? SQLITE_OK : result;
}

static int run(struct catalog *catalog, const char *sql)
{
    return sqlite3_exec(catalog->database, sql, NULL, NULL, NULL);
}

/* Ours, of this version; or empty, and then it becomes ours. */
static enum status adopt_schema(struct catalog *catalog, bool create)
{
    int64_t application, version, things;

    TRY(status_of_sqlite(ask_number(catalog, "PRAGMA application_id", &application)));
    TRY(status_of_sqlite(ask_number(catalog, "PRAGMA user_version", &version)));
    TRY(status_of_sqlite(ask_number(catalog, "SELECT count(*) FROM sqlite_schema", &things)));
    if (application == CATALOG_APPLICATION_ID) {
        TRY(version == CATALOG_SCHEMA_VERSION ? OK : E_VERSION);
        return status_of_sqlite(run(catalog, settings_sql));
    }
    if (application != 0 || things != 0) {
        return E_FOREIGN_FOLDER;
    }
    TRY(create ? OK : E_MISSING);
    TRY(status_of_sqlite(run(catalog, settings_sql)));
    failpoint_pass(FAILPOINT_CATALOG_BEFORE_SCHEMA);
    TRY(status_of_sqlite(run(catalog, schema_sql)));
    failpoint_pass(FAILPOINT_CATALOG_AFTER_SCHEMA);
    return OK;
}

static int prepare_table(struct catalog *catalog, unsigned table)
{
    const unsigned lasting = SQLITE_PREPARE_PERSISTENT;
    char sql[256];

    snprintf(sql, sizeof sql,
             "INSERT INTO %s(key, value) VALUES(?1, ?2)"
             " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
             tables[table]);

    const int result =
        sqlite3_prepare_v3(catalog->database, sql, -1, lasting, &catalog->put[table], NULL);

    if (result != SQLITE_OK) {
        return result;
    }
    snprintf(sql, sizeof sql, "DELETE FROM %s WHERE key = ?1", tables[table]);
    return sqlite3_prepare_v3(catalog->database, sql, -1, lasting, &catalog->remove[table], NULL);
}

static enum status open_database(struct catalog *catalog, const char *folder, bool create)
{
    const int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", folder, CATALOG_FILE) >= (int)sizeof path) {
        return E_TOO_LARGE;
    }
    TRY(status_of_sqlite(sqlite3_open_v2(path, &catalog->database, flags, NULL)));
    sqlite3_extended_result_codes(catalog->database, 1);
    sqlite3_busy_timeout(catalog->database, CATALOG_BUSY_MS);
    TRY(adopt_schema(catalog, create));
    for (unsigned table = 0; table < TABLES; table++) {
        TRY(status_of_sqlite(prepare_table(catalog, table)));
    }
    return OK;
}

enum status catalog_open(struct catalog **into, const char *folder, bool create, char *why)
{
    struct catalog *catalog = calloc(1, sizeof *catalog);

    CHECK(catalog != NULL);
    catalog->folder = catalog->lock = -1;

    enum status status = open_folder(catalog, folder, create, why);

    if (status == OK) {
        status = open_database(catalog, folder, create);
        if (status != OK) {
            (void)explain(status, folder, "cannot open " CATALOG_FILE,
                          sqlite3_errcode(catalog->database) != SQLITE_OK ? catalog_error(catalog)
                                                                          : status_text(status),
                          why);
        }
    }
    if (status != OK) {
        catalog_close(catalog);
        return status;
    }
    *into = catalog;
    return OK;
}

static void close_database(struct catalog *catalog)
{
    for (unsigned table = 0; table < TABLES; table++) {
        sqlite3_finalize(catalog->put[table]);
        sqlite3_finalize(catalog->remove[table]);
        catalog->put[table] = catalog->remove[table] = NULL;
    }
    sqlite3_close(catalog->database); /* what was begun and not committed is rolled back */
    catalog->database = NULL;
}

/* The lock is still ours, so nobody else has begun to use any of it. */
void catalog_close_unused(struct catalog *catalog, const char *folder)
{
    static const char *const files[] = {CATALOG_FILE "-wal", CATALOG_FILE "-shm", CATALOG_FILE};

    close_database(catalog);
    for (unsigned i = 0; catalog->made_database && i < sizeof files / sizeof files[0]; i++) {
        unlinkat(catalog->folder, files[i], 0);
    }
    if (catalog->made_lock) {
        unlinkat(catalog->folder, "lock", 0);
    }
    if (catalog->made_folder) {
        rmdir(folder); /* refuses where anybody has put something into it */
    }
    catalog_close(catalog);
}

void catalog_close(struct catalog *catalog)
{
    close_database(catalog);
    if (catalog->lock >= 0) {
        close(catalog->lock);
    }
    if (catalog->folder >= 0) {
        close(catalog->folder);
    }
    free(catalog);
}

const char *catalog_error(const struct catalog *catalog)
{
    return sqlite3_errmsg(catalog->database);
}

static void add_row(struct catalog_rows *rows, const char *table, sqlite3_stmt *statement)
{
    struct save_row *grown = realloc(rows->rows, (rows->count + 1) * sizeof *grown);
    const void *value = sqlite3_column_blob(statement, 1);
    const size_t size = (size_t)sqlite3_column_bytes(statement, 1);
    uint8_t *copy = malloc(size + 1);
    char *key = strdup((const char *)sqlite3_column_text(statement, 0));

    CHECK(grown != NULL && copy != NULL && key != NULL);
    if (size > 0) {
        memcpy(copy, value, size);
    }
    grown[rows->count] = (struct save_row){table, key, bytes_of(copy, size)};
    rows->rows = grown;
    rows->count++;
}

static enum status load_table(struct catalog *catalog, const char *table, const char *which,
                              struct catalog_rows *rows)
{
    sqlite3_stmt *statement;
    char sql[128];
    int result;

    snprintf(sql, sizeof sql, "SELECT key, value FROM %s ORDER BY key %s", table, which);
    TRY(status_of_sqlite(sqlite3_prepare_v2(catalog->database, sql, -1, &statement, NULL)));
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        add_row(rows, table, statement);
    }
    sqlite3_finalize(statement);
    return status_of_sqlite(result);
}

enum status catalog_load(struct catalog *catalog, struct catalog_rows *rows)
{
    *rows = (struct catalog_rows){0};
    for (unsigned table = 0; table < TABLES - 1; table++) {
        TRY(load_table(catalog, tables[table], "", rows));
    }
    return load_table(catalog, "audit", "DESC LIMIT 1", rows);
}

void catalog_rows_free(struct catalog_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free((void *)(uintptr_t)rows->rows[i].key);
        free((void *)(uintptr_t)rows->rows[i].value.data);
    }
    free(rows->rows);
    *rows = (struct catalog_rows){0};
}

enum status catalog_read_audit(struct catalog *catalog, uint64_t before,
                               bool (*on_row)(void *context, const char *key, struct bytes row),
                               void *context)
{
    sqlite3_stmt *statement;
    char key[32];
    int result;

    CHECK(!catalog->begun);
    snprintf(key, sizeof key, "%020llu", (unsigned long long)before);
    TRY(status_of_sqlite(sqlite3_prepare_v2(
        catalog->database, "SELECT key, value FROM audit WHERE key < ?1 ORDER BY key DESC", -1,
        &statement, NULL)));
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct bytes row =
            bytes_of(sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1));

        if (!on_row(context, (const char *)sqlite3_column_text(statement, 0), row)) {
            result = SQLITE_DONE;
            break;
        }
    }
    sqlite3_finalize(statement);
    return status_of_sqlite(result);
}

static unsigned find_table(const char *name)
{
    for (unsigned table = 0; table < TABLES; table++) {
        if (strcmp(tables[table], name) == 0) {
            return table;
        }
    }
    UNREACHABLE();
}

static int save_row(struct catalog *catalog, const struct save_row *row)
{
    const unsigned table = find_table(row->table);
    const bool removes = row->value.data == NULL;
    sqlite3_stmt *statement = removes ? catalog->remove[table] : catalog->put[table];

    /* The row outlives the step below: nothing needs copying. */
    sqlite3_bind_text(statement, 1, row->key, -1, SQLITE_STATIC);
    if (!removes) {
        sqlite3_bind_blob64(statement, 2, row->value.data, row->value.size, SQLITE_STATIC);
    }

    const int result = sqlite3_step(statement);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

void catalog_save(struct catalog *catalog, const struct save_row *rows, size_t count)
{
    if (!catalog->begun) {
        catalog->begun = true;
        catalog->failed = status_of_sqlite(run(catalog, "BEGIN IMMEDIATE"));
    }
    for (size_t i = 0; i < count && catalog->failed == OK; i++) {
        catalog->failed = status_of_sqlite(save_row(catalog, &rows[i]));
    }
}

enum status catalog_commit(struct catalog *catalog)
{
    enum status status = catalog->failed;

    if (!catalog->begun) {
        return OK;
    }
    catalog->begun = false;
    catalog->failed = OK;
    if (status == OK) {
        failpoint_pass(FAILPOINT_CATALOG_BEFORE_COMMIT);
        status = status_of_sqlite(run(catalog, "COMMIT"));
        failpoint_pass(FAILPOINT_CATALOG_AFTER_COMMIT);
    }
    if (status != OK && sqlite3_get_autocommit(catalog->database) == 0) {
        run(catalog, "ROLLBACK");
    }
    return status;
}
