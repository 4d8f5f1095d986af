/* May this member still use its KMS key?
 *
 * While it holds the data keys of an encrypted cluster it asks its region's key service, every
 * `key_poll`, to open the newest envelope whose data key it holds, and forgets the answer. Two
 * refusals in a row, the second asked for at once, are believed: the key is lost (key_loss.h). No
 * answer, an answer that is none, credentials that are not taken, another key than expected:
 * nothing follows from these but a notice (key_trouble.h), for as long as they last. */
#ifndef SEALIFT_MEMBER_KEY_WATCH_H
#define SEALIFT_MEMBER_KEY_WATCH_H

#include "base/instant.h"
#include "node/effects.h"

struct member;

struct key_watch {
    uint64_t attempt; /* the ticket's value */
    bool asked;
    bool doubts; /* it was refused once, and asked again */
    struct instant ask_at;
};

void key_watch_pump(struct member *member, struct instant now, struct effects *fx);
void key_watch_on_keys(struct member *member, const struct event *event, struct effects *fx);

#endif
