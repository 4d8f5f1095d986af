/* From settings to a running member, for both daemons: the order of things and their mistakes.
 *
 * lock the process down; read our own certificate (it says who we are); check the settings; open
 * the data folder; create the node in one block of memory; open the world; run. Each refusal is one
 * sentence on standard error and exit code 1. */
#ifndef SEALIFT_HOST_DAEMON_H
#define SEALIFT_HOST_DAEMON_H

#include "base/arena.h"
#include "host/options.h"

struct daemon {
    const struct options *options;
    const char *program;
    enum role role; /* what it is; the certificate must say so (or more: a replica that may be
                       promoted has one of role primary) */
    const char *coordinator; /* file:PATH, or NULL: this member claims nothing */
    bool adopt_folder;
    bool create_folder; /* make the data folder if it is not there */
    struct member_settings *member; /* within `settings`: who, entropy, trace are filled in */
    const void *settings; /* struct primary_settings or replica_settings */
    size_t (*memory_bytes)(const void *settings);
    struct node *(*create)(const void *settings, struct arena *arena);
    void (*destroy)(struct node *node);
    void (*status)(const struct node *node, struct instant now, struct member_status *status);
};

/* What this process is: `usual`, or what it had become before it began anew (host/anew.h). */
enum role daemon_role(enum role usual);

/* The exit code. A node that has lost its key is started again in this process, by exec: the first
 * thing that main does is anew_remember. */
int daemon_run(const struct daemon *daemon);

#endif
