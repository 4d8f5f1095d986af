/* One batch from a disk or a link, and what an honest seal would let through of its content.
 *
 * The input is tried as a batch, with its checksum made right, and sealed anew as if its writer had
 * a bug: so that the content decoders see everything. */
#include "base/check.h"
#include "base/writer.h"
#include "tests/fuzz/fuzz.h"
#include "wal/batch.h"
#include "wal/content.h"
#include "wal/producers.h"

#include <stdlib.h>

enum { BATCH_MAX = 64 << 10 };

static const struct secret dek;
static struct segment_header header = {
    .suite = SUITE_NONE, .lineage = {{1}}, .epoch = 1, .first_batch = 1, .first_lsn = 1};
static uint8_t raw_header[SEGMENT_HEADER_BYTES], copy[BATCH_MAX], plain[BATCH_MAX];
static uint8_t sealed[BATCH_MAX + 2 * BATCH_BLOCK_BYTES], again[BATCH_MAX];
static struct batch_sealer sealer;
static struct producers producers;

static void fill(void *context, void *into, size_t size)
{
    (void)context;
    memset(into, 0x5a, size); /* the same run for the same input */
}

static void set_up(void)
{
    static const struct entropy entropy = {.fill = fill};
    static bool done;
    struct segment_key key;
    const size_t size = producers_bytes(PRODUCERS_MAX);

    if (done) {
        return;
    }
    struct arena arena = arena_of(malloc(size), size);

    producers_init(&producers, &arena, PRODUCERS_MAX, &entropy);
    segment_header_encode(&header, &dek, raw_header, &key);
    batch_sealer_init(&sealer);
    batch_sealer_begin(&sealer, &header, bytes_of(raw_header, sizeof raw_header), &key);
    done = true;
}

/* Data: the parts are the whole, the runs count all records. */
static void check_data(struct bytes content, const struct batch_data *data)
{
    struct reader runs = reader_of(data->runs);
    struct run run;
    uint64_t count = 0;

    while (batch_data_next_run(&runs, &run)) {
        count += run.count;
    }
    CHECK(count == data->record_count && data->lengths.size == 4 * count);
    CHECK(data->runs.size + data->lengths.size + data->bodies.size == content.size);
}

/* What decodes encodes to the same. */
static void try_content(struct bytes content, uint32_t record_count)
{
    struct writer writer = writer_of(again, sizeof again);
    struct batch_data data;
    struct epoch_start start;
    struct final_content final;

    if (batch_data_decode(&data, content, record_count) == OK) {
        check_data(content, &data);
    }
    if (epoch_start_decode(&start, content) == OK) {
        epoch_start_encode(&writer, &start);
        CHECK(bytes_equal(writer_bytes(&writer), content));
    }
    if (final_decode(&final, content) == OK) {
        final_encode(&writer, &final);
        CHECK(bytes_equal(writer_bytes(&writer), content));
    }
    if (producers_decode(&producers, content) == OK) {
        CHECK(producers_encoded_bytes(&producers) == content.size);
        producers_encode(&producers, &writer);
        CHECK(bytes_equal(writer_bytes(&writer), content));
    }
}

static void try_batch(struct bytes bytes)
{
    struct batch_header found;
    struct tag tag;

    if (batch_parse(&sealer, &found, bytes, &tag) != OK) {
        return;
    }
    CHECK(found.batch_bytes == batch_bytes_for(found.plain_bytes));
    (void)batch_end_lsn(&found);
    (void)!batch_check_place(&found, 1, 0, &tag);
    (void)!batch_check_order(&found, 0, BEGINNING_UNKNOWN);
    const enum status opened = batch_open(&sealer, &found, bytes, plain);

    CHECK(batch_verify(&sealer, &found, bytes) == opened);
    if (opened == OK) {
        try_content(bytes_of(plain, found.plain_bytes), found.record_count);
    }
}

/* The input's first bytes choose type and count, the rest is the content. */
static void try_sealed(struct bytes content)
{
    struct batch_header found, read;
    const uint32_t count = content.size > 4 ? content.data[1] : 1;
    const bool fits = 20 + 5 * (uint64_t)count <= content.size && count > 0;

    found = (struct batch_header){.type = fits ? BATCH_DATA : BATCH_CHECKPOINT,
                                  .batch = 1,
                                  .first_lsn = 1,
                                  .record_count = fits ? count : 0};
    batch_seal(&sealer, &found, &content, 1, sealed);
    CHECK(batch_parse(&sealer, &read, bytes_of(sealed, found.batch_bytes), NULL) == OK);
    try_batch(bytes_of(sealed, found.batch_bytes));
}

static void fix_checksum(size_t size)
{
    const uint32_t seed = crc32c(0, bytes_of(header.commitment.bytes, 4));
    struct batch_header found;

    if (batch_header_decode(&found, bytes_of(copy, size)) == OK && found.batch_bytes <= size) {
        struct writer writer = writer_of(copy + found.batch_bytes - 8, 8);

        writer_u32(&writer, crc32c(seed, bytes_of(copy, found.batch_bytes - 8)));
        writer_u32(&writer, found.batch_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > BATCH_MAX) {
        return 0;
    }
    set_up();
    memcpy(copy, data, size);
    try_batch(bytes_of(copy, size));
    try_sealed(bytes_of(copy, size));
    for (uint32_t count = 1; count < 4; count++) {
        try_content(bytes_of(copy, size), count);
    }
    fix_checksum(size);
    try_batch(bytes_of(copy, size));
    return 0;
}
