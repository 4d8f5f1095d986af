/* Copies in groups by their fate, and a sentence for each lineage that loses any.
 *
 * How it goes wrong: a copy that could not be read counts neither way, and the verdict says that it
 * is not whole. */
#include "cli/keys_survivors.h"

#include "base/check.h"
#include "base/hex.h"
#include "cli/verbs.h"

enum fate keys_fate(const struct keys_seen *seen, const char *key)
{
    if (seen->why[0] != '\0') {
        return FATE_UNKNOWN;
    }
    bool is_lost = seen->is_encrypted && strcmp(seen->key_arn, key) == 0;

    for (uint32_t i = 0; i < seen->count; i++) {
        is_lost = is_lost || strcmp(seen->rows[i].key_arn, key) == 0;
    }
    return is_lost ? FATE_LOST : FATE_OPENS;
}

static enum fate fate_of(const struct survivors *survivors, unsigned i)
{
    return keys_fate(&survivors->seen[i], survivors->key);
}

static unsigned count_fate(const struct survivors *survivors, enum fate fate)
{
    unsigned count = 0;

    for (unsigned i = 0; i < survivors->count; i++) {
        count += fate_of(survivors, i) == fate;
    }
    return count;
}

/* Copies of one lineage with that fate. */
static unsigned count_lineage(const struct survivors *survivors, const struct id *lineage,
                              enum fate fate)
{
    unsigned count = 0;

    for (unsigned i = 0; i < survivors->count; i++) {
        count += fate_of(survivors, i) == fate && id_equal(&survivors->seen[i].lineage, lineage);
    }
    return count;
}

/* The first copy of each lineage speaks for it. */
static bool is_first_of_lineage(const struct survivors *survivors, unsigned i)
{
    if (fate_of(survivors, i) == FATE_UNKNOWN) {
        return false;
    }
    for (unsigned k = 0; k < i; k++) {
        if (fate_of(survivors, k) != FATE_UNKNOWN
            && id_equal(&survivors->seen[k].lineage, &survivors->seen[i].lineage)) {
            return false;
        }
    }
    return true;
}

static bool is_lost_whole(const struct survivors *survivors, const struct id *lineage)
{
    return count_lineage(survivors, lineage, FATE_LOST) > 0
           && count_lineage(survivors, lineage, FATE_OPENS) == 0;
}

int survivors_code(const struct survivors *survivors)
{
    if (count_fate(survivors, FATE_UNKNOWN) > 0) {
        return EXIT_REFUSED;
    }
    for (unsigned i = 0; i < survivors->count; i++) {
        if (is_lost_whole(survivors, &survivors->seen[i].lineage)) {
            return EXIT_LINEAGE_LOST;
        }
    }
    return count_fate(survivors, FATE_LOST) > 0 ? EXIT_COPIES_LOST : EXIT_DONE;
}

static char *lineage_text(const struct id *lineage, char text[33])
{
    return hex_encode(bytes_of(lineage->bytes, sizeof lineage->bytes), text);
}

/* ---- where a lineage survives: each region once ---- */

static bool is_first_in_region(const struct survivors *survivors, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (fate_of(survivors, k) == FATE_OPENS
            && id_equal(&survivors->seen[k].lineage, &survivors->seen[i].lineage)
            && strcmp(survivors->seen[k].region, survivors->seen[i].region) == 0) {
            return false;
        }
    }
    return true;
}

static json_t *regions_of(const struct survivors *survivors, const struct id *lineage)
{
    json_t *regions = json_array();

    for (unsigned i = 0; i < survivors->count; i++) {
        if (fate_of(survivors, i) == FATE_OPENS && id_equal(&survivors->seen[i].lineage, lineage)
            && is_first_in_region(survivors, i)) {
            json_array_append_new(regions, json_string(survivors->seen[i].region));
        }
    }
    return regions;
}

/* ---- text ---- */

static void print_copy(FILE *to, const struct keys_seen *seen)
{
    char lineage[33];

    if (seen->why[0] != '\0') {
        fprintf(to, "  %s: %s\n", seen->copy, seen->why);
        return;
    }
    fprintf(to, "  %-15s lineage %s  %-34s %s  %s\n", seen->region,
            lineage_text(&seen->lineage, lineage), seen->cluster,
            seen->is_encrypted ? seen->key_arn : "not encrypted: it needs no key", seen->copy);
}

static void print_group(FILE *to, const struct survivors *survivors, enum fate fate,
                        const char *title)
{
    if (count_fate(survivors, fate) == 0) {
        return;
    }
    fprintf(to, "%s\n", title);
    for (unsigned i = 0; i < survivors->count; i++) {
        if (fate_of(survivors, i) == fate) {
            print_copy(to, &survivors->seen[i]);
        }
    }
}

