/* Bounded memory for decoding one protobuf message.
 *
 * protobuf-c allocates while it unpacks; here it gets a bump allocator over a fixed block, so that
 * a hostile message can cost at most the block. A decoded struct borrows from the scratch until the
 * next decode into it. */
#ifndef SEALIFT_PROTO_SCRATCH_H
#define SEALIFT_PROTO_SCRATCH_H

#include "base/arena.h"
#include "base/bytes.h"

enum { PROTO_SCRATCH_BYTES = 2 << 20 }; /* four times the largest head */

struct proto_scratch {
    uint8_t *memory;
    size_t size;
    size_t used;
};

void proto_scratch_init(struct proto_scratch *scratch, struct arena *arena);

#endif
