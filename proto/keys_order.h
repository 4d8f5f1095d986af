/* What an operator asks of a member about its data keys, and what has become of it.
 *
 * ROTATE (to the primary) is answered by ROTATED, REWRAP (to any member) by REWRAPPED, or either by
 * REFUSED (request 0). The orders themselves have no head. Codecs as in control.h, on the same
 * links, after WELCOME. */
#ifndef SEALIFT_PROTO_KEYS_ORDER_H
#define SEALIFT_PROTO_KEYS_ORDER_H

#include "proto/control.h"

/* The data key is another one from this segment on, and that segment's header is durable. */
struct rotated {
    struct id dek;
    segment_t segment;
    uint64_t holders; /* linked replicas that had stored it before it was used */
    uint64_t lacking; /* linked replicas that had not: they get it before they get the segment */
};

/* All envelopes of the member's keyring are wrapped anew, and the keyring is durable. */
struct rewrapped {
    uint64_t envelopes;
};

CONTROL_CODEC(rotated, rotated);
CONTROL_CODEC(rewrapped, rewrapped);

#endif
