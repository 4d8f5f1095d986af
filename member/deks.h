/* Which data keys does this process hold in memory?
 *
 * One slot for each DEK of the keyring, in order of first use; for an unencrypted cluster one slot
 * with the zero id and the zero key, so that nobody above asks which suite it is. A key enters only
 * if it derives the check value that its envelope states. */
#ifndef SEALIFT_MEMBER_DEKS_H
#define SEALIFT_MEMBER_DEKS_H

#include "cluster/keyring.h"
#include "seal/dek_use.h"
#include "seal/secret.h"

struct dek {
    struct id id;
    struct id lineage; /* that it was made for */
    struct secret secret;
};

struct deks {
    uint32_t count;
    struct dek list[KEYRING_ENVELOPES_MAX];
};

/* NULL where it is not held. */
const struct dek *deks_find(const struct deks *deks, const struct id *id);

/* The zero key of an unencrypted cluster. */
void deks_put_zero(struct deks *deks, const struct id *lineage);

/* What the key service returned for `envelope`. E_KEY_MISMATCH where it is another key than the
 * check value says; E_FULL beyond the maximum. Holding it already is OK. */
NODISCARD enum status deks_put(struct deks *deks, const struct envelope *envelope,
                               struct bytes plain);

/* The check value that an envelope of this DEK must state. */
struct digest dek_check(const struct secret *secret, const struct id *lineage, const struct id *id);

void deks_wipe(struct deks *deks);

#endif
