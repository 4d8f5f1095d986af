/* GREET: who I am, which WAL I hold, up to where, and what I know of its epochs.
 *
 * It is the first thing that a stranger with a certificate can say, so nothing in it is believed
 * before it has its form: ids and digests of exactly their size, texts that fit, at most as many
 * DEKs and epochs as a member may hold, epochs in ascending order. */
#include "base/check.h"
#include "proto/convert.h"
#include "proto/ship.h"
#include "proto/ship.pb-c.h"

/* The generated message and the arrays that it points to. */
struct greet_packed {
    Pb__Greet message;
    ProtobufCBinaryData deks[GREET_DEKS_MAX];
    Pb__Epoch epochs[GREET_EPOCHS_MAX];
    Pb__Epoch *epoch_pointers[GREET_EPOCHS_MAX];
    Pb__Loss losses[GREET_LOSSES_MAX];
    Pb__Loss *loss_pointers[GREET_LOSSES_MAX];
};

static void greet_prepare_lists(const struct greet *greet, struct greet_packed *packed)
{
    CHECK(greet->dek_count <= GREET_DEKS_MAX && greet->epoch_count <= GREET_EPOCHS_MAX);
    for (uint32_t i = 0; i < greet->dek_count; i++) {
        packed->deks[i] = convert_fixed(greet->deks[i].bytes, sizeof greet->deks[i].bytes);
    }
    for (uint32_t i = 0; i < greet->epoch_count; i++) {
        Pb__Epoch *const epoch = &packed->epochs[i];

        pb__epoch__init(epoch);
        epoch->epoch = greet->epochs[i].epoch;
        epoch->start_batch = greet->epochs[i].start_batch;
        epoch->start_lsn = greet->epochs[i].start_lsn;
        packed->epoch_pointers[i] = epoch;
    }
    packed->message.n_deks = greet->dek_count;
    packed->message.deks = packed->deks;
    packed->message.n_epochs = greet->epoch_count;
    packed->message.epochs = packed->epoch_pointers;
}

static void greet_prepare_losses(const struct greet *greet, struct greet_packed *packed)
{
    CHECK(greet->loss_count <= GREET_LOSSES_MAX);
    for (uint32_t i = 0; i < greet->loss_count; i++) {
        Pb__Loss *const loss = &packed->losses[i];

        pb__loss__init(loss);
        loss->epoch = greet->losses[i].epoch;
        loss->first_lsn = greet->losses[i].first_lsn;
        loss->last_lsn = greet->losses[i].last_lsn;
        packed->loss_pointers[i] = loss;
    }
    packed->message.n_losses = greet->loss_count;
    packed->message.losses = packed->loss_pointers;
}

static const ProtobufCMessage *greet_prepare(const struct greet *greet, struct greet_packed *packed)
{
    Pb__Greet *const message = &packed->message;

    pb__greet__init(message);
    message->version = greet->version;
    message->lineage = convert_fixed(greet->lineage.bytes, sizeof greet->lineage.bytes);
    message->suite = greet->suite;
    message->descriptor_digest =
        convert_fixed(greet->descriptor.bytes, sizeof greet->descriptor.bytes);
    message->region = convert_text(greet->region);
    message->cluster = convert_text(greet->cluster);
    message->key_arn = convert_text(greet->key_arn);
    message->highest_epoch = greet->highest_epoch;
    message->position_epoch = greet->position.epoch;
    message->position_batch = greet->position.batch;
    message->tag = convert_fixed(greet->tag.bytes, sizeof greet->tag.bytes);
    message->commit_lsn = greet->commit_lsn;
    message->descriptor_bytes = convert_bytes(greet->descriptor_bytes);
    message->end_lsn = greet->end_lsn;
    message->folder = convert_fixed(greet->folder.bytes, sizeof greet->folder.bytes);
    message->is_candidate = greet->is_candidate;
    greet_prepare_lists(greet, packed);
    greet_prepare_losses(greet, packed);
    return &message->base;
}

