/* The largest and the smallest of each message. */
#include "tests/unit/proto/samples.h"

#include "base/check.h"

#include <stdlib.h>

static uint8_t filler[GREET_DESCRIPTOR_MAX];

static struct id id_of(bool full)
{
    struct id id;

    memset(id.bytes, full ? 0xff : 0, sizeof id.bytes);
    return id;
}

static struct digest digest_of_bytes(bool full)
{
    struct digest digest;

    memset(digest.bytes, full ? 0xfe : 0, sizeof digest.bytes);
    return digest;
}

/* As long as fits, or as short as is legal. */
static void text_fill(char *text, size_t room, bool full, size_t shortest)
{
    memset(text, 't', full ? room - 1 : shortest);
}

static void fill_greet(union sample_message *message, bool full)
{
    struct greet *const greet = &message->greet;

    greet->version = full ? UINT32_MAX : 0;
    greet->lineage = id_of(full);
    greet->suite = full ? SUITE_NUMBER_MAX : 0;
    greet->descriptor = digest_of_bytes(full);
    text_fill(greet->region, sizeof greet->region, full, 1);
    text_fill(greet->cluster, sizeof greet->cluster, full, 0);
    text_fill(greet->key_arn, sizeof greet->key_arn, full, 0);
    greet->dek_count = full ? GREET_DEKS_MAX : 0;
    for (uint32_t i = 0; i < greet->dek_count; i++) {
        greet->deks[i] = id_of(true);
    }
    greet->highest_epoch = full ? UINT64_MAX : 0;
    greet->position = full ? (struct position){UINT64_MAX, UINT64_MAX} : (struct position){0, 0};
    greet->commit_lsn = full ? UINT64_MAX : 0;
    greet->epoch_count = full ? GREET_EPOCHS_MAX : 0;
    for (uint32_t i = 0; i < greet->epoch_count; i++) {
        greet->epochs[i] =
            (struct epoch_entry){UINT64_MAX - GREET_EPOCHS_MAX + i, UINT64_MAX, UINT64_MAX};
    }
    greet->descriptor_bytes = bytes_of(filler, full ? sizeof filler : 0);
    greet->end_lsn = full ? UINT64_MAX : 0;
    greet->folder = id_of(full);
    greet->is_candidate = full;
    greet->loss_count = full ? GREET_LOSSES_MAX : 0;
    for (uint32_t i = 0; i < greet->loss_count; i++) {
        greet->losses[i] =
            (struct epoch_loss){UINT64_MAX - GREET_LOSSES_MAX + i, UINT64_MAX, UINT64_MAX};
    }
}

static void fill_keys_message(union sample_message *message, bool full)
{
    struct keys_message *const keys = &message->keys_message;

    keys->count = full ? GREET_DEKS_MAX : 1;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct envelope *const envelope = &keys->envelopes[i];

        envelope->dek = id_of(full);
        envelope->lineage = id_of(full);
        text_fill(envelope->region, sizeof envelope->region, full, 1);
        text_fill(envelope->key_arn, sizeof envelope->key_arn, full, 1);
        envelope->check = digest_of_bytes(full);
        envelope->blob = bytes_of(filler, full ? ENVELOPE_BLOB_MAX : 1);
    }
}

static void fill_keys_stored(union sample_message *message, bool full)
{
    struct keys_stored *const stored = &message->keys_stored;

    stored->dek_count = full ? GREET_DEKS_MAX : 0;
    for (uint32_t i = 0; i < stored->dek_count; i++) {
        stored->deks[i] = id_of(true);
    }
}

static void fill_proof(union sample_message *message, bool full)
{
    message->proof.mac = digest_of_bytes(full);
}

static void fill_resume(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->resume = (struct resume){{most, most}, most};
}

static void fill_segment_message(union sample_message *message, bool full)
{
    message->segment_message.epoch = full ? UINT64_MAX : 0;
}

static void fill_batch_message(union sample_message *message, bool full)
{
    message->batch_message.epoch = full ? UINT64_MAX : 0;
}

static void fill_ack(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->ack = (struct ack){most, most};
}

