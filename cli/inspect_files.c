/* From our structs to JSON, field by field in the order of docs/FORMAT.md. */
#include "base/check.h"
#include "base/hex.h"
#include "cli/clean.h"
#include "cli/inspect.h"
#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "cluster/keyring.h"
#include "host/file.h"
#include "wal/scan.h"

#include <stdlib.h>

enum { PIECE_BYTES = 1 << 20 };

static void put_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void put_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

static void put_hex(json_t *object, const char *name, const uint8_t *bytes, size_t size)
{
    char text[65];

    put_text(object, name, hex_encode(bytes_of(bytes, size), text));
}

static void put_id(json_t *object, const char *name, const struct id *id)
{
    put_hex(object, name, id->bytes, sizeof id->bytes);
}

static void put_digest(json_t *object, const char *name, const struct digest *digest)
{
    put_hex(object, name, digest->bytes, sizeof digest->bytes);
}

static const char *suite_name(enum suite suite)
{
    switch (suite) {
    case SUITE_NONE:
        return "none";
    case SUITE_AES_256_GCM:
        break;
    }
    return "AES-256-GCM";
}

enum status inspect_descriptor(json_t *object, struct bytes file)
{
    struct descriptor descriptor;
    const struct digest digest = descriptor_digest(file);

    put_text(object, "kind", "descriptor");
    TRY(descriptor_decode(&descriptor, file));
    put_text(object, "suite", suite_name(descriptor.suite));
    put_id(object, "lineage", &descriptor.lineage);
    put_number(object, "created_ns", descriptor.created_ns);
    put_text(object, "engine", descriptor.engine);
    put_digest(object, "digest", &digest);
    json_t *ancestors = json_array();

    for (uint32_t i = 0; i < descriptor.ancestor_count; i++) {
        const struct ancestor *ancestor = &descriptor.ancestors[i];
        json_t *row = json_object();

        put_id(row, "lineage", &ancestor->lineage);
        put_text(row, "suite", suite_name(ancestor->suite));
        put_number(row, "cut_segment", ancestor->cut_segment);
        put_number(row, "cut_epoch", ancestor->cut.epoch);
        put_number(row, "cut_batch", ancestor->cut.batch);
        put_number(row, "cut_lsn", ancestor->cut_lsn);
        put_digest(row, "digest", &ancestor->descriptor);
        json_array_append_new(ancestors, row);
    }
    json_object_set_new(object, "ancestors", ancestors);
    return OK;
}

enum status inspect_keyring(json_t *object, struct bytes file)
{
    static struct keyring keyring;

    put_text(object, "kind", "keyring");
    TRY(keyring_decode(&keyring, file));
    clean_keyring(&keyring);
    put_id(object, "lineage", &keyring.lineage);
    put_text(object, "cluster", keyring.cluster);
    put_text(object, "region", keyring.region);
    put_text(object, "KmsKeyId", keyring.key_arn);
    json_t *envelopes = json_array();

    for (uint32_t i = 0; i < keyring.count; i++) {
        const struct envelope *envelope = &keyring.envelopes[i];
        json_t *row = json_object();

        put_id(row, "dek", &envelope->dek);
        put_id(row, "lineage", &envelope->lineage);
        put_text(row, "region", envelope->region);
        put_text(row, "KmsKeyId", envelope->key_arn);
        put_number(row, "blob_bytes", envelope->blob.size);
        put_digest(row, "check", &envelope->check);
        json_array_append_new(envelopes, row);
    }
    json_object_set_new(object, "envelopes", envelopes);
    return OK;
}

enum status inspect_control(json_t *object, struct bytes file)
{
    static const char *const standings[KEY_STANDINGS] = {[KEY_STANDING_USABLE] = "usable",
                                                         [KEY_STANDING_LOST] = "lost",
                                                         [KEY_STANDING_GONE] = "gone"};
    static struct control control;
    unsigned good = 0;
    const enum status status = control_decode(&control, file, &good);

    put_text(object, "kind", "control");
    put_number(object, "good_copies", good);
    TRY(status);
    put_number(object, "generation", control.generation);
    put_id(object, "lineage", &control.lineage);
    put_id(object, "folder", &control.folder);
    put_number(object, "highest_epoch", control.highest_epoch);
    put_number(object, "durable_epoch", control.durable.epoch);
    put_number(object, "durable_batch", control.durable.batch);
    put_number(object, "commit_lsn", control.commit_lsn);
    json_object_set_new(object, "suspect", json_boolean(control.suspect));
    json_object_set_new(object, "may_lack", json_boolean(control.may_lack));
    put_text(object, "key_standing", standings[control.key_standing]);
    put_number(object, "key_lost_at", control.key_lost_at);
    put_number(object, "key_lost_ms", control.key_lost_ms);
    put_number(object, "first_segment", control.first_segment);
    put_number(object, "before_epoch", control.before_epoch);
    json_t *pins = json_array();

    for (uint32_t i = 0; i < control.pin_count; i++) {
        json_t *row = json_object();

        put_text(row, "member", control.pins[i].member);
        put_number(row, "segment", control.pins[i].segment);
        put_number(row, "batch", control.pins[i].batch);
        json_array_append_new(pins, row);
    }
    json_object_set_new(object, "pins", pins);
    json_t *epochs = json_array();

