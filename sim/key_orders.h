/* Rotations of the data key and re-wraps of envelopes, at random moments.
 *
 * An operator of his own dials the writer (or, to re-wrap, anybody), gives his order and hears what
 * became of it, or nothing. In some worlds primaries also rotate by themselves, by age or bytes.
 * From dice of its own: whether keys change changes nothing else that a seed draws. */
#ifndef SEALIFT_SIM_KEY_ORDERS_H
#define SEALIFT_SIM_KEY_ORDERS_H

#include "sim/sim.h"

struct world;

struct key_orders {
    struct puppet puppet; /* first: it is found by its address */
    struct world *world;
    struct prng dice;
    unsigned target;
    bool rewraps; /* else it rotates */
    uint64_t asked_at;
    uint64_t gap_ns; /* between two orders, on average */
};

/* In about half of the encrypted worlds; before anybody is equipped for a succession. */
void key_orders_begin(struct world *world, uint64_t seed);

#endif
