/* What a primary and a replica have in common: one WAL on one disk, its keys, and those who call.
 *
 * A plain struct, embedded in both nodes. Each part has its own header and its own file; this one
 * only routes events to them. The node that owns it moves ship_limit, commit_lsn and visible_lsn.
 */
#ifndef SEALIFT_MEMBER_MEMBER_H
#define SEALIFT_MEMBER_MEMBER_H

#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "cluster/keyring.h"
#include "member/clients.h"
#include "member/deks.h"
#include "member/digester.h"
#include "member/feed.h"
#include "member/key_loss.h"
#include "member/key_trouble.h"
#include "member/key_watch.h"
#include "member/marks.h"
#include "member/opening.h"
#include "member/pins.h"
#include "member/reads.h"
#include "member/repair.h"
#include "member/retention.h"
#include "member/rewrap.h"
#include "member/saves.h"
#include "member/scrub.h"
#include "member/settings.h"
#include "member/unwrap.h"
#include "member/verifier.h"
#include "wal/wal.h"

struct member {
    struct member_settings settings;
    bool is_writer;

    /* what this cluster is; known once the folder was opened, created or joined */
    bool known;
    struct descriptor descriptor;
    uint8_t descriptor_bytes[DESCRIPTOR_BYTES_MAX];
    size_t descriptor_size;
    struct digest descriptor_digest;

    struct control control; /* epochs, highest epoch seen, commit: saved through saves.h */
    struct keyring *keyring; /* large: in the arena */
    struct deks deks;
    struct wal wal;
    struct writes writes;
    struct reads reads;
    struct saves saves;
    struct marks marks;
    struct digester digester;
    struct pins pins;
    struct retention retention;
    struct unwrap unwrap;
    struct key_trouble key_trouble;
    struct rewrap rewrap;
    struct key_watch key_watch;
    struct key_loss key_loss;
    struct opening *opening;
    struct feeds feeds;
    struct clients clients;
    struct verifier verifier;
    struct repair repair;
    struct repair_desks desks;
    struct scrub scrub;
    struct proto_scratch scratch;
    struct greet *greet; /* the largest message: one at hand, in the arena */

    batch_t ship_limit; /* feeds send up to here: sealed on a primary, durable on a replica */
    lsn_t commit_lsn; /* known committed at the cluster's level, of the history that is here or on
                         its way: it goes back to what is held with each new upstream */
    lsn_t visible_lsn; /* readers see up to here; only forward */
    lsn_t lost_lsn; /* known as committed elsewhere, and not found here at the start: alarm */
    epoch_t fenced_by; /* highest epoch that a downstream has shown; above our own: superseded */
    bool hands_over; /* a candidate that had asked says that it has claimed */
    bool answers_fence; /* what is durable here will not be added to in an epoch of ours */
    uint64_t age_us; /* since the writer itself was heard of; 0 on the writer */

    /* what only the node knows, kept current by it for STATUS */
    const char *state; /* "serving" */
    char notice[NOTICE_TEXT_MAX]; /* what a person should know and do; "" */
    struct level level; /* the cluster's; a replica leaves it LEVEL_LOCAL */
    lsn_t upstream_lsn;
    uint64_t lag_us;

    struct instant started_at;
    uint64_t appended_records, appended_bytes, shipped_bytes, received_bytes, persisted_bytes;
    bool ready; /* links are served */
    bool is_repairing; /* not ready, and links to members are served as far as a repair needs */
    bool disk_full; /* as the world said last: nothing more should be begun */
    bool halted; /* HALT has been asked for: nothing more is done */
    bool stopping;
};

size_t member_bytes(const struct member_settings *settings);
void member_init(struct member *member, struct arena *arena, const struct member_settings *settings,
                 bool is_writer);
void member_drop(struct member *member); /* wipes keys, frees what libcrypto holds */

/* The descriptor (and its digest) becomes this member's; wal_know included. */
void member_know(struct member *member, const struct descriptor *descriptor, struct bytes file);

/* What it is now: a member whose certificate says `primary` may be a replica for the time being. */
enum role member_role(const struct member *member);

/* What is known as committed and is on this disk: all that may be said of it. In the control file
 * more would make the next start miss what a power cut has torn off; and whoever follows this
 * member would take it for what comes next, though that may come from another history. */
static inline lsn_t member_held_commit(const struct member *member)
{
    return member->commit_lsn < member->wal.durable_lsn ? member->commit_lsn
                                                        : member->wal.durable_lsn;
}

/* Asks for HALT, once. */
__attribute__((format(printf, 4, 5))) void member_halt(struct member *member, struct effects *fx,
                                                       enum status why, const char *format, ...);

/* Accepted links go to feeds or clients by the role in their certificate; others are refused. */
void member_on_link_up(struct member *member, const struct event *event, struct effects *fx);

/* False where the link is neither a feed's nor a client's. */
bool member_on_message(struct member *member, const struct event *event, struct effects *fx);
bool member_on_link_down(struct member *member, const struct event *event, struct effects *fx);

/* A failed write halts. Otherwise the wal, the saves or the opening hear of it; `asked` tells the
 * node what it was. */
struct write_asked member_on_written(struct member *member, const struct event *event,
                                     struct effects *fx);

/* The slot, where the answer is the node's own (READ_NODE); else NULL. */
struct read_slot *member_on_read(struct member *member, const struct event *event,
                                 struct effects *fx);

void member_on_space(struct member *member, const struct event *event);

/* Unwrap, watch and feed askers; false for the node's own. */
bool member_on_keys(struct member *member, const struct event *event, struct effects *fx);

/* Steps of a node: event, the node's own pump (which asks opening_state and unwrap.state), this.
 * Pumps opening, unwrap, saves, feeds, clients and the verifier, and sets wake_at; it asks for
 * another step at once where opening or unwrap have come to an end in it. Ends with reads_turn. */
void member_pump(struct member *member, struct instant now, struct effects *fx);
void member_check(const struct member *member);

/* All of it, from what the node has put into `state` and its neighbours. */
void member_fill_status(const struct member *member, struct instant now,
                        struct member_status *status);

#endif
