/* initdb with segments of 4 MiB, so that they come often; a server that archives by copy and
 * rename; a table with the marker; a base backup; then pgbench, slow enough to leave the machine to
 * the rest.
 *
 * How it goes wrong: no PostgreSQL here, a folder that its user cannot enter, a server that does
 * not start or dies: each ends the demo with the log's last lines. Where the demo itself dies, the
 * server is told to shut down at once (SIGQUIT), and so cleans up behind itself. */
#include "cli/demo_pg.h"

#include "base/check.h"
#include "cli/local.h"
#include "client/session.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MS_MAX = 30000, ARCHIVE_MS_MAX = 60000, TURN_MS = 50 };

static const char programs_folder[] = "/usr/lib/postgresql/15/bin";

static const char configuration[] = /* a segment a second at least, however little happens */
    "listen_addresses = ''\n"
    "archive_mode = on\n"
    "archive_timeout = 1\n"
    "archive_command = 'cp %%p %s/archive/%%f.part && mv %s/archive/%%f.part %s/archive/%%f'\n";

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "sealift demo: %s: %s\n", what, why);
    return false;
}

bool demo_pg_is_possible(void)
{
    if (access(programs_folder, X_OK) != 0) {
        return fail(programs_folder, "no PostgreSQL 15: './run demo --input postgres' installs it, "
                                     "or apt-get install postgresql postgresql-contrib");
    }
    if (geteuid() == 0 && getpwnam("postgres") == NULL) {
        return fail("postgres", "no such user, and a server refuses to run as root");
    }
    return true;
}

const char *demo_pg_path(const struct demo_pg *pg, char *path, const char *below)
{
    snprintf(path, CHILD_PATH_MAX, "%s/%s", pg->home, below);
    return path;
}

const char *demo_pg_program(const struct demo_pg *pg, char *path, const char *name)
{
    snprintf(path, CHILD_PATH_MAX, "%s/%s", pg->programs, name);
    return path;
}

static void prepare(const struct demo_pg *pg, struct child *child)
{
    *child = (struct child){.uid = pg->uid, .gid = pg->gid, .death = SIGQUIT};
}

int demo_pg_do(const struct demo_pg *pg, const char *const *arguments)
{
    const char *name = strrchr(arguments[0], '/') + 1;
    char log[CHILD_PATH_MAX], log_name[CHILD_NAME_MAX];
    struct child child;

    snprintf(log_name, sizeof log_name, "pg-%s", name);
    demo_log_path(pg->world, log, log_name);
    prepare(pg, &child);
    if (!child_start(&child, log_name, log, arguments)) {
        return 127;
    }
    if (!child_wait(&child, ARCHIVE_MS_MAX)) {
        child_stop_with(&child, SIGINT);
        child.exit_code = child.exit_code == 0 ? 127 : child.exit_code;
    }
    if (child.exit_code != 0) {
        child_show_log(&child);
    }
    return child.exit_code;
}

bool demo_pg_ask(const struct demo_pg *pg, const char *socket, const char *query,
                 char answer[DEMO_PG_ANSWER_MAX])
{
    char program[CHILD_PATH_MAX], path[CHILD_PATH_MAX], out[CHILD_PATH_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "psql"),
                               "-qAtX",
                               "-h",
                               demo_pg_path(pg, path, socket),
                               "-U",
                               "postgres",
                               "-d",
                               "postgres",
                               "-v",
                               "ON_ERROR_STOP=1",
                               "-o",
                               demo_pg_path(pg, out, "answer"),
                               "-c",
                               query,
                               NULL};

    answer[0] = '\0';
    if (demo_pg_do(pg, arguments) != 0) {
        return false;
    }
    FILE *file = fopen(out, "r");

    if (file != NULL && fgets(answer, DEMO_PG_ANSWER_MAX, file) != NULL) {
        answer[strcspn(answer, "\n")] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

/* ---- the server ---- */

static bool answers(const struct demo_pg *pg, const char *socket)
{
    char program[CHILD_PATH_MAX], path[CHILD_PATH_MAX], log[CHILD_PATH_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "pg_isready"), "-q", "-h",
                               demo_pg_path(pg, path, socket), NULL};

    demo_log_path(pg->world, log, "pg-ready");
    return child_run(log, arguments) == 0;
}