    for (uint32_t i = 0; i < control.epochs.count; i++) {
        const struct epoch_entry *entry = &control.epochs.entries[i];
        json_t *row = json_object();

        put_number(row, "epoch", entry->epoch);
        put_number(row, "start_batch", entry->start_batch);
        put_number(row, "start_lsn", entry->start_lsn);
        json_array_append_new(epochs, row);
    }
    json_object_set_new(object, "epochs", epochs);
    return OK;
}

static void put_header(json_t *object, const struct segment_header *header)
{
    put_text(object, "suite", suite_name(header->suite));
    put_id(object, "lineage", &header->lineage);
    put_digest(object, "descriptor_digest", &header->descriptor);
    put_id(object, "dek", &header->dek);
    put_number(object, "epoch", header->epoch);
    put_number(object, "segment", header->segment);
    put_number(object, "first_batch", header->first_batch);
    put_number(object, "first_lsn", header->first_lsn);
    put_id(object, "incarnation", &header->incarnation);
    put_number(object, "created_ns", header->created_ns);
    put_hex(object, "salt", header->salt, sizeof header->salt);
    put_digest(object, "prev_chain", &header->prev_chain);
    put_number(object, "prev_last_batch", header->prev_last_batch);
    put_number(object, "prev_end_lsn", header->prev_end_lsn);
    put_digest(object, "commitment", &header->commitment);
    json_t *digests = json_array();

    for (uint32_t i = 0; i < header->digest_count; i++) {
        json_t *row = json_object();

        put_number(row, "segment", header->digests[i].segment);
        put_digest(row, "sha256", &header->digests[i].sha256);
        json_array_append_new(digests, row);
    }
    json_object_set_new(object, "digests", digests);
}

static const char *type_name(enum batch_type type)
{
    switch (type) {
    case BATCH_DATA:
        return "data";
    case BATCH_EPOCH_START:
        return "epoch-start";
    case BATCH_CHECKPOINT:
        return "checkpoint";
    case BATCH_FINAL:
        break;
    }
    return "final";
}

static json_t *batch_to_json(const struct scan_batch *found)
{
    json_t *row = json_object();

    put_number(row, "offset", found->offset);
    put_text(row, "type", type_name(found->header.type));
    put_number(row, "batch", found->header.batch);
    put_number(row, "bytes", found->header.batch_bytes);
    put_number(row, "plain_bytes", found->header.plain_bytes);
    put_number(row, "first_lsn", found->header.first_lsn);
    put_number(row, "records", found->header.record_count);
    put_number(row, "durable_batch", found->header.durable_batch);
    put_number(row, "commit_lsn", found->header.commit_lsn);
    put_hex(row, "tag", found->tag.bytes, sizeof found->tag.bytes);
    return row;
}

static enum status walk(struct scan *scan, json_t *batches, int fd, uint8_t *room)
{
    enum scan_step step = SCAN_MORE;
    struct scan_batch found;
    uint64_t begin = 0, got = 0, wanted = 0;

    while (step != SCAN_DONE) {
        if (step == SCAN_MORE) {
            begin = scan->offset;
            wanted = scan->need > PIECE_BYTES ? scan->need : PIECE_BYTES;
            TRY(file_read(fd, room, wanted, begin, &got));
        }
        step = scan_next(scan, bytes_part(bytes_of(room, got), scan->offset - begin, got),
                         got < wanted, &found);
        if (step == SCAN_BATCH) {
            json_array_append_new(batches, batch_to_json(&found));
        }
    }
    return OK;
}

static void put_tail(json_t *object, const struct scan *scan)
{
    json_object_set_new(object, "closed", json_boolean(scan->place.closed));
    put_number(object, "end_offset", scan->place.offset);
    put_number(object, "end_lsn", scan->place.end_lsn);
    put_text(object, "behind_the_last_batch",
             scan->tail == SCAN_TAIL_END     ? "nothing"
             : scan->tail == SCAN_TAIL_CLEAN ? "nothing of this segment"
             : scan->tail == SCAN_TAIL_TORN  ? "a batch that is not whole"
                                             : "later batches of this segment");
    put_text(object, "behind_status", status_name(scan->bad));
}

enum status inspect_segment(json_t *object, int fd)
{
    static uint8_t raw[SEGMENT_HEADER_BYTES];
    static struct segment_header header;
    json_t *batches = json_array();
    struct scan scan;
    uint64_t got;

    put_text(object, "kind", "segment");
    json_object_set_new(object, "batches", batches);
    TRY(file_read(fd, raw, sizeof raw, 0, &got));
    TRY(segment_header_decode(&header, bytes_of(raw, got)));
    put_header(object, &header);

    uint8_t *room = malloc(BATCH_BYTES_MAX);

    CHECK(room != NULL);
    scan_init(&scan);
    scan_begin(&scan, &(struct scan_start){.header = &header,
                                           .raw_header = bytes_of(raw, sizeof raw),
                                           .last_batch = SCAN_OPEN_END,
                                           .look_ahead = true});
    const enum status status = walk(&scan, batches, fd, room);

    put_tail(object, &scan);
    scan_drop(&scan);
    free(room);
    return status;
}
