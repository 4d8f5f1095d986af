/* How far is a replica behind, seen from where the newest records are?
 *
 * A replica knows what its upstream told it last: one that is cut off knows of nothing that it
 * does not have. So the primary's word counts where one of the same lineage was asked as well (of
 * several the one with the highest epoch): records by its durable LSN and the replica's own, bytes
 * and age by its feed. The two were asked one after the other, within one round: under load the
 * figures may differ by what moved meanwhile. Without a primary the replica's own word is all there
 * is, and only while its link to the upstream is up; what nobody can say is not given. */
#ifndef SEALIFT_CLI_STATUS_LAG_H
#define SEALIFT_CLI_STATUS_LAG_H

#include "cli/status_form.h"

enum lag_from {
    LAG_UNKNOWN, /* a primary's row; a replica that is on its own */
    LAG_FROM_UPSTREAM, /* by what the replica was told: at least so much */
    LAG_FROM_PRIMARY,
};

struct status_lag {
    enum lag_from from; /* where it is LAG_UNKNOWN there is no figure at all */
    uint64_t records;
    uint64_t bytes;
    uint64_t us; /* age of the oldest that it lacks */
    bool has_bytes, has_us; /* by the primary: only while it feeds the replica, or nothing lacks */
};

/* Of answers[which], which was answered. */
struct status_lag status_lag_of(const struct status_answer *answers, unsigned count,
                                unsigned which);

/* "primary" or "upstream"; NULL for LAG_UNKNOWN. */
const char *status_lag_from_name(enum lag_from from);

#endif