bool demo_pg_start(struct demo_pg *pg, const char *data, const char *socket)
{
    char program[CHILD_PATH_MAX], folder[CHILD_PATH_MAX], path[CHILD_PATH_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "postgres"), "-D",
                               demo_pg_path(pg, folder, data),           "-k",
                               demo_pg_path(pg, path, socket),           NULL};

    demo_log_path(pg->world, pg->server_log, "pg-server");
    prepare(pg, &pg->server);
    if (!child_start(&pg->server, "pg-server", pg->server_log, arguments)) {
        return fail("PostgreSQL", strerror(errno));
    }
    for (int waited = 0; waited < ANSWER_MS_MAX && child_is_running(&pg->server);
         waited += TURN_MS) {
        if (answers(pg, socket)) {
            return true;
        }
        local_sleep_ms(TURN_MS);
    }
    child_show_log(&pg->server);
    return fail("PostgreSQL", "did not start");
}

void demo_pg_stop(struct demo_pg *pg)
{
    child_stop_with(&pg->bench, SIGINT);
    child_stop_with(&pg->server, SIGINT); /* fast: SIGTERM would wait for clients */
}

/* ---- made anew ---- */

static bool make_folder(struct demo_pg *pg, const char *below)
{
    char path[CHILD_PATH_MAX];

    demo_pg_path(pg, path, below);
    if (mkdir(path, 0700) != 0 || (pg->uid != 0 && chown(path, pg->uid, pg->gid) != 0)) {
        return fail(path, strerror(errno));
    }
    return true;
}

static bool make_home(struct demo_pg *pg)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;

    if (user != NULL) {
        pg->uid = user->pw_uid;
        pg->gid = user->pw_gid;
        if (chmod(pg->world->dir, 0711) != 0) { /* it must get through; what is ours stays closed */
            return fail(pg->world->dir, strerror(errno));
        }
    }
    snprintf(pg->home, sizeof pg->home, "%.480s/postgres", pg->world->dir);
    if (strlen(pg->home) + sizeof "/socket/.s.PGSQL.5432"
        > sizeof(struct sockaddr_un) - sizeof(sa_family_t)) {
        return fail(pg->home, "too long for the path of a socket: give --keep a shorter one");
    }
    return make_folder(pg, "") && make_folder(pg, "archive") && make_folder(pg, "socket");
}

static bool make_cluster(const struct demo_pg *pg)
{
    char program[CHILD_PATH_MAX], data[CHILD_PATH_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "initdb"),
                               "-D",
                               demo_pg_path(pg, data, "data"),
                               "-U",
                               "postgres",
                               "-A",
                               "trust",
                               "-N",
                               "--locale=C",
                               "--wal-segsize=4",
                               NULL};

    if (demo_pg_do(pg, arguments) != 0) {
        return fail(pg->home, "initdb failed: can PostgreSQL's user enter this folder? Give "
                              "--keep a folder below which everybody may go");
    }
    char path[CHILD_PATH_MAX];
    FILE *file = fopen(demo_pg_path(pg, path, "data/postgresql.conf"), "a");

    if (file == NULL) {
        return fail(path, strerror(errno));
    }
    fprintf(file, configuration, pg->home, pg->home, pg->home);
    return fclose(file) == 0 ? true : fail(path, strerror(errno));
}

static bool fill_tables(struct demo_pg *pg)
{
    char program[CHILD_PATH_MAX], socket[CHILD_PATH_MAX], query[128], answer[DEMO_PG_ANSWER_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "pgbench"),
                               "-h",
                               demo_pg_path(pg, socket, "socket"),
                               "-U",
                               "postgres",
                               "-i",
                               "-s",
                               "2",
                               "-q",
                               "postgres",
                               NULL};

    snprintf(query, sizeof query, "create table marker as select '%s'::text as text", pg->marker);
    return demo_pg_do(pg, arguments) == 0 && demo_pg_ask(pg, "socket", query, answer)
               ? true
               : fail("PostgreSQL", "its tables cannot be filled");
}

static bool back_up(const struct demo_pg *pg)
{
    char program[CHILD_PATH_MAX], socket[CHILD_PATH_MAX], base[CHILD_PATH_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "pg_basebackup"),
                               "-h",
                               demo_pg_path(pg, socket, "socket"),
                               "-U",
                               "postgres",
                               "-D",
                               demo_pg_path(pg, base, "base"),
                               "-X",
                               "none",
                               "-c",
                               "fast",
                               "-N",
                               NULL};

    return demo_pg_do(pg, arguments) == 0 ? true : fail("PostgreSQL", "no base backup");
}

