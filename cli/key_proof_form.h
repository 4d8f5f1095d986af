/* What a key proof shows, and how much: each answer as a claim.
 *
 * That a key opened is shown by what came out: it is positive. That another did not is a refused
 * Decrypt: negative evidence only, and less where the service refused the key or the caller before
 * it had looked at the envelope. */
#ifndef SEALIFT_CLI_KEY_PROOF_FORM_H
#define SEALIFT_CLI_KEY_PROOF_FORM_H

#include "cli/key_proof_sign.h"

#include <stdio.h>

/* Of a proof that was checked, for people. */
void key_proof_print(FILE *to, const char *name, const struct key_proof_check *check);

/* {file, genuine, status, why, signed_by, role, made_at, claims: [{dek, region, KmsKeyId, outcome,
 * status, evidence: "positive" or "negative only", refused: "envelope", "key" or null}]}; without
 * claims where it is not genuine. The caller's. */
json_t *key_proof_report(const char *name, const struct key_proof_check *check, enum status status);

#endif
