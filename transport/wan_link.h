/* What does one direction between two regions do to bytes?
 *
 * Arithmetic only: no socket and no clock. All connections from one region to another share the
 * wire: bytes take their place on it (rate), then travel (delay, and a jitter of their own, drawn
 * evenly between nothing and the path's jitter). A blocked link takes and brings nothing until a
 * certain moment; what was under way is sent again then, as TCP would, and is never lost.
 *
 * Not modelled: loss (TCP would hide it; what it costs is a stall), slow start and congestion. */
#ifndef SEALIFT_TRANSPORT_WAN_LINK_H
#define SEALIFT_TRANSPORT_WAN_LINK_H

#include "base/instant.h"

#include <stddef.h>

enum {
    WAN_CHUNK_BYTES = 256 * 1024, /* one recv */
    WAN_QUANTUM_BYTES_MIN = 1460, /* one packet */
    WAN_BACKLOG_MS = 10, /* of bytes may wait for the wire; a loop that wakes late loses no rate */
    WAN_RECEIVER_BYTES = 4 << 20, /* what has arrived and is not taken: a receive buffer */
    WAN_RATE_ASSUMED = 1250000000, /* bytes a second, for the bound of a path without a rate */
};

struct wan_path {
    struct span delay; /* one way */
    struct span jitter;
    uint64_t rate; /* bytes a second; 0: no limit */
};

struct wan_link {
    struct wan_path path;
    struct instant wire_free_at;
    struct instant blocked_since, blocked_until;
    uint64_t bytes; /* sent so far */
};

/* When may bytes be sent next? INSTANT_NEVER while it is cut. */
struct instant wan_link_send_at(const struct wan_link *link);

/* How many bytes at most should be sent at once, so that others have their turn: 1 ms of wire. */
size_t wan_link_quantum(const struct wan_link *link);

/* How much may be under way or wait at the far end, for one connection. */
size_t wan_link_window(const struct wan_link *link);

/* Takes a place on the wire. When the bytes are due at the other end. */
struct instant wan_link_send(struct wan_link *link, struct instant now, size_t size,
                             struct span jitter);

/* When bytes that were due then really arrive: a block since has sent them back. */
struct instant wan_link_arrival(const struct wan_link *link, struct instant due);

bool wan_link_is_cut(const struct wan_link *link);
void wan_link_cut(struct wan_link *link, struct instant now);

/* How long it was cut; nothing if it was not. */
struct span wan_link_heal(struct wan_link *link, struct instant now);

/* Does not shorten a block that lasts longer. */
void wan_link_stall(struct wan_link *link, struct instant now, struct span span);

#endif
