/* A whole segment from a disk that somebody else has written to: all at once, and in small pieces.
 *
 * The input follows a header of ours; it is tried as it is, and with its batches sealed and chained
 * anew. */
#include "base/check.h"
#include "base/writer.h"
#include "tests/fuzz/fuzz.h"
#include "wal/scan.h"

enum { FILE_MAX = 96 << 10, BATCH_MAX = 32 << 10 };

static const struct secret dek;
static struct segment_header header = {
    .suite = SUITE_NONE, .lineage = {{1}}, .epoch = 1, .first_batch = 1, .first_lsn = 1};
static struct segment_key key;
static uint8_t file[SEGMENT_HEADER_BYTES + FILE_MAX], plain[BATCH_MAX];
static struct scan scan;

struct seen {
    struct scan_place place, surplus;
    enum status bad;
    enum scan_tail tail;
    uint64_t batches, later_count, tail_end;
};

static void set_up(void)
{
    static bool done;

    if (!done) {
        segment_header_encode(&header, &dek, file, &key);
        scan_init(&scan);
        done = true;
    }
}

static struct seen walk(uint64_t size, uint64_t piece, bool keyed, batch_t last_batch)
{
    const struct scan_start start = {.header = &header,
                                     .raw_header = bytes_of(file, SEGMENT_HEADER_BYTES),
                                     .key = keyed ? &key : NULL,
                                     .plain = keyed ? plain : NULL,
                                     .batch_bytes_max = BATCH_MAX,
                                     .last_batch = last_batch,
                                     .look_ahead = true};
    struct seen seen = {0};
    enum scan_step step = SCAN_MORE;
    uint64_t end = 0, before = 0;

    scan_begin(&scan, &start);
    while (step != SCAN_DONE) {
        struct scan_batch found;

        if (step == SCAN_MORE) {
            const uint64_t want = scan.need > piece ? scan.need : piece;

            CHECK(scan.need <= BATCH_MAX && (scan.offset + scan.need > before || end < size));
            end = scan.offset + want < size ? scan.offset + want : size;
            before = scan.offset;
        }
        step = scan_next(&scan,
                         bytes_of(file + scan.offset, end > scan.offset ? end - scan.offset : 0),
                         end == size, &found);
        seen.batches += step == SCAN_BATCH;
        CHECK(step != SCAN_BATCH || found.offset + found.header.batch_bytes == scan.offset);
    }
    seen.place = scan.place;
    seen.surplus = scan.surplus;
    seen.bad = scan.bad;
    seen.tail = scan.tail;
    seen.later_count = scan.later_count;
    seen.tail_end = scan.tail_end;
    CHECK(seen.place.offset <= seen.surplus.offset && seen.surplus.offset <= seen.tail_end);
    CHECK(seen.tail_end <= size && seen.surplus.batch_count == seen.batches);
    CHECK(last_batch == SCAN_OPEN_END || seen.place.batch <= last_batch);
    return seen;
}

/* Every batch that has a form follows the one before it, as if its writer had sealed it so. */
static void reseal(uint64_t size)
{
    static uint8_t content[BATCH_MAX];
    struct batch_sealer sealer;
    struct tag tag = segment_first_tag(&header);

    batch_sealer_init(&sealer);
    batch_sealer_begin(&sealer, &header, bytes_of(file, SEGMENT_HEADER_BYTES), &key);
    for (uint64_t at = SEGMENT_HEADER_BYTES; at + BATCH_BLOCK_BYTES <= size;) {
        struct batch_header found;
        uint64_t step = BATCH_BLOCK_BYTES;

        if (batch_header_decode(&found, bytes_of(file + at, size - at)) == OK
            && found.batch_bytes <= size - at && found.batch_bytes <= BATCH_MAX) {
            const struct bytes plaintext = bytes_of(content, found.plain_bytes);

            step = found.batch_bytes;
            memcpy(content, file + at + BATCH_HEADER_BYTES, found.plain_bytes);
            found.prev_tag = tag;
            tag = batch_seal(&sealer, &found, &plaintext, 1, file + at);
        }
        at += step;
    }
    batch_sealer_drop(&sealer);
}

static void try_all(uint64_t size)
{
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        const struct seen whole = walk(size, FILE_MAX, keyed, SCAN_OPEN_END);
        const struct seen parts = walk(size, 1, keyed, SCAN_OPEN_END);
        const struct seen cut = walk(size, 5000, keyed, 2);

        CHECK(whole.place.offset == parts.place.offset && whole.batches == parts.batches);
        CHECK(tag_equal(&whole.place.tag, &parts.place.tag) && whole.bad == parts.bad);
        CHECK(whole.tail == parts.tail && whole.later_count == parts.later_count);
        CHECK(cut.surplus.offset == whole.surplus.offset && cut.batches == whole.batches);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FILE_MAX) {
        return 0;
    }
    set_up();
    memcpy(file + SEGMENT_HEADER_BYTES, data, size);
    try_all(SEGMENT_HEADER_BYTES + size);
    reseal(SEGMENT_HEADER_BYTES + size);
    try_all(SEGMENT_HEADER_BYTES + size);
    return 0;
}
