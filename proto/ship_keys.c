/* KEYS, KEYS_STORED and PROOF: how the downstream comes to its own envelope of each DEK, and how
 * both sides show that they can open one. Nothing here is secret by itself; blobs are what a key
 * service returned, and a view into the scratch. */
#include "base/check.h"
#include "proto/convert.h"
#include "proto/ship.h"
#include "proto/ship.pb-c.h"

struct keys_packed {
    Pb__Keys message;
    Pb__Envelope envelopes[GREET_DEKS_MAX];
    Pb__Envelope *pointers[GREET_DEKS_MAX];
};

static void envelope_prepare(const struct envelope *from, Pb__Envelope *envelope)
{
    pb__envelope__init(envelope);
    envelope->dek = convert_fixed(from->dek.bytes, sizeof from->dek.bytes);
    envelope->lineage = convert_fixed(from->lineage.bytes, sizeof from->lineage.bytes);
    envelope->region = convert_text(from->region);
    envelope->key_arn = convert_text(from->key_arn);
    envelope->check = convert_fixed(from->check.bytes, sizeof from->check.bytes);
    envelope->blob = convert_bytes(from->blob);
}

static const ProtobufCMessage *keys_prepare(const struct keys_message *keys,
                                            struct keys_packed *packed)
{
    CHECK(keys->count <= GREET_DEKS_MAX);
    pb__keys__init(&packed->message);
    for (uint32_t i = 0; i < keys->count; i++) {
        envelope_prepare(&keys->envelopes[i], &packed->envelopes[i]);
        packed->pointers[i] = &packed->envelopes[i];
    }
    packed->message.n_envelopes = keys->count;
    packed->message.envelopes = packed->pointers;
    return &packed->message.base;
}

size_t keys_message_bytes(const struct keys_message *keys)
{
    struct keys_packed packed;

    return protobuf_c_message_get_packed_size(keys_prepare(keys, &packed));
}

struct bytes keys_message_encode(const struct keys_message *keys, void *into)
{
    struct keys_packed packed;

    return convert_pack(keys_prepare(keys, &packed), into);
}

static enum status envelope_decode(struct envelope *envelope, const Pb__Envelope *from)
{
    if (!convert_is_known(&from->base) || from->blob.len == 0
        || from->blob.len > ENVELOPE_BLOB_MAX) {
        return E_MALFORMED;
    }
    envelope->blob = bytes_of(from->blob.data, from->blob.len);
    TRY(convert_to_fixed(envelope->dek.bytes, sizeof envelope->dek.bytes, from->dek));
    TRY(convert_to_fixed(envelope->lineage.bytes, sizeof envelope->lineage.bytes, from->lineage));
    TRY(convert_to_fixed(envelope->check.bytes, sizeof envelope->check.bytes, from->check));
    TRY(convert_to_name(envelope->region, sizeof envelope->region, from->region));
    return convert_to_name(envelope->key_arn, sizeof envelope->key_arn, from->key_arn);
}

enum status keys_message_decode(struct keys_message *keys, struct bytes head,
                                struct proto_scratch *scratch)
{
    const Pb__Keys *const message = convert_unpack(&pb__keys__descriptor, head, scratch);

    if (message == NULL || message->n_envelopes > GREET_DEKS_MAX) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < message->n_envelopes; i++) {
        TRY(envelope_decode(&keys->envelopes[i], message->envelopes[i]));
    }
    keys->count = (uint32_t)message->n_envelopes;
    return OK;
}

struct stored_packed {
    Pb__KeysStored message;
    ProtobufCBinaryData deks[GREET_DEKS_MAX];
};

static const ProtobufCMessage *stored_prepare(const struct keys_stored *stored,
                                              struct stored_packed *packed)
{
    CHECK(stored->dek_count <= GREET_DEKS_MAX);
    pb__keys_stored__init(&packed->message);
    for (uint32_t i = 0; i < stored->dek_count; i++) {
        packed->deks[i] = convert_fixed(stored->deks[i].bytes, sizeof stored->deks[i].bytes);
    }
    packed->message.n_deks = stored->dek_count;
    packed->message.deks = packed->deks;
    return &packed->message.base;
}

size_t keys_stored_bytes(const struct keys_stored *stored)
{
    struct stored_packed packed;

    return protobuf_c_message_get_packed_size(stored_prepare(stored, &packed));
}

struct bytes keys_stored_encode(const struct keys_stored *stored, void *into)
{
    struct stored_packed packed;

    return convert_pack(stored_prepare(stored, &packed), into);
}

enum status keys_stored_decode(struct keys_stored *stored, struct bytes head,
                               struct proto_scratch *scratch)
{
    const Pb__KeysStored *const message =
        convert_unpack(&pb__keys_stored__descriptor, head, scratch);

    if (message == NULL || message->n_deks > GREET_DEKS_MAX) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < message->n_deks; i++) {
        TRY(convert_to_fixed(stored->deks[i].bytes, sizeof stored->deks[i].bytes,
                             message->deks[i]));
    }
    stored->dek_count = (uint32_t)message->n_deks;
    return OK;
}

static Pb__Proof proof_prepare(const struct proof *proof)
{
    Pb__Proof message = PB__PROOF__INIT;

    message.mac = convert_fixed(proof->mac.bytes, sizeof proof->mac.bytes);
    return message;
}

size_t proof_bytes(const struct proof *proof)
{
    const Pb__Proof message = proof_prepare(proof);

    return protobuf_c_message_get_packed_size(&message.base);
}

struct bytes proof_encode(const struct proof *proof, void *into)
{
    const Pb__Proof message = proof_prepare(proof);

    return convert_pack(&message.base, into);
}

enum status proof_decode(struct proof *proof, struct bytes head, struct proto_scratch *scratch)
{
    const Pb__Proof *const message = convert_unpack(&pb__proof__descriptor, head, scratch);

    return message == NULL
               ? E_MALFORMED
               : convert_to_fixed(proof->mac.bytes, sizeof proof->mac.bytes, message->mac);
}