static void fill_commit(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->commit = (struct commit){most, most, most, most, most};
}

static void fill_repair_ask(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->repair_ask = (struct repair_ask){.lineage = id_of(full),
                                              .segment = full ? SEGMENT_NONE - 1 : 0,
                                              .epoch = most,
                                              .start_batch = most,
                                              .first_batch = most,
                                              .last_batch = most};
    memset(&message->repair_ask.tag_before, full ? 0xff : 0, sizeof(struct tag));
}

static void fill_repair_is(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->repair_is =
        (struct repair_is){most, most, full ? REPAIR_UNREADABLE : REPAIR_HAVE, most};
}

static void fill_bye(union sample_message *message, bool full)
{
    message->bye.why = full ? (enum status)(STATUSES - 1) : OK;
    text_fill(message->bye.text, sizeof message->bye.text, full, 0);
}

static void fill_hello(union sample_message *message, bool full)
{
    message->hello = (struct hello){full ? UINT32_MAX : 0, id_of(full)};
}

static void fill_welcome(union sample_message *message, bool full)
{
    struct welcome *const welcome = &message->welcome;

    welcome->version = full ? UINT32_MAX : 0;
    welcome->lineage = id_of(full);
    welcome->suite = full ? SUITE_NUMBER_MAX : 0;
    welcome->role = full ? ROLE_NUMBER_MAX : 0;
    text_fill(welcome->region, sizeof welcome->region, full, 0);
    text_fill(welcome->member, sizeof welcome->member, full, 0);
    welcome->epoch = welcome->first_lsn = welcome->visible_lsn = full ? UINT64_MAX : 0;
}

static void fill_append(union sample_message *message, bool full)
{
    message->append =
        full ? (struct append){UINT64_MAX,         UINT64_MAX, UINT64_MAX - APPEND_RECORDS_MAX + 1,
                               APPEND_RECORDS_MAX, true,       {LEVEL_REGION, LEVEL_COUNT_MAX}}
             : (struct append){0, 1, 1, 1, false, {LEVEL_LOCAL, 0}};
}

static void fill_appended(union sample_message *message, bool full)
{
    message->appended =
        full ? (struct appended){UINT64_MAX, UINT64_MAX, UINT32_MAX} : (struct appended){0, 0, 0};
}

static void fill_refused(union sample_message *message, bool full)
{
    message->refused.request = full ? UINT64_MAX : 0;
    message->refused.why = full ? (enum status)(STATUSES - 1) : OK;
    text_fill(message->refused.text, sizeof message->refused.text, full, 0);
}

static void fill_read_message(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->read_message = (struct read_message){most, most, full, most};
}

static void fill_records(union sample_message *message, bool full)
{
    message->records =
        full ? (struct records){UINT64_MAX, UINT64_MAX - UINT32_MAX, UINT32_MAX, UINT64_MAX}
             : (struct records){0, 0, 0, 0};
}

static void fill_consumed(union sample_message *message, bool full)
{
    message->consumed = full ? (struct consumed){UINT64_MAX, UINT64_MAX} : (struct consumed){0, 0};
}

static void fill_read_end(union sample_message *message, bool full)
{
    message->read_end = full ? (struct read_end){UINT64_MAX, UINT64_MAX} : (struct read_end){0, 0};
}

static void fill_feed(struct feed_status *feed)
{
    const uint64_t most = UINT64_MAX;

    text_fill(feed->member, sizeof feed->member, true, 0);
    text_fill(feed->region, sizeof feed->region, true, 0);
    text_fill(feed->state, sizeof feed->state, true, 0);
    feed->sent_batch = feed->acked_batch = feed->acked_lsn = feed->lag_bytes = feed->lag_us = most;
    feed->votes = true;
}

static void fill_pin(struct pin_status *pin)
{
    text_fill(pin->member, sizeof pin->member, true, 0);
    text_fill(pin->region, sizeof pin->region, true, 0);
    text_fill(pin->state, sizeof pin->state, true, 0);
    pin->connected = true;
    pin->segment = pin->batch = pin->bytes = pin->age_us = UINT64_MAX;
}

