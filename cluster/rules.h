/* May this cluster, replica or key be asked for? One pure function for each promise (R1..R20).
 *
 * A verdict says which rule refuses, AWS's name for the error, and a sentence with what to do
 * instead. Whoever asks on behalf of a user (members now, the region daemon later, the simulator)
 * calls these and changes nothing where they refuse. */
#ifndef SEALIFT_CLUSTER_RULES_H
#define SEALIFT_CLUSTER_RULES_H

#include "base/ids.h"
#include "base/status.h"
#include "seal/aead.h"

enum { VERDICT_TEXT_MAX = 320 };

struct verdict {
    bool allowed;
    const char *rule; /* "R12" */
    const char *name; /* "InvalidParameterCombination" */
    char text[VERDICT_TEXT_MAX];
};

/* What a person asked for: three-valued, since "not said" is neither yes nor no. */
enum wish { WISH_UNSAID, WISH_YES, WISH_NO };

/* R1: a new cluster. A key without encryption is refused. */
struct verdict rule_create(enum wish encrypted, const char *key);

/* R3: opening an existing cluster with another wish than what it is. */
struct verdict rule_open(enum suite suite, enum wish encrypted);

/* R4: opening an existing cluster while naming a key that is not its own. `named` may be "", the
 * ARN, or the key id at the end of it; an alias cannot be compared and is refused. */
struct verdict rule_open_key(const char *cluster_key_arn, const char *named_key_arn);

/* R12: a replica's own wish against its upstream's setting. */
struct verdict rule_replica_setting(enum suite upstream, enum wish encrypted);

/* R13, R14: the key that a replica names. In the upstream's region: none, or the cluster's own. In
 * another: one of its own region, which must be named; an ARN must say that region, a key id or
 * alias is looked up there anyway. R14 without a key is KMSKeyNotAccessibleFault. */
struct verdict rule_replica_key(enum suite suite, const char *upstream_region,
                                const char *upstream_key_arn, const char *region,
                                const char *key_arn);

/* The region field of an ARN (arn:aws:kms:REGION:...), into a text of REGION_TEXT_MAX; false where
 * it is no ARN. */
bool rule_arn_region(const char *arn, char *region);

#endif
