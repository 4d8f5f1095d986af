/* TLS as a function of bytes: ciphertext in and out, plaintext in and out, no socket.
 *
 * Feed what the network brought, then read until nothing comes; whatever must be sent
 * (handshake, alerts, key updates, records) gathers in the engine's outbox, many records for
 * one writev.
 *
 * The caller's loop:  feed; while (read(...) gives bytes) use them; send the outbox. Reading
 * also drives the handshake, so always read after feeding, also before the handshake is done,
 * and once (with nothing fed) on a client to start it.
 *
 * Key update: after `records_per_key` records or `bytes_per_key` bytes of ours the engine changes
 * its sending keys (RFC 8446 section 5.5 allows 2^24.5 records a key; we stop at 2^22 or 64 GiB);
 * the peer counts its own. A peer's updates are obeyed up to one for each 1,024 records that it
 * sent, with a first allowance of 32: else E_TLS, since each costs a key schedule.
 *
 * After any status but OK the engine is finished: send the outbox (an alert), then free it. */
#ifndef SEALIFT_TRANSPORT_TLS_ENGINE_H
#define SEALIFT_TRANSPORT_TLS_ENGINE_H

#include "base/bytes.h"
#include "base/status.h"
#include "node/identity.h"
#include "transport/outbox.h"
#include "transport/tls_identity.h"

enum tls_side { TLS_CLIENT, TLS_SERVER };

enum {
    TLS_RECORD_PLAIN_MAX = 16384,
    TLS_RECORD_OVERHEAD = 22, /* header 5, content type 1, tag 16 */
    TLS_EXPORTER_BYTES = 32,
    TLS_RECORDS_PER_KEY = 1 << 22,
    TLS_PEER_UPDATES_MAX = 32,
};

#define TLS_BYTES_PER_KEY ((uint64_t)64 << 30)
#define TLS_EXPORTER_LABEL "EXPORTER-sealift-v1"

struct tls_engine;

/* What tests lower so that rare paths run. */
struct tls_limits {
    uint64_t records_per_key;
    uint64_t bytes_per_key;
    unsigned peer_updates_max;
};

struct tls_counters {
    uint64_t records_out;
    uint64_t key_updates_out;
    uint64_t key_updates_in;
};

/* Never fails but for memory, which stops the process. */
struct tls_engine *tls_engine_new(const struct tls_identity *identity, enum tls_side side);
void tls_engine_free(struct tls_engine *engine);
void tls_engine_set_limits(struct tls_engine *engine, const struct tls_limits *limits);

/* Borrowed until tls_engine_read has given OK with nothing: by then all of it is consumed. The
 * bytes fed before must have been consumed (CHECK). */
void tls_engine_feed(struct tls_engine *engine, struct bytes ciphertext);

/* What was fed and is not consumed; the engine forgets it. To be fed again, from elsewhere. */
struct bytes tls_engine_take_back(struct tls_engine *engine);

/* The transport has ended: the next read gives E_CUT unless the peer said goodbye before. */
void tls_engine_feed_end(struct tls_engine *engine);

/* Up to `room` bytes of plaintext. OK with *got == 0: nothing before more is fed. E_CLOSED: the
 * peer said goodbye (close_notify). E_CUT: the stream ended without. E_TLS and the certificate
 * statuses. */
NODISCARD enum status tls_engine_read(struct tls_engine *engine, void *into, size_t room,
                                      size_t *got);

/* Encrypts all of it into the outbox. Only when ready (CHECK). Small parts of one message: put them
 * into one write where that costs no copy of bulk; each write ends its last record. */
NODISCARD enum status tls_engine_write(struct tls_engine *engine, struct bytes plain);

/* Our goodbye (close_notify) into the outbox; no write afterwards. */
void tls_engine_close(struct tls_engine *engine);

/* The handshake is done on our side. A client's may be refused by the server a round trip later. */
bool tls_engine_is_ready(const struct tls_engine *engine);

struct outbox *tls_engine_outbox(struct tls_engine *engine);

/* The peer's verified name; zeros for HTTPS. Only when ready. */
const struct identity *tls_engine_peer(const struct tls_engine *engine);

/* UNIX seconds at which the first certificate of the peer's chain ends. From then on it would be
 * refused. 0 for HTTPS. Only when ready. */
int64_t tls_engine_peer_expires_at(const struct tls_engine *engine);

/* Whether the peer would still be let in by `identity`, loaded later than the one that this engine
 * was made from: E_REVOKED, E_EXPIRED, E_CERTIFICATE (another CA), E_CRL. The engine goes on: what
 * follows is the caller's to do. `why` is OpenSSL's word for it. OK at once where it is the same
 * identity. Only when ready, not for HTTPS (CHECK). */
NODISCARD enum status tls_engine_recheck(struct tls_engine *engine,
                                         const struct tls_identity *identity, const char **why);

/* RFC 8446 section 7.5, no context. Only when ready; equal on both sides. */
void tls_engine_exporter(struct tls_engine *engine, uint8_t exporter[TLS_EXPORTER_BYTES]);

/* "" or what OpenSSL or the verification said, for the trace. */
const char *tls_engine_why(const struct tls_engine *engine);

struct tls_counters tls_engine_counters(const struct tls_engine *engine);

#endif
