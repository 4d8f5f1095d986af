/* The coordinator: one record, changed by compare-and-swap, at some distance.
 *
 * It can be unreachable; then a change may have been made all the same, and the answer be lost. */
#ifndef SEALIFT_SIM_SIM_CLAIM_H
#define SEALIFT_SIM_SIM_CLAIM_H

#include "base/prng.h"
#include "node/node.h"

struct sim;

enum { SIM_CLAIMS_MAX = 64 };

struct sim_claiming {
    bool used;
    unsigned member;
    uint64_t life;
    struct claim_record record; /* wanted; once decided, the record as it then was */
    bool lost; /* the answer never comes back in time */
};

struct sim_claim {
    struct prng dice;
    struct claim_record record;
    struct claim_record backup; /* as it was some time ago, or nothing at all */
    struct sim_claiming asked[SIM_CLAIMS_MAX];
    uint64_t latency_ns;
    uint64_t unreachable_until;
    uint64_t changes;
};

void sim_claim_init(struct sim_claim *claim, uint64_t seed);
/* Whether that member has asked for something, and has not heard yet what came of it. */
bool sim_claim_is_asked_by(const struct sim_claim *claim, unsigned member);
void sim_claim_ask(struct sim *sim, unsigned member, const struct effect_claim *ask);

#endif
