/* What `sealift up` has brought up, for its files: the verb (up.c), one service (up_service.c), and
 * what is printed (up_print.c). */
#ifndef SEALIFT_CLI_UP_H
#define SEALIFT_CLI_UP_H

#include "cli/local.h"
#include "cli/region_keyd.h"
#include "cli/up_folder.h"

enum up_how { UP_STARTED, UP_STARTED_AGAIN, UP_ALREADY_RUNNING };

struct up_service {
    struct region_keyd keyd;
    enum up_how how;
    pid_t pid;
    unsigned port_before; /* 0: the same, or the first */
    bool is_ours; /* started by this very command */
};

struct up {
    struct up_folder folder;
    char programs[CHILD_PATH_MAX];
    struct up_service services[UP_REGIONS_MAX];
    unsigned count;
    struct local_credentials credentials;
};

/* ---- up_service.c ---- */

/* From here on SIGINT, SIGTERM and SIGHUP are failures of whoever waits. */
void up_hold_signals(void);

/* What a certificate could not be made for, and what to do; false. */
bool up_fail_certificate(const char *what, enum status status);

/* One more service. False: said why. */
bool up_bring_up(struct up *up, struct up_region *region);

/* Ends those that this command has started. */
void up_take_back(struct up *up);

/* ---- up_print.c ---- */

/* Lines for a shell: what is no setting is a comment, so that all of it can be pasted. */
void up_print_lines(const struct up *up);

/* {"regions": {NAME: {"kms": URL}, ...}, "ca": FILE, "access_key_id", "secret_access_key"} */
void up_print_json(const struct up *up);

#endif
