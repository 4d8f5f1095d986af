/* What a database's operator wants to know: the segment files come back from another region as they
 * were, its own tools read them, and a server that is restored from them has every transaction. */
#include "cli/demo_promises.h"

#include "base/bytes.h"
#include "base/check.h"
#include "cli/local.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20, SHIP_MS_MAX = 60000, LINE_ROOM = 512 };

static const char *const readers[] = {"replica-eu", "replica-ap"};

static const char *copies_path(const struct demo_pg *pg, char *path, const char *reader,
                               const char *name)
{
    snprintf(path, CHILD_PATH_MAX, "%s/from-%s/%s", pg->home, reader, name);
    return path;
}

/* ---- read back ---- */

/* `sealift tail --raw` into one file. */
static bool tail_into(const struct demo_world *world, const char *address, const char *path)
{
    const struct connect *connect = &world->connect;
    char program[CHILD_PATH_MAX];
    const char *arguments[] = {"/bin/sh",
                               "-c",
                               "exec \"$0\" tail --raw --from \"$2\" --ca \"$3\" --cert \"$4\" "
                               "--key \"$5\" >\"$1\"",
                               program,
                               path,
                               address,
                               connect->ca,
                               connect->certificate,
                               connect->key,
                               NULL};

    snprintf(program, sizeof program, "%s/sealift", world->programs);
    return demo_run(world, "tail", arguments) == 0;
}

/* The next `bytes` of the stream become a file, and are those of the archived one. */
static bool cut_copy(FILE *stream, const char *copy, const char *archived, uint64_t bytes)
{
    static uint8_t piece[PIECE_BYTES], original[PIECE_BYTES];
    FILE *to = fopen(copy, "w"), *from = fopen(archived, "r");
    bool same = to != NULL && from != NULL;

    while (same && bytes > 0) {
        const size_t size = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;

        same = fread(piece, 1, size, stream) == size && fread(original, 1, size, from) == size
               && bytes_equal(bytes_of(piece, size), bytes_of(original, size))
               && fwrite(piece, 1, size, to) == size;
        bytes -= size;
    }
    same = same && getc(from) == EOF;
    if (from != NULL) {
        fclose(from);
    }
    return to != NULL && fclose(to) == 0 && same;
}

static bool cut_copies(struct demo_show *show, const char *reader, const char *path)
{
    const struct demo_pg *pg = show->pg;
    char copy[CHILD_PATH_MAX], archived[CHILD_PATH_MAX];
    FILE *stream = fopen(path, "r");
    bool same = stream != NULL;

    for (unsigned i = 0; same && i < pg->shipped; i++) {
        const struct demo_pg_file *file = &pg->files[i];

        copies_path(pg, copy, reader, file->name);
        snprintf(archived, sizeof archived, "%s/archive/%s", pg->home, file->name);
        same = cut_copy(stream, copy, archived, file->bytes);
        if (!same) {
            snprintf(show->saw, sizeof show->saw, "%s from %s is not the archived file", file->name,
                     reader);
        }
    }
    if (same && getc(stream) != EOF) {
        same = false;
        snprintf(show->saw, sizeof show->saw, "%s has more than was archived", reader);
    }
    if (stream != NULL) {
        fclose(stream);
    }
    return same;
}

static bool read_back(struct demo_show *show, const char *reader)
{
    const struct demo_pg *pg = show->pg;
    const struct demo_member *member = demo_member_named(show->world, reader);
    char folder[CHILD_PATH_MAX], path[CHILD_PATH_MAX];

    copies_path(pg, folder, reader, "");
    copies_path(pg, path, reader, "stream");
    if (mkdir(folder, 0755) != 0 || !tail_into(show->world, member->answer.address, path)) {
        snprintf(show->saw, sizeof show->saw, "%s cannot be read: see log/tail.log", reader);
        return false;
    }
    const bool same = cut_copies(show, reader, path);

    unlink(path);
    return same;
}

