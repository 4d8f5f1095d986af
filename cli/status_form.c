/* One line a member, and under it one a feed; or one object with everything. */
#include "cli/status_form.h"

#include "base/hex.h"
#include "node/identity.h"
#include "seal/aead.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t status_moved_bytes(const struct member_status *status)
{
    return status->role == ROLE_PRIMARY ? status->appended_bytes : status->persisted_bytes;
}

static double rate_mb(const struct status_answer *answer)
{
    const struct member_status *status = &answer->status;
    const uint64_t us = status->up_us - answer->previous_us;

    if (status->up_us <= answer->previous_us
        || status_moved_bytes(status) < answer->previous_bytes) {
        return 0;
    }
    return (double)(status_moved_bytes(status) - answer->previous_bytes) / (double)us;
}

static uint64_t lag_records(const struct member_status *status)
{
    return status->upstream_lsn > status->durable_lsn ? status->upstream_lsn - status->durable_lsn
                                                      : 0;
}

static void print_member(const struct status_answer *answer)
{
    const struct member_status *status = &answer->status;

    printf("%-15s %-8s %-12s %-14s %6" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %8" PRIu64
           " %8.1f %8.1f  %s\n",
           status->region, role_name((enum role)status->role), status->member, status->state,
           status->epoch, status->durable_lsn, status->committed_lsn, status->visible_lsn,
           lag_records(status), (double)status->lag_us / 1000, rate_mb(answer),
           status->suite == SUITE_NONE ? "not encrypted" : status->key_arn);
    if (status->notice[0] != '\0') {
        printf("  !! %s\n", status->notice);
    }
    if (status->damaged_segments > 0) {
        printf("  %s damaged segments found: %" PRIu64 ", repaired: %" PRIu64
               ", outstanding: %" PRIu64 "\n",
               status->outstanding_segments > 0 ? "!!" : "--", status->damaged_segments,
               status->repaired_segments, status->outstanding_segments);
    }
    if (status->repair[0] != '\0') {
        printf("  !! %s\n", status->repair);
    }
    if (status->segments_max > 0
        && (uint64_t)status->segment_count * 10 >= (uint64_t)status->segments_max * 9) {
        printf("  !! the WAL has %u of at most %u segments: raise --segments-max\n",
               status->segment_count, status->segments_max);
    }
}

static void print_feed(const struct feed_status *feed)
{
    printf("  -> %-10s %-8s %-27s acked LSN %" PRIu64 ", behind %" PRIu64 " bytes, %.1f ms%s\n",
           feed->region, feed->member, feed->state, feed->acked_lsn, feed->lag_bytes,
           (double)feed->lag_us / 1000, feed->votes ? ", votes" : "");
}

/* Those that a feed's line does not tell enough of. */
static void print_pin(const struct pin_status *pin)
{
    if (pin->connected && strcmp(pin->state, "held") == 0) {
        return;
    }
    printf("  %s %-10s %-8s pin %-8s%s batch %" PRIu64 ", from segment %" PRIu64 ": %" PRIu64
           " bytes, %.0f s\n",
           strcmp(pin->state, "held") == 0 ? "--" : "!!", pin->region, pin->member, pin->state,
           pin->connected ? "" : " (away)", pin->batch, pin->segment, pin->bytes,
           (double)pin->age_us / 1e6);
}

void status_print_table(const struct status_answer *answers, unsigned count)
{
    printf("%-15s %-8s %-12s %-14s %6s %12s %12s %12s %8s %8s %8s  %s\n", "REGION", "ROLE",
           "MEMBER", "STATE", "EPOCH", "DURABLE", "COMMITTED", "VISIBLE", "LAG", "LAG MS", "MB/S",
           "KEY");
    for (unsigned i = 0; i < count; i++) {
        if (!answers[i].answered) {
            printf("%-15s %s\n", "-", answers[i].why);
            continue;
        }
        print_member(&answers[i]);
        for (uint32_t k = 0; k < answers[i].status.feed_count; k++) {
            print_feed(&answers[i].status.feeds[k]);
        }
        for (uint32_t k = 0; k < answers[i].status.pin_count; k++) {
            print_pin(&answers[i].status.pins[k]);
        }
    }
}

