/* The key services of all regions: real wrapping, fallible service.
 *
 * A blob is {key number, nonce, sealed DEK, tag}, sealed by AES-256-GCM under the KMS key with the
 * encryption context as additional data: so an envelope of another region, cluster or lineage
 * really does not open. Keys can be disabled or denied; a region's service can be slow or silent.
 */
#ifndef SEALIFT_SIM_SIM_KEYS_H
#define SEALIFT_SIM_SIM_KEYS_H

#include "node/node.h"
#include "seal/secret.h"
#include "sim/sim_net.h"

enum {
    SIM_KMS_KEYS_MAX = 2 * SIM_REGIONS,
    SIM_DEKS_MAX = 1024,
    SIM_ASKED_MAX = 1024,
    SIM_KEYS_SLOW_S = 8,
    SIM_KEYS_HANG_S = 15,
};

struct sim_kms_key {
    char arn[KEY_ARN_TEXT_MAX];
    char alias[KEY_ARN_TEXT_MAX];
    unsigned region;
    struct secret secret;
    enum status refusal; /* OK: usable */
    uint64_t refused_at; /* since when, where it is not */
};

/* What the world knows and no member tells: for the oracle. */
struct sim_dek {
    struct secret secret;
    struct keys_context context;
};

struct sim_asked {
    bool used;
    unsigned member;
    uint64_t life, ticket;
    bool hangs; /* it is done, and nobody hears of it in time */
    struct keys_request request;
    uint8_t blob[KEY_BLOB_BYTES_MAX];
    uint8_t plain[DEK_BYTES];
};

struct sim_keys {
    struct prng dice;
    struct sim_kms_key keys[SIM_KMS_KEYS_MAX];
    unsigned key_count;
    struct sim_dek deks[SIM_DEKS_MAX];
    unsigned dek_count;
    struct sim_asked asked[SIM_ASKED_MAX];
    uint64_t unreachable_until[SIM_REGIONS];
    uint64_t slow_until[SIM_REGIONS]; /* answers take up to SIM_KEYS_SLOW_S longer */
    uint64_t hangs_until[SIM_REGIONS];
    uint64_t wrong_until[SIM_REGIONS]; /* unwraps to, and wraps anew, something else */
    uint64_t latency_ns;
    uint64_t uses, denials;
};

/* Of memory that is zero. */
void sim_keys_init(struct sim_keys *keys, uint64_t seed);

/* Makes a KMS key in that region. */
struct sim_kms_key *sim_keys_add(struct sim_keys *keys, unsigned region);

/* From now on; OK: it can be used again. */
void sim_keys_refuse(struct sim *sim, struct sim_kms_key *key, enum status refusal);

void sim_keys_ask(struct sim *sim, unsigned member, const struct effect_keys *ask);

#endif
