/* One relayed connection: two sockets, and in each direction bytes that are still under way.
 *
 * A direction reads only while its link has room on the wire and the window is not full, so memory
 * is bounded by rate times delay and a receive buffer. Order is kept. A half close travels like
 * bytes. A reset at one end is a reset at the other. */
#ifndef SEALIFT_TRANSPORT_WAN_RELAY_H
#define SEALIFT_TRANSPORT_WAN_RELAY_H

#include "base/prng.h"
#include "transport/wan_link.h"

#include <stdbool.h>

struct event_base;
struct event;
struct wan_relay;

struct wan_chunk {
    struct wan_chunk *next;
    struct instant due;
    size_t size, sent; /* size 0: the end */
    unsigned char bytes[];
};

struct wan_pipe { /* one direction */
    struct wan_relay *relay;
    struct wan_link *link;
    int from, to;
    struct event *readable, *writable, *timer;
    struct wan_chunk *head, *tail;
    struct instant last_due;
    size_t queued;
    bool ended; /* the sender has */
    bool delivered; /* and the receiver knows */
};

struct wan_relay {
    struct wan_relay *next, **place; /* in the owner's list */
    struct wan_pipe there, back;
    struct prng *dice;
};

struct wan_relay_order {
    struct event_base *base;
    int client, target;
    struct wan_link *there, *back; /* the owner's; outlive the relay */
    struct prng *dice;
    struct wan_relay **list;
};

struct instant wan_now(void);

/* Owns both sockets from now on; frees itself when both directions have ended. */
void wan_relay_begin(const struct wan_relay_order *order);

/* Its links have changed: look again. May free the relay. */
void wan_relay_pump(struct wan_relay *relay);

/* Ends it with a reset at both ends. */
void wan_relay_reset(struct wan_relay *relay);

#endif
