/* From the bytes of one request to the bytes of its answer and to its change.
 *
 * Pure arithmetic on memory that the caller lends; it changes no table. Everything a caller sends
 * is answered: a body that is no JSON object, nests deeper than 32 or is larger than
 * KMS_REQUEST_BYTES_MAX gets a SerializationException and an audit row like any other. */
#ifndef SEALIFT_KEYS_KMS_SERVE_H
#define SEALIFT_KEYS_KMS_SERVE_H

#include "keys/audit.h"
#include "keys/json_arena.h"
#include "keys/kms_call.h"

struct kms_answer {
    struct kms_reply head;
    uint8_t *body; /* room for KMS_REPLY_BYTES_MAX */
    size_t body_size;
};

/* `call` comes with all but operation, in, out, arn, error and why. Fills `answer`. Returns false
 * where there was no memory for an answer: it is an internal error then. The JSON arena must be
 * entered. */
bool kms_serve(struct kms_call *call, struct bytes body, struct kms_answer *answer);

/* An answer that depends on nothing: no audit row could be made, or none became durable. */
void kms_answer_internal(struct kms_answer *answer);

#endif
