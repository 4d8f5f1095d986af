/* And if it fails inside a step?
 *
 * The world strikes between two steps of a member; this strikes within one. It counts what a member
 * does while it is made and while it takes a step, and makes the n-th fail, once:
 *
 *   calls         of libcrypto, as seal/ makes them: it refuses
 *   allocations   of libcrypto: there is no memory (members themselves allocate nothing in a step,
 *                 tests/tidy sees to that)
 *   bytes         of sealed messages that it hears: one bit is another
 *
 * Where the process stops over it (a CHECK of seal/), its step never happened: no effect of it is
 * performed, and the member is killed and started again. Any other CHECK ends the test. */
#ifndef SEALIFT_TESTS_EXHAUST_COUNTDOWN_H
#define SEALIFT_TESTS_EXHAUST_COUNTDOWN_H

#include "sim/swarm.h"

enum countdown_of { COUNTDOWN_CALLS, COUNTDOWN_ALLOCATIONS, COUNTDOWN_BYTES };

/* From now on, until countdown_end. One at a time. */
void countdown_begin(struct world *world, struct sim_member *victim, enum countdown_of what,
                     uint64_t place);

/* How many there were so far; past the place, the fault has struck. */
uint64_t countdown_count(void);

/* How often a process stopped over it, since the program began. */
uint64_t countdown_stops(void);

void countdown_end(void);

/* For the wrapped calls: one more of these; true where it shall fail. */
bool countdown_strikes(enum countdown_of what);

/* What was whole will not be believed: the oracle need not be surprised by an alarm. */
void countdown_disbelieve(void);

/* A block that libcrypto allocated goes with the process that stops. */
struct countdown_block {
    struct countdown_block *previous, *next;
};

void countdown_keep(struct countdown_block *block);
void countdown_forget(struct countdown_block *block);

#endif
