/* Is a client kept waiting by somebody whom its level does not need?
 *
 * A level is met by the disks and the acks that it asks for. From that moment on nothing that other
 * members do or leave undone may hold the answer up (39). Only for the oracle. */
#ifndef SEALIFT_SIM_ORACLE_DELAY_H
#define SEALIFT_SIM_ORACLE_DELAY_H

#include "sim/sim.h"

struct oracle;

enum { ORACLE_WAITS = 256 }; /* appends beyond are not timed */

/* An append that a writer has heard and not answered. */
struct oracle_wait {
    unsigned append, member;
    uint64_t request, life;
    link_t link;
    uint64_t met_at; /* since when its level is met, as far as the writer has heard; 0: it is not */
};

struct oracle_delay {
    struct oracle_wait waits[ORACLE_WAITS];
    unsigned count;
    uint64_t next_look;
    struct claim_record records[SIM_MEMBERS_MAX]; /* as each writer was told it last */
    batch_t acked[SIM_MEMBERS_MAX][SIM_MEMBERS_MAX]; /* by writer: what each has said last, in the
                                                        epoch and since it had its place */
    link_t resumed[SIM_MEMBERS_MAX][SIM_MEMBERS_MAX]; /* by writer: over which link, last */
    uint64_t fenced_life[SIM_MEMBERS_MAX]; /* the life in which it heard a FENCE */
};

/* A message has reached a member: an append begins to wait there; a FENCE ends all that is promised
 * to those who wait. */
void oracle_delay_on_message(struct oracle *oracle, const struct sim_member *member,
                             const struct event_message *message);

/* A writer learns who may vote. */
void oracle_delay_on_record(struct oracle *oracle, const struct sim_member *member,
                            const struct claim_record *record);

/* An APPENDED or REFUSED that a member sends. */
void oracle_delay_on_answer(struct oracle *oracle, const struct sim_member *member,
                            const struct effect_send *send);

/* After each step. */
void oracle_check_delay(struct oracle *oracle, const struct sim_member *member);

#endif
