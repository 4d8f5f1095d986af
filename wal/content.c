/* Encoders and decoders of what batches hold, pair by pair.
 *
 * Data is checked as a whole before anybody walks it: runs first (they end where the record count
 * is reached), then lengths, then that the bodies end exactly where the plaintext does. */
#include "wal/content.h"

#include "base/check.h"
#include "wal/batch.h"

void run_encode(struct writer *writer, const struct run *run)
{
    writer_u64(writer, run->producer);
    writer_u64(writer, run->first_sequence);
    writer_u32(writer, run->count);
}

static enum status run_decode(struct run *run, struct reader *reader)
{
    TRY(reader_u64(reader, &run->producer));
    TRY(reader_u64(reader, &run->first_sequence));
    return reader_u32(reader, &run->count);
}

/* An empty run, too many records, sequences that pass the last number: not ours. */
static enum status check_run(const struct run *run, uint32_t records_left)
{
    const bool fits = run->count > 0 && run->count <= records_left
                      && run->first_sequence <= UINT64_MAX - (run->count - 1);

    return fits ? OK : E_MALFORMED;
}

static enum status decode_runs(struct bytes *runs, struct reader *reader, uint32_t record_count)
{
    const struct bytes begin = reader->left;
    struct run run;

    for (uint32_t left = record_count; left > 0; left -= run.count) {
        if (run_decode(&run, reader) != OK) {
            return E_MALFORMED;
        }
        TRY(check_run(&run, left));
    }
    *runs = bytes_of(begin.data, begin.size - reader->left.size);
    return OK;
}

static enum status sum_lengths(struct bytes lengths, uint64_t *sum)
{
    struct reader reader = reader_of(lengths);
    uint32_t length;

    *sum = 0;
    while (reader.left.size > 0) {
        TRY(reader_u32(&reader, &length));
        if (length == 0 || length > RECORD_BYTES_MAX) {
            return E_MALFORMED;
        }
        *sum += length;
    }
    return OK;
}

enum status batch_data_decode(struct batch_data *data, struct bytes plain, uint32_t record_count)
{
    struct reader reader = reader_of(plain);
    uint64_t bodies;

    TRY(decode_runs(&data->runs, &reader, record_count));
    if (reader_view(&reader, &data->lengths, 4 * (size_t)record_count) != OK) {
        return E_MALFORMED;
    }
    TRY(sum_lengths(data->lengths, &bodies));
    data->bodies = reader.left;
    data->record_count = record_count;
    return record_count > 0 && bodies == data->bodies.size ? OK : E_MALFORMED;
}

bool batch_data_next_run(struct reader *runs, struct run *run)
{
    return run_decode(run, runs) == OK;
}

void epoch_start_encode(struct writer *writer, const struct epoch_start *start)
{
    writer_u64(writer, start->epoch);
    writer_u64(writer, start->start_batch);
    writer_u64(writer, start->start_lsn);
    writer_u64(writer, start->parent_epoch);
    writer_u64(writer, start->parent_last_batch);
    writer_copy(writer, start->parent_tag.bytes, sizeof start->parent_tag.bytes);
    writer_u64(writer, start->loss_first_lsn);
    writer_u64(writer, start->loss_last_lsn);
}

static enum status check_epoch_start(const struct epoch_start *start)
{
    const bool loss = start->loss_first_lsn <= start->loss_last_lsn
                      && (start->loss_first_lsn == 0) == (start->loss_last_lsn == 0);

    return loss && start->epoch > start->parent_epoch
                   && start->parent_last_batch < start->start_batch && start->start_lsn > 0
               ? OK
               : E_MALFORMED;
}

enum status epoch_start_decode(struct epoch_start *start, struct bytes plain)
{
    struct reader reader = reader_of(plain);

    if (plain.size != EPOCH_START_BYTES) {
        return E_MALFORMED;
    }
    TRY(reader_u64(&reader, &start->epoch));
    TRY(reader_u64(&reader, &start->start_batch));
    TRY(reader_u64(&reader, &start->start_lsn));
    TRY(reader_u64(&reader, &start->parent_epoch));
    TRY(reader_u64(&reader, &start->parent_last_batch));
    TRY(reader_copy(&reader, start->parent_tag.bytes, sizeof start->parent_tag.bytes));
    TRY(reader_u64(&reader, &start->loss_first_lsn));
    TRY(reader_u64(&reader, &start->loss_last_lsn));
    return check_epoch_start(start);
}

void final_encode(struct writer *writer, const struct final_content *final)
{
    writer_u64(writer, final->batch_count);
    writer_u64(writer, final->end_lsn);
}

enum status final_decode(struct final_content *final, struct bytes plain)
{
    struct reader reader = reader_of(plain);

    if (plain.size != FINAL_BYTES) {
        return E_MALFORMED;
    }
    TRY(reader_u64(&reader, &final->batch_count));
    TRY(reader_u64(&reader, &final->end_lsn));
    return final->batch_count > 0 ? OK : E_MALFORMED;
}
