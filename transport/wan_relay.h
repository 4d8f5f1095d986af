/* One relayed connection: a caller, a target that is called for it, and a stream each way.
 *
 * The kernel has answered the caller before we hear of it, so the distance of the handshake is made
 * up for: an opening travels there, then we connect; an opening travels back, then we begin to read
 * the caller. Its first byte arrives after one and a half round trips, as on a real road, and
 * nothing is dialed through a cut. Ends and resets travel behind the bytes they follow. */
#ifndef SEALIFT_TRANSPORT_WAN_RELAY_H
#define SEALIFT_TRANSPORT_WAN_RELAY_H

#include "transport/wan_stream.h"

#include <stdbool.h>
#include <sys/socket.h>

struct wan_target {
    struct sockaddr_storage name;
    socklen_t size;
};

struct wan_relay {
    struct wan_relay *next, **place; /* in the owner's list */
    const struct wan_target *target;
    int near, far; /* the caller; the target, -1 before it is dialed */
    bool dialing;
    unsigned ends; /* directions that have ended */
    struct wan_stream there, back;
    struct loop_event dialed;
    struct loop_event left; /* the caller hung up before it was open */
};

struct wan_relay_order {
    struct wan_pool *pool; /* these are the owner's, and outlive the relay */
    const struct wan_target *target;
    struct wan_link *there, *back;
    struct wan_relay **list;
    int caller;
};

/* Owns the socket from now on; frees itself, from the loop, when both directions have ended. */
void wan_relay_begin(const struct wan_relay_order *order);

/* Its links have changed: it looks again, from the loop. */
void wan_relay_wake(struct wan_relay *relay);

/* Ends it now, with a reset at both ends. */
void wan_relay_reset(struct wan_relay *relay);

#endif
