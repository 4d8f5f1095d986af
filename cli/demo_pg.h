/* A real PostgreSQL 15 as the demo's input: a server under pgbench, whose archived WAL segment
 * files are appended to the primary as they come.
 *
 * Everything of the server lies below one folder, `home`, which belongs to the user that it runs
 * as: us, or "postgres" where we are root (a server refuses to run as root). It listens on a socket
 * there and nowhere else. */
#ifndef SEALIFT_CLI_DEMO_PG_H
#define SEALIFT_CLI_DEMO_PG_H

#include "cli/demo_load.h"
#include "cli/demo_world.h"

enum { DEMO_PG_NAME_BYTES = 24, DEMO_PG_ANSWER_MAX = 256 };

struct demo_pg_file {
    char name[DEMO_PG_NAME_BYTES + 1];
    uint64_t bytes;
};

struct demo_pg {
    const struct demo_world *world;
    const char *programs; /* PostgreSQL's */
    uid_t uid;
    gid_t gid;
    char home[DEMO_PATH_MAX];
    char marker[DEMO_MARKER_BYTES + 1]; /* is in a table, hence in the WAL */
    char server_log[CHILD_PATH_MAX];
    struct child server, bench, append;

    struct demo_pg_file *files; /* archived, in order */
    unsigned file_count, file_room;
    unsigned shipping; /* in the append under way */
    unsigned shipped; /* acknowledged at region:1 */
    uint64_t bytes_archived, bytes_shipped;
    char truth[DEMO_PG_ANSWER_MAX]; /* what the tables held at the end */
    char why[SEALIFT_TEXT_MAX];
};

/* Whether a server could run here at all; says on stderr what to do where not. */
bool demo_pg_is_possible(void);

/* Makes and starts the server, takes a base backup, and begins the workload. */
bool demo_pg_open(struct demo_pg *pg, const struct demo_world *world);
void demo_pg_close(struct demo_pg *pg);

/* Ships what is archived, for so long. False where something has failed for good: `why`. */
bool demo_pg_run(struct demo_pg *pg, unsigned ms);

/* Until all that is archived by now is shipped. */
bool demo_pg_drain(struct demo_pg *pg, int timeout_ms);

/* Ends the workload, notes the truth, and waits for the last segment file; the server has stopped
 * then. Doing it twice is doing it once. */
bool demo_pg_finish(struct demo_pg *pg);

/* A path below home; one of PostgreSQL's programs. */
const char *demo_pg_path(const struct demo_pg *pg, char *path, const char *below);
const char *demo_pg_program(const struct demo_pg *pg, char *path, const char *name);

/* Runs one of PostgreSQL's programs as its user, to its end; output goes to log/pg-NAME.log. */
int demo_pg_do(const struct demo_pg *pg, const char *const *arguments);

/* A server over `data` below home, whose socket is in `socket` below home; waits until it answers.
 */
bool demo_pg_start(struct demo_pg *pg, const char *data, const char *socket);
void demo_pg_stop(struct demo_pg *pg);

/* The first line of the answer. */
bool demo_pg_ask(const struct demo_pg *pg, const char *socket, const char *query,
                 char answer[DEMO_PG_ANSWER_MAX]);

/* ---- demo_pg_ship.c ---- */
void demo_pg_look(struct demo_pg *pg); /* what has been archived by now */
bool demo_pg_ship(struct demo_pg *pg); /* one turn; false: an append failed */

#endif
