/* What the demo shows, one function a promise: true where it holds; says what it saw. */
#ifndef SEALIFT_CLI_DEMO_PROMISES_H
#define SEALIFT_CLI_DEMO_PROMISES_H

#include "cli/demo_load.h"
#include "cli/demo_pg.h"
#include "cli/demo_world.h"

enum { DEMO_SAW_MAX = 256 };

struct demo_show {
    struct demo_world *world;
    struct demo_load *load; /* lines: one of the two */
    struct demo_pg *pg; /* a database server's WAL */
    char saw[DEMO_SAW_MAX];
};

/* Whichever of the two there is: goes on for so long; waits for every answer. */
bool demo_show_run(struct demo_show *show, unsigned ms);
bool demo_show_drain(struct demo_show *show, int timeout_ms);
const char *demo_show_why(const struct demo_show *show);

bool promise_region_cut_and_healed(struct demo_show *show);
bool promise_replica_killed_and_recovered(struct demo_show *show);
bool promise_other_setting_refused(struct demo_show *show);
bool promise_acknowledged_records_are_read(struct demo_show *show);
bool promise_own_key_alone_opens(struct demo_show *show);
bool promise_verified_while_serving(struct demo_show *show);

/* With all members stopped. */
bool promise_same_bytes_everywhere(struct demo_show *show);
bool promise_verified_without_key(struct demo_show *show);
bool promise_verified_with_key(struct demo_show *show);
bool promise_no_plaintext_on_disk(struct demo_show *show);

/* ---- demo_pg_promises.c; the first of them ends the database's workload ---- */
bool promise_segment_files_read_back(struct demo_show *show);
bool promise_waldump_reads_copies(struct demo_show *show);
bool promise_server_restored_from_copies(struct demo_show *show);

#endif
