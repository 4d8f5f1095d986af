/* What is remembered of one request, for those who ask later who used which key.
 *
 * One row of the table "audit" a request: its key is a number of 20 decimal digits, dense and
 * ascending; its value a JSON object that begins with number and previous, the SHA-256 of the value
 * of the row before (zeros in the first): a chain. Then time_ns, principal, access_key, account,
 * operation, key (the ARN, or what is known of it), context, outcome ("allowed" or "denied"),
 * error, message, request_id; via_service where the caller is a service; of ReEncrypt also
 * destination_key and destination_context. Never a plaintext, a ciphertext or key material. */
#ifndef SEALIFT_KEYS_AUDIT_H
#define SEALIFT_KEYS_AUDIT_H

#include "keys/kms_call.h"
#include "seal/digest.h"

enum {
    AUDIT_KEY_TEXT_MAX = 21,
    AUDIT_BYTES_MAX = 112 * 1024, /* two contexts of 8 KiB, all of it \u00xx, and the rest */
};

/* Where the chain ends: the number and the digest of the last row. Zeros: there is none yet. */
struct audit_chain {
    uint64_t number;
    struct digest digest;
};

/* The row behind `chain`. `into` has room for AUDIT_BYTES_MAX. E_TOO_LARGE where the JSON arena is
 * used up. */
NODISCARD enum status audit_encode(const struct kms_call *call, const struct audit_chain *chain,
                                   uint8_t *into, struct bytes *row);

/* The row of a request of which not even the refusal can be written down. */
struct bytes audit_encode_internal(const struct audit_chain *chain, uint8_t *into);

/* Goes on to the row, which must be the next: E_GAP where its key, its number or the digest in it
 * says otherwise. */
NODISCARD enum status audit_chain_add(struct audit_chain *chain, const char *key, struct bytes row);

/* Goes on to a row that is known to be whole, as START knows of the last. */
void audit_chain_set(struct audit_chain *chain, uint64_t number, struct bytes row);

/* `text` has room for AUDIT_KEY_TEXT_MAX. */
void audit_key_format(uint64_t number, char *text);
NODISCARD enum status audit_key_parse(const char *text, uint64_t *number);

#endif
