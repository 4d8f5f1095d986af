/* Internal to the files of this folder: the primary as a whole, and how far its start has come. */
#ifndef SEALIFT_PRIMARY_PRIMARY_STATE_H
#define SEALIFT_PRIMARY_PRIMARY_STATE_H

#include "member/member.h"
#include "primary/drain.h"
#include "primary/genesis.h"
#include "primary/handover.h"
#include "primary/intake.h"
#include "primary/primary.h"
#include "primary/reign.h"
#include "primary/rotation.h"
#include "primary/voters.h"

enum primary_phase {
    PHASE_IDLE, /* before START */
    PHASE_OPENING, /* member/opening.h */
    PHASE_LOOKING, /* what does the coordinator know? */
    PHASE_GENESIS, /* making a new cluster */
    PHASE_CLAIMING, /* the next epoch, by compare-and-swap */
    PHASE_SAVING, /* the epoch becomes durable here before anything is written in it */
    PHASE_SERVING,
    PHASE_DRAINING, /* after STOP */
    PHASE_HANDOVER, /* a candidate has asked: nothing is sealed or released any more */
    PHASES
};

struct primary {
    struct node node; /* first: the world holds a pointer to it */
    struct primary_settings settings;
    struct member member;
    enum primary_phase phase;
    uint64_t wall_ns; /* of the step under way; advisory */
    struct genesis genesis;
    struct reign reign;
    struct rotation rotation;
    struct voters voters;
    struct intake intake;
    struct drain drain;
    struct handover handover;
};

void primary_move(struct primary *primary, enum primary_phase phase);

#endif
