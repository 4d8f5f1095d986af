/* One downstream replica: greeted, given its keys, and fed from the window or from the disk.
 *
 * The upstream's side of a member link, the same on a primary and on a cascading replica:
 * GREETING (both GREETs, the rules R12..R14, divergence) -> KEYS (wrap for its region, or hand over
 * our own in the same region, one KEYS message a DEK; wait until stored) -> PROVING -> WAITING for
 * RESUME -> STREAMING. Streaming is one loop: the next batch is in the window, or it is read from
 * its segment; the bytes are the same. `acked <= sent <= ship limit`; what is in flight is bounded
 * by feed_window_bytes. A candidate says FENCE instead of RESUME: FENCING -> FENCED.
 *
 * A downstream that shows an epoch above ours supersedes this writer (member->fenced_by), but only
 * once it has proved that it holds the DEK: a stolen certificate alone halts nobody. An unencrypted
 * cluster has no DEK; there the certificate decides, as for everything else.
 *
 * A member has one link to follow by. Where it greets over a second one, the older one ends if it
 * has been silent for two heartbeats, or if both name one data folder: its process has called
 * again. Else, or where two processes on copies of one folder take turns so, the newer one is
 * refused (E_TWIN): whoever is served stays served, and the other process is told of the
 * certificate that they share. A link that died unnoticed keeps a member out for two heartbeats at
 * most, and only one that comes with another folder. */
#ifndef SEALIFT_MEMBER_FEED_H
#define SEALIFT_MEMBER_FEED_H

#include "base/ring.h"
#include "member/reads.h"
#include "member/walk.h"
#include "node/effects.h"
#include "proto/control.h"
#include "proto/ship.h"

struct member;

enum feed_state {
    FEED_FREE,
    FEED_GREETING,
    FEED_KEYS,
    FEED_PROVING,
    FEED_WAITING,
    FEED_STREAMING,
    FEED_FENCING, /* a candidate's: its epoch is on its way to our disk */
    FEED_FENCED, /* and has been answered */
    FEED_STATES
};

enum {
    FEED_FLIGHT_MAX = 1024, /* batches in flight to one replica */
    GREET_BYTES_MAX = 64 << 10, /* the head of a GREET (docs/PROTOCOL.md) */
};

struct feed_flight { /* one batch that was sent and not acked */
    batch_t batch;
    lsn_t end_lsn;
    uint32_t bytes;
    struct instant sent_at;
};

struct feed {
    enum feed_state state;
    link_t link;
    struct identity peer;
    uint8_t exporter[32];
    char cluster[CLUSTER_TEXT_MAX]; /* the replica's, from its GREET */
    char key_arn[KEY_ARN_TEXT_MAX];
    struct id missing[GREET_DEKS_MAX]; /* DEKs that it does not hold; one KEYS message for each */
    uint32_t missing_count, handed_count;
    uint32_t deks_shown; /* of the member's own, how many our GREET listed */
    uint32_t deks_held; /* how many of them, the first ones, it holds: what follows is handed over
                           while it streams, each before the first header that names it */
    unsigned hand_tries; /* of the one that is being handed over while it streams */
    struct instant hand_at;
    bool wrap_asked; /* the next of them is at the key service of its region */
    bool proved; /* its proof was right */
    bool is_candidate; /* it asks on behalf of an election, and follows nobody */
    struct id folder; /* of its data folder, from its GREET */
    struct instant took_over_at; /* from an older link that was alive; 0: from none */
    epoch_t fence_epoch; /* that it asked us to keep to */
    uint64_t fence_token; /* the save that makes it so */
    epoch_t shown_epoch; /* the highest in its GREET: believed once it has proved the DEK */
    lsn_t shown_commit; /* what it knew as committed then: likewise */
    uint8_t *greet; /* our GREET's head as it was sent, GREET_BYTES_MAX */
    uint32_t greet_bytes;
    struct digest greets; /* SHA-256(its GREET || ours), framing included */
    struct id proof_dek;
    struct instant started_at; /* of the present state, for its limit */
    struct instant heard_at, said_at;

    batch_t sent, acked;
    epoch_t acked_epoch;
    lsn_t acked_lsn;
    uint32_t pin; /* its row in member->pins; PIN_NONE */
    bool votes; /* set by a primary: its acks count towards the level */
    segment_t sent_segment; /* the last whose header was sent; SEGMENT_NONE */
    uint64_t flight_bytes;
    struct ring flight_ring;
    struct feed_flight *flight; /* FEED_FLIGHT_MAX */
    uint32_t blocked_bytes; /* what its next batch needs in flight, where that was too much */
    struct walk walk; /* where its next batch is on the disk */
    struct read_slot *read; /* the disk read that it waits for */
    segment_t damaged; /* what it needs next was not readable here, */
    struct instant rests_until; /* so it rests while that is repaired; 0: it does not */
    lsn_t announced_lsn;
    struct instant announce_at; /* INSTANT_NEVER: nothing to announce */
    bool must_announce; /* at once: who is the writer, and how far it is */
};

struct feeds {
    uint32_t capacity;
    struct feed *list;
    struct instant now; /* of the last pump: close enough for "said" and "sent" */
    uint32_t first; /* whose turn it is to be served first */
};

size_t feeds_bytes(uint32_t capacity);
void feeds_init(struct feeds *feeds, struct arena *arena, uint32_t capacity);
struct feed *feeds_find(const struct feeds *feeds, link_t link);

/* Whether it has stored every DEK of this member. */
bool feed_holds_all_deks(const struct member *member, const struct feed *feed);

/* A replica has called. Refused with a BYE where no place is free or the member is not ready. */
void feeds_on_link_up(struct member *member, const struct event *event, struct effects *fx);
void feeds_on_message(struct member *member, struct feed *feed, const struct event *event,
                      struct effects *fx);
void feeds_on_link_down(struct member *member, struct feed *feed);
void feeds_on_read(struct member *member, struct read_slot *slot, struct effects *fx);
void feeds_on_keys(struct member *member, const struct event *event, struct effects *fx);

/* The history that they were given has changed (a replica's cut): all must greet again. */
void feeds_hang_up_all(struct member *member, enum status why, struct effects *fx);

/* The first segment of the index is another one now: who needs more is lost. */
void feeds_forget_first(struct member *member, struct effects *fx);

/* Sends what is possible up to member->ship_limit, announces commits, hangs up on the silent. */
void feeds_pump(struct member *member, struct instant now, struct effects *fx);
struct instant feeds_deadline(const struct member *member);
void feeds_check(const struct member *member);
void feed_status_of(const struct member *member, const struct feed *feed, struct instant now,
                    struct feed_status *status);

#endif
