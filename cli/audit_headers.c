/* Each header by itself (form, checksum), against the descriptor (lineage, setting), under its key,
 * and against the header before it (number, epoch, place).
 *
 * How it goes wrong: a file that is gone (E_MISSING), one under another's name (E_GAP), one of
 * another WAL (E_LINEAGE) or setting (E_DESCRIPTOR), a key that is not at hand (E_WRONG_KEY). Any
 * field that was edited changes the derived key, so an edit reads as E_WRONG_KEY. */
#include "cli/audit_parts.h"

#include "base/check.h"

bool audit_has_key(const struct audit *audit)
{
    return !audit->keyless || audit->header.suite == SUITE_NONE;
}

static const struct secret *find_dek(const struct audit *audit, const struct id *id)
{
    static const struct secret zero;

    if (id_is_zero(id)) {
        return &zero; /* of an unencrypted cluster: check_identity has looked */
    }
    for (uint32_t i = 0; i < audit->dek_count; i++) {
        if (id_equal(&audit->deks[i].id, id)) {
            return &audit->deks[i].secret;
        }
    }
    return NULL;
}

/* A restored WAL begins with its ancestors' segments, up to their cuts. Which one it is, the file's
 * name says: what its header says of that is judged later. */
static enum status check_identity(const struct audit *audit, segment_t segment)
{
    const struct descriptor *descriptor = &audit->descriptor;
    const struct segment_header *header = &audit->header;
    struct id lineage = descriptor->lineage;
    struct digest digest = audit->descriptor_digest;
    enum suite suite = descriptor->suite;

    for (uint32_t i = descriptor->ancestor_count; i > 0; i--) {
        const struct ancestor *ancestor = &descriptor->ancestors[i - 1];

        if (segment <= ancestor->cut_segment) {
            lineage = ancestor->lineage;
            digest = ancestor->descriptor;
            suite = ancestor->suite;
        }
    }
    if (!id_equal(&header->lineage, &lineage)) {
        return E_LINEAGE;
    }
    return header->suite == suite && digest_equal(&header->descriptor, &digest) ? OK : E_DESCRIPTOR;
}

enum status audit_open_header(struct audit *audit, segment_t segment)
{
    struct bytes raw;
    uint64_t got;

    TRY(audit->folder->read(audit->folder->context, segment, 0, audit->raw, SEGMENT_HEADER_BYTES,
                            &got));
    raw = bytes_of(audit->raw, got);
    TRY(segment_header_decode(&audit->header, raw));
    TRY(check_identity(audit, segment));
    if (!audit_has_key(audit)) {
        return OK;
    }
    const struct secret *dek = find_dek(audit, &audit->header.dek);

    return dek == NULL ? E_WRONG_KEY : segment_header_open(&audit->header, raw, dek, &audit->key);
}

static enum status check_place(const struct audit *audit, uint32_t place)
{
    const struct segment_header *header = &audit->header;
    const struct audit_row *before = place > 0 ? &audit->rows[place - 1] : NULL;

    if (header->segment != audit->folder->segments[place]) {
        return E_GAP;
    }
    if (before == NULL && header->segment > 0) { /* of what was let go the epoch is known */
        return header->epoch < audit->control.before_epoch ? E_STALE_EPOCH : OK;
    }
    if (before == NULL) {
        if (header->first_batch != 1 || header->first_lsn != 1) {
            return E_GAP;
        }
        return digest_equal(&header->prev_chain, &header->descriptor) ? OK : E_CHAIN;
    }
    if (header->epoch < before->epoch) {
        return E_STALE_EPOCH;
    }
    if (header->first_batch < before->first_batch || header->first_lsn < before->first_lsn) {
        return E_GAP;
    }
    return header->epoch == before->epoch && !id_equal(&header->incarnation, &before->incarnation)
               ? E_CHAIN
               : OK;
}

/* An epoch begins where the control file says it does. */
static enum status check_epoch(const struct audit *audit, uint32_t place)
{
    const struct segment_header *header = &audit->header;
    const struct epoch_entry *entry = epoch_table_find(&audit->control.epochs, header->epoch);
    const epoch_t before = place == 0 ? audit->control.before_epoch : audit->rows[place - 1].epoch;
    const bool begins = before != header->epoch;

    return begins && entry != NULL
                   && (entry->start_batch != header->first_batch
                       || entry->start_lsn != header->first_lsn)
               ? E_GAP
               : OK;
}

static void note_header(struct audit *audit, uint32_t place)
{
    const struct segment_header *header = &audit->header;

    audit->rows[place] = (struct audit_row){.segment = header->segment,
                                            .epoch = header->epoch,
                                            .first_batch = header->first_batch,
                                            .last_batch = header->first_batch - 1,
                                            .first_lsn = header->first_lsn,
                                            .end_lsn = header->first_lsn - 1,
                                            .prev_last_batch = header->prev_last_batch,
                                            .prev_end_lsn = header->prev_end_lsn,
                                            .prev_chain = header->prev_chain,
                                            .dek = header->dek,
                                            .incarnation = header->incarnation};
}

static enum status read_header(struct audit *audit, uint32_t place)
{
    TRY(audit_open_header(audit, audit->folder->segments[place]));
    TRY(check_place(audit, place));
    TRY(check_epoch(audit, place));
    note_header(audit, place);
    return OK;
}

static enum status damaged_at(struct audit *audit, enum status why, const char *what,
                              segment_t segment)
{
    audit_damaged(audit, why, what);
    audit->damage.segment = segment;
    return why;
}

/* Dense from the first that retention keeps; without any segment, nothing may have been durable. */
static enum status check_numbers(struct audit *audit)
{
    const struct audit_folder *folder = audit->folder;
    const segment_t first = audit->control.first_segment;

    for (uint32_t i = 0; i < folder->segment_count; i++) {
        if (folder->segments[i] != first + i) {
            return damaged_at(audit, E_MISSING, "file", first + i);
        }
    }
    return folder->segment_count == 0 && (audit->control.durable.batch > 0 || first > 0)
               ? damaged_at(audit, E_MISSING, "file", first)
               : OK;
}

enum status audit_read_headers(struct audit *audit)
{
    TRY(check_numbers(audit));
    for (uint32_t i = 0; i < audit->folder->segment_count; i++) {
        const enum status status = read_header(audit, i);

        if (status != OK) {
            return damaged_at(audit, status, "header", audit->folder->segments[i]);
        }
    }
    return OK;
}

enum status audit_check_digests(struct audit *audit)
{
    for (uint32_t i = 0; i < audit->header.digest_count; i++) {
        const struct segment_digest *digest = &audit->header.digests[i];

        if (digest->segment >= audit->header.segment) {
            return E_MALFORMED; /* only of those before it */
        }
        if (digest->segment < audit->rows[0].segment) {
            continue; /* it was let go */
        }
        struct audit_row *row = &audit->rows[digest->segment - audit->rows[0].segment];

        if (!digest_equal(&row->sha256, &digest->sha256)) {
            return E_CHECKSUM;
        }
        row->digested = true;
    }
    return OK;
}
