/* A request waits, is decided by the state of the key at that moment, and is answered. The wrapping
 * is real, so nothing here needs to compare contexts: a wrong one simply does not open. */
#include "sim/sim_keys.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "seal/aead.h"
#include "sim/sim.h"

#include <stdio.h>

enum { BLOB_BYTES = 4 + NONCE_BYTES + DEK_BYTES + 16, CONTEXT_BYTES_MAX = 256 };

/* All is zero already, and too much to be made zero again for every seed. */
void sim_keys_init(struct sim_keys *keys, uint64_t seed)
{
    keys->latency_ns = SPAN_MS(5).ns;
    prng_seed(&keys->dice, seed);
}

struct sim_kms_key *sim_keys_add(struct sim_keys *keys, unsigned region)
{
    CHECK(keys->key_count < SIM_KMS_KEYS_MAX);
    struct sim_kms_key *key = &keys->keys[keys->key_count];

    *key = (struct sim_kms_key){.region = region};
    snprintf(key->arn, sizeof key->arn,
             "arn:aws:kms:%s:123456789012:key/00000000-0000-4000-8000-%012u",
             sim_region_name(region), keys->key_count);
    snprintf(key->alias, sizeof key->alias, "alias/sim-%u", keys->key_count);
    prng_fill(&keys->dice, key->secret.bytes, sizeof key->secret.bytes);
    keys->key_count++;
    return key;
}

void sim_keys_refuse(struct sim *sim, struct sim_kms_key *key, enum status refusal)
{
    if (key->refusal == OK) {
        key->refused_at = sim->now;
    }
    key->refusal = refusal;
}

static struct sim_kms_key *find_key(struct sim_keys *keys, unsigned region, const char *name)
{
    for (unsigned i = 0; i < keys->key_count; i++) {
        struct sim_kms_key *key = &keys->keys[i];
        const char *id = strrchr(key->arn, '/') + 1;

        if (key->region == region
            && (strcmp(key->arn, name) == 0 || strcmp(key->alias, name) == 0
                || strcmp(id, name) == 0)) {
            return key;
        }
    }
    return NULL;
}

static struct bytes context_bytes(const struct keys_context *context, uint8_t *memory)
{
    struct writer writer = writer_of(memory, CONTEXT_BYTES_MAX);

    writer_text(&writer, context->cluster);
    writer_text(&writer, context->region);
    writer_copy(&writer, context->lineage.bytes, sizeof context->lineage.bytes);
    writer_copy(&writer, context->dek.bytes, sizeof context->dek.bytes);
    return writer_bytes(&writer);
}

static struct bytes wrap(struct sim_keys *keys, const struct sim_kms_key *key,
                         const struct keys_context *context, struct bytes plain, uint8_t *blob)
{
    struct writer writer = writer_of(blob, BLOB_BYTES);
    uint8_t memory[CONTEXT_BYTES_MAX];
    uint8_t sealed[DEK_BYTES];
    struct nonce nonce;
    struct tag tag;
    struct aead aead;

    CHECK(plain.size == DEK_BYTES);
    prng_fill(&keys->dice, nonce.bytes, sizeof nonce.bytes);
    aead_init(&aead);
    aead_key(&aead, SUITE_AES_256_GCM, &key->secret);
    aead_seal(&aead, &nonce, context_bytes(context, memory), &plain, 1, sealed, &tag);
    aead_drop(&aead);
    writer_u32(&writer, (uint32_t)(key - keys->keys));
    writer_copy(&writer, nonce.bytes, sizeof nonce.bytes);
    writer_copy(&writer, sealed, sizeof sealed);
    writer_copy(&writer, tag.bytes, sizeof tag.bytes);
    return writer_bytes(&writer);
}

static enum status unwrap_blob(struct sim_keys *keys, const struct sim_asked *asked,
                               const struct sim_kms_key *key, uint8_t *plain)
{
    struct reader reader = reader_of(asked->request.blob);
    uint8_t memory[CONTEXT_BYTES_MAX];
    struct bytes sealed;
    struct nonce nonce;
    struct tag tag;
    struct aead aead;
    uint32_t number;

    if (reader_u32(&reader, &number) != OK || number >= keys->key_count
        || &keys->keys[number] != key || reader_copy(&reader, nonce.bytes, NONCE_BYTES) != OK
        || reader_view(&reader, &sealed, DEK_BYTES) != OK
        || reader_copy(&reader, tag.bytes, sizeof tag.bytes) != OK || reader_end(&reader) != OK) {
        return E_KEY_CIPHERTEXT;
    }
    aead_init(&aead);
    aead_key(&aead, SUITE_AES_256_GCM, &key->secret);

    const enum status opened = aead_open(
        &aead, &nonce, context_bytes(&asked->request.context, memory), sealed, &tag, plain);

    aead_drop(&aead);
    return opened == OK ? OK : E_KEY_CIPHERTEXT;
}

static void note_dek(struct sim_keys *keys, const struct sim_asked *asked, const uint8_t *plain)
{
    CHECK(keys->dek_count < SIM_DEKS_MAX);
    struct sim_dek *dek = &keys->deks[keys->dek_count++];

    dek->context = asked->request.context;
    memcpy(dek->secret.bytes, plain, DEK_BYTES);
}

