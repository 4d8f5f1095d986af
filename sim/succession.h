/* Worlds in which any member may become the primary, and the operator who makes it so.
 *
 * An operator is a peer like any other: he dials a member, says HELLO and PROMOTE, and hears what
 * became of it, or nothing. He picks members at random and at bad moments. Who halts or crashes is
 * started again as what the coordinator's record says that it is; now and then, as an operator who
 * does not look it up would, as what it was before. */
#ifndef SEALIFT_SIM_SUCCESSION_H
#define SEALIFT_SIM_SUCCESSION_H

#include "proto/promote.h"
#include "sim/sim.h"

struct world;

struct operator
{
    struct puppet puppet; /* first: it is found by its address */
    struct world *world;
    struct prng dice;
    unsigned target;
    bool accepts_loss;
    bool waits; /* for others to go on without whom he has in mind */
    bool enough; /* of them will answer then, and one knows what the target does not */
    uint32_t silent; /* members that will not answer, one bit each */
    bool calm; /* promotes nobody but the one that the record names */
    uint64_t asked_at;
    uint64_t gap_ns; /* between two orders, on average */
};

/* All members that are there get certificates of role primary, the coordinator, and each other as
 * upstreams. With seed 0 the operator does what he is told by succession_promote, and no more. */
void succession_begin(struct world *world, struct operator* operator, uint64_t seed);

/* Before a member of such a world is started. */
void succession_on_start(struct world *world, struct sim_member *member);

/* Whether it is right for a member of such a world to have stopped like this. */
bool succession_explains(const struct sim_member *member);

/* The member that the coordinator's record names; member 0 where there is no record. */
struct sim_member *succession_writer(struct world *world);

/* One order at once (stories). */
void succession_promote(struct operator* operator, const struct sim_member * member);

#endif
