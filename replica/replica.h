/* The replica: it holds a copy of a WAL in its region, byte for byte.
 *
 * A node (node/node.h). At START it opens its data folder (which may be empty), dials its upstream,
 * greets, exchanges keys and proofs, and then adopts segments and batches: verified, persisted
 * unchanged, acked. It serves readers up to what is committed and what it has, and feeds further
 * replicas (cascade). It never seals. An operator may promote it (candidate.h): then it HALTs with
 * E_PROMOTED, and its folder is to be started as a primary's. */
#ifndef SEALIFT_REPLICA_REPLICA_H
#define SEALIFT_REPLICA_REPLICA_H

#include "base/arena.h"
#include "member/settings.h"
#include "node/node.h"
#include "proto/control.h"

enum { REPLICA_UPSTREAMS_MAX = 16 };

struct replica_settings {
    struct member_settings member;
    char upstreams[REPLICA_UPSTREAMS_MAX][ADDRESS_TEXT_MAX]; /* tried in turn */
    uint32_t upstream_count; /* the other members: those that a promotion must be able to ask */
    bool has_coordinator; /* without one it cannot be promoted */
};

void replica_settings_default(struct replica_settings *settings);
size_t replica_memory_bytes(const struct replica_settings *settings);

/* As primary_create and its siblings. */
struct node *replica_create(const struct replica_settings *settings, struct arena *arena);
void replica_destroy(struct node *node);
void replica_status(const struct node *node, struct instant now, struct member_status *status);

#endif
