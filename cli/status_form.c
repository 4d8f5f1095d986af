/* One line a member, and under it one a feed; or one object with everything. */
#include "cli/status_form.h"

#include "base/hex.h"
#include "cli/status_lag.h"
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

struct lag_texts {
    char records[24], bytes[24], ms[24];
};

static void lag_format(const struct status_lag *lag, struct lag_texts *texts)
{
    const bool known = lag->from != LAG_UNKNOWN;

    snprintf(texts->records, sizeof texts->records, "-");
    snprintf(texts->bytes, sizeof texts->bytes, "-");
    snprintf(texts->ms, sizeof texts->ms, "-");
    if (known) {
        snprintf(texts->records, sizeof texts->records, "%" PRIu64, lag->records);
    }
    if (known && lag->has_bytes) {
        snprintf(texts->bytes, sizeof texts->bytes, "%" PRIu64, lag->bytes);
    }
    if (known && lag->has_us) {
        snprintf(texts->ms, sizeof texts->ms, "%.1f", (double)lag->us / 1000);
    }
}

static void print_member(FILE *to, const struct status_answer *answer, const struct status_lag *lag)
{
    const struct member_status *status = &answer->status;
    struct lag_texts texts;

    lag_format(lag, &texts);
    fprintf(to,
            "%-15s %-8s %-12s %-14s %6" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64
            " %8s %10s %8s %8.1f  %s\n",
            status->region, role_name((enum role)status->role), status->member, status->state,
            status->epoch, status->durable_lsn, status->committed_lsn, status->visible_lsn,
            texts.records, texts.bytes, texts.ms, rate_mb(answer),
            status->suite == SUITE_NONE ? "not encrypted" : status->key_arn);
    if (status->notice[0] != '\0') {
        fprintf(to, "  !! %s\n", status->notice);
    }
    if (status->damaged_segments > 0) {
        fprintf(to,
                "  %s damaged segments found: %" PRIu64 ", repaired: %" PRIu64
                ", outstanding: %" PRIu64 "\n",
                status->outstanding_segments > 0 ? "!!" : "--", status->damaged_segments,
                status->repaired_segments, status->outstanding_segments);
    }
    if (status->repair[0] != '\0') {
        fprintf(to, "  !! %s\n", status->repair);
    }
    if (status->segments_max > 0
        && (uint64_t)status->segment_count * 10 >= (uint64_t)status->segments_max * 9) {
        fprintf(to, "  !! the WAL has %u of at most %u segments: raise --segments-max\n",
                status->segment_count, status->segments_max);
    }
}

static void print_feed(FILE *to, const struct feed_status *feed)
{
    fprintf(to,
            "  -> %-10s %-8s %-27s acked LSN %" PRIu64 ", behind %" PRIu64 " bytes, %.1f ms%s\n",
            feed->region, feed->member, feed->state, feed->acked_lsn, feed->lag_bytes,
            (double)feed->lag_us / 1000, feed->votes ? ", votes" : "");
}

/* Those that a feed's line does not tell enough of. */
static void print_pin(FILE *to, const struct pin_status *pin)
{
    if (pin->connected && strcmp(pin->state, "held") == 0) {
        return;
    }
    fprintf(to,
            "  %s %-10s %-8s pin %-8s%s batch %" PRIu64 ", from segment %" PRIu64 ": %" PRIu64
            " bytes, %.0f s\n",
            strcmp(pin->state, "held") == 0 ? "--" : "!!", pin->region, pin->member, pin->state,
            pin->connected ? "" : " (away)", pin->batch, pin->segment, pin->bytes,
            (double)pin->age_us / 1e6);
}

static void print_downstreams(FILE *to, const struct member_status *status, enum status_rows rows)
{
    for (uint32_t i = 0; i < status->feed_count && rows == STATUS_MEMBERS_AND_FEEDS; i++) {
        print_feed(to, &status->feeds[i]);
    }
    for (uint32_t i = 0; i < status->pin_count; i++) {
        print_pin(to, &status->pins[i]);
    }
}

void status_print_table(FILE *to, const struct status_answer *answers, unsigned count,
                        enum status_rows rows)
{
    bool hearsay = false;

    fprintf(to, "%-15s %-8s %-12s %-14s %6s %12s %12s %12s %8s %10s %8s %8s  %s\n", "REGION",
            "ROLE", "MEMBER", "STATE", "EPOCH", "DURABLE", "COMMITTED", "VISIBLE", "LAG",
            "LAG BYTES", "LAG MS", "MB/S", "KEY");
    for (unsigned i = 0; i < count; i++) {
        if (!answers[i].answered) {
            fprintf(to, "%-15s %s\n", "-", answers[i].why);
            continue;
        }
        const struct status_lag lag = status_lag_of(answers, count, i);

        hearsay |= lag.from == LAG_FROM_UPSTREAM;
        print_member(to, &answers[i], &lag);
        print_downstreams(to, &answers[i].status, rows);
    }
    if (hearsay) {
        fprintf(to, "LAG is what the replica's upstream told it last: it may be more. Ask the "
                    "primary too.\n");
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

/* null: nobody can say. */
static void add_lag(json_t *object, const struct status_lag *lag)
{
    const bool known = lag->from != LAG_UNKNOWN;
    const char *from = status_lag_from_name(lag->from);

    json_object_set_new(object, "lag_from", from == NULL ? json_null() : json_string(from));
    json_object_set_new(object, "lag_records",
                        known ? json_integer((json_int_t)lag->records) : json_null());
    json_object_set_new(object, "lag_bytes",
                        known && lag->has_bytes ? json_integer((json_int_t)lag->bytes)
                                                : json_null());
    json_object_set_new(object, "lag_ms",
                        known && lag->has_us ? json_real((double)lag->us / 1000) : json_null());
}

json_t *status_to_json(const struct status_answer *answers, unsigned count, unsigned which)
{
    const struct status_answer *answer = &answers[which];
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

    const struct status_lag lag = status_lag_of(answers, count, which);

    add_positions(object, status);
    add_lag(object, &lag);
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
