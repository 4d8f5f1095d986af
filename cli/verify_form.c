/* One report in two forms; damage is said on stderr in either. */
#include "cli/verify_form.h"

#include "base/hex.h"
#include "node/identity.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const char *tail_name(enum scan_tail tail)
{
    switch (tail) {
    case SCAN_TAIL_END:
        return "end";
    case SCAN_TAIL_CLEAN:
        return "clean";
    case SCAN_TAIL_TORN:
        return "torn";
    case SCAN_TAIL_LATER:
        break;
    }
    return "later";
}

static const char *tail_sentence(enum scan_tail tail)
{
    switch (tail) {
    case SCAN_TAIL_END:
        return "nothing lies behind the last batch";
    case SCAN_TAIL_CLEAN:
        return "clean: what lies behind the last batch was never part of this WAL";
    case SCAN_TAIL_TORN:
        return "torn: a crash cut a batch off that nobody was told is durable";
    case SCAN_TAIL_LATER:
        break;
    }
    return "torn: a crash cut a batch off and left later ones of the same write; nobody was told "
           "that any of them is durable";
}

static const struct audit_row *last_row(const struct audit *audit)
{
    return audit->row_count == 0 ? NULL : &audit->rows[audit->row_count - 1];
}

static uint64_t count_digested(const struct audit *audit)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < audit->row_count; i++) {
        count += audit->rows[i].digested;
    }
    return count;
}

static double rate_mb(const struct verify_report *report)
{
    const struct copy *copy = report->copy;

    return copy->seconds > 0 ? (double)copy->audit->valid_bytes / 1e6 / copy->seconds : 0;
}

void verify_say_damage(const struct copy *copy)
{
    const struct audit_damage *damage = &copy->audit->damage;

    fprintf(stderr, "sealift verify: %s: %s: %s", copy->name, status_name(damage->why),
            damage->what);
    if (strcmp(damage->what, "file") == 0 || strcmp(damage->what, "header") == 0) {
        fprintf(stderr, " of segment %" PRIu64, damage->segment);
    } else if (strcmp(damage->what, "batch") == 0) {
        fprintf(stderr, " of segment %" PRIu64 " at offset %" PRIu64 " (batch %" PRIu64 ")",
                damage->segment, damage->offset, damage->batch);
    }
    fprintf(stderr, ": %s. Nothing behind it was judged. ", status_text(damage->why));
    if (status_blame(damage->why) == BLAME_KEYS) {
        fprintf(stderr, "Bring the keyring that belongs to this folder.\n");
    } else if (copy->is_member) {
        fprintf(stderr,
                "The member goes on, and cannot serve what is damaged: verify the others, "
                "then stop it, keep its folder, and seed it anew from one that is whole.\n");
    } else if (damage->by_statement) {
        fprintf(stderr,
                "A later batch says that this one had been durable on its writer's disk: if "
                "this folder is a replica's, say --replica; else keep it as it is, and seed "
                "this member anew from another.\n");
    } else {
        fprintf(stderr, "Keep the folder as it is, and seed this member anew from another.\n");
    }
}

void verify_say_difference(const struct copy *copy, const struct copy *other, enum status status,
                           const struct comparison *comparison)
{
    if (status == E_LINEAGE || status == E_DESCRIPTOR) {
        fprintf(stderr, "sealift verify: %s and %s are of two WALs: %s: %s\n", copy->name,
                other->name, status_name(status), status_text(status));
        return;
    }
    fprintf(stderr, "sealift verify: %s and %s differ in segment %" PRIu64, copy->name, other->name,
            comparison->segment);
    if (!comparison->by_digest) {
        fprintf(stderr, " from offset %" PRIu64 " on", comparison->offset);
    }
    fprintf(stderr,
            ": %s. Each is whole by itself: they are two histories; keep the one whose epoch the "
            "coordinator knows.\n",
            status_name(status));
}

/* ---- text ---- */

static const char *seals_sentence(const struct audit *audit)
{
    if (!audit->opens_seals) {
        return "not opened: rot, gaps and splices are found without a key, forgery is not";
    }
    return audit->damage.why == OK ? "every one was opened"
                                   : "every one before the damage was opened";
}

static void print_keys(const struct verify_report *report)
{
    const struct keyring *keyring = report->keyring;
    const struct member_status *status = &report->copy->answer.status;
    char dek[33];

    if (report->copy->audit->descriptor.suite == SUITE_NONE) {
        printf("  key       none: not encrypted at rest; its seals find accidents only\n");
        return;
    }
    if (report->copy->is_member) {
        hex_encode(bytes_of(status->dek.bytes, 16), dek);
        printf("  key       %s wraps DEK %s\n", status->key_arn, dek);
    }
    for (uint32_t i = 0; report->has_keyring && i < keyring->count; i++) {
        hex_encode(bytes_of(keyring->envelopes[i].dek.bytes, 16), dek);
        printf("  key       %s %s DEK %s\n", keyring->envelopes[i].key_arn,
               report->keys_opened ? "opens" : "wraps", dek);
    }
    printf("  seals     %s\n", seals_sentence(report->copy->audit));
}

