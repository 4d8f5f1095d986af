/* A key comes in with the envelope that it was wrapped in, and stays only if it derives the check
 * value which that envelope states: so an envelope that somebody swapped is found before any
 * batch is touched. Slots are never moved: the WAL points into them.
 *
 * How it goes wrong: a key service that returns another key (E_KEY_MISMATCH), or a blob of
 * another size (E_MALFORMED). Nothing of such a key stays in memory. */
#include "member/deks.h"

#include "base/check.h"

const struct dek *deks_find(const struct deks *deks, const struct id *id)
{
    for (uint32_t i = 0; i < deks->count; i++) {
        if (id_equal(&deks->list[i].id, id)) {
            return &deks->list[i];
        }
    }
    return NULL;
}

void deks_put_zero(struct deks *deks, const struct id *lineage)
{
    static const struct id zero;

    if (deks_find(deks, &zero) == NULL) {
        CHECK(deks->count < KEYRING_ENVELOPES_MAX);
        struct dek *dek = &deks->list[deks->count++];

        dek->id = zero;
        dek->lineage = *lineage;
        memset(dek->secret.bytes, 0, sizeof dek->secret.bytes);
    }
}

struct digest dek_check(const struct secret *secret, const struct id *lineage, const struct id *id)
{
    struct secret derived;
    struct digest check;

    _Static_assert(sizeof check.bytes == sizeof derived.bytes, "a check value is as long as a key");
    dek_use_derive(secret, DEK_USE_CHECK, lineage, id, &derived);
    memcpy(check.bytes, derived.bytes, sizeof check.bytes);
    secret_wipe(&derived);
    return check;
}

enum status deks_put(struct deks *deks, const struct envelope *envelope, struct bytes plain)
{
    if (deks_find(deks, &envelope->dek) != NULL) {
        return OK;
    }
    if (deks->count == KEYRING_ENVELOPES_MAX) {
        return E_FULL;
    }
    struct dek *dek = &deks->list[deks->count];

    TRY(secret_from(&dek->secret, plain));
    const struct digest check = dek_check(&dek->secret, &envelope->lineage, &envelope->dek);

    if (!secret_bytes_equal(bytes_of(check.bytes, sizeof check.bytes),
                            bytes_of(envelope->check.bytes, sizeof envelope->check.bytes))) {
        secret_wipe(&dek->secret);
        return E_KEY_MISMATCH;
    }
    dek->id = envelope->dek;
    dek->lineage = envelope->lineage;
    deks->count++;
    return OK;
}

void deks_wipe(struct deks *deks)
{
    for (uint32_t i = 0; i < deks->count; i++) {
        secret_wipe(&deks->list[i].secret);
    }
    deks->count = 0;
}
