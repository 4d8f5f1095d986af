/* What a member asks of a key service, as data.
 *
 * The key service of a region holds its KMS keys and speaks the AWS KMS API. A member never sees a
 * KMS key; it asks that a DEK be made, wrapped or unwrapped. The encryption context binds an
 * envelope to one lineage, DEK, region and cluster. */
#ifndef SEALIFT_NODE_KEYS_H
#define SEALIFT_NODE_KEYS_H

#include "base/bytes.h"
#include "base/ids.h"

enum {
    KEY_BLOB_BYTES_MAX = 6144, /* AWS KMS: CiphertextBlob is at most 6144 bytes */
    DEK_BYTES = 32,
};

enum keys_op {
    KEYS_GENERATE, /* GenerateDataKey: a new DEK, in plain and wrapped */
    KEYS_UNWRAP, /* Decrypt: blob -> DEK */
    KEYS_WRAP, /* Encrypt: DEK -> blob, on the key service of `region` */
    KEYS_REWRAP, /* ReEncrypt: blob -> blob of the key's newest version; no DEK comes out */
    KEYS_OPS
};

struct keys_context {
    char cluster[CLUSTER_TEXT_MAX]; /* aws:rds:dbc-id */
    struct id lineage; /* sealift:lineage, hex */
    struct id dek; /* sealift:dek, hex */
    char region[REGION_TEXT_MAX]; /* sealift:region */
};

/* Everything in it is copied by the world before the next step. */
struct keys_request {
    enum keys_op op;
    char region[REGION_TEXT_MAX]; /* whose key service is asked */
    char key[KEY_ARN_TEXT_MAX]; /* id, ARN, alias or alias ARN; to unwrap: of who wrapped */
    struct keys_context context;
    struct bytes blob; /* KEYS_UNWRAP, KEYS_REWRAP */
    struct bytes plain; /* KEYS_WRAP: the DEK; wiped from the world's copy after use */
};

/* Borrowed during the event. E_KEY_UNREACHABLE is no answer; the other KEYS statuses are
 * authenticated refusals, but for E_KEY_NO_SERVICE: nobody to ask. Neither that nor
 * E_KEY_CREDENTIALS says anything of the key. `why` is the key service's own sentence. */
struct keys_answer {
    char key_arn[KEY_ARN_TEXT_MAX];
    struct bytes blob; /* KEYS_GENERATE, KEYS_WRAP, KEYS_REWRAP */
    struct bytes plain; /* KEYS_GENERATE, KEYS_UNWRAP */
    const char *why; /* "" where there is nothing to say */
};

#endif
