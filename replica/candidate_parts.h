/* Internal to replica/candidate*.c. */
#ifndef SEALIFT_REPLICA_CANDIDATE_PARTS_H
#define SEALIFT_REPLICA_CANDIDATE_PARTS_H

#include "replica/receiver.h"

/* candidate.c */
void candidate_move(struct replica *replica, enum candidate_phase phase, struct instant now);

/* It ends without a claim: the operator is told why, and the replica goes on as one. */
__attribute__((format(printf, 5, 6))) void candidate_refuse(struct replica *replica,
                                                            struct instant now, struct effects *fx,
                                                            enum status why, const char *format,
                                                            ...);

/* It ends with one: HALT. */
void candidate_win(struct replica *replica, struct effects *fx);

/* candidate_phases.c: the coordinator knows of the epoch now */
void candidate_persist(struct replica *replica, struct instant now, struct effects *fx);

/* candidate_peers.c */
void candidate_dial_pump(struct replica *replica, struct instant now, struct effects *fx);
void candidate_fence_pump(struct replica *replica, struct instant now, struct effects *fx);

/* BYE to all of them, with this as the reason. */
void candidate_hang_up(struct replica *replica, enum status why, struct effects *fx);

/* candidate_claim.c */
void candidate_look(struct replica *replica, struct effects *fx);
void candidate_announce(struct replica *replica, struct effects *fx);
void candidate_claim(struct replica *replica, struct effects *fx);
void candidate_refuse_old_record(struct replica *replica, struct instant now, struct effects *fx,
                                 const char *who, epoch_t seen);

/* Whether those in `least` or a later state, with this member, are enough. */
bool candidate_is_enough(const struct replica *replica, enum peer_state least, char *silent,
                         size_t room);

#endif
