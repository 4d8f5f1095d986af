/* Is that the header of the segment in hand, and how far does the segment go?
 *
 * The header after it says where it ends and what its last tag is chained to; the index and the
 * epoch table say the rest (repair.h tells why that is enough).
 *
 * How it goes wrong: the next one is lacking as well, or of a history that was cut: then the epoch
 * bounds the segment, and what the order wants of it. */
#include "base/check.h"
#include "member/repair_parts.h"

/* It is of a history that has been cut, and about to be set aside (an empty segment right behind
 * the end of its epoch may have been chained over). */
static bool is_surplus(const struct member *member, const struct segment_header *header)
{
    const batch_t end = epoch_table_end(&member->control.epochs, header->epoch);

    return end != 0 && end != BATCH_OPEN_END && header->first_batch > end + 1;
}

void repair_take_next(struct member *member, const struct read_slot *slot)
{
    struct repair *repair = &member->repair;
    const segment_t segment = repair->order.segment + 1;
    const struct index_row *row = index_find(&member->wal.index, segment);
    struct segment_key key = {0};

    repair->has_next = slot->status == OK
                       && opening_open_header(member, &repair->next, slot->bytes, &key) == OK
                       && repair->next.segment == segment && !is_surplus(member, &repair->next)
                       && (row == NULL || index_row_fits(row, &repair->next));
    segment_key_wipe(&key);
    repair->step = REPAIR_HEADER;
    repair->bad_here = repair->distrusts;
}

batch_t repair_end(const struct member *member)
{
    const struct repair *repair = &member->repair;
    const struct index_row *next = index_find(&member->wal.index, repair->order.segment + 1);

    return repair->has_next ? repair->next.prev_last_batch
           : next != NULL   ? next->first_batch - 1
                            : BATCH_OPEN_END;
}

batch_t repair_epoch_end(const struct member *member)
{
    const batch_t end = epoch_table_end(&member->control.epochs, member->repair.header.epoch);

    return end == 0 ? BATCH_OPEN_END : end; /* it is older than the table */
}

batch_t repair_last_wanted(const struct member *member)
{
    const batch_t end = repair_end(member);

    return end != BATCH_OPEN_END ? end : repair_epoch_end(member);
}

/* An epoch that our table does not know is not of our history, unless it is older than the table.
 * Nor is what its writer began behind its end, where nothing here was chained to that. */
static bool is_of_our_epochs(const struct member *member, const struct segment_header *header)
{
    const struct epoch_table *table = &member->control.epochs;
    const struct epoch_entry *entry = epoch_table_find(table, header->epoch);

    if (entry == NULL) {
        return table->count > 0 && header->epoch < table->entries[0].epoch;
    }
    return header->first_batch >= entry->start_batch
           && (member->repair.has_next || index_find(&member->wal.index, header->segment) != NULL
               || header->first_batch <= epoch_table_end(table, header->epoch));
}

static enum status check_header(const struct member *member, const struct segment_header *header)
{
    const struct repair *repair = &member->repair;
    const segment_t segment = repair->order.segment;
    const struct index_row *row = index_find(&member->wal.index, segment);
    const struct index_row *before =
        segment == 0 ? NULL : index_find(&member->wal.index, segment - 1);

    if (header->segment != segment || header->first_batch != header->prev_last_batch + 1
        || header->first_lsn != header->prev_end_lsn + 1
        || (row != NULL && !index_row_fits(row, header))
        || (before != NULL
            && (header->epoch < before->epoch || header->first_batch < before->first_batch))
        || (repair->has_next
            && (header->epoch > repair->next.epoch
                || header->first_batch > repair->next.first_batch))) {
        return E_GAP;
    }
    if (segment == 0 && !digest_equal(&header->prev_chain, &member->descriptor_digest)) {
        return E_CHAIN;
    }
    return is_of_our_epochs(member, header) ? OK : E_STALE_EPOCH;
}

static enum batch_beginning beginning_of(const struct member *member,
                                         const struct segment_header *header)
{
    const struct index_row *row = index_find(&member->wal.index, header->segment);
    const struct index_row *before =
        header->segment == 0 ? NULL : index_find(&member->wal.index, header->segment - 1);

    return row != NULL                      ? row->beginning
           : header->segment == 0           ? BEGINNING_EPOCH
           : before == NULL                 ? BEGINNING_UNKNOWN
           : before->epoch == header->epoch ? BEGINNING_LATER
                                            : BEGINNING_EPOCH;
}

enum status repair_take_header(struct member *member, struct bytes raw)
{
    struct repair *repair = &member->repair;
    struct segment_key key;

    TRY(opening_open_header(member, &repair->header, raw, &key));
    const enum status status = check_header(member, &repair->header);

    if (status == OK) {
        memcpy(repair->raw, raw.data, sizeof repair->raw);
        scan_begin(&repair->scan,
                   &(struct scan_start){.header = &repair->header,
                                        .raw_header = bytes_of(repair->raw, sizeof repair->raw),
                                        .key = &key,
                                        .beginning = beginning_of(member, &repair->header),
                                        .last_batch = SCAN_OPEN_END});
        memcpy(repair->buffer, repair->raw, sizeof repair->raw);
        repair->buffered = sizeof repair->raw;
        repair->has_header = true;
        repair->bad_here = repair->distrusts || !repair->has_file;
        repair->step = REPAIR_BATCHES;
        repair_forget_peers(repair);
    }
    segment_key_wipe(&key);
    return status;
}
