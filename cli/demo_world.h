/* Three regions on this machine: their folders, ports, certificates and processes.
 *
 * us-east-1 holds the primary and a replica; eu-west-1 and ap-southeast-2 hold one replica each,
 * which dials the primary through a relay as slow as the ocean. Each region has its key service. */
#ifndef SEALIFT_CLI_DEMO_WORLD_H
#define SEALIFT_CLI_DEMO_WORLD_H

#include "cli/ask_status.h"
#include "cli/region_keyd.h"

enum { DEMO_REGIONS = 3, DEMO_MEMBERS = 4, DEMO_PATH_MAX = 512 };

struct demo_member {
    const char *name;
    unsigned region; /* index */
    bool is_primary;
    unsigned port;
    unsigned relay_port; /* 0: dials the primary directly */
    char data[DEMO_PATH_MAX];
    struct child process;
    struct status_answer answer;
};

struct demo_world {
    char dir[DEMO_PATH_MAX];
    char programs[DEMO_PATH_MAX];
    struct region_keyd regions[DEMO_REGIONS];
    struct demo_member members[DEMO_MEMBERS]; /* the primary first */
    struct child wan;
    struct connect connect;
    bool kept;
};

/* Makes folder, certificates and credentials, and starts everything. False: said why. */
bool demo_world_open(struct demo_world *world, const char *keep);

/* Stops everything in order, and removes the folder unless it is to be kept. */
void demo_world_close(struct demo_world *world);
void demo_world_stop_members(struct demo_world *world);

bool demo_start_member(struct demo_world *world, struct demo_member *member);

/* One that there is. */
struct demo_member *demo_member_named(struct demo_world *world, const char *name);

/* Fills in every member's answer. True where all answered. */
bool demo_ask(struct demo_world *world);

/* Until every replica has what the primary has. */
bool demo_wait_in_step(struct demo_world *world, int timeout_ms);

/* `sealift wan --control ... WORDS`. */
bool demo_wan(struct demo_world *world, const char *verb, const char *from, const char *to);

/* A path below the folder. */
const char *demo_path(const struct demo_world *world, char *path, const char *below);

void demo_log_path(const struct demo_world *world, char *path, const char *name);

/* Runs a program of ours to its end; output goes to log/NAME.log. */
int demo_run(const struct demo_world *world, const char *name, const char *const *arguments);

#endif
