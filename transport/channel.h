/* Whole messages over a stream of bytes, inside TLS or in clear (UNIX sockets).
 *
 * Feed what the network brought, then take messages until there is none. Frames are those of
 * proto/message.h: caps are checked on the prefix before anything is allocated. The head lies
 * in a buffer of its own; the tail is decrypted straight into one buffer that is aligned to
 * 4096, so that it can go to a disk without another copy. Buffers are as large as the message
 * needs: at most one head and one tail. A buffer over CHANNEL_KEEP_BYTES is given back after
 * its message.
 *
 * That a started message makes progress is the link's to watch: channel_started and
 * channel_received tell. No socket, no clock. */
#ifndef SEALIFT_TRANSPORT_CHANNEL_H
#define SEALIFT_TRANSPORT_CHANNEL_H

#include "base/bytes.h"
#include "base/status.h"
#include "node/node.h"
#include "transport/outbox.h"
#include "transport/tls_engine.h"

enum {
    CHANNEL_KEEP_BYTES = 2 << 20, /* a batch under load is 1 MiB: keep that, not the rare 16 */
    CHANNEL_ALIGN = 4096,
};

struct channel;

struct channel_limits { /* zero: the caps of proto/message.h */
    uint32_t head_bytes_max;
    uint32_t tail_bytes_max;
};

/* `engine` NULL: in clear. The channel owns the engine. */
struct channel *channel_new(struct tls_engine *engine, const struct channel_limits *limits);
void channel_free(struct channel *channel);

/* Borrowed until channel_next has said "none"; by then all of it is consumed. */
void channel_feed(struct channel *channel, struct bytes received);

/* What was fed and is not consumed; the channel forgets it. To be fed again, from elsewhere. */
struct bytes channel_take_back(struct channel *channel);

/* The stream has ended. In clear, the end between two messages is E_CLOSED, inside one E_CUT. */
void channel_feed_end(struct channel *channel);

/* OK with *there: a message, borrowed until the next call. OK without: none before more is fed.
 * E_PROTOCOL, E_TOO_LARGE (frames); E_CLOSED, E_CUT (the end); what tls_engine_read says. Every
 * status but OK is final. */
NODISCARD enum status channel_next(struct channel *channel, struct message *message, bool *there);

/* Copies (in clear) or encrypts a frame into the outbox, in pieces, so that the caller can let
 * bytes leave while they are still in cache: begin puts prefix, head and what of the tail fits
 * into the same TLS record; each more up to 256 KiB of the rest, until *left is 0. A frame must
 * be finished before the next begins (CHECK). Only when ready; the caps of proto/message.h are
 * the sender's promise (CHECK). */
NODISCARD enum status channel_send_begin(struct channel *channel, unsigned type, struct bytes head,
                                         const struct bytes tail[2], size_t *left);
NODISCARD enum status channel_send_more(struct channel *channel, size_t *left);

/* The goodbye (TLS close_notify; nothing in clear). */
void channel_close(struct channel *channel);

bool channel_is_ready(const struct channel *channel);
struct outbox *channel_outbox(struct channel *channel);

/* A message (or, before it is ready, the handshake) has begun and is not complete. */
bool channel_started(const struct channel *channel);

/* Plain bytes received so far: compare two looks to see progress. */
uint64_t channel_received(const struct channel *channel);

/* NULL in clear. */
struct tls_engine *channel_engine(struct channel *channel);

#endif
