/* STATUS_IS: everything that a person wants to see of a member, and one row for each of its feeds.
 *
 * Names and numbers are moved by two pairs of functions that list them in the same order. */
#include "base/check.h"
#include "proto/control.h"
#include "proto/control.pb-c.h"
#include "proto/convert.h"
#include "proto/ship.h"

struct status_packed {
    Pb__MemberStatus message;
    Pb__FeedStatus feeds[STATUS_FEEDS_MAX];
    Pb__FeedStatus *pointers[STATUS_FEEDS_MAX];
    Pb__PinStatus pins[STATUS_PINS_MAX];
    Pb__PinStatus *pin_pointers[STATUS_PINS_MAX];
};

static void feed_prepare(const struct feed_status *from, Pb__FeedStatus *feed)
{
    pb__feed_status__init(feed);
    feed->member = convert_text(from->member);
    feed->region = convert_text(from->region);
    feed->state = convert_text(from->state);
    feed->sent_batch = from->sent_batch;
    feed->acked_batch = from->acked_batch;
    feed->acked_lsn = from->acked_lsn;
    feed->lag_bytes = from->lag_bytes;
    feed->lag_us = from->lag_us;
    feed->votes = from->votes;
}

static void pin_prepare(const struct pin_status *from, Pb__PinStatus *pin)
{
    pb__pin_status__init(pin);
    pin->member = convert_text(from->member);
    pin->region = convert_text(from->region);
    pin->state = convert_text(from->state);
    pin->connected = from->connected;
    pin->segment = from->segment;
    pin->batch = from->batch;
    pin->bytes = from->bytes;
    pin->age_us = from->age_us;
}

static void status_prepare_names(const struct member_status *from, Pb__MemberStatus *message)
{
    message->lineage = convert_fixed(from->lineage.bytes, sizeof from->lineage.bytes);
    message->dek = convert_fixed(from->dek.bytes, sizeof from->dek.bytes);
    message->deployment = convert_text(from->deployment);
    message->region = convert_text(from->region);
    message->member = convert_text(from->member);
    message->cluster = convert_text(from->cluster);
    message->state = convert_text(from->state);
    message->key_arn = convert_text(from->key_arn);
    message->notice = convert_text(from->notice);
    message->repair = convert_text(from->repair);
}

static void status_prepare_numbers(const struct member_status *from, Pb__MemberStatus *message)
{
    message->level_kind = convert_level_kind(from->level);
    message->level_count = from->level.count;
    message->suite = from->suite;
    message->role = from->role;
    message->client_count = from->client_count;
    message->epoch = from->epoch;
    message->segment = from->segment;
    message->segment_count = from->segment_count;
    message->segments_max = from->segments_max;
    message->first_lsn = from->first_lsn;
    message->appended_lsn = from->appended_lsn;
    message->durable_lsn = from->durable_lsn;
    message->committed_lsn = from->committed_lsn;
    message->visible_lsn = from->visible_lsn;
    message->sealed_batch = from->sealed_batch;
    message->durable_batch = from->durable_batch;
    message->upstream_lsn = from->upstream_lsn;
    message->appended_records = from->appended_records;
    message->appended_bytes = from->appended_bytes;
    message->shipped_bytes = from->shipped_bytes;
    message->received_bytes = from->received_bytes;
    message->persisted_bytes = from->persisted_bytes;
    message->digested_segments = from->digested_segments;
    message->lost_lsn = from->lost_lsn;
    message->damaged_segments = from->damaged_segments;
    message->first_segment = from->first_segment;
    message->kept_bytes = from->kept_bytes;
    message->deleted_segments = from->deleted_segments;
    message->space_total = from->space_total;
    message->space_free = from->space_free;
    message->is_full = from->is_full;
    message->repaired_segments = from->repaired_segments;
    message->outstanding_segments = from->outstanding_segments;
    message->scrubs = from->scrubs;
    message->scrubbed_us = from->scrubbed_us;
    message->up_us = from->up_us;
    message->lag_us = from->lag_us;
}

static const ProtobufCMessage *status_prepare(const struct member_status *status,
                                              struct status_packed *packed)
{
    CHECK(status->feed_count <= STATUS_FEEDS_MAX);
    pb__member_status__init(&packed->message);
    status_prepare_names(status, &packed->message);
    status_prepare_numbers(status, &packed->message);
    for (uint32_t i = 0; i < status->feed_count; i++) {
        feed_prepare(&status->feeds[i], &packed->feeds[i]);
        packed->pointers[i] = &packed->feeds[i];
    }
    CHECK(status->pin_count <= STATUS_PINS_MAX);
    for (uint32_t i = 0; i < status->pin_count; i++) {
        pin_prepare(&status->pins[i], &packed->pins[i]);
        packed->pin_pointers[i] = &packed->pins[i];
    }
    packed->message.n_pins = status->pin_count;
    packed->message.pins = packed->pin_pointers;
    packed->message.n_feeds = status->feed_count;
    packed->message.feeds = packed->pointers;
    return &packed->message.base;
}

size_t member_status_bytes(const struct member_status *status)
{
    struct status_packed packed;

    return protobuf_c_message_get_packed_size(status_prepare(status, &packed));
}