bool promise_segment_files_read_back(struct demo_show *show)
{
    struct demo_pg *pg = show->pg;

    if (!demo_pg_finish(pg) || !demo_pg_drain(pg, SHIP_MS_MAX)
        || !demo_wait_in_step(show->world, SHIP_MS_MAX)) {
        snprintf(show->saw, sizeof show->saw, "%.200s",
                 pg->why[0] != '\0' ? pg->why : "the replicas are not in step in time");
        return false;
    }
    for (unsigned i = 0; i < COUNT_OF(readers); i++) {
        if (!read_back(show, readers[i])) {
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw,
             "%u segment files, %" PRIu64 " MB, by 'sealift tail' from %s and %s", pg->shipped,
             pg->bytes_shipped / 1000000, readers[0], readers[1]);
    return pg->shipped > 0 && pg->shipped == pg->file_count;
}

/* ---- pg_waldump ---- */

static uint64_t count_lines(const char *path)
{
    char line[LINE_ROOM];
    FILE *file = fopen(path, "r");
    uint64_t count = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        count += strncmp(line, "rmgr:", 5) == 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

bool promise_waldump_reads_copies(struct demo_show *show)
{
    const struct demo_pg *pg = show->pg;
    char program[CHILD_PATH_MAX], folder[CHILD_PATH_MAX], log[CHILD_PATH_MAX];
    char name[CHILD_NAME_MAX];
    uint64_t records = 0;

    if (pg->shipped == 0) {
        snprintf(show->saw, sizeof show->saw, "there is no copy");
        return false;
    }
    for (unsigned i = 0; i < COUNT_OF(readers); i++) {
        const char *arguments[] = {demo_pg_program(pg, program, "pg_waldump"),
                                   "-p",
                                   copies_path(pg, folder, readers[i], ""),
                                   pg->files[0].name,
                                   pg->files[pg->shipped - 1].name,
                                   NULL};

        snprintf(name, sizeof name, "pg_waldump-%s", readers[i]);
        demo_log_path(show->world, log, name);
        const int code = child_run(log, arguments);

        records = count_lines(log);
        if (code != 0 || records == 0) {
            snprintf(show->saw, sizeof show->saw, "exit code %d after %" PRIu64 " records: log/%s",
                     code, records, name);
            return false;
        }
    }
    snprintf(show->saw, sizeof show->saw,
             "%" PRIu64
             " records, from the first segment file to the last, in each region's copies",
             records);
    return true;
}

/* ---- a server out of the copies ---- */

static bool write_recovery(const struct demo_pg *pg)
{
    char path[CHILD_PATH_MAX];
    FILE *file = fopen(demo_pg_path(pg, path, "base/postgresql.auto.conf"), "a");

    if (file == NULL) {
        return false;
    }
    fprintf(file,
            "archive_mode = off\n"
            "restore_command = 'cp %s/from-%s/%%f %%p'\n",
            pg->home, readers[0]);
    if (fclose(file) != 0) {
        return false;
    }
    file = fopen(demo_pg_path(pg, path, "base/recovery.signal"), "w");
    if (file == NULL || fclose(file) != 0) {
        return false;
    }
    return pg->uid == 0 || chown(path, pg->uid, pg->gid) == 0;
}

static bool has_recovered(struct demo_pg *pg)
{
    char answer[DEMO_PG_ANSWER_MAX];

    for (int waited = 0; waited < SHIP_MS_MAX && child_is_running(&pg->server); waited += 200) {
        if (demo_pg_ask(pg, "socket", "select pg_is_in_recovery()", answer)
            && strcmp(answer, "f") == 0) {
            return true;
        }
        local_sleep_ms(200);
    }
    return false;
}

bool promise_server_restored_from_copies(struct demo_show *show)
{
    struct demo_pg *pg = show->pg;
    char answer[DEMO_PG_ANSWER_MAX] = "";
    const bool runs =
        pg->truth[0] != '\0' && write_recovery(pg) && demo_pg_start(pg, "base", "socket");
    const bool asked =
        runs && has_recovered(pg)
        && demo_pg_ask(pg, "socket",
                       "select count(*) || ' transactions, balance ' || sum(delta) || ', marker ' "
                       "|| (select text from marker) from pgbench_history",
                       answer);
    const bool same = asked && strcmp(answer, pg->truth) == 0;

    demo_pg_stop(pg);
    if (same) {
        snprintf(show->saw, sizeof show->saw,
                 "a base backup and the files from %s: %.*s, as at the end of the original",
                 readers[0], (int)strcspn(answer, "m") - 2, answer);
    } else {
        snprintf(show->saw, sizeof show->saw, "it has '%.80s' and not '%.80s': log/pg-server.log",
                 answer, pg->truth);
    }
    return same;
}