static enum status decide(struct sim *sim, struct sim_asked *asked, struct keys_answer *answer,
                          uint8_t *plain, uint8_t *blob)
{
    struct sim_keys *keys = &sim->keys;
    const unsigned region = sim_region_number(asked->request.region);
    struct sim_kms_key *key;

    if (region == SIM_REGIONS || keys->unreachable_until[region] > sim->now) {
        return E_KEY_UNREACHABLE;
    }
    keys->uses++;
    key = find_key(keys, region, asked->request.key);
    if (key == NULL) {
        return E_KEY_NOT_FOUND;
    }
    if (key->refusal != OK) {
        keys->denials++;
        return key->refusal;
    }
    snprintf(answer->key_arn, sizeof answer->key_arn, "%s", key->arn);
    if (asked->request.op == KEYS_GENERATE && keys->dek_count == SIM_DEKS_MAX) {
        return E_KEY_UNREACHABLE; /* more than this world can remember */
    }
    switch (asked->request.op) {
    case KEYS_GENERATE:
        prng_fill(&keys->dice, plain, DEK_BYTES);
        note_dek(keys, asked, plain);
        answer->plain = bytes_of(plain, DEK_BYTES);
        answer->blob = wrap(keys, key, &asked->request.context, answer->plain, blob);
        return OK;
    case KEYS_WRAP:
        answer->blob = wrap(keys, key, &asked->request.context, asked->request.plain, blob);
        return OK;
    case KEYS_UNWRAP:
        answer->plain = bytes_of(plain, DEK_BYTES);
        TRY(unwrap_blob(keys, asked, key, plain));
        plain[DEK_BYTES / 2] ^= keys->wrong_until[region] > sim->now ? 1 : 0;
        return OK;
    case KEYS_REWRAP:
        TRY(unwrap_blob(keys, asked, key, plain));
        plain[0] ^= keys->wrong_until[region] > sim->now ? 1 : 0; /* another bit than below */
        answer->blob = wrap(keys, key, &asked->request.context, bytes_of(plain, DEK_BYTES), blob);
        return OK;
    case KEYS_OPS:
        break;
    }
    UNREACHABLE();
}

static void run_answer(struct sim *sim, const struct todo *todo)
{
    struct sim_asked *asked = &sim->keys.asked[todo->a];
    struct sim_member *member = &sim->members[asked->member];
    struct event event = {.kind = EVENT_KEYS, .keys = {.ticket = asked->ticket}};
    uint8_t plain[DEK_BYTES] = {0};
    uint8_t blob[BLOB_BYTES];

    if (member->life == asked->life && sim_is_paused(sim, member, todo)) {
        return;
    }
    asked->used = false;
    event.keys.status = decide(sim, asked, &event.keys.answer, plain, blob);
    event.keys.status = asked->hangs ? E_KEY_UNREACHABLE : event.keys.status;
    event.keys.answer.why = event.keys.status == OK ? "" : status_text(event.keys.status);
    if (event.keys.status != OK) {
        event.keys.answer.plain = event.keys.answer.blob = bytes_none();
    }
    if (member->state == SIM_UP && member->life == asked->life) {
        sim_step(sim, member, &event);
    }
    memset(plain, 0xdd, sizeof plain);
    memset(blob, 0xdd, sizeof blob);
}

static uint64_t delay_of(struct sim *sim, unsigned region, bool hangs)
{
    struct sim_keys *keys = &sim->keys;

    if (hangs) {
        return SPAN_S(SIM_KEYS_HANG_S).ns; /* until whoever asks loses patience */
    }
    return region < SIM_REGIONS && keys->slow_until[region] > sim->now
               ? keys->latency_ns + prng_below(&keys->dice, SPAN_S(SIM_KEYS_SLOW_S).ns)
               : keys->latency_ns;
}

void sim_keys_ask(struct sim *sim, unsigned member, const struct effect_keys *ask)
{
    struct sim_keys *keys = &sim->keys;
    unsigned slot = 0;

    while (slot < SIM_ASKED_MAX && keys->asked[slot].used) {
        slot++;
    }
    CHECK(slot < SIM_ASKED_MAX);
    CHECK(ask->request.blob.size <= KEY_BLOB_BYTES_MAX && ask->request.plain.size <= DEK_BYTES);
    struct sim_asked *asked = &keys->asked[slot];
    const unsigned region = sim_region_number(ask->request.region);
    const uint64_t far =
        region == SIM_REGIONS ? 0 : 2 * sim_region_delay_ns(sim->members[member].region, region);

    asked->used = true;
    asked->hangs = region < SIM_REGIONS && keys->hangs_until[region] > sim->now;
    asked->member = member;
    asked->life = sim->members[member].life;
    asked->ticket = ask->ticket;
    asked->request = ask->request;
    if (ask->request.blob.size > 0) {
        memcpy(asked->blob, ask->request.blob.data, ask->request.blob.size);
    }
    if (ask->request.plain.size > 0) {
        memcpy(asked->plain, ask->request.plain.data, ask->request.plain.size);
    }
    asked->request.blob = bytes_of(asked->blob, ask->request.blob.size);
    asked->request.plain = bytes_of(asked->plain, ask->request.plain.size);
    sim_after(sim,
              far + delay_of(sim, region, asked->hangs)
                  + prng_below(&keys->dice, keys->latency_ns + 1),
              (struct todo){run_answer, slot, 0, 0});
}
