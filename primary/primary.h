/* The primary: it owns a WAL, takes appends, seals them, and feeds replicas.
 *
 * A node (node/node.h). At START it opens the data folder, or creates the cluster where the
 * folder is empty and the settings say so; claims the next epoch; begins a segment of its own;
 * and from then on serves clients (proto/control.h) and replicas (proto/ship.h). Its only outward
 * promise: an APPENDED is sent when the durability level of that append is met, never before. It
 * HALTs with a sentence for the operator when it cannot go on. */
#ifndef SEALIFT_PRIMARY_PRIMARY_H
#define SEALIFT_PRIMARY_PRIMARY_H

#include "base/arena.h"
#include "member/settings.h"
#include "node/node.h"
#include "proto/control.h"

struct primary_settings {
    struct member_settings member;
    bool create; /* make a new cluster where the folder is empty */
    bool adopt_folder; /* an operator says: this copied folder is now the writer's */
    char engine[32]; /* recorded at creation */
    struct level level; /* the cluster's durability level */
    bool level_given; /* else the recorded level is kept (local for a new cluster) */
    uint32_t pending_max; /* appends that wait for their level */
    uint32_t groups_max; /* sealed batches that are not durable yet before batching waits */
    struct span drain_max; /* at STOP: how long to wait for pending appends */
};

/* Limits for production. Leaves who, entropy and trace alone. */
void primary_settings_default(struct primary_settings *settings);

/* How large the arena for primary_create must be. */
size_t primary_memory_bytes(const struct primary_settings *settings);

/* Takes all of its memory from the arena. The settings have passed member_settings_check. */
struct node *primary_create(const struct primary_settings *settings, struct arena *arena);

/* Frees what libcrypto holds and wipes keys. The arena's block may be freed afterwards. */
void primary_destroy(struct node *node);

/* For STATUS and metrics; between steps only. */
void primary_status(const struct node *node, struct instant now, struct member_status *status);

#endif
