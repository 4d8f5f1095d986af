/* What does a key proof say, and is it put together as one must be?
 *
 *   {type, version, made_at, lineage, region, cluster, member,
 *    chain: {epoch, segment, batch, lsn, sha256},
 *    envelopes: [{dek, envelope_sha256, segments, answers: [
 *      {region, KmsKeyId, operation, outcome, status, said, key_state, key_state_why,
 *       request_id, audit: {number, sha256, event_id}, audit_why}]}]}
 *
 * The first answer to each envelope is that of the copy's own key, which opened it; all others are
 * refusals. What is not known is null, and the field with _why beside it says why. What is signed
 * of it is the canonical text: keys sorted, no blanks, whole numbers only, behind a label of its
 * own, so that a signature made for TLS can never be one of a proof. */
#ifndef SEALIFT_CLI_KEY_PROOF_H
#define SEALIFT_CLI_KEY_PROOF_H

#include "cli/key_calls.h"

#include <jansson.h>

enum { KEY_PROOF_VERSION = 1, KEY_PROOF_WHY_MAX = 512 };

#define KEY_PROOF_TYPE "sealift-key-proof"

/* One row of `answers`. `description` NULL: its state was not asked for. */
json_t *key_proof_answer(const struct keys_request *request, const struct key_trial *trial,
                         const struct key_description *description, const struct key_entry *entry);

/* Whether a refusal with this status is an answer of the key service about this key: no answer, no
 * service and wrong credentials are none. */
bool key_proof_is_refusal(enum status status);

/* Whether the refusal was about the envelope, and not about the key or who asked. */
bool key_proof_is_of_envelope(enum status status);

/* E_MALFORMED with `why` (KEY_PROOF_WHY_MAX), E_VERSION. */
NODISCARD enum status key_proof_check_form(const json_t *proof, char *why);

/* The bytes that are signed; the caller frees them. */
uint8_t *key_proof_bytes(const json_t *proof, size_t *size);

/* Every status has one name; STATUSES for what is none. */
enum status key_proof_status(const char *name);

#endif
