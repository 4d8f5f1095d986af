/* May this process write, and in which epoch?
 *
 * The coordinator's record is looked at, compared with what this folder holds, and changed by
 * compare-and-swap: the next epoch is ours from then on, and everybody who held a lower one is
 * fenced. Later the same record takes in the replicas whose acks count (voters.h). One question to
 * the coordinator is under way at a time. */
#ifndef SEALIFT_PRIMARY_REIGN_H
#define SEALIFT_PRIMARY_REIGN_H

#include "base/instant.h"
#include "node/effects.h"

struct primary;

enum reign_question { REIGN_NOTHING, REIGN_LOOK, REIGN_CLAIM, REIGN_VOTERS };

struct reign {
    enum reign_question asked; /* under way */
    enum reign_question again; /* to be asked at retry_at */
    struct instant retry_at;
    unsigned tries;
    struct instant look_at; /* while serving: whether it still is ours */
    struct claim_record own; /* the newest of this reign that the coordinator has accepted */
    struct claim_record record; /* as it was last seen */
    epoch_t epoch; /* ours, once claimed */
    batch_t start_batch; /* its first batch: acks below it count for nothing */
    bool is_fenced; /* a replica has seen a higher epoch: this is being saved */
};

void reign_look(struct primary *primary, struct effects *fx);

/* A start that has repaired its newest segment needs the record before it is over
 * (opening_wants_record): looks for it. */
void reign_pump_opening(struct primary *primary, struct effects *fx);

/* Compares the record with the folder, then claims; or HALTs with the reason. */
void reign_claim(struct primary *primary, struct effects *fx);

/* `record` with other members, in our own epoch. False where a question is under way. */
bool reign_change(struct primary *primary, const struct claim_record *record, struct effects *fx);

/* reign_judge.c: false with a HALT. `ours` is the lineage of the folder, or of the certificate
 * where there is no folder yet. */
bool reign_is_of_ours(struct primary *primary, const struct id *ours, struct effects *fx);
bool reign_may_write(struct primary *primary, struct effects *fx);

void reign_on_claimed(struct primary *primary, const struct event *event, struct effects *fx);

/* What the epoch needs to be begun is durable: header, epoch-start and checkpoint. */
void reign_begin(struct primary *primary, struct effects *fx);

/* The epoch is over, and what was sealed in it is durable: where to go from here. */
void reign_halt_fenced(struct primary *primary, struct effects *fx);

void reign_pump(struct primary *primary, struct instant now, struct effects *fx);

#endif
