/* What is inside the plaintext of a batch?
 *
 * Data: runs {producer u64, first_sequence u64, count u32} until record_count is reached, then the
 * record lengths (u32 each), then the bodies. Epoch-start, checkpoint and final batches hold fixed
 * fields. Decoders take the plaintext (plain_bytes of it) of an opened batch, so what fails here
 * was sealed by a writer with a bug: E_MALFORMED. */
#ifndef SEALIFT_WAL_CONTENT_H
#define SEALIFT_WAL_CONTENT_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/reader.h"
#include "base/status.h"
#include "base/writer.h"

enum {
    RUN_BYTES = 20,
    EPOCH_START_BYTES = 72,
    CHECKPOINT_HEAD_BYTES = 8,
    CHECKPOINT_ROW_BYTES = 24,
    FINAL_BYTES = 16,
};

/* Consecutive records of one producer. */
struct run {
    uint64_t producer;
    uint64_t first_sequence;
    uint32_t count;
};

void run_encode(struct writer *writer, const struct run *run);

/* Data, taken apart without copying. */
struct batch_data {
    struct bytes runs; /* record_count records in all */
    struct bytes lengths; /* 4 bytes a record */
    struct bytes bodies;
    uint32_t record_count;
};

/* Checks that runs, lengths and bodies add up to exactly `plain`, that no record is empty or larger
 * than RECORD_BYTES_MAX, and that no run is empty. */
NODISCARD enum status batch_data_decode(struct batch_data *data, struct bytes plain,
                                        uint32_t record_count);

/* Steps through the runs; false at the end. */
bool batch_data_next_run(struct reader *runs, struct run *run);

struct epoch_start {
    epoch_t epoch;
    batch_t start_batch;
    lsn_t start_lsn;
    epoch_t parent_epoch; /* 0: the first epoch */
    batch_t parent_last_batch;
    struct tag parent_tag;
    lsn_t loss_first_lsn; /* 0: no loss was accepted */
    lsn_t loss_last_lsn;
};

void epoch_start_encode(struct writer *writer, const struct epoch_start *start);
NODISCARD enum status epoch_start_decode(struct epoch_start *start, struct bytes plain);

struct final_content {
    uint64_t batch_count; /* of the segment, the final one included */
    lsn_t end_lsn;
};

void final_encode(struct writer *writer, const struct final_content *final);
NODISCARD enum status final_decode(struct final_content *final, struct bytes plain);

#endif
