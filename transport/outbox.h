/* Bytes that wait for a socket, in the order in which they were put.
 *
 * A list of blocks: nothing is ever moved, memory is what waits (rounded up to a block) and up
 * to OUTBOX_SPARES_MAX blocks that were used lately. The owner checks outbox_bytes against its
 * own limit before it puts more. */
#ifndef SEALIFT_TRANSPORT_OUTBOX_H
#define SEALIFT_TRANSPORT_OUTBOX_H

#include "base/bytes.h"

#include <sys/uio.h>

enum {
    OUTBOX_BLOCK_BYTES = 256 * 1024, /* one writev's worth; a block stays in the L2 cache */
    OUTBOX_SPARES_MAX = 8, /* giving memory back and faulting it in again costs a tenth */
};

struct outbox_block;

struct outbox {
    struct outbox_block *first;
    struct outbox_block *last;
    struct outbox_block *spares;
    unsigned spare_count;
    size_t bytes;
};

/* Copies. Out of memory stops the process: what may wait is bounded by settings. */
void outbox_put(struct outbox *outbox, struct bytes bytes);

static inline size_t outbox_bytes(const struct outbox *outbox)
{
    return outbox->bytes;
}

/* Shows the oldest bytes in up to `max` parts; returns the number of parts. */
unsigned outbox_show(const struct outbox *outbox, struct iovec *parts, unsigned max);

/* The oldest `size` bytes have left. */
void outbox_drop(struct outbox *outbox, size_t size);

/* Gives back the spare blocks: nothing was sent for a while. */
void outbox_trim(struct outbox *outbox);

/* Wipes nothing: what waits for a socket is ciphertext, or clear by decision (UNIX sockets). */
void outbox_free(struct outbox *outbox);

#endif
