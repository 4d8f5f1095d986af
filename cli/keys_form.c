/* One line a data key, so that a cluster without any has one as well.
 *
 * How it goes wrong: a clock that was ahead when a data key was first used makes its age less than
 * nothing: it is shown as 0. */
#include "cli/keys_form.h"

#include "base/hex.h"

#include <inttypes.h>
#include <time.h>

enum { TIME_TEXT_MAX = 32, AGE_TEXT_MAX = 32, SEGMENTS_TEXT_MAX = 48 };

static uint64_t age_seconds(const struct keys_row *row, uint64_t now_ns)
{
    return now_ns > row->since_ns ? (now_ns - row->since_ns) / 1000000000u : 0;
}

static const char *time_text(const struct keys_row *row, char text[TIME_TEXT_MAX])
{
    const time_t seconds = (time_t)(row->since_ns / 1000000000u);
    struct tm date;

    if (row->since_ns == 0 || gmtime_r(&seconds, &date) == NULL
        || strftime(text, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &date) == 0) {
        snprintf(text, TIME_TEXT_MAX, "-");
    }
    return text;
}

/* In the largest unit of which there are two or more. */
static const char *age_text(const struct keys_row *row, uint64_t now_ns, char text[AGE_TEXT_MAX])
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    const uint64_t age = age_seconds(row, now_ns);
    unsigned i = 0;

    while (units[i].seconds > 1 && age < 2 * units[i].seconds) {
        i++;
    }
    snprintf(text, AGE_TEXT_MAX, "%s%" PRIu64 " %s", row->is_older ? "> " : "",
             age / units[i].seconds, units[i].name);
    return text;
}

static const char *segments_text(const struct keys_row *row, char text[SEGMENTS_TEXT_MAX])
{
    if (row->segment_count == 0) {
        snprintf(text, SEGMENTS_TEXT_MAX, "-");
    } else {
        snprintf(text, SEGMENTS_TEXT_MAX, "%" PRIu64 "-%" PRIu64, row->first, row->last);
    }
    return text;
}

static void print_row(FILE *to, const struct keys_seen *seen, const struct keys_row *row,
                      uint64_t now_ns)
{
    char dek[33], since[TIME_TEXT_MAX], age[AGE_TEXT_MAX], segments[SEGMENTS_TEXT_MAX];
    const bool is_dated = row->since_ns != 0;

    fprintf(to, "%-15s %-34s %-32s %-7s %-12s %-20s %-8s %s  %s\n", seen->region, seen->cluster,
            hex_encode(bytes_of(row->dek.bytes, sizeof row->dek.bytes), dek),
            row == &seen->rows[seen->count - 1] ? "current" : "earlier",
            segments_text(row, segments), time_text(row, since),
            is_dated ? age_text(row, now_ns, age) : "-", row->key_arn, seen->copy);
}

void keys_print_table(FILE *to, const struct keys_seen *seen, unsigned count, uint64_t now_ns)
{
    fprintf(to, "%-15s %-34s %-32s %-7s %-12s %-20s %-8s %s\n", "REGION", "CLUSTER", "DATA KEY",
            "USE", "SEGMENTS", "SINCE", "AGE", "KMS KEY  COPY");
    for (const struct keys_seen *one = seen; one < seen + count; one++) {
        if (one->why[0] != '\0') {
            fprintf(to, "%-15s %s: %s\n", "-", one->copy, one->why);
            continue;
        }
        for (uint32_t i = 0; i < one->count; i++) {
            print_row(to, one, &one->rows[i], now_ns);
        }
        if (one->count == 0) {
            fprintf(to, "%-15s %-34s %s  %s\n", one->region, one->cluster,
                    one->is_encrypted ? "no data key yet" : "not encrypted", one->copy);
        }
        if (one->unread_count > 0) {
            fprintf(to,
                    "  !! %" PRIu32 " segments cannot be read: ask 'sealift verify %s --no-key'\n",
                    one->unread_count, one->copy);
        }
    }
}

static json_t *number_or_null(bool is_known, uint64_t number)
{
    return is_known ? json_integer((json_int_t)number) : json_null();
}

static json_t *row_to_json(const struct keys_seen *seen, const struct keys_row *row,
                           uint64_t now_ns)
{
    const bool is_dated = row->since_ns != 0, has_segments = row->segment_count > 0;
    char dek[33], since[TIME_TEXT_MAX];

    return json_pack(
        "{s:s, s:b, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o}", "dek",
        hex_encode(bytes_of(row->dek.bytes, sizeof row->dek.bytes), dek), "current",
        row == &seen->rows[seen->count - 1], "region", seen->region, "KmsKeyId", row->key_arn,
        "since", is_dated ? json_string(time_text(row, since)) : json_null(), "is_older",
        row->is_older, "age_seconds", number_or_null(is_dated, age_seconds(row, now_ns)),
        "segments", number_or_null(!seen->is_member, row->segment_count), "first_segment",
        number_or_null(has_segments, row->first), "last_segment",
        number_or_null(has_segments, row->last));
}

json_t *keys_to_json(const struct keys_seen *seen, uint64_t now_ns)
{
    char lineage[33];
    json_t *rows = json_array();

    if (seen->why[0] != '\0') {
        json_decref(rows);
        return json_pack("{s:s, s:b, s:s}", "copy", seen->copy, "answered", 0, "why", seen->why);
    }
    for (uint32_t i = 0; i < seen->count; i++) {
        json_array_append_new(rows, row_to_json(seen, &seen->rows[i], now_ns));
    }
    return json_pack("{s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:b, s:s, s:I, s:o}", "copy", seen->copy,
                     "answered", 1, "is_member", seen->is_member, "lineage",
                     hex_encode(bytes_of(seen->lineage.bytes, sizeof seen->lineage.bytes), lineage),
                     "region", seen->region, "cluster", seen->cluster, "member", seen->member,
                     "StorageEncrypted", seen->is_encrypted, "KmsKeyId", seen->key_arn,
                     "unread_segments", (json_int_t)seen->unread_count, "data_keys", rows);
}
