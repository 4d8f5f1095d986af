/* A replica that is to be promoted, in a world where the test plays everybody else by hand.
 *
 * A real primary "alpha" in us-east-1 has filled its folder with four records. Then alpha's program
 * is gone, and the other members are puppets: each greets, proves itself and answers a FENCE as its
 * fields say. The coordinator's record is the world's, and a test may change it at any moment
 * (`before`).
 *
 * In every step it is looked at whether what must be durable first is: no FENCE with an epoch that
 * the control file does not hold, no claim that it does not remember. */
#ifndef SEALIFT_TESTS_UNIT_REPLICA_HAND_H
#define SEALIFT_TESTS_UNIT_REPLICA_HAND_H

#include "cluster/control.h"
#include "proto/promote.h"
#include "replica/receiver.h"
#include "tests/support/fake_pair.h"

enum {
    HAND_PEERS_MAX = 6,
    HAND_RECORDS = 4, /* in two segments */
    HAND_TEXT_MAX = 512,
};

struct hand;

struct hand_peer {
    struct identity identity; /* in its certificate */
    const char *address;
    struct id folder;
    bool answers; /* when it is dialed */
    unsigned mute_at; /* the first message type that it does not answer; 0: it answers all */
    epoch_t highest_epoch;
    struct position position;
    lsn_t end_lsn, commit_lsn;
    enum status greet_refusal; /* with which it ends the link after its GREET */
    enum status fence_refusal; /* with which it ends the link instead of FENCED */
    bool answers_twice;
    void (*lie)(struct greet *greet); /* in its GREET */
    bool wrong_proof;

    link_t link; /* 0: none */
    struct digest greets;
    unsigned greeted, fenced; /* so often */
    epoch_t fence_epoch; /* the last */
    enum status bye; /* the last that it heard; STATUSES: none */
};

struct hand {
    struct pair pair;
    struct fake_world *world; /* of the member that is to be promoted */
    struct hand_peer peers[HAND_PEERS_MAX]; /* peers[0] is alpha, the writer: it does not answer */
    unsigned count;
    link_t client;
    unsigned dials_seen;
    bool holds_dials; /* they are not answered, yet */
    bool claim_is_lost; /* the next claim is not taken, and not answered */
    bool answer_is_lost; /* the next claim is taken, and not answered */
    unsigned claims; /* that were asked for */
    uint64_t claim_seen; /* the last of them: one more than its version */
    uint64_t end; /* nothing happens once the member has had so many events; 0: no end */
    void (*before)(struct hand *hand); /* each event */
    void *context;

    struct promoted promoted;
    char text[HAND_TEXT_MAX]; /* of the last refusal */
    bool broken; /* something was said before it was durable */
};

/* A record of `level` with this member ("beta1") and `others` more ("peer1", "peer2", ...: each in
 * a region of its own), which answer and hold the same as this member. */
void hand_init(struct hand *hand, bool encrypted, const char *level, unsigned others);
void hand_free(struct hand *hand);

/* The member as it is now. */
struct replica *hand_replica(struct hand *hand);
struct control hand_control(const struct hand *hand); /* on the disk */

/* An operator says PROMOTE. */
void hand_promote(struct hand *hand);
void hand_promote_with_loss(struct hand *hand, lsn_t last);

/* Everybody answers until nothing moves; no time passes. */
void hand_run(struct hand *hand);
void hand_advance(struct hand *hand, struct span span);

/* OK: PROMOTED; the reason of a REFUSED; STATUSES where there was no answer. */
enum status hand_verdict(struct hand *hand);

/* Promotes, lets a minute pass. */
enum status hand_try(struct hand *hand);
enum status hand_try_with_loss(struct hand *hand, lsn_t last);

/* The member dies; it is started again as what it was. */
void hand_crash(struct hand *hand);
void hand_start(struct hand *hand);

/* Another candidate dials this member, and FENCEs it. */
void hand_fence(struct hand *hand, epoch_t epoch);

/* Whether the coordinator names this member as the writer. */
bool hand_is_writer(const struct hand *hand);

/* The claim that is under way; all zeros where there is none. */
struct claim_record hand_asked_claim(const struct hand *hand);

#endif
