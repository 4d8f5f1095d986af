/* Whose acks count, and what is committed?
 *
 * The replicas in the coordinator's record, and no others: a replica that streams and is not in
 * it is added by compare-and-swap first. An ack counts if the replica gave it in our epoch and
 * for a batch at or beyond that epoch's start. */
#ifndef SEALIFT_PRIMARY_VOTERS_H
#define SEALIFT_PRIMARY_VOTERS_H

#include "cluster/policy.h"
#include "node/effects.h"

struct feed;
struct primary;

struct voters {
    struct policy policy;
    lsn_t lsns[CLAIM_MEMBERS_MAX]; /* of each holder's acked batch */
    bool begun;
};

/* The epoch has begun: those in the record may vote. */
void voters_begin(struct primary *primary);

/* Something was heard from this replica. */
void voters_on_feed(struct primary *primary, struct feed *feed, struct effects *fx);

/* The coordinator's record has been seen anew: all feeds are looked at again. */
void voters_on_record(struct primary *primary, struct effects *fx);

/* The last batch that is durable at this level; 0: none of this epoch is. */
batch_t voters_reached(const struct primary *primary, struct level level);

/* Moves commit_lsn and visible_lsn forward. */
void voters_commit(struct primary *primary);

#endif