struct bytes member_status_encode(const struct member_status *status, void *into)
{
    struct status_packed packed;

    return convert_pack(status_prepare(status, &packed), into);
}

static enum status feed_decode(struct feed_status *feed, const Pb__FeedStatus *from)
{
    if (!convert_is_known(&from->base)) {
        return E_MALFORMED;
    }
    feed->sent_batch = from->sent_batch;
    feed->acked_batch = from->acked_batch;
    feed->acked_lsn = from->acked_lsn;
    feed->lag_bytes = from->lag_bytes;
    feed->lag_us = from->lag_us;
    feed->votes = from->votes;
    TRY(convert_to_text(feed->member, sizeof feed->member, from->member));
    TRY(convert_to_text(feed->region, sizeof feed->region, from->region));
    return convert_to_text(feed->state, sizeof feed->state, from->state);
}

static enum status pin_decode(struct pin_status *pin, const Pb__PinStatus *from)
{
    if (!convert_is_known(&from->base)) {
        return E_MALFORMED;
    }
    pin->connected = from->connected;
    pin->segment = from->segment;
    pin->batch = from->batch;
    pin->bytes = from->bytes;
    pin->age_us = from->age_us;
    TRY(convert_to_text(pin->member, sizeof pin->member, from->member));
    TRY(convert_to_text(pin->region, sizeof pin->region, from->region));
    return convert_to_text(pin->state, sizeof pin->state, from->state);
}

static enum status status_decode_names(struct member_status *status,
                                       const Pb__MemberStatus *message)
{
    TRY(convert_to_fixed(status->lineage.bytes, sizeof status->lineage.bytes, message->lineage));
    TRY(convert_to_fixed(status->dek.bytes, sizeof status->dek.bytes, message->dek));
    TRY(convert_to_text(status->deployment, sizeof status->deployment, message->deployment));
    TRY(convert_to_text(status->region, sizeof status->region, message->region));
    TRY(convert_to_text(status->member, sizeof status->member, message->member));
    TRY(convert_to_text(status->cluster, sizeof status->cluster, message->cluster));
    TRY(convert_to_text(status->state, sizeof status->state, message->state));
    TRY(convert_to_text(status->key_arn, sizeof status->key_arn, message->key_arn));
    TRY(convert_to_text(status->notice, sizeof status->notice, message->notice));
    TRY(convert_to_text(status->repair, sizeof status->repair, message->repair));
    return OK;
}

static void status_decode_numbers(struct member_status *status, const Pb__MemberStatus *message)
{
    status->suite = message->suite;
    status->role = message->role;
    status->client_count = message->client_count;
    status->epoch = message->epoch;
    status->segment = message->segment;
    status->segment_count = message->segment_count;
    status->segments_max = message->segments_max;
    status->first_lsn = message->first_lsn;
    status->appended_lsn = message->appended_lsn;
    status->durable_lsn = message->durable_lsn;
    status->committed_lsn = message->committed_lsn;
    status->visible_lsn = message->visible_lsn;
    status->sealed_batch = message->sealed_batch;
    status->durable_batch = message->durable_batch;
    status->upstream_lsn = message->upstream_lsn;
    status->appended_records = message->appended_records;
    status->appended_bytes = message->appended_bytes;
    status->shipped_bytes = message->shipped_bytes;
    status->received_bytes = message->received_bytes;
    status->persisted_bytes = message->persisted_bytes;
    status->digested_segments = message->digested_segments;
    status->lost_lsn = message->lost_lsn;
    status->damaged_segments = message->damaged_segments;
    status->first_segment = message->first_segment;
    status->kept_bytes = message->kept_bytes;
    status->deleted_segments = message->deleted_segments;
    status->space_total = message->space_total;
    status->space_free = message->space_free;
    status->is_full = message->is_full;
    status->repaired_segments = message->repaired_segments;
    status->outstanding_segments = message->outstanding_segments;
    status->scrubs = message->scrubs;
    status->scrubbed_us = message->scrubbed_us;
    status->up_us = message->up_us;
    status->lag_us = message->lag_us;
}

enum status member_status_decode(struct member_status *status, struct bytes head,
                                 struct proto_scratch *scratch)
{
    const Pb__MemberStatus *const message =
        convert_unpack(&pb__member_status__descriptor, head, scratch);

    if (message == NULL || message->suite > SUITE_NUMBER_MAX || message->role > ROLE_NUMBER_MAX
        || message->n_feeds > STATUS_FEEDS_MAX || message->n_pins > STATUS_PINS_MAX) {
        return E_MALFORMED;
    }
    status_decode_numbers(status, message);
    TRY(convert_to_level(&status->level, message->level_kind, message->level_count));
    TRY(status_decode_names(status, message));
    for (size_t i = 0; i < message->n_feeds; i++) {
        TRY(feed_decode(&status->feeds[i], message->feeds[i]));
    }
    status->feed_count = (uint32_t)message->n_feeds;
    for (size_t i = 0; i < message->n_pins; i++) {
        TRY(pin_decode(&status->pins[i], message->pins[i]));
    }
    status->pin_count = (uint32_t)message->n_pins;
    return OK;
}