static void fill_status_numbers(struct member_status *status)
{
    const uint64_t most = UINT64_MAX;

    status->level = (struct level){LEVEL_QUORUM, LEVEL_COUNT_MAX};
    status->epoch = status->segment = status->first_lsn = status->appended_lsn = most;
    status->durable_lsn = status->committed_lsn = status->visible_lsn = most;
    status->sealed_batch = status->durable_batch = status->upstream_lsn = most;
    status->appended_records = status->appended_bytes = status->shipped_bytes = most;
    status->received_bytes = status->persisted_bytes = status->up_us = status->lag_us = most;
    status->digested_segments = status->damaged_segments = status->lost_lsn = most;
    status->repaired_segments = status->outstanding_segments = most;
    status->scrubs = status->scrubbed_us = most;
    status->client_count = UINT32_MAX;
    status->first_segment = status->kept_bytes = status->deleted_segments = most;
    status->space_total = status->space_free = most;
    status->is_full = true;
}

static void fill_member_status(union sample_message *message, bool full)
{
    struct member_status *const status = &message->member_status;

    status->lineage = id_of(full);
    status->dek = id_of(full);
    status->suite = full ? SUITE_NUMBER_MAX : 0;
    status->role = full ? ROLE_NUMBER_MAX : 0;
    text_fill(status->deployment, sizeof status->deployment, full, 0);
    text_fill(status->region, sizeof status->region, full, 0);
    text_fill(status->member, sizeof status->member, full, 0);
    text_fill(status->repair, sizeof status->repair, full, 0);
    text_fill(status->cluster, sizeof status->cluster, full, 0);
    text_fill(status->state, sizeof status->state, full, 0);
    text_fill(status->key_arn, sizeof status->key_arn, full, 0);
    if (!full) {
        return;
    }
    fill_status_numbers(status);
    text_fill(status->notice, sizeof status->notice, true, 0);
    status->pin_count = STATUS_PINS_MAX;
    for (uint32_t i = 0; i < status->pin_count; i++) {
        fill_pin(&status->pins[i]);
    }
    status->feed_count = STATUS_FEEDS_MAX;
    for (uint32_t i = 0; i < STATUS_FEEDS_MAX; i++) {
        fill_feed(&status->feeds[i]);
    }
}

static void fill_verify_message(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->verify_message = (struct verify_message){most, most, most, full, most};
}

static void fill_verified_segment(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;
    struct verified_segment *const segment = &message->verified_segment;

    *segment = (struct verified_segment){.request = most,
                                         .segment = most,
                                         .epoch = most,
                                         .first_batch = most,
                                         .last_batch = most,
                                         .end_lsn = most,
                                         .batches = most,
                                         .records = most,
                                         .bytes = most,
                                         .through_batch = most,
                                         .closed = full};
    memset(segment->sha256.bytes, full ? 0xff : 0, sizeof segment->sha256.bytes);
    memset(segment->chain.bytes, full ? 0xff : 0, sizeof segment->chain.bytes);
    segment->digest_count = full ? VERIFY_DIGESTS_MAX : 0;
    for (uint32_t i = 0; i < segment->digest_count; i++) {
        segment->digests[i].segment = most;
        segment->digests[i].sha256 = segment->sha256;
    }
}

static void fill_verified(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->verified = (struct verified){most,
                                          full ? (enum status)(STATUSES - 1) : OK,
                                          full ? VERIFIED_BATCH : VERIFIED_ALL,
                                          most,
                                          most,
                                          most,
                                          most,
                                          full};
}

static void fill_fence(union sample_message *message, bool full)
{
    message->fence.epoch = full ? UINT64_MAX : 0;
}

static void fill_fenced(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->fenced = (struct fenced){most, {most, most}, most, most};
}

static void fill_promote(union sample_message *message, bool full)
{
    message->promote = (struct promote){full, full ? UINT64_MAX : 0};
}

static void fill_promoted(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->promoted = (struct promoted){most, most, most, most, most, full};
}

static void fill_rotated(union sample_message *message, bool full)
{
    const uint64_t most = full ? UINT64_MAX : 0;

    message->rotated = (struct rotated){.segment = most, .holders = most, .lacking = most};
    memset(message->rotated.dek.bytes, full ? 0xff : 0, sizeof message->rotated.dek.bytes);
}

