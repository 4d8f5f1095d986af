/* Content under a right seal, type by type. What is wrong here was sealed so: no crash and no disk
 * makes it, only a writer with a bug or somebody who holds the DEK.
 *
 * The scan has compared a final batch with its own count already. */
#include "base/check.h"
#include "cli/audit_parts.h"
#include "wal/producers.h"

#include <stdlib.h>

/* What it says of itself is in the header too; its parent is the segment before. If that is not
 * kept any more, its epoch is known, and its last tag is not. */
static enum status check_epoch_start(const struct audit *audit, struct bytes plain)
{
    static const struct audit_row none;
    const struct audit_row *row = &audit->rows[audit->row_count];
    const struct audit_row *parent = audit->row_count > 0 ? row - 1 : &none;
    const bool is_kept = audit->row_count > 0 || row->segment == 0;
    const epoch_t epoch = is_kept ? parent->epoch : audit->control.before_epoch;
    struct epoch_start start;

    TRY(epoch_start_decode(&start, plain));
    return start.epoch == row->epoch && start.start_batch == row->first_batch
                   && start.start_lsn == row->first_lsn && start.parent_epoch == epoch
                   && start.parent_last_batch == row->prev_last_batch
                   && (!is_kept || tag_equal(&start.parent_tag, &parent->last_tag))
               ? OK
               : E_MALFORMED;
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

/* Fills `ids`. Least recently appended first, and all before the records that follow. */
static enum status check_rows(struct reader *rows, uint64_t *ids, uint32_t count, lsn_t first_lsn)
{
    lsn_t lsn, before = 0;
    uint64_t sequence;

    for (uint32_t i = 0; i < count; i++) {
        TRY(reader_u64(rows, &ids[i]));
        TRY(reader_u64(rows, &sequence));
        TRY(reader_u64(rows, &lsn));
        if (lsn <= before || lsn >= first_lsn) {
            return E_MALFORMED;
        }
        before = lsn;
    }
    return OK;
}

static enum status check_twins(uint64_t *ids, uint32_t count)
{
    qsort(ids, count, sizeof *ids, compare_ids);
    for (uint32_t i = 1; i < count; i++) {
        if (ids[i] == ids[i - 1]) {
            return E_MALFORMED;
        }
    }
    return OK;
}

static enum status check_checkpoint(const struct scan_batch *found)
{
    struct reader reader = reader_of(found->plain);
    uint32_t count;

    if (found->plain.size < CHECKPOINT_HEAD_BYTES) {
        return E_MALFORMED;
    }
    TRY(reader_u32(&reader, &count));
    TRY(reader_zeros(&reader, 4));
    if (count > PRODUCERS_MAX || reader.left.size != (size_t)count * CHECKPOINT_ROW_BYTES) {
        return E_MALFORMED;
    }
    uint64_t *const ids = malloc((count + 1) * sizeof *ids);

    CHECK(ids != NULL);
    enum status status = check_rows(&reader, ids, count, found->header.first_lsn);

    if (status == OK) {
        status = check_twins(ids, count);
    }
    free(ids);
    return status;
}

enum status audit_check_content(const struct audit *audit, const struct scan_batch *found)
{
    struct batch_data data;

    switch (found->header.type) {
    case BATCH_EPOCH_START:
        return check_epoch_start(audit, found->plain);
    case BATCH_CHECKPOINT:
        return check_checkpoint(found);
    case BATCH_DATA:
        return batch_data_decode(&data, found->plain, found->header.record_count);
    case BATCH_FINAL:
        break;
    }
    return OK;
}
