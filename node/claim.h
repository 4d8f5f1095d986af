/* What a lineage's coordinator remembers, and how a member changes it.
 *
 * One record a lineage, changed only by compare-and-swap on its version: a file on one machine,
 * etcd on many. It is where epochs come from: two processes can never claim the same one. */
#ifndef SEALIFT_NODE_CLAIM_H
#define SEALIFT_NODE_CLAIM_H

#include "base/ids.h"

enum {
    CLAIM_MEMBERS_MAX = 64, /* members whose acks count; feeds beyond that are not votes */
    LEVEL_TEXT_MAX = 16,
};

struct claim_member {
    char name[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX];
    struct id folder; /* the random id of its data folder: without it, the name is another member */
};

struct claim_record {
    uint64_t version; /* 0: no record yet; each change adds one */
    struct id lineage;
    epoch_t epoch;
    epoch_t asked; /* the highest that a candidate may have shown to others; nobody has seen more */
    char writer[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX]; /* the writer's */
    struct id folder; /* the random id of the writer's data folder */
    segment_t segment; /* the writer's first segment of this epoch */
    struct digest chain; /* that segment's prev_chain: what it follows */
    char level[LEVEL_TEXT_MAX]; /* the cluster's durability level */
    uint32_t member_count;
    struct claim_member members[CLAIM_MEMBERS_MAX];
};

#endif