static void fill_rewrapped(union sample_message *message, bool full)
{
    message->rewrapped.envelopes = full ? UINT64_MAX : 0;
}

/* The typed functions of one message, as functions over the union. */
#define CODEC(name) \
    static size_t bytes_##name(const union sample_message *message) \
    { \
        return name##_bytes(&message->name); \
    } \
    static struct bytes encode_##name(const union sample_message *message, void *into) \
    { \
        return name##_encode(&message->name, into); \
    } \
    static enum status decode_##name(union sample_message *message, struct bytes head, \
                                     struct proto_scratch *scratch) \
    { \
        return name##_decode(&message->name, head, scratch); \
    }

CODEC(greet)
CODEC(keys_message)
CODEC(keys_stored)
CODEC(proof)
CODEC(resume)
CODEC(segment_message)
CODEC(batch_message)
CODEC(ack)
CODEC(commit)
CODEC(repair_ask)
CODEC(repair_is)
CODEC(bye)
CODEC(hello)
CODEC(welcome)
CODEC(append)
CODEC(appended)
CODEC(refused)
CODEC(read_message)
CODEC(records)
CODEC(consumed)
CODEC(read_end)
CODEC(member_status)
CODEC(verify_message)
CODEC(verified_segment)
CODEC(verified)
CODEC(fence)
CODEC(fenced)
CODEC(promote)
CODEC(promoted)
CODEC(rotated)
CODEC(rewrapped)

#define KIND(name, type) \
    { \
#name, type, bytes_##name, encode_##name, decode_##name, fill_##name \
    }

const struct sample_kind sample_kinds[SAMPLES] = {
    KIND(greet, MESSAGE_GREET),
    KIND(keys_message, MESSAGE_KEYS),
    KIND(keys_stored, MESSAGE_KEYS_STORED),
    KIND(proof, MESSAGE_PROOF),
    KIND(resume, MESSAGE_RESUME),
    KIND(segment_message, MESSAGE_SEGMENT),
    KIND(batch_message, MESSAGE_BATCH),
    KIND(ack, MESSAGE_ACK),
    KIND(commit, MESSAGE_COMMIT),
    KIND(repair_ask, MESSAGE_REPAIR_ASK),
    KIND(repair_is, MESSAGE_REPAIR_IS),
    KIND(bye, MESSAGE_BYE),
    KIND(hello, MESSAGE_HELLO),
    KIND(welcome, MESSAGE_WELCOME),
    KIND(append, MESSAGE_APPEND),
    KIND(appended, MESSAGE_APPENDED),
    KIND(refused, MESSAGE_REFUSED),
    KIND(read_message, MESSAGE_READ),
    KIND(records, MESSAGE_RECORDS),
    KIND(consumed, MESSAGE_CONSUMED),
    KIND(read_end, MESSAGE_READ_END),
    KIND(member_status, MESSAGE_STATUS_IS),
    KIND(verify_message, MESSAGE_VERIFY),
    KIND(verified_segment, MESSAGE_VERIFIED_SEGMENT),
    KIND(verified, MESSAGE_VERIFIED),
    KIND(fence, MESSAGE_FENCE),
    KIND(fenced, MESSAGE_FENCED),
    KIND(promote, MESSAGE_PROMOTE),
    KIND(promoted, MESSAGE_PROMOTED),
    KIND(rotated, MESSAGE_ROTATED),
    KIND(rewrapped, MESSAGE_REWRAPPED),
};

struct proto_scratch *sample_scratch(void)
{
    static struct proto_scratch scratch;

    if (scratch.memory == NULL) {
        const size_t size = arena_need(PROTO_SCRATCH_BYTES, ARENA_ALIGN_MAX);
        void *const block = aligned_alloc(ARENA_ALIGN_MAX, (size + 4095) & ~(size_t)4095);

        CHECK(block != NULL);

        struct arena arena = arena_of(block, size);

        proto_scratch_init(&scratch, &arena);
    }
    return &scratch;
}
