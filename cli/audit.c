/* First what the small files say, then all headers, then all batches: a header is judged before the
 * batches before it, since it says where they end.
 *
 * How it goes wrong: anything from a lost file to one flipped bit. The first damage in this order
 * ends the audit, with the status of the check that failed. In the newest segment an end is damage
 * only where the control file, or a later batch that still lies there, knows that more had been
 * durable: what a crash cut off was never acknowledged. */
#include "cli/audit_parts.h"

#include "base/check.h"
#include "cluster/keyring.h"
#include "seal/digest.h"

#include <stdlib.h>

enum { PIECE_BYTES = 4 << 20 };

enum status audit_damaged(struct audit *audit, enum status why, const char *what)
{
    audit->damage = (struct audit_damage){.why = why, .what = what};
    return why;
}

static enum status check_keyring(struct audit *audit)
{
    struct keyring *keyring;
    enum status status;

    if (audit->folder->keyring.data == NULL) {
        return OK;
    }
    keyring = malloc(sizeof *keyring);
    CHECK(keyring != NULL);
    status = keyring_decode(keyring, audit->folder->keyring);
    if (status == OK && !id_equal(&keyring->lineage, &audit->descriptor.lineage)) {
        status = E_LINEAGE;
    }
    free(keyring);
    return status;
}

static enum status check_control(struct audit *audit)
{
    if (audit->folder->control.data == NULL) {
        return OK;
    }
    if (audit->folder->control.size == 0) {
        return E_CHECKSUM; /* it is there, and no copy in it is good */
    }
    TRY(control_decode(&audit->control, audit->folder->control, NULL));
    audit->has_control = true;
    return id_equal(&audit->control.lineage, &audit->descriptor.lineage) ? OK : E_LINEAGE;
}

static enum status read_small_files(struct audit *audit)
{
    enum status status = audit->folder->descriptor.data == NULL
                             ? E_MISSING
                             : descriptor_decode(&audit->descriptor, audit->folder->descriptor);

    if (status != OK) {
        return audit_damaged(audit, status, "descriptor");
    }
    audit->descriptor_digest = descriptor_digest(audit->folder->descriptor);
    status = check_keyring(audit);
    if (status != OK) {
        return audit_damaged(audit, status, "keyring");
    }
    status = check_control(audit);
    return status == OK ? OK : audit_damaged(audit, status, "control");
}

/* Files below the mark are no part of the WAL: a deletion was interrupted. */
static void skip_what_was_let_go(struct audit *audit)
{
    audit->kept = *audit->folder;
    while (audit->kept.segment_count > 0
           && audit->kept.segments[0] < audit->control.first_segment) {
        audit->kept.segments++;
        audit->kept.segment_count--;
    }
    audit->folder = &audit->kept;
}

/* ---- batches ---- */

static struct audit_row *row_of(struct audit *audit)
{
    return &audit->rows[audit->row_count];
}

static bool is_last(const struct audit *audit)
{
    return audit->row_count + 1 == audit->folder->segment_count;
}

static enum status take_batch(struct audit *audit, const struct scan_batch *found,
                              const uint8_t *sealed, struct digest_stream *stream)
{
    struct audit_row *row = row_of(audit);

    if (found->surplus) {
        row->surplus_count++;
        audit->surplus_count++;
        return OK;
    }
    if (audit->scan.keyed) {
        TRY(audit_check_content(audit, found));
    }
    digest_stream_add(stream, bytes_of(sealed, found->header.batch_bytes));
    row->batch_count++;
    audit->batch_count++;
    audit->record_count += found->header.record_count;
    audit->valid_bytes += found->header.batch_bytes;
    if (audit->on_batch != NULL) {
        audit->on_batch(audit->context, row, found);
    }
    return OK;
}

static enum status damaged_batch(struct audit *audit, enum status why, uint64_t offset,
                                 batch_t batch)
{
    const bool by_statement = audit->damage.by_statement;

    audit_damaged(audit, why, "batch");
    audit->damage.by_statement = by_statement;
    audit->damage.segment = row_of(audit)->segment;
    audit->damage.offset = offset;
    audit->damage.batch = batch;
    return why;
}

static enum status walk(struct audit *audit, struct digest_stream *stream)
{
    struct scan *scan = &audit->scan;
    struct scan_batch found = {0};
    enum scan_step step = SCAN_MORE;
    uint64_t begin = 0, got = 0, wanted = 0;

    while (step != SCAN_DONE) {
        if (step == SCAN_MORE) {
            begin = scan->offset;
            wanted = scan->need > PIECE_BYTES ? scan->need : PIECE_BYTES;
            TRY(audit->folder->read(audit->folder->context, row_of(audit)->segment, begin,
                                    audit->room, wanted, &got));
        }
        const uint64_t used = scan->offset - begin;
        const struct bytes window = bytes_part(bytes_of(audit->room, got), used, got);

        step = scan_next(scan, window, got < wanted, &found);
        if (found.plain.size > audit->plain_used) {
            audit->plain_used = (uint32_t)found.plain.size;
        }
        if (step == SCAN_BATCH) {
            const enum status status = take_batch(audit, &found, window.data, stream);

            if (status != OK) { /* sealed so: the walk has gone past it already */
                return damaged_batch(audit, status, found.offset, found.header.batch);
            }
        }
        if (step == SCAN_MORE && audit->on_progress != NULL) {
            audit->on_progress(audit->context, audit->valid_bytes);
        }
    }
    return OK;
}

