/* Which envelopes does this cluster hold in its region, and under which KMS key?
 *
 * One file a cluster and region, replaced whole. For an unencrypted cluster it holds no envelope
 * and no key, only names. It holds nothing secret: an envelope opens only at its region's key
 * service. Layout: docs/FORMAT.md. */
#ifndef SEALIFT_CLUSTER_KEYRING_H
#define SEALIFT_CLUSTER_KEYRING_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "node/keys.h"
#include "proto/ship.h"

enum {
    KEYRING_ENVELOPES_MAX = GREET_DEKS_MAX,
    KEYRING_BYTES_MAX = KEYRING_ENVELOPES_MAX * (KEY_BLOB_BYTES_MAX + 512) + 1024,
};

struct keyring {
    struct id lineage;
    char cluster[CLUSTER_TEXT_MAX];
    char region[REGION_TEXT_MAX];
    char key_arn[KEY_ARN_TEXT_MAX]; /* the cluster's KMS key, for life; "" if unencrypted */
    uint32_t count; /* in order of first use: the last is the current DEK's */
    struct envelope envelopes[KEYRING_ENVELOPES_MAX]; /* blobs point into `blobs` */
    uint8_t blobs[KEYRING_ENVELOPES_MAX][KEY_BLOB_BYTES_MAX];
};

/* `into` has room for KEYRING_BYTES_MAX. */
struct bytes keyring_encode(const struct keyring *keyring, void *into);

/* E_CHECKSUM, E_VERSION, E_MALFORMED, E_TRUNCATED, E_TOO_LARGE. */
NODISCARD enum status keyring_decode(struct keyring *keyring, struct bytes file);

/* NULL where there is none. */
const struct envelope *keyring_find(const struct keyring *keyring, const struct id *dek);

/* Copies the envelope, blob included. E_FULL beyond the maximum; E_TOO_LARGE for a blob that is,
 * E_MALFORMED for an empty one. An envelope of the same DEK is replaced in place. */
NODISCARD enum status keyring_add(struct keyring *keyring, const struct envelope *envelope);

/* The encryption context under which this keyring's envelope of `dek` was wrapped. */
struct keys_context keyring_context(const struct keyring *keyring, const struct id *dek);

#endif
