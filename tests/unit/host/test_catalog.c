/* The catalog on a real disk: what is committed stays, the rest is gone, the audit only grows. */
#include "host/catalog.h"
#include "tests/support/test.h"
#include "tests/unit/host/folder.h"

#include <sqlite3.h>

static char folder[FOLDER_MAX];
static struct catalog *catalog;
static struct catalog_rows rows;
static char why[CATALOG_WHY_MAX];

static void open_catalog(void)
{
    NEED(folder_make(folder) != NULL);
    NEED(catalog_open(&catalog, folder, true, why) == OK);
}

static void open_again(void)
{
    catalog_close(catalog);
    NEED(catalog_open(&catalog, folder, false, why) == OK);
}

static void close_catalog(void)
{
    catalog_close(catalog);
    folder_remove(folder);
}

static void put(const char *table, const char *key, const char *value)
{
    const struct save_row row = {table, key, bytes_text(value)};

    catalog_save(catalog, &row, 1);
}

static void load(void)
{
    NEED(catalog_load(catalog, &rows) == OK);
}

static bool row_is(size_t i, const char *table, const char *key, const char *value)
{
    return i < rows.count && strcmp(rows.rows[i].table, table) == 0
           && strcmp(rows.rows[i].key, key) == 0
           && bytes_equal(rows.rows[i].value, bytes_text(value));
}

/* What anybody with the file may try. */
static int try_sql(const char *sql)
{
    char path[FOLDER_MAX + 16];
    sqlite3 *database;

    snprintf(path, sizeof path, "%s/catalog.db", folder);
    NEED(sqlite3_open(path, &database) == SQLITE_OK);

    const int result = sqlite3_exec(database, sql, NULL, NULL, NULL);

    sqlite3_close(database);
    return result;
}

TEST(what_is_committed_is_loaded_by_table_and_key_with_the_last_of_the_audit)
{
    open_catalog();
    load();
    EXPECT(rows.count == 0);
    catalog_rows_free(&rows);
    put("kms_alias", "0/alias/a", "alias");
    put("kms_key", "0/b", "old");
    put("audit", "1", "{\"time_ns\":1}");
    put("kms_key", "0/a", "first");
    put("audit", "2", "{\"time_ns\":2}");
    EXPECT_STATUS(catalog_commit(catalog), OK);
    put("kms_key", "0/b", "new");
    EXPECT_STATUS(catalog_commit(catalog), OK);
    open_again();
    load();
    EXPECT(rows.count == 4);
    EXPECT(row_is(0, "kms_key", "0/a", "first"));
    EXPECT(row_is(1, "kms_key", "0/b", "new"));
    EXPECT(row_is(2, "kms_alias", "0/alias/a", "alias"));
    EXPECT(row_is(3, "audit", "2", "{\"time_ns\":2}"));
    catalog_rows_free(&rows);
    close_catalog();
}

TEST(a_row_without_value_is_removed_and_an_empty_one_stays)
{
    const struct save_row removal = {"kms_key", "0/a", bytes_none()};

    open_catalog();
    put("kms_key", "0/a", "1");
    put("kms_key", "0/b", "");
    EXPECT_STATUS(catalog_commit(catalog), OK);
    catalog_save(catalog, &removal, 1);
    EXPECT_STATUS(catalog_commit(catalog), OK);
    load();
    EXPECT(rows.count == 1 && row_is(0, "kms_key", "0/b", ""));
    catalog_rows_free(&rows);
    close_catalog();
}

TEST(what_was_not_committed_is_gone)
{
    open_catalog();
    put("kms_key", "0/a", "1");
    open_again();
    load();
    EXPECT(rows.count == 0);
    catalog_rows_free(&rows);
    EXPECT_STATUS(catalog_commit(catalog), OK); /* of nothing */
    close_catalog();
}

TEST(one_bad_row_takes_its_whole_transaction_with_it_and_the_next_is_fine)
{
    open_catalog();
    put("audit", "1", "{}");
    EXPECT_STATUS(catalog_commit(catalog), OK);
    put("kms_key", "0/a", "1");
    put("audit", "1", "{\"other\":1}"); /* the audit does not change */
    put("kms_key", "0/b", "1");
    EXPECT_STATUS(catalog_commit(catalog), E_EXISTS);
    load();
    EXPECT(rows.count == 1 && row_is(0, "audit", "1", "{}"));
    catalog_rows_free(&rows);
    put("audit", "2", "{}");
    EXPECT_STATUS(catalog_commit(catalog), OK);
    close_catalog();
}

TEST(rows_of_the_audit_are_neither_changed_nor_removed_by_anybody)
{
    open_catalog();
    put("audit", "1", "{}");
    EXPECT_STATUS(catalog_commit(catalog), OK);
    EXPECT(try_sql("DELETE FROM audit") == SQLITE_CONSTRAINT);
    EXPECT(try_sql("UPDATE audit SET value = x'00'") == SQLITE_CONSTRAINT);
    EXPECT(try_sql("UPDATE audit SET key = '7'") == SQLITE_CONSTRAINT);
    EXPECT(try_sql("INSERT OR REPLACE INTO audit VALUES('1', x'00')") == SQLITE_CONSTRAINT);
    load();
    EXPECT(rows.count == 1 && row_is(0, "audit", "1", "{}"));
    catalog_rows_free(&rows);
    close_catalog();
}

TEST(a_folder_is_one_services_own)
{
    struct catalog *second;

    open_catalog();
    EXPECT_STATUS(catalog_open(&second, folder, true, why), E_LOCKED);
    EXPECT(strstr(why, folder) != NULL && strstr(why, "E_LOCKED") != NULL);
    close_catalog();
}

TEST(a_database_that_is_missing_foreign_newer_or_no_database_is_refused_by_name)
{
    static const char garbage[8192] = "this is no database, and never was one";
    char path[FOLDER_MAX + 16];

    EXPECT_STATUS(catalog_open(&catalog, "/nonexistent/folder", false, why), E_MISSING);
    EXPECT(strstr(why, "--create") != NULL);
    NEED(folder_make(folder) != NULL);
    EXPECT_STATUS(catalog_open(&catalog, folder, false, why), E_MISSING);
    EXPECT(try_sql("CREATE TABLE theirs(a)") == SQLITE_OK);
    EXPECT_STATUS(catalog_open(&catalog, folder, true, why), E_FOREIGN_FOLDER);
    EXPECT(try_sql("DROP TABLE theirs") == SQLITE_OK);
    NEED(catalog_open(&catalog, folder, true, why) == OK);
    catalog_close(catalog);
    EXPECT(try_sql("PRAGMA user_version = 1") == SQLITE_OK); /* of an earlier build */
    EXPECT_STATUS(catalog_open(&catalog, folder, false, why), E_VERSION);
    EXPECT(strstr(why, "does not know") != NULL);
    EXPECT(try_sql("PRAGMA user_version = 99") == SQLITE_OK);
    EXPECT_STATUS(catalog_open(&catalog, folder, false, why), E_VERSION);
    snprintf(path, sizeof path, "%s/catalog.db", folder);

    FILE *file = fopen(path, "we");

    NEED(file != NULL);
    EXPECT(fwrite(garbage, sizeof garbage, 1, file) == 1);
    fclose(file);
    EXPECT_STATUS(catalog_open(&catalog, folder, true, why), E_DAMAGED);
    folder_remove(folder);
}