/* Where a segment that another follows must end. */
static enum status check_end(const struct audit *audit, const struct audit_row *next)
{
    const struct scan *scan = &audit->scan;
    const struct audit_row *row = &audit->rows[audit->row_count];

    if (scan->place.batch < next->prev_last_batch) {
        return scan->bad != OK ? scan->bad : E_TRUNCATED;
    }
    if (scan->place.end_lsn != next->prev_end_lsn) {
        return E_GAP;
    }
    if (!digest_equal(&row->chain, &next->prev_chain)
        || (next->epoch == row->epoch && !scan->place.closed)) {
        return E_CHAIN; /* within a reign a writer closes what it began */
    }
    return OK;
}

/* Batches are written several at once, and a crash may leave a later one whole and an earlier one
 * torn. Only what its writer had on its own disk when it sealed the later one must be there. */
static bool later_knows_of_more(const struct audit *audit)
{
    return !audit->of_replica && audit->scan.later_durable > audit->scan.place.batch;
}

/* Where the newest segment ends, nothing that was durable may be missing: what is complete lacks a
 * file, and what is not lacks a batch. */
static enum status check_tail(struct audit *audit)
{
    const struct scan *scan = &audit->scan;
    const struct control *control = &audit->control;
    const enum status bad = scan->bad != OK ? scan->bad : E_TRUNCATED;

    audit->tail = scan->tail;
    audit->tail_bad = scan->bad;
    audit->damage.by_statement = later_knows_of_more(audit);
    if (scan->missealed || audit->damage.by_statement) {
        return bad;
    }
    if (!audit->has_control
        || epoch_table_clamp(&control->epochs, control->durable) <= scan->place.batch) {
        return OK;
    }
    return scan->place.closed || control->durable.epoch > row_of(audit)->epoch ? E_MISSING : bad;
}

static void note_place(struct audit *audit, struct digest_stream *stream)
{
    struct audit_row *row = row_of(audit);
    const struct scan_place *place = &audit->scan.place;

    row->last_batch = place->batch;
    row->end_lsn = place->end_lsn;
    row->valid_bytes = place->offset;
    row->closed = place->closed;
    row->last_tag = place->tag;
    row->chain = segment_chain(bytes_of(audit->raw, SEGMENT_HEADER_BYTES), &place->tag);
    row->sha256 = digest_stream_end(stream);
}

static enum status read_batches(struct audit *audit)
{
    struct digest_stream stream;
    struct audit_row *row = row_of(audit);
    const epoch_t before = audit->row_count == 0 ? audit->control.before_epoch : row[-1].epoch;
    const bool begins_epoch = before != row->epoch;
    const struct scan_start start = {.header = &audit->header,
                                     .raw_header = bytes_of(audit->raw, SEGMENT_HEADER_BYTES),
                                     .key = audit_has_key(audit) ? &audit->key : NULL,
                                     .plain = audit->plain,
                                     .last_batch =
                                         is_last(audit) ? SCAN_OPEN_END : row[1].prev_last_batch,
                                     .beginning = begins_epoch ? BEGINNING_EPOCH : BEGINNING_LATER,
                                     .look_ahead = is_last(audit)};

    scan_begin(&audit->scan, &start);
    digest_stream_start(&stream);
    digest_stream_add(&stream, start.raw_header);
    audit->valid_bytes += SEGMENT_HEADER_BYTES;
    enum status status = walk(audit, &stream);

    note_place(audit, &stream);
    if (status != OK) {
        return status;
    }
    return is_last(audit) ? check_tail(audit) : check_end(audit, &row[1]);
}

static enum status read_segment(struct audit *audit)
{
    const struct audit_row *row = row_of(audit);
    enum status status = audit_open_header(audit, row->segment);

    if (status == OK) {
        status = audit_check_digests(audit);
    }
    if (status != OK) {
        audit_damaged(audit, status, "header");
        audit->damage.segment = row->segment;
        return status;
    }
    status = read_batches(audit);
    if (status != OK && audit->damage.why == OK) {
        damaged_batch(audit, status, audit->scan.place.offset, audit->scan.place.batch + 1);
    }
    return status;
}

static void take_memory(struct audit *audit)
{
    audit->rows = calloc(audit->folder->segment_count + 1, sizeof *audit->rows);
    audit->room = malloc(BATCH_BYTES_MAX);
    audit->plain = malloc(BATCH_BYTES_MAX);
    audit->raw = malloc(SEGMENT_HEADER_BYTES);
    CHECK(audit->rows != NULL && audit->room != NULL && audit->plain != NULL && audit->raw != NULL);
    scan_init(&audit->scan);
}

enum status audit_run(struct audit *audit)
{
    take_memory(audit);
    TRY(read_small_files(audit));
    skip_what_was_let_go(audit);
    TRY(audit_read_headers(audit));
    audit->opens_seals = !audit->keyless || audit->descriptor.suite == SUITE_NONE;
    while (audit->row_count < audit->folder->segment_count) {
        TRY(read_segment(audit));
        audit->row_count++;
    }
    return OK;
}

void audit_drop(struct audit *audit)
{
    scan_drop(&audit->scan);
    segment_key_wipe(&audit->key);
    if (audit->plain != NULL) {
        secret_wipe_memory(audit->plain, audit->plain_used);
    }
    free(audit->rows);
    free(audit->room);
    free(audit->plain);
    free(audit->raw);
    audit->rows = NULL;
    audit->room = audit->plain = audit->raw = NULL;
}