static void print_lineage(FILE *to, const struct survivors *survivors, const struct id *lineage)
{
    char text[33];
    json_t *regions = regions_of(survivors, lineage);

    if (json_array_size(regions) == 0) {
        fprintf(to, "Lineage %s would be LOST: no copy that was named would open.\n",
                lineage_text(lineage, text));
    } else {
        fprintf(to, "Lineage %s would survive in ", lineage_text(lineage, text));
        for (size_t i = 0; i < json_array_size(regions); i++) {
            fprintf(to, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(regions, i)));
        }
        fprintf(to, ".\n");
    }
    json_decref(regions);
}

static void print_verdict(FILE *to, const struct survivors *survivors)
{
    const unsigned lost = count_fate(survivors, FATE_LOST);
    const unsigned unknown = count_fate(survivors, FATE_UNKNOWN);

    if (lost == 0) {
        fprintf(to, "No copy that %s under this key.\n",
                unknown > 0 ? "could be read is" : "was named is");
    } else {
        fprintf(to, "%u %s would not open any more.\n", lost, lost == 1 ? "copy" : "copies");
    }
    for (unsigned i = 0; i < survivors->count; i++) {
        if (is_first_of_lineage(survivors, i)
            && count_lineage(survivors, &survivors->seen[i].lineage, FATE_LOST) > 0) {
            print_lineage(to, survivors, &survivors->seen[i].lineage);
        }
    }
    if (unknown > 0) {
        fprintf(to, "%u %s could not be read: this is no whole verdict.\n", unknown,
                unknown == 1 ? "copy" : "copies");
    }
}

void survivors_print(FILE *to, const struct survivors *survivors)
{
    fprintf(to, "Without %s", survivors->key);
    if (strcmp(survivors->asked, survivors->key) != 0) {
        fprintf(to, " (%s)", survivors->asked);
    }
    fprintf(to, "%s%s\n", survivors->state[0] != '\0' ? ", which is now " : "", survivors->state);
    print_group(to, survivors, FATE_LOST, "would not open any more:");
    print_group(to, survivors, FATE_OPENS, "would still open:");
    print_group(to, survivors, FATE_UNKNOWN, "could not be read:");
    print_verdict(to, survivors);
}

/* ---- JSON ---- */

static json_t *copy_to_json(const struct survivors *survivors, const struct keys_seen *seen)
{
    char lineage[33];
    unsigned under = 0;

    if (seen->why[0] != '\0') {
        return json_pack("{s:s, s:s}", "copy", seen->copy, "why", seen->why);
    }
    for (uint32_t i = 0; i < seen->count; i++) {
        under += strcmp(seen->rows[i].key_arn, survivors->key) == 0;
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:i, s:i}", "copy", seen->copy, "lineage",
                     lineage_text(&seen->lineage, lineage), "region", seen->region, "cluster",
                     seen->cluster, "member", seen->member, "StorageEncrypted", seen->is_encrypted,
                     "KmsKeyId", seen->key_arn, "data_keys", (int)seen->count, "data_keys_lost",
                     (int)under);
}

static json_t *group_to_json(const struct survivors *survivors, enum fate fate)
{
    json_t *group = json_array();

    for (unsigned i = 0; i < survivors->count; i++) {
        if (fate_of(survivors, i) == fate) {
            json_array_append_new(group, copy_to_json(survivors, &survivors->seen[i]));
        }
    }
    return group;
}

static json_t *lineages_to_json(const struct survivors *survivors)
{
    json_t *lineages = json_array();
    char text[33];

    for (unsigned i = 0; i < survivors->count; i++) {
        const struct id *lineage = &survivors->seen[i].lineage;

        if (is_first_of_lineage(survivors, i)) {
            json_array_append_new(
                lineages,
                json_pack("{s:s, s:i, s:i, s:o, s:b}", "lineage", lineage_text(lineage, text),
                          "would_not_open", (int)count_lineage(survivors, lineage, FATE_LOST),
                          "would_open", (int)count_lineage(survivors, lineage, FATE_OPENS),
                          "survives_in", regions_of(survivors, lineage), "lost",
                          is_lost_whole(survivors, lineage)));
        }
    }
    return lineages;
}

json_t *survivors_to_json(const struct survivors *survivors)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "KmsKeyId", survivors->key, "asked",
        survivors->asked, "key_state",
        survivors->state[0] != '\0' ? json_string(survivors->state) : json_null(), "would_not_open",
        group_to_json(survivors, FATE_LOST), "would_open", group_to_json(survivors, FATE_OPENS),
        "not_read", group_to_json(survivors, FATE_UNKNOWN), "lineages", lineages_to_json(survivors),
        "whole_verdict", count_fate(survivors, FATE_UNKNOWN) == 0);

    CHECK(object != NULL);
    return object;
}