static void print_counts(const struct verify_report *report)
{
    const struct copy *copy = report->copy;
    const struct audit *audit = copy->audit;
    const struct audit_row *last = last_row(audit);
    char chain[65];

    printf("  segments  %" PRIu32 ", %" PRIu64 " of them digested\n", audit->row_count,
           count_digested(audit));
    printf("  batches   %" PRIu64, audit->batch_count);
    if (audit->surplus_count > 0) {
        printf(", and %" PRIu64 " surplus: sealed before a crash, never acknowledged",
               audit->surplus_count);
    }
    printf("\n  records   %" PRIu64 "\n", audit->record_count);
    if (last != NULL) {
        hex_encode(bytes_of(last->chain.bytes, sizeof last->chain.bytes), chain);
        printf("  ends      epoch %" PRIu64 ", segment %" PRIu64 ", batch %" PRIu64 ", LSN %" PRIu64
               "\n",
               last->epoch, last->segment, last->last_batch, last->end_lsn);
        printf("  chain     %s\n", chain);
    }
    if (last != NULL && !copy->is_member) { /* behind a member's end there may be what it writes */
        printf("  tail      %s\n", tail_sentence(audit->tail));
    }
    printf("  read      %.1f MB in %.2f s, %.0f MB/s\n", (double)audit->valid_bytes / 1e6,
           copy->seconds, rate_mb(report));
}

static void print_comparison(const struct comparison *comparison)
{
    const batch_t own = comparison->own_last, other = comparison->other_last;

    printf("  the same  %" PRIu64 " bytes in %" PRIu64 " segments", comparison->bytes,
           comparison->segments);
    if (own != other) {
        printf("; the other copy is %" PRIu64 " batches %s",
               own > other ? own - other : other - own, own > other ? "behind" : "ahead");
    }
    printf("\n");
}

void verify_print_text(const struct verify_report *report, bool whole)
{
    const struct copy *copy = report->copy;
    char lineage[33];

    printf("%s: %s\n", copy->name,
           whole                           ? "whole"
           : copy->audit->damage.why == OK ? "whole by itself"
                                           : "DAMAGED");
    hex_encode(bytes_of(copy->audit->descriptor.lineage.bytes, 16), lineage);
    printf("  lineage   %s\n", lineage);
    if (copy->is_member) {
        printf("  member    %s, the %s in %s, verified by itself while it serves\n",
               copy->answer.welcome.member, role_name((enum role)copy->answer.welcome.role),
               copy->answer.welcome.region);
    }
    print_keys(report);
    print_counts(report);
    if (report->compared && whole) {
        print_comparison(&report->comparison);
    }
}

/* ---- JSON ---- */

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *hex(const uint8_t *bytes, size_t size)
{
    char text[65];

    return json_string(hex_encode(bytes_of(bytes, size), text));
}

static json_t *keys_to_json(const struct verify_report *report)
{
    const struct member_status *status = &report->copy->answer.status;
    json_t *keys = json_array();

    if (report->copy->is_member && report->copy->audit->descriptor.suite != SUITE_NONE) {
        json_array_append_new(keys, json_pack("{s:o, s:s, s:b}", "dek", hex(status->dek.bytes, 16),
                                              "KmsKeyId", status->key_arn, "opened",
                                              report->copy->audit->opens_seals));
    }
    for (uint32_t i = 0; report->has_keyring && i < report->keyring->count; i++) {
        const struct envelope *envelope = &report->keyring->envelopes[i];

        json_array_append_new(keys, json_pack("{s:o, s:s, s:b}", "dek",
                                              hex(envelope->dek.bytes, 16), "KmsKeyId",
                                              envelope->key_arn, "opened", report->keys_opened));
    }
    return keys;
}

static json_t *damage_to_json(const struct audit_damage *damage)
{
    if (damage->why == OK) {
        return json_null();
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "status", status_name(damage->why), "text",
                     status_text(damage->why), "what", damage->what, "segment",
                     number(damage->segment), "offset", number(damage->offset), "batch",
                     number(damage->batch));
}

static void add_place(json_t *object, const struct copy *copy)
{
    const struct audit *audit = copy->audit;
    const struct audit_row *last = last_row(audit);

    if (last == NULL) {
        return;
    }
    json_object_set_new(object, "epoch", number(last->epoch));
    json_object_set_new(object, "segment", number(last->segment));
    json_object_set_new(object, "batch", number(last->last_batch));
    json_object_set_new(object, "lsn", number(last->end_lsn));
    json_object_set_new(object, "chain", hex(last->chain.bytes, sizeof last->chain.bytes));
    if (!copy->is_member) {
        json_object_set_new(object, "tail", json_string(tail_name(audit->tail)));
    }
}

static void add_member(json_t *object, const struct welcome *welcome)
{
    json_object_set_new(object, "member", json_string(welcome->member));
    json_object_set_new(object, "role", json_string(role_name((enum role)welcome->role)));
    json_object_set_new(object, "region", json_string(welcome->region));
}

void verify_print_json(const struct verify_report *report, bool whole)
{
    const struct copy *copy = report->copy;
    const struct audit *audit = copy->audit;
    json_t *object = json_pack(
        "{s:s, s:b, s:o, s:b, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:o}",
        copy->is_member ? "address" : "folder", copy->name, "whole", whole, "lineage",
        hex(audit->descriptor.lineage.bytes, 16), "StorageEncrypted",
        audit->descriptor.suite != SUITE_NONE, "keys", keys_to_json(report), "seals_opened",
        audit->opens_seals, "segments", number(audit->row_count), "digested",
        number(count_digested(audit)), "batches", number(audit->batch_count), "surplus_batches",
        number(audit->surplus_count), "records", number(audit->record_count), "bytes",
        number(audit->valid_bytes), "seconds", copy->seconds, "mb_per_second", rate_mb(report),
        "damage", damage_to_json(&audit->damage));

    add_place(object, copy);
    if (copy->is_member) {
        add_member(object, &copy->answer.welcome);
    }
    if (report->compared) {
        const struct comparison *comparison = &report->comparison;

        json_object_set_new(
            object, "compared",
            json_pack("{s:o, s:o, s:o, s:o}", "segments", number(comparison->segments), "bytes",
                      number(comparison->bytes), "batch", number(comparison->own_last),
                      "other_batch", number(comparison->other_last)));
    }
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}