size_t greet_bytes(const struct greet *greet)
{
    struct greet_packed packed;

    return protobuf_c_message_get_packed_size(greet_prepare(greet, &packed));
}

struct bytes greet_encode(const struct greet *greet, void *into)
{
    struct greet_packed packed;

    return convert_pack(greet_prepare(greet, &packed), into);
}

static enum status greet_decode_deks(struct greet *greet, const Pb__Greet *message)
{
    if (message->n_deks > GREET_DEKS_MAX) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < message->n_deks; i++) {
        TRY(convert_to_fixed(greet->deks[i].bytes, sizeof greet->deks[i].bytes, message->deks[i]));
    }
    greet->dek_count = (uint32_t)message->n_deks;
    return OK;
}

static enum status greet_decode_epochs(struct greet *greet, const Pb__Greet *message)
{
    if (message->n_epochs > GREET_EPOCHS_MAX) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < message->n_epochs; i++) {
        const Pb__Epoch *const from = message->epochs[i];
        const epoch_t before = i == 0 ? 0 : greet->epochs[i - 1].epoch;

        if (!convert_is_known(&from->base) || from->epoch <= before) {
            return E_MALFORMED;
        }
        greet->epochs[i] = (struct epoch_entry){from->epoch, from->start_batch, from->start_lsn};
    }
    greet->epoch_count = (uint32_t)message->n_epochs;
    return OK;
}

static enum status greet_decode_losses(struct greet *greet, const Pb__Greet *message)
{
    if (message->n_losses > GREET_LOSSES_MAX) {
        return E_MALFORMED;
    }
    for (size_t i = 0; i < message->n_losses; i++) {
        const Pb__Loss *const from = message->losses[i];
        const epoch_t before = i == 0 ? 0 : greet->losses[i - 1].epoch;

        if (!convert_is_known(&from->base) || from->epoch <= before || from->first_lsn == 0
            || from->first_lsn > from->last_lsn) {
            return E_MALFORMED;
        }
        greet->losses[i] = (struct epoch_loss){from->epoch, from->first_lsn, from->last_lsn};
    }
    greet->loss_count = (uint32_t)message->n_losses;
    return OK;
}

static enum status greet_decode_names(struct greet *greet, const Pb__Greet *message)
{
    TRY(convert_to_fixed(greet->lineage.bytes, sizeof greet->lineage.bytes, message->lineage));
    TRY(convert_to_fixed(greet->descriptor.bytes, sizeof greet->descriptor.bytes,
                         message->descriptor_digest));
    TRY(convert_to_fixed(greet->tag.bytes, sizeof greet->tag.bytes, message->tag));
    TRY(convert_to_fixed(greet->folder.bytes, sizeof greet->folder.bytes, message->folder));
    TRY(convert_to_name(greet->region, sizeof greet->region, message->region));
    TRY(convert_to_text(greet->cluster, sizeof greet->cluster, message->cluster));
    TRY(convert_to_text(greet->key_arn, sizeof greet->key_arn, message->key_arn));
    return OK;
}

enum status greet_decode(struct greet *greet, struct bytes head, struct proto_scratch *scratch)
{
    const Pb__Greet *const message = convert_unpack(&pb__greet__descriptor, head, scratch);

    if (message == NULL || message->descriptor_bytes.len > GREET_DESCRIPTOR_MAX
        || (message->suite > SUITE_NUMBER_MAX && message->suite != GREET_SUITE_UNSAID)) {
        return E_MALFORMED;
    }
    greet->version = message->version;
    greet->suite = message->suite;
    greet->highest_epoch = message->highest_epoch;
    greet->position = (struct position){message->position_epoch, message->position_batch};
    greet->commit_lsn = message->commit_lsn;
    greet->end_lsn = message->end_lsn;
    greet->is_candidate = message->is_candidate;
    greet->descriptor_bytes =
        bytes_of(message->descriptor_bytes.data, message->descriptor_bytes.len);
    TRY(greet_decode_names(greet, message));
    TRY(greet_decode_deks(greet, message));
    TRY(greet_decode_losses(greet, message));
    return greet_decode_epochs(greet, message);
}
