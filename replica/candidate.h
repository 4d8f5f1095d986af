/* How does a replica become the primary?
 *
 * An operator says PROMOTE. Then: look at the coordinator's record; ask the other members, over
 * links that greet as a replica's do, where they are; where too few answer, nothing has happened.
 * Else choose an epoch above all that were seen, note it in the record (so that a coordinator which
 * goes back is found out), persist it, and FENCE the others with it: each
 * refuses lower ones from then on, and answers with what it holds. Who holds more than this member
 * is caught up with, as any upstream is. Only then the epoch is claimed, by compare-and-swap on the
 * very record that was looked at; and the node HALTs with E_PROMOTED: whoever runs it starts the
 * same folder as a primary.
 *
 * Nothing binds anybody before the claim: an election that fails leaves an epoch that nobody used.
 * The claim is the moment; a crash after it is a primary that has to be started.
 *
 * candidate.c         how it begins, and how it ends
 * candidate_phases.c  the phases, in order
 * candidate_peers.c   what is said on the links to the others
 * candidate_claim.c   the coordinator: looking, deciding, claiming */
#ifndef SEALIFT_REPLICA_CANDIDATE_H
#define SEALIFT_REPLICA_CANDIDATE_H

#include "cluster/election.h"
#include "node/effects.h"
#include "proto/promote.h"
#include "replica/replica.h"

enum candidate_phase {
    CANDIDATE_NONE,
    CANDIDATE_QUIET, /* the link to the upstream is left, what came over it becomes durable */
    CANDIDATE_LOOK, /* at the coordinator's record */
    CANDIDATE_ASK, /* where are you? */
    CANDIDATE_ANNOUNCE, /* the epoch, at the coordinator: it must know of it before anybody else */
    CANDIDATE_PERSIST, /* the epoch, here */
    CANDIDATE_FENCE, /* the epoch, there */
    CANDIDATE_CATCH_UP, /* with the one that holds most */
    CANDIDATE_MARK, /* what is held here, and the accepted loss */
    CANDIDATE_CLAIM,
    CANDIDATE_PHASES
};

enum peer_state {
    PEER_UNKNOWN, /* not reached, or lost again */
    PEER_GREETING,
    PEER_PROVING,
    PEER_KNOWN,
    PEER_FENCING,
    PEER_ANSWERED,
    PEER_SELF, /* this member, or one that is known by another address */
};

#define CANDIDATE_NOBODY UINT32_MAX

struct candidate_peer {
    enum peer_state state;
    link_t link;
    struct identity identity;
    uint8_t exporter[32];
    struct digest greets;
    struct id proof_dek;
    struct id folder;
    unsigned tries;
    struct instant started_at; /* of the present state */
    epoch_t highest_epoch;
    struct position position;
    lsn_t end_lsn, commit_lsn;
};

struct candidate {
    enum candidate_phase phase;
    link_t client; /* who asked */
    struct promote wish;
    struct claim_record record; /* as it was looked at */
    struct level level;
    epoch_t epoch; /* ours, if it is claimed */
    const struct candidate_peer *keeper; /* it lives, holds more, and has let go of what comes next
                                            for this member: E_LOST */
    bool looked_again; /* since a peer had seen more than the record knew of */
    bool outbid; /* somebody who was fenced has seen a higher epoch than ours */
    bool with_loss; /* too few have answered, and an operator has accepted that */
    struct instant phase_at, moved_at, retry_at;
    uint32_t dialing; /* CANDIDATE_NOBODY */
    uint64_t save_token;
    struct position target; /* to be caught up with */
    lsn_t target_lsn;
    uint64_t received_bytes; /* when it last moved */
    bool caught_up;
    lsn_t commit_lsn; /* the highest that anybody knows of */
    bool claim_asked;
    bool claim_voided; /* the record is being replaced by itself, so that a late claim is lost */
    bool claim_in_doubt; /* a claim was not answered: it is looked for */
    unsigned claim_tries;
    struct candidate_peer peers[REPLICA_UPSTREAMS_MAX]; /* by upstream */
};

struct replica;

/* The folder was opened. */
void candidate_recall(struct replica *replica, struct instant now, struct effects *fx);

void candidate_on_promote(struct replica *replica, const struct event *event, struct effects *fx);
void candidate_on_claimed(struct replica *replica, const struct event *event, struct effects *fx);
void candidate_pump(struct replica *replica, struct instant now, struct effects *fx);
void candidate_stop(struct replica *replica, struct effects *fx);

/* False where the link is none of an election's. */
bool candidate_on_link_up(struct replica *replica, const struct event *event, struct effects *fx);
bool candidate_on_link_down(struct replica *replica, const struct event *event);
bool candidate_on_message(struct replica *replica, const struct event *event, struct effects *fx);

/* Whether the receiver may dial: always, but while an election needs quiet, or the answer to a call
 * of its own is still out, even if it is over: that answer would be taken for the receiver's. */
static inline bool candidate_may_follow(const struct candidate *candidate)
{
    return candidate->dialing == CANDIDATE_NOBODY
           && (candidate->phase == CANDIDATE_NONE
               || (candidate->phase == CANDIDATE_CATCH_UP && !candidate->caught_up));
}

static inline bool candidate_is_running(const struct candidate *candidate)
{
    return candidate->phase != CANDIDATE_NONE;
}

#endif
