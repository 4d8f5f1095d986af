/* One direction of one relayed connection: bytes read here come out there, later and in order.
 *
 * A stream reads `from` as fast as its link sends, keeps what is under way in a bounded queue of
 * chunks that each know when they are due, and writes them to `to`. Where the queue is full it
 * stops reading: the sender's own TCP is the back-pressure. Marks travel in the same queue, with
 * the same delay: a connection that opens, an end of one direction, a reset.
 *
 * `arrived` is called from the loop for each mark that comes out. WAN_BROKEN comes at once and
 * never travels: writing failed, the other end is gone. After WAN_END and WAN_RESET the callback
 * may free the stream; no other call of this module calls back. Sockets are the caller's. */
#ifndef SEALIFT_TRANSPORT_WAN_STREAM_H
#define SEALIFT_TRANSPORT_WAN_STREAM_H

#include "transport/loop.h"
#include "transport/wan_link.h"

#include "base/prng.h"

enum wan_mark { WAN_BYTES, WAN_OPEN, WAN_END, WAN_RESET, WAN_BROKEN };

struct wan_chunk {
    struct wan_chunk *next;
    struct instant due;
    enum wan_mark mark;
    size_t taken, size, capacity; /* data[taken..size) is still to be written */
    unsigned char data[];
};

/* What the streams of one loop share. */
struct wan_pool {
    struct event_base *base;
    struct prng dice; /* for jitter */
    struct wan_chunk *spare; /* whole ones, kept warm */
    unsigned spares;
    size_t bytes, bytes_peak; /* in all queues, with what they cost */
};

void wan_pool_init(struct wan_pool *pool, struct event_base *base, uint64_t seed);
void wan_pool_clear(struct wan_pool *pool); /* after its streams */

struct wan_stream {
    struct wan_pool *pool;
    struct wan_link *link;
    void (*arrived)(void *context, struct wan_stream *stream, enum wan_mark mark);
    void *context;
    int from, to; /* -1: not yet */
    struct loop_event readable, writable, timer;
    struct instant timer_at;
    struct wan_chunk *first, *last;
    size_t queued; /* what the queue costs, in bytes */
    struct instant due; /* of the last chunk: none overtakes */
    bool open; /* may read */
    bool reading;
    bool stuck; /* `to` takes no more: waits for `writable` */
    bool stopped; /* an end or a reset was read: nothing follows */
    bool reset; /* one is in the queue, or the stream is broken */
};

void wan_stream_init(struct wan_stream *stream, struct wan_pool *pool, struct wan_link *link);
void wan_stream_free(struct wan_stream *stream);

/* Both sockets are there (once each). */
void wan_stream_set_from(struct wan_stream *stream, int file);
void wan_stream_set_to(struct wan_stream *stream, int file);

/* From now on bytes are read. */
void wan_stream_open(struct wan_stream *stream);

/* Sends a mark behind what is under way. Nothing but a reset follows an end; nothing follows a
 * reset. */
void wan_stream_mark(struct wan_stream *stream, enum wan_mark mark);

/* The link has changed: looks again, from the loop. */
void wan_stream_wake(struct wan_stream *stream);

struct instant wan_now(void); /* CLOCK_MONOTONIC, which is libevent's */

#endif