static json_t *feed_to_json(const struct feed_status *feed)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:b}", "member", feed->member,
                     "region", feed->region, "state", feed->state, "sent_batch",
                     (json_int_t)feed->sent_batch, "acked_batch", (json_int_t)feed->acked_batch,
                     "acked_lsn", (json_int_t)feed->acked_lsn, "lag_bytes",
                     (json_int_t)feed->lag_bytes, "lag_ms", (double)feed->lag_us / 1000, "votes",
                     feed->votes);
}

static json_t *pin_to_json(const struct pin_status *pin)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:f}", "member", pin->member, "region",
                     pin->region, "state", pin->state, "connected", pin->connected, "segment",
                     (json_int_t)pin->segment, "batch", (json_int_t)pin->batch, "bytes",
                     (json_int_t)pin->bytes, "age_seconds", (double)pin->age_us / 1e6);
}

static void add_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void add_positions(json_t *object, const struct member_status *status)
{
    add_number(object, "epoch", status->epoch);
    add_number(object, "segment", status->segment);
    add_number(object, "first_lsn", status->first_lsn);
    add_number(object, "appended_lsn", status->appended_lsn);
    add_number(object, "durable_lsn", status->durable_lsn);
    add_number(object, "committed_lsn", status->committed_lsn);
    add_number(object, "visible_lsn", status->visible_lsn);
    add_number(object, "sealed_batch", status->sealed_batch);
    add_number(object, "durable_batch", status->durable_batch);
    add_number(object, "upstream_lsn", status->upstream_lsn);
    add_number(object, "lag_records", lag_records(status));
    json_object_set_new(object, "lag_ms", json_real((double)status->lag_us / 1000));
    add_number(object, "appended_records", status->appended_records);
    add_number(object, "appended_bytes", status->appended_bytes);
    add_number(object, "shipped_bytes", status->shipped_bytes);
    add_number(object, "received_bytes", status->received_bytes);
    add_number(object, "persisted_bytes", status->persisted_bytes);
    add_number(object, "first_segment", status->first_segment);
    add_number(object, "kept_bytes", status->kept_bytes);
    add_number(object, "deleted_segments", status->deleted_segments);
    add_number(object, "space_total", status->space_total);
    add_number(object, "space_free", status->space_free);
    add_number(object, "clients", status->client_count);
    json_object_set_new(object, "up_seconds", json_real((double)status->up_us / 1e6));
}

/* `last_scrub_seconds`: since the last completed pass; null before the first. */
static void add_repair(json_t *object, const struct member_status *status)
{
    add_number(object, "digested_segments", status->digested_segments);
    add_number(object, "damaged_segments", status->damaged_segments);
    add_number(object, "repaired_segments", status->repaired_segments);
    add_number(object, "outstanding_segments", status->outstanding_segments);
    json_object_set_new(object, "repair", json_string(status->repair));
    add_number(object, "scrubs", status->scrubs);
    json_object_set_new(object, "last_scrub_seconds",
                        status->scrubs == 0 ? json_null()
                                            : json_real((double)status->scrubbed_us / 1e6));
}

json_t *status_to_json(const struct status_answer *answer)
{
    const struct member_status *status = &answer->status;
    char lineage[33], dek[33], level[16];

    if (!answer->answered) {
        return json_pack("{s:s, s:b, s:s}", "address", answer->address, "answered", 0, "why",
                         answer->why);
    }
    hex_encode(bytes_of(status->lineage.bytes, 16), lineage);
    hex_encode(bytes_of(status->dek.bytes, 16), dek);
    json_t *object = json_pack(
        "{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s}", "address",
        answer->address, "answered", 1, "lineage", lineage, "deployment", status->deployment,
        "region", status->region, "role", role_name((enum role)status->role), "member",
        status->member, "cluster", status->cluster, "state", status->state, "StorageEncrypted",
        status->suite != SUITE_NONE, "KmsKeyId", status->key_arn, "dek", dek, "durability",
        level_format(status->level, level, sizeof level));

    add_positions(object, status);
    add_repair(object, status);
    json_object_set_new(object, "notice", json_string(status->notice));
    json_t *pins = json_array();

    for (uint32_t i = 0; i < status->pin_count; i++) {
        json_array_append_new(pins, pin_to_json(&status->pins[i]));
    }
    json_object_set_new(object, "pins", pins);
    json_t *feeds = json_array();

    for (uint32_t i = 0; i < status->feed_count; i++) {
        json_array_append_new(feeds, feed_to_json(&status->feeds[i]));
    }
    json_object_set_new(object, "feeds", feeds);
    return object;
}
