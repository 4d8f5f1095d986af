/* One table of names and values, then the downstream members, each with its own labels.
 *
 * Label values come from certificates ([A-Za-z0-9._-] only) and from our own state texts; anything
 * else that could break a line is dropped. */
#include "host/metrics.h"

#include "base/check.h"
#include "base/hex.h"
#include "node/claim.h"
#include "node/identity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *into;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    const int size =
        vsnprintf(text->into + text->used, METRICS_TEXT_MAX - text->used, format, arguments);

    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < METRICS_TEXT_MAX - text->used);
    text->used += (size_t)size;
}

/* A label's value: no quote, backslash or control byte. */
static const char *clean(const char *value, char room[KEY_ARN_TEXT_MAX])
{
    size_t used = 0;

    for (; *value != '\0' && used + 1 < KEY_ARN_TEXT_MAX; value++) {
        if ((unsigned char)*value >= ' ' && *value != '"' && *value != '\\') {
            room[used++] = *value;
        }
    }
    room[used] = '\0';
    return room;
}

static void add_info(struct text *text, const struct member_status *status)
{
    char member[KEY_ARN_TEXT_MAX], region[KEY_ARN_TEXT_MAX], state[KEY_ARN_TEXT_MAX];
    char key[KEY_ARN_TEXT_MAX], cluster[KEY_ARN_TEXT_MAX], level[LEVEL_TEXT_MAX], lineage[33];

    add(text, "# HELP sealift_info Who this member is.\n# TYPE sealift_info gauge\n");
    add(text,
        "sealift_info{member=\"%s\",region=\"%s\",role=\"%s\",state=\"%s\",cluster=\"%s\","
        "lineage=\"%s\",key=\"%s\",level=\"%s\",encrypted=\"%s\"} 1\n",
        clean(status->member, member), clean(status->region, region),
        role_name(status->role < ROLES ? (enum role)status->role : ROLE_NONE),
        clean(status->state, state), clean(status->cluster, cluster),
        hex_encode(bytes_of(status->lineage.bytes, 16), lineage), clean(status->key_arn, key),
        level_format(status->level, level, sizeof level), status->suite != 0 ? "yes" : "no");
}

static void add_value(struct text *text, const char *name, const char *type, const char *help,
                      double value)
{
    add(text, "# HELP sealift_%s %s\n# TYPE sealift_%s %s\nsealift_%s %.17g\n", name, help, name,
        type, name, value);
}

static void add_member(struct text *text, const struct member_status *status)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        {"epoch", "gauge", "Epoch of the writer.", status->epoch},
        {"segment", "gauge", "Segment that is being written.", status->segment},
        {"first_lsn", "gauge", "First LSN that can be read here.", status->first_lsn},
        {"appended_lsn", "gauge", "Last LSN that was given out.", status->appended_lsn},
        {"durable_lsn", "gauge", "Last LSN on this disk.", status->durable_lsn},
        {"committed_lsn", "gauge", "Last LSN at the cluster's level.", status->committed_lsn},
        {"visible_lsn", "gauge", "Last LSN that readers see here.", status->visible_lsn},
        {"upstream_lsn", "gauge", "Newest LSN that the upstream has told of.",
         status->upstream_lsn},
        {"sealed_batch", "gauge", "Last sealed batch.", status->sealed_batch},
        {"durable_batch", "gauge", "Last batch on this disk.", status->durable_batch},
        {"appended_records_total", "counter", "Records appended.", status->appended_records},
        {"appended_bytes_total", "counter", "Bytes of records appended.", status->appended_bytes},
        {"shipped_bytes_total", "counter", "Sealed bytes sent to replicas.", status->shipped_bytes},
        {"received_bytes_total", "counter", "Sealed bytes received.", status->received_bytes},
        {"persisted_bytes_total", "counter", "Bytes made durable.", status->persisted_bytes},
        {"digested_segments_total", "counter", "Segments read back whole and digested or compared.",
         status->digested_segments},
        {"damaged_segments_total", "counter", "Found not as they were sealed or digested.",
         status->damaged_segments},
        {"first_segment", "gauge", "Oldest segment that is kept.", status->first_segment},
        {"kept_bytes", "gauge", "Bytes of segment files that are kept.", status->kept_bytes},
        {"deleted_segments_total", "counter", "Segments deleted by retention.",
         status->deleted_segments},
        {"space_total_bytes", "gauge", "Size of the file system.", status->space_total},
        {"space_free_bytes", "gauge", "Free on it.", status->space_free},
        {"space_full", "gauge", "1: nothing new is taken in for want of space.", status->is_full},
        {"repaired_segments_total", "counter", "Of those, made whole from other members.",
         status->repaired_segments},
        {"outstanding_segments", "gauge", "Of those, not whole yet.", status->outstanding_segments},
        {"scrubs_total", "counter", "Passes of the scrub that were completed.", status->scrubs},
        {"lost_lsn", "gauge", "Committed as a peer knows, and not found on this disk; 0: none.",
         status->lost_lsn},
        {"clients", "gauge", "Links of clients.", status->client_count},
        {"feeds", "gauge", "Links of downstream replicas.", status->feed_count},
    };

    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        add(text, "# HELP sealift_%s %s\n# TYPE sealift_%s %s\nsealift_%s %" PRIu64 "\n",
            rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name, rows[i].value);
    }
    add_value(text, "up_seconds", "gauge", "Since the process started.",
              (double)status->up_us / 1e6);
    add_value(text, "lag_seconds", "gauge", "Age of what is not here yet.",
              (double)status->lag_us / 1e6);
}

