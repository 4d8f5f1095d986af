/* From the bytes of one request to the bytes of its answer, its audit row and its change.
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

/* `call` comes with all but operation, in, out, arn, error and why. Fills `answer`, and `audit_row`
 * in `audit_room` (AUDIT_BYTES_MAX). E_TOO_LARGE where not even the refusal can be audited: then
 * the caller may answer no more than an internal error. */
NODISCARD enum status kms_serve(struct kms_call *call, struct json_arena *json, struct bytes body,
                                struct kms_answer *answer, uint8_t *audit_room,
                                struct bytes *audit_row);

/* An answer that depends on nothing: no audit row could be made, or none became durable. */
void kms_answer_internal(struct kms_answer *answer);

#endif
