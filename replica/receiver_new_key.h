/* A data key that comes while batches stream: the upstream is about to go on under it. */
#ifndef SEALIFT_REPLICA_RECEIVER_NEW_KEY_H
#define SEALIFT_REPLICA_RECEIVER_NEW_KEY_H

#include "replica/receiver.h"

/* KEYS in the state STREAMING. */
void receiver_on_new_key(struct replica *replica, const struct event *event, struct effects *fx);
void receiver_new_key_pump(struct replica *replica, struct instant now, struct effects *fx);
void receiver_new_key_forget(struct replica *replica); /* the link is over */

/* receiver_keys.c: what both ways have in common */
enum status receiver_take_envelope(struct replica *replica, const struct envelope *envelope);
void receiver_send_stored(struct replica *replica, struct effects *fx);

#endif
