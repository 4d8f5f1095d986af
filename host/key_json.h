/* The bodies of GenerateDataKey, Decrypt, Encrypt and ReEncrypt: AWS KMS API reference, JSON 1.1.
 *
 * jansson keeps its values in ordinary memory; key_json_init gives it an allocator that wipes what
 * it frees, since some of it is a data key. */
#ifndef SEALIFT_HOST_KEY_JSON_H
#define SEALIFT_HOST_KEY_JSON_H

#include "base/status.h"
#include "node/keys.h"

enum { KEY_ERROR_TEXT_MAX = 1152 }; /* two whole ARNs, and why one may not use the other */

struct key_json_answer {
    char arn[KEY_ARN_TEXT_MAX];
    uint8_t blob[KEY_BLOB_BYTES_MAX];
    size_t blob_size;
    uint8_t plain[DEK_BYTES]; /* the caller wipes it */
    size_t plain_size;
};

struct key_json_error {
    char type[64]; /* "DisabledException", without any prefix# */
    char message[KEY_ERROR_TEXT_MAX];
};

/* Once, before any other use of jansson in the process. */
void key_json_init(void);

/* "TrentService.Decrypt" */
const char *key_json_target(enum keys_op op);

/* The body, which the caller frees with key_json_free (it may hold a key). */
char *key_json_request(const struct keys_request *request);
void key_json_free(char *body);

/* E_MALFORMED for anything that is not the answer to `op`. */
NODISCARD enum status key_json_decode(enum keys_op op, struct bytes body,
                                      struct key_json_answer *answer);
NODISCARD enum status key_json_decode_error(struct bytes body, struct key_json_error *error);

#endif