static bool start_bench(struct demo_pg *pg)
{
    char program[CHILD_PATH_MAX], socket[CHILD_PATH_MAX], log[CHILD_PATH_MAX];
    const char *arguments[] = {demo_pg_program(pg, program, "pgbench"),
                               "-h",
                               demo_pg_path(pg, socket, "socket"),
                               "-U",
                               "postgres",
                               "-c",
                               "4",
                               "-R",
                               "300",
                               "-T",
                               "90000",
                               "-n",
                               "postgres",
                               NULL};

    demo_log_path(pg->world, log, "pg-workload");
    prepare(pg, &pg->bench);
    return child_start(&pg->bench, "pg-workload", log, arguments) ? true
                                                                  : fail("pgbench", "not started");
}

bool demo_pg_open(struct demo_pg *pg, const struct demo_world *world)
{
    *pg = (struct demo_pg){.world = world, .programs = programs_folder};
    demo_draw_marker(pg->marker);
    return make_home(pg) && make_cluster(pg) && demo_pg_start(pg, "data", "socket")
           && fill_tables(pg) && back_up(pg) && start_bench(pg);
}

void demo_pg_close(struct demo_pg *pg)
{
    child_stop(&pg->append);
    demo_pg_stop(pg);
    free(pg->files);
}

/* ---- as it goes ---- */

static bool still_works(struct demo_pg *pg)
{
    if (child_is_running(&pg->server) && child_is_running(&pg->bench)) {
        return true;
    }
    struct child *dead = child_is_running(&pg->server) ? &pg->bench : &pg->server;

    snprintf(pg->why, sizeof pg->why, "%s ended with %d", dead->name, dead->exit_code);
    child_show_log(dead);
    return false;
}

bool demo_pg_run(struct demo_pg *pg, unsigned ms)
{
    const struct instant end = instant_add(session_now(), SPAN_MS(ms));

    while (!instant_reached(end, session_now())) {
        demo_pg_look(pg);
        if (!demo_pg_ship(pg) || !still_works(pg)) {
            return false;
        }
        local_sleep_ms(TURN_MS);
    }
    return true;
}

bool demo_pg_drain(struct demo_pg *pg, int timeout_ms)
{
    demo_pg_look(pg);
    const unsigned all = pg->file_count;

    for (int waited = 0; pg->shipped < all && waited < timeout_ms; waited += TURN_MS) {
        if (!demo_pg_ship(pg)) {
            return false;
        }
        local_sleep_ms(TURN_MS);
    }
    child_wait(&pg->append, timeout_ms); /* it may have taken more files than those */
    if (pg->shipped < all) {
        snprintf(pg->why, sizeof pg->why, "%u of %u segment files are not shipped in time",
                 all - pg->shipped, all);
    }
    return pg->shipped >= all;
}

static bool wait_for_file(struct demo_pg *pg, const char *name)
{
    for (int waited = 0; waited < ARCHIVE_MS_MAX; waited += TURN_MS) {
        demo_pg_look(pg);
        if (pg->file_count > 0 && strcmp(pg->files[pg->file_count - 1].name, name) >= 0) {
            return true;
        }
        local_sleep_ms(TURN_MS);
    }
    snprintf(pg->why, sizeof pg->why, "the server did not archive %.*s in time", 60, name);
    return false;
}

bool demo_pg_finish(struct demo_pg *pg)
{
    char last[DEMO_PG_ANSWER_MAX];

    if (pg->truth[0] != '\0') {
        return true;
    }
    child_stop_with(&pg->bench, SIGINT);
    const bool told =
        demo_pg_ask(pg, "socket",
                    "select count(*) || ' transactions, balance ' || sum(delta) || ', marker ' || "
                    "(select text from marker) from pgbench_history",
                    pg->truth)
        && demo_pg_ask(pg, "socket", "select pg_walfile_name(pg_switch_wal())", last);

    if (!told) {
        snprintf(pg->why, sizeof pg->why, "the server does not answer at the end");
        return false;
    }
    const bool archived = wait_for_file(pg, last);

    demo_pg_stop(pg);
    return archived;
}
