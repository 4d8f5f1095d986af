/* An operator has this member's envelopes wrapped anew, under the newest version of its KMS key.
 *
 * Two questions to the own key service for each envelope, one after the other: ReEncrypt (the data
 * key never leaves the service), and Decrypt of what came of it, held against the check value. Only
 * then is the envelope replaced; when all are, the keyring is saved, and the operator hears of it.
 * No segment is read or written, and nobody waits: the member has the data keys in memory. */
#ifndef SEALIFT_MEMBER_REWRAP_H
#define SEALIFT_MEMBER_REWRAP_H

#include "node/effects.h"

struct member;
struct client;

enum rewrap_state {
    REWRAP_IDLE,
    REWRAP_ASKED, /* for another blob */
    REWRAP_CHECKING, /* whether that opens */
    REWRAP_SAVING,
};

struct rewrap {
    enum rewrap_state state;
    link_t asker; /* who hears of it; it may be gone by then */
    uint64_t attempt; /* the ticket's value */
    struct id dek; /* of the envelope under way */
    uint32_t done; /* envelopes that were replaced */
    uint32_t next; /* in the keyring */
    uint64_t token; /* the save of the keyring that must be durable */
    size_t blob_bytes;
    uint8_t blob[KEY_BLOB_BYTES_MAX];
};

/* REFUSED at once where it is not an operator's, the cluster is not encrypted, the member is not
 * ready, or another re-wrap is under way. */
void rewrap_begin(struct member *member, const struct client *client, struct effects *fx);
void rewrap_on_keys(struct member *member, const struct event *event, struct effects *fx);
void rewrap_pump(struct member *member, struct effects *fx);

#endif
