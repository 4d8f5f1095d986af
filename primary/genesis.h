/* How does a new cluster come to be?
 *
 * Rules first, then a DEK from the region's key service (for an encrypted one), then keyring,
 * control and descriptor, each durable before the next: the descriptor is what makes a cluster,
 * so a creation that was interrupted anywhere before it has made none, and begins anew. */
#ifndef SEALIFT_PRIMARY_GENESIS_H
#define SEALIFT_PRIMARY_GENESIS_H

#include "base/instant.h"
#include "cluster/descriptor.h"
#include "node/effects.h"

struct primary;

enum genesis_step {
    GENESIS_NONE,
    GENESIS_ASKED, /* for a DEK */
    GENESIS_WAITING, /* to ask again */
    GENESIS_KEYRING, /* on its way to the disk; likewise the next two */
    GENESIS_CONTROL,
    GENESIS_DESCRIPTOR,
    GENESIS_DONE,
};

struct genesis {
    enum genesis_step step;
    struct id dek;
    uint64_t attempt; /* the ticket's value: answers to older ones are ignored */
    unsigned tries;
    struct instant retry_at, give_up;
};

void genesis_begin(struct primary *primary, struct instant now, struct effects *fx);
void genesis_on_keys(struct primary *primary, const struct event *event, struct effects *fx);
void genesis_pump(struct primary *primary, struct instant now, struct effects *fx);

#endif
