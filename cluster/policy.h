/* When is a batch committed?
 *
 * The primary alone decides. `local` is its own disk; `quorum:K` its disk and K voting replicas;
 * `region:N` its disk and a voting replica in N regions besides its own. Pure functions over what
 * each replica has acked in the writer's own epoch. */
#ifndef SEALIFT_CLUSTER_POLICY_H
#define SEALIFT_CLUSTER_POLICY_H

#include "base/ids.h"
#include "base/level.h"
#include "node/claim.h"

struct holder {
    char name[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX];
    batch_t acked; /* 0: nothing that counts yet */
};

struct policy {
    char home[REGION_TEXT_MAX]; /* the primary's region */
    uint32_t count;
    struct holder holders[CLAIM_MEMBERS_MAX];
};

void policy_init(struct policy *policy, const char *home_region);

/* The holder of that name, added where it is new; CLAIM_MEMBERS_MAX (no place) where full. */
uint32_t policy_admit(struct policy *policy, const char *name, const char *region);

/* What that holder has acked is gone from its disk. */
void policy_forget(struct policy *policy, const char *name);

/* Only forward. */
void policy_acked(struct policy *policy, uint32_t holder, batch_t batch);

/* The last batch that `level` is met for, given the primary's own durable batch. Never beyond
 * it. */
batch_t policy_reached(const struct policy *policy, struct level level, batch_t durable);

/* Whether the known members, all of them holding everything, could ever meet the level. */
bool policy_can_meet(const struct policy *policy, struct level level);

#endif
