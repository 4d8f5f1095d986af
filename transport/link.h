/* One conversation on a socket: a channel joined to a libevent loop.
 *
 * Life: listener.h or dialer.h makes a link; then at most one `up`, any number of `message`,
 * one `down`, in this order. `down` comes without `up` where the handshake or the dialing
 * failed. After `down` has returned, or after link_close, the link is gone: no callback, no
 * use.
 *
 * Callbacks run from the loop, never from inside a call to a link. In a callback any function
 * of any link may be called, link_close of the same link too. All links of a loop live on its
 * thread.
 *
 * Limits: handshake (with connect and lookup) 5 s; a started message must bring progress_bytes
 * in each progress_span (E_SILENT) unless we paused it; output that is not taken grows to
 * output_hard, then E_SLOW; output that waits and does not move for progress_span is E_SLOW as
 * well. An idle link is the node's to judge. TCP_NODELAY and keepalive are on.
 *
 * End of life: when the peer's certificate ends by the wall clock (looked at then, and every 10 s,
 * since that clock may jump) the link is cut (E_LAPSED), and what waits to leave with it: nothing
 * more goes to a peer that would not be let in. A link that has reached age_max says goodbye
 * (E_AGED); whoever dialed it dials anew.
 *
 * UNIX sockets: no TLS; bytes never leave the machine. The peer must have our uid or be root
 * (SO_PEERCRED), else E_IDENTITY; its identity is what the settings say. The exporter is zeros. */
#ifndef SEALIFT_TRANSPORT_LINK_H
#define SEALIFT_TRANSPORT_LINK_H

#include "base/instant.h"
#include "base/status.h"
#include "node/node.h"
#include "transport/channel.h"
#include "transport/tls_identity.h"

struct event_base;
struct link;

enum {
    LINK_READ_BYTES = 256 * 1024, /* one recv: 16 TLS records */
    LINK_READ_TURN_BYTES = 4 * 1024 * 1024, /* then another link has its turn */
    LINK_OUTPUT_SOFT_BYTES = 4 << 20,
    LINK_OUTPUT_HARD_BYTES = 96 << 20, /* above any window; one message is under 17 MiB */
    LINK_PROGRESS_BYTES = 4096,
};

/* What the links of one loop share: one receive buffer. */
struct link_loop;
struct link_loop *link_loop_new(struct event_base *base);
/* Closed links that still flush or wait for the other side's end are cut; the caller has closed
 * all others. */
void link_loop_free(struct link_loop *loop);
/* Whether no link is left, closed ones that still say goodbye among them. */
bool link_loop_is_empty(const struct link_loop *loop);
struct event_base *link_loop_base(const struct link_loop *loop);

/* Lets what link_send has gathered leave now. Happens by itself before the loop waits again;
 * call it before doing something slow (an inline sync). No callback comes from inside. */
void link_loop_flush(struct link_loop *loop);

enum link_answer {
    LINK_TAKEN,
    LINK_DEFERRED, /* keep it: the same message comes again after link_resume */
};

struct link_peer {
    bool dialed;
    bool unix_socket;
    struct identity identity;
    uint8_t exporter[TLS_EXPORTER_BYTES];
    char address[ADDRESS_TEXT_MAX]; /* of the other end, for people */
};

struct link_callbacks {
    void (*up)(void *context, struct link *link, const struct link_peer *peer);
    /* Borrowed until it returns. */
    enum link_answer (*message)(void *context, struct link *link, const struct message *message);
    /* `text` adds to the status ("" or a sentence). The link is freed when this returns. */
    void (*down)(void *context, struct link *link, enum status why, const char *text);
    /* Output has fallen to half of the soft limit, after link_send had passed it. May be NULL. */
    void (*drained)(void *context, struct link *link);
};

struct link_settings { /* zero: the default */
    struct span handshake_max; /* 5 s */
    struct span progress_span; /* 10 s */
    size_t progress_bytes; /* LINK_PROGRESS_BYTES */
    size_t output_soft;
    size_t output_hard;
    int socket_buffer; /* SO_SNDBUF and SO_RCVBUF; 0: the kernel's own tuning */
    struct span age_max; /* zero: none */
    int64_t (*wall)(void); /* UNIX seconds; NULL: the system's clock. Tests turn it */
    struct channel_limits channel;
    struct identity unix_identity; /* who a UNIX peer is taken for */
};

struct link_counters {
    uint64_t bytes_in; /* on the wire */
    uint64_t bytes_out;
    uint64_t messages_in;
    uint64_t messages_out;
};

/* Encrypts or copies at once, and gathers: small messages leave together (link_loop_flush);
 * what is borrowed is free when it returns. Any time after `up`; after a failure it does
 * nothing, and `down` follows from the loop. Going over the hard limit is such a failure
 * (E_SLOW). */
void link_send(struct link *link, unsigned type, struct bytes head, struct bytes tail,
               struct bytes more);

/* Bytes that wait to leave. Over output_soft the sender should hold back until `drained`. */
size_t link_output_bytes(const struct link *link);
bool link_is_full(const struct link *link);

/* Stops reading the socket / goes on, a deferred message first. Pausing twice is pausing. */
void link_pause(struct link *link);
void link_resume(struct link *link);

enum link_ending {
    LINK_FLUSH, /* what was sent leaves first (at most 5 s), then the goodbye */
    LINK_AT_ONCE,
};

/* No callback comes any more. */
void link_close(struct link *link, enum link_ending ending);

/* Certificates or revocations were reloaded: would the peer still be let in? Where it would not,
 * the link is cut as at the end of its certificate, with the status that is returned: E_REVOKED,
 * E_LAPSED, E_CERTIFICATE, E_CRL; `down` follows from the loop. Not before `up`; in `up` it may be
 * called, and `down` then follows `up`. A UNIX peer has no certificate: OK. */
enum status link_recheck(struct link *link, const struct tls_identity *identity);

void link_set_context(struct link *link, void *context);
struct link_counters link_counters(const struct link *link);

#endif