static void add_host(struct text *text, const struct metrics_host *host)
{
    add_value(text, "memory_locked", "gauge", "1: keys cannot reach swap.", host->memory_locked);
    add_value(text, "links", "gauge", "Links that are up.", (double)host->link_count);
    add_value(text, "links_aged_total", "counter", "Links that were made anew for their age.",
              (double)host->links_aged);
    add_value(text, "links_lapsed_total", "counter", "Links cut at their peer certificate's end.",
              (double)host->links_lapsed);
    add_value(text, "links_revoked_total", "counter", "Peers cut or refused as revoked.",
              (double)host->links_revoked);
    add_value(text, "certificate_expires_seconds", "gauge", "UNIX time of our certificate's end.",
              (double)host->certificate.at);
    add_value(text, "certificate_warning", "gauge",
              "0: far from its end; 1, 2, 3: at most 30, 7, 1 days; 4: past.",
              host->certificate.told);
    add_value(text, "crl_expires_seconds", "gauge", "UNIX time of the CRL's end; 0: no CRL.",
              (double)host->crl.at);
    add_value(text, "crl_warning", "gauge", "As certificate_warning, for the CRL.", host->crl.told);
    add_value(text, "crl_revoked", "gauge", "Certificates that the CRL names.",
              (double)host->crl_count);
    add_value(text, "spare_segments", "gauge", "Segment files made in advance.",
              (double)host->spare_count);
    add_value(text, "disk_groups_total", "counter", "Groups of writes under one sync.",
              (double)host->write_count);
    add_value(text, "disk_seconds_total", "counter", "Time spent in them.",
              (double)host->write_ns / 1e9);
}

static void add_key_services(struct text *text, const struct metrics_host *host)
{
    char region[KEY_ARN_TEXT_MAX];

    add(text, "# HELP sealift_key_service_ok 0: its last answer was a refusal, or there was none.\n"
              "# TYPE sealift_key_service_ok gauge\n");
    for (unsigned i = 0; i < host->service_count; i++) {
        const struct key_service_state *service = &host->services[i];

        add(text, "sealift_key_service_ok{region=\"%s\",last=\"%s\"} %d\n",
            clean(service->region, region), status_name(service->status), service->status == OK);
    }
}

/* One metric for all downstream members: the format wants the lines of a name together. */
static void add_feeds(struct text *text, const struct member_status *status, const char *name,
                      double (*value)(const struct feed_status *feed))
{
    char member[KEY_ARN_TEXT_MAX], region[KEY_ARN_TEXT_MAX], state[KEY_ARN_TEXT_MAX];

    add(text, "# TYPE sealift_feed_%s gauge\n", name);
    for (uint32_t i = 0; i < status->feed_count && i < STATUS_FEEDS_MAX; i++) {
        const struct feed_status *feed = &status->feeds[i];

        add(text, "sealift_feed_%s{member=\"%s\",region=\"%s\",state=\"%s\"} %.17g\n", name,
            clean(feed->member, member), clean(feed->region, region), clean(feed->state, state),
            value(feed));
    }
}

static void add_pins(struct text *text, const struct member_status *status, const char *name,
                     double (*value)(const struct pin_status *pin))
{
    char member[KEY_ARN_TEXT_MAX], region[KEY_ARN_TEXT_MAX], state[KEY_ARN_TEXT_MAX];

    add(text, "# TYPE sealift_pin_%s gauge\n", name);
    for (uint32_t i = 0; i < status->pin_count && i < STATUS_PINS_MAX; i++) {
        const struct pin_status *pin = &status->pins[i];

        add(text, "sealift_pin_%s{member=\"%s\",region=\"%s\",state=\"%s\"} %.17g\n", name,
            clean(pin->member, member), clean(pin->region, region), clean(pin->state, state),
            value(pin));
    }
}

static double pin_segment(const struct pin_status *pin)
{
    return (double)pin->segment;
}

static double pin_bytes(const struct pin_status *pin)
{
    return (double)pin->bytes;
}

static double pin_age_seconds(const struct pin_status *pin)
{
    return (double)pin->age_us / 1e6;
}

static double pin_connected(const struct pin_status *pin)
{
    return pin->connected;
}

static double feed_acked_lsn(const struct feed_status *feed)
{
    return (double)feed->acked_lsn;
}

static double feed_lag_bytes(const struct feed_status *feed)
{
    return (double)feed->lag_bytes;
}

static double feed_lag_seconds(const struct feed_status *feed)
{
    return (double)feed->lag_us / 1e6;
}

static double feed_votes(const struct feed_status *feed)
{
    return feed->votes;
}

struct bytes metrics_format(const struct member_status *status, const struct metrics_host *host,
                            char *into)
{
    struct text text = {into, 0};

    add_info(&text, status);
    add_member(&text, status);
    add_host(&text, host);
    add_key_services(&text, host);
    add_feeds(&text, status, "acked_lsn", feed_acked_lsn);
    add_feeds(&text, status, "lag_bytes", feed_lag_bytes);
    add_feeds(&text, status, "lag_seconds", feed_lag_seconds);
    add_feeds(&text, status, "votes", feed_votes);
    add_pins(&text, status, "segment", pin_segment);
    add_pins(&text, status, "bytes", pin_bytes);
    add_pins(&text, status, "age_seconds", pin_age_seconds);
    add_pins(&text, status, "connected", pin_connected);
    return bytes_of(text.into, text.used);
}
