/* How does a writer let go, when a candidate has asked it to?
 *
 * From the FENCE on nothing is sealed, committed or released here. What was sealed becomes durable,
 * is told to the candidate, and is shipped to whoever lacks it: so a promotion at the side of a
 * living primary loses nothing, at any durability level. When the candidate says that it has
 * claimed, or nobody has been behind for drain_max, the member halts (E_FENCED) and may start
 * again as a replica. */
#ifndef SEALIFT_PRIMARY_HANDOVER_H
#define SEALIFT_PRIMARY_HANDOVER_H

#include "base/ids.h"
#include "base/instant.h"
#include "node/effects.h"

struct primary;

struct handover {
    struct instant begun_at;
    struct instant busy_at; /* the last time that somebody was still behind */
    bool marked; /* what is durable here is in the control file, too */
};

/* Whether a candidate waits for an answer. */
bool handover_is_wanted(const struct primary *primary);

void handover_begin(struct primary *primary, struct instant now);
void handover_pump(struct primary *primary, struct instant now, struct effects *fx);

#endif
