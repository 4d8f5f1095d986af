/* The coordinator of a world with promotions loses its record, or gets an old one back: and an
 * operator does what docs/PROMOTION.md says.
 *
 * All members are stopped. He looks who served last: whose WAL has the highest epoch, then the
 * highest batch, as `sealift status` and `sealift inspect` say; he starts that one as the writer
 * with --adopt-folder, and the others when it has told the coordinator. Nobody is promoted
 * meanwhile. Where a disk has been harmed or lost he could not know, and it does not happen. */
#ifndef SEALIFT_SIM_RESTORATION_H
#define SEALIFT_SIM_RESTORATION_H

#include "base/prng.h"
#include "sim/sim.h"

struct world;

struct restoration {
    struct prng dice;
    struct sim_member *chosen; /* who is to tell the record; NULL: nothing is being restored */
    epoch_t seen; /* of the record that was put back */
    bool lets_others; /* it has had its time: they are started, as replicas */
    uint64_t gap_ns;
    uint64_t begun_ns;
};

/* Now and then, until the faults end. */
void restoration_begin(struct world *world, uint64_t seed);

/* Whether this member has to wait. */
bool restoration_holds(const struct world *world, const struct sim_member *member);

#endif
