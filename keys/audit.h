/* What is remembered of one request, for those who ask later who used which key.
 *
 * One row of the table "audit" a request: its key is a number of 20 decimal digits, dense and
 * ascending; its value a JSON object of time_ns, principal, access_key, account, operation, key
 * (the ARN, or what is known of it), context, outcome ("allowed" or "denied"), error, message,
 * request_id; of ReEncrypt also destination_key and destination_context. Never a plaintext, a
 * ciphertext or key material. */
#ifndef SEALIFT_KEYS_AUDIT_H
#define SEALIFT_KEYS_AUDIT_H

#include "keys/kms_call.h"

enum {
    AUDIT_KEY_TEXT_MAX = 21,
    AUDIT_BYTES_MAX = 112 * 1024, /* two contexts of 8 KiB, all of it \u00xx, and the rest */
};

/* `into` has room for AUDIT_BYTES_MAX. E_TOO_LARGE where the JSON arena is used up. */
NODISCARD enum status audit_encode(const struct kms_call *call, uint8_t *into, struct bytes *row);

/* `text` has room for AUDIT_KEY_TEXT_MAX. */
void audit_key_format(uint64_t number, char *text);
NODISCARD enum status audit_key_parse(const char *text, uint64_t *number);

#endif
