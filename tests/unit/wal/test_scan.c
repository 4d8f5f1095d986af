/* A segment is read the same whatever the pieces, and whatever happened to it has its own
 * ending. */
#include "wal/scan.h"

#include "seal/crc32c.h"
#include "seal/digest.h"
#include "tests/unit/wal/rig.h"
#include "wal/recover.h"

struct file {
    const uint8_t *data;
    uint64_t size;
};

struct outcome {
    struct scan_place place, surplus;
    enum status bad;
    enum scan_tail tail;
    unsigned batches, surplus_batches;
    uint64_t later_count, tail_end;
    batch_t later_durable, stated_durable;
    struct digest plain; /* of all plaintext */
};

static uint8_t plain_room[64 << 10];

/* Reads as a member does: at least what is needed, else `piece` bytes. */
static struct outcome walk(struct scan *scan, struct file file, uint64_t piece)
{
    struct scan_batch found;
    struct outcome outcome = {0};
    struct digest_stream stream;
    enum scan_step step = SCAN_MORE;
    uint64_t end = 0;

    digest_stream_start(&stream);
    for (unsigned i = 0; step != SCAN_DONE; i++) {
        NEED(i < 100000);
        const uint64_t begin = scan->offset < file.size ? scan->offset : file.size;

        if (step == SCAN_MORE) {
            const uint64_t want = scan->need > piece ? scan->need : piece;

            NEED(scan->need <= sizeof plain_room);
            end = begin + want < file.size ? begin + want : file.size;
        }
        step = scan_next(scan, bytes_of(file.data + begin, end > begin ? end - begin : 0),
                         end == file.size, &found);
        if (step == SCAN_BATCH) {
            *(found.surplus ? &outcome.surplus_batches : &outcome.batches) += 1;
            digest_stream_add(&stream, found.plain);
            EXPECT(found.offset + found.header.batch_bytes == scan->offset);
        }
    }
    outcome.plain = digest_stream_end(&stream);
    outcome.place = scan->place;
    outcome.surplus = scan->surplus;
    outcome.bad = scan->bad;
    outcome.tail = scan->tail;
    outcome.later_count = scan->later_count;
    outcome.later_durable = scan->later_durable;
    outcome.stated_durable = scan->stated_durable;
    outcome.tail_end = scan->tail_end;
    return outcome;
}

struct reading {
    struct scan scan;
    struct segment_header header;
    struct segment_key key;
    struct scan_start start;
};

static void reading_set_up(struct reading *reading, const struct rig *rig, segment_t segment)
{
    const struct bytes raw = bytes_of(rig->disk.segments[segment], SEGMENT_HEADER_BYTES);

    scan_init(&reading->scan);
    NEED(segment_header_decode(&reading->header, raw) == OK);
    NEED(segment_header_open(&reading->header, raw, &rig->dek, &reading->key) == OK);
    reading->start = (struct scan_start){.header = &reading->header,
                                         .raw_header = raw,
                                         .key = &reading->key,
                                         .plain = plain_room,
                                         .batch_bytes_max = sizeof plain_room,
                                         .last_batch = SCAN_OPEN_END,
                                         .look_ahead = true};
}

static struct outcome read_file(struct reading *reading, struct file file, uint64_t piece)
{
    scan_begin(&reading->scan, &reading->start);
    return walk(&reading->scan, file, piece);
}

static struct rig *rig_written(unsigned segments, uint64_t seed)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *rig = rig_new(&settings, SUITE_AES_256_GCM, seed);

    rig_begin(rig, 1);
    rig_answer(rig);
    rig_write_segments(rig, segments);
    return rig;
}

static struct file file_of(const struct rig *rig, segment_t segment)
{
    return (struct file){rig->disk.segments[segment], rig->disk.sizes[segment]};
}

TEST(a_segment_reads_the_same_in_pieces_of_any_size)
{
    struct rig *rig = rig_written(3, 1);
    struct reading reading;

    for (segment_t segment = 0; segment < 3; segment++) {
        reading_set_up(&reading, rig, segment);
        const struct outcome whole = read_file(&reading, file_of(rig, segment), 1 << 20);

        for (uint64_t piece = 1; piece < 70000; piece += 3001) {
            const struct outcome parts = read_file(&reading, file_of(rig, segment), piece);

            EXPECT(digest_equal(&whole.plain, &parts.plain) && whole.batches == parts.batches);
            EXPECT(tag_equal(&whole.place.tag, &parts.place.tag) && parts.bad == whole.bad);
            EXPECT(parts.tail == whole.tail && parts.place.offset == whole.place.offset);
        }
        EXPECT(whole.bad == OK && whole.tail == SCAN_TAIL_END);
        EXPECT(whole.place.offset == rig->disk.sizes[segment]);
        EXPECT(whole.place.closed == (segment < 2));
        EXPECT(whole.batches == whole.place.batch_count && whole.surplus_batches == 0);
        scan_drop(&reading.scan);
    }
    rig_free(rig);
}

TEST(the_place_is_the_one_where_the_writer_stands)
{
    struct rig *rig = rig_written(3, 2);
    struct reading reading;

    reading_set_up(&reading, rig, 2);
    for (unsigned keyed = 0; keyed < 2; keyed++) {
        reading.start.key = keyed ? &reading.key : NULL;
        const struct outcome outcome = read_file(&reading, file_of(rig, 2), 4096);

        EXPECT(outcome.place.batch == rig->wal.sealed);
        EXPECT(outcome.place.end_lsn == rig->wal.sealed_lsn);
        EXPECT(outcome.place.offset == rig->wal.offset);
        EXPECT(outcome.place.batch_count == rig->wal.batch_count);
        EXPECT(outcome.place.closed == rig->wal.closed);
        EXPECT(tag_equal(&outcome.place.tag, &rig->wal.tag));
        EXPECT(outcome.stated_durable < rig->wal.sealed);
    }
    scan_drop(&reading.scan);
    rig_free(rig);
}

TEST(an_empty_segment_ends_where_it_begins)
{
    struct rig *rig = rig_written(1, 3);
    struct reading reading;

    reading_set_up(&reading, rig, 0);
    const struct outcome outcome =
        read_file(&reading, (struct file){rig->disk.segments[0], SEGMENT_HEADER_BYTES}, 4096);
    const struct tag first = segment_first_tag(&reading.header);

    EXPECT(outcome.tail == SCAN_TAIL_END && outcome.bad == OK);
    EXPECT(outcome.place.batch == 0 && outcome.place.end_lsn == 0);
    EXPECT(outcome.place.offset == SEGMENT_HEADER_BYTES);
    EXPECT(tag_equal(&outcome.place.tag, &first));
    scan_drop(&reading.scan);
    rig_free(rig);
}

TEST(zeros_and_what_another_segment_left_are_a_clean_tail)
{
    struct rig *rig = rig_written(3, 4);
    struct reading reading;
    static uint8_t recycled[RIG_SEGMENT_ROOM];
    const uint64_t own = rig->disk.sizes[2];
    const uint64_t size = rig->disk.sizes[0] > own ? rig->disk.sizes[0] : own + 8192;

    reading_set_up(&reading, rig, 2);
    for (unsigned stale = 0; stale < 2; stale++) {
        memset(recycled, 0, sizeof recycled);
        memcpy(recycled, rig->disk.segments[0], stale ? rig->disk.sizes[0] : 0);
        memcpy(recycled, rig->disk.segments[2], own);
        const struct outcome outcome = read_file(&reading, (struct file){recycled, size}, 10000);

        EXPECT(outcome.tail == SCAN_TAIL_CLEAN && outcome.later_count == 0);
        EXPECT(outcome.bad != OK);
        EXPECT(outcome.place.offset == own && outcome.place.batch == rig->wal.sealed);
        EXPECT(outcome.tail_end == own);
    }
    scan_drop(&reading.scan);
    rig_free(rig);
}

/* The batch of the segment that holds this byte: its number among the segment's, from 0. */
static unsigned batch_at(struct file file, uint64_t byte)
{
    struct batch_header header;
    uint64_t offset = SEGMENT_HEADER_BYTES;

    for (unsigned i = 0;; i++) {
        NEED(batch_header_decode(&header, bytes_of(file.data + offset, file.size - offset)) == OK);
        offset += header.batch_bytes;
        if (byte < offset) {
            return i;
        }
    }
}

TEST(a_flipped_bit_anywhere_ends_the_walk_at_its_batch_and_those_behind_are_seen)
{
    struct rig *rig = rig_written(2, 5);
    struct reading reading;
    static uint8_t copy[RIG_SEGMENT_ROOM];
    const struct file file = file_of(rig, 0);

    reading_set_up(&reading, rig, 0);
    memcpy(copy, file.data, file.size);
    const struct outcome whole = read_file(&reading, file, 1 << 20);

    for (uint64_t byte = SEGMENT_HEADER_BYTES; byte < file.size; byte += 37) {
        const unsigned victim = batch_at(file, byte);
        const unsigned behind = (unsigned)whole.place.batch_count - victim - 1;

        copy[byte] ^= (uint8_t)(1 << byte % 8);
        reading.start.key = byte % 2 ? &reading.key : NULL;
        const struct outcome outcome =
            read_file(&reading, (struct file){copy, file.size}, byte % 3 ? 1 << 20 : 5000);

        EXPECT(outcome.place.batch_count == victim && outcome.bad != OK);
        EXPECT(outcome.later_count == behind);
        EXPECT(behind > 0 ? outcome.tail == SCAN_TAIL_LATER && outcome.tail_end == file.size
                          : outcome.tail == SCAN_TAIL_TORN || outcome.tail == SCAN_TAIL_CLEAN);
        copy[byte] ^= (uint8_t)(1 << byte % 8);
    }
    scan_drop(&reading.scan);
    rig_free(rig);
}

TEST(a_file_cut_anywhere_ends_at_the_last_whole_batch)
{
    struct rig *rig = rig_written(2, 6);
    struct reading reading;
    const struct file file = file_of(rig, 0);

    reading_set_up(&reading, rig, 0);
    for (uint64_t size = SEGMENT_HEADER_BYTES + 1; size < file.size; size += 511) {
        const struct outcome outcome = read_file(&reading, (struct file){file.data, size}, 7000);
        const unsigned whole = batch_at(file, size);

        EXPECT(outcome.place.batch_count == whole);
        if (outcome.place.offset == size) {
            EXPECT(outcome.bad == OK && outcome.tail == SCAN_TAIL_END);
        } else {
            EXPECT(outcome.bad == E_TRUNCATED);
            EXPECT(outcome.tail_end <= size);
            EXPECT((outcome.tail == SCAN_TAIL_TORN)
                   == (size - outcome.place.offset >= BATCH_HEADER_BYTES));
        }
    }
    scan_drop(&reading.scan);
    rig_free(rig);
}

TEST(a_lost_batch_is_seen_by_what_the_later_ones_state)
{
    struct rig *rig = rig_written(2, 7);
    struct reading reading;
    static uint8_t copy[RIG_SEGMENT_ROOM];
    const struct file file = file_of(rig, 0);
    struct batch_header header;
    const uint64_t third = SEGMENT_HEADER_BYTES + 2 * 4096;

    reading_set_up(&reading, rig, 0);
    memcpy(copy, file.data, file.size);
    NEED(batch_header_decode(&header, bytes_of(copy + third, file.size - third)) == OK);
    memset(copy + third, 0, header.batch_bytes);
    const struct outcome lost = read_file(&reading, (struct file){copy, file.size}, 4096);

    EXPECT(lost.place.batch == 2 && lost.tail == SCAN_TAIL_LATER);
    EXPECT(lost.bad == E_MALFORMED);
    EXPECT(lost.later_durable >= 3); /* so batch 3 had been durable */

    /* Spliced: the later ones moved up into its place. */
    memcpy(copy + third, file.data + third + header.batch_bytes,
           file.size - third - header.batch_bytes);
    const struct outcome spliced =
        read_file(&reading, (struct file){copy, file.size - header.batch_bytes}, 4096);

    EXPECT(spliced.place.batch == 2 && spliced.bad == E_GAP);
    EXPECT(spliced.tail == SCAN_TAIL_LATER);

    reading.start.look_ahead = false;
    const struct outcome blind = read_file(&reading, (struct file){copy, file.size}, 4096);

    EXPECT(blind.place.batch == 2 && blind.later_count == 0 && blind.tail == SCAN_TAIL_CLEAN);
    scan_drop(&reading.scan);
    rig_free(rig);
}

/* Batches 3, 4 and 5 are under one sync when the crash comes. Seals the last of them `late`: when
 * the others are durable. */
static void write_group(struct rig *rig, bool late)
{
    for (unsigned i = 0; i < 3; i++) {
        NEED(rig_append(rig, 7, 1));
        NEED(wal_seal(&rig->wal, &rig->fx) == OK);
        if (late && i == 1) {
            rig_answer(rig);
        } else {
            rig_perform(rig);
        }
    }
}

static struct recover_verdict verdict_of(const struct outcome *outcome, bool is_writer)
{
    return recover_decide(&(struct recover_evidence){.is_writer = is_writer,
                                                     .has_watermark = true,
                                                     .durable = 2,
                                                     .is_last = true,
                                                     .sealed_here = is_writer,
                                                     .first_batch = 1,
                                                     .first_lsn = 1,
                                                     .epoch_end = RECOVER_OPEN_END,
                                                     .next_end = RECOVER_OPEN_END,
                                                     .last_valid = outcome->surplus.batch,
                                                     .cut_lsn = outcome->surplus.end_lsn,
                                                     .is_closed = outcome->surplus.closed,
                                                     .has_tail = outcome->tail != SCAN_TAIL_CLEAN,
                                                     .later_durable = outcome->later_durable});
}

TEST(a_torn_batch_before_a_whole_one_of_the_same_sync_is_no_damage)
{
    const uint64_t fourth = SEGMENT_HEADER_BYTES + 3 * 4096;
    const struct wal_settings settings = rig_tiny();

    for (unsigned late = 0; late < 2; late++) {
        struct rig *rig = rig_new(&settings, SUITE_AES_256_GCM, 13);
        struct reading reading;

        rig_begin(rig, 1);
        rig_answer(rig);
        write_group(rig, late);
        reading_set_up(&reading, rig, 0);
        rig->disk.segments[0][fourth + 512] ^= 1;
        const struct outcome outcome = read_file(&reading, file_of(rig, 0), 4096);

        EXPECT(outcome.place.batch == 3 && outcome.bad == E_CHECKSUM);
        EXPECT(outcome.tail == SCAN_TAIL_LATER && outcome.later_count == 1);
        EXPECT(outcome.later_durable == (late ? 4 : 2));
        EXPECT(verdict_of(&outcome, true).found
               == (late ? RECOVER_COMMITTED_DAMAGE : RECOVER_TORN));
        EXPECT(verdict_of(&outcome, false).found == RECOVER_TORN); /* it was another disk's */
        EXPECT(verdict_of(&outcome, false).keep == 3 && verdict_of(&outcome, false).copy_tail);
        scan_drop(&reading.scan);
        rig_free(rig);
    }
}

TEST(batches_beyond_the_next_headers_word_are_surplus)
{
    struct rig *rig = rig_written(2, 8);
    struct reading reading;

    reading_set_up(&reading, rig, 0);
    const struct outcome whole = read_file(&reading, file_of(rig, 0), 4096);

    reading.start.last_batch = 4;
    const struct outcome cut = read_file(&reading, file_of(rig, 0), 4096);

    EXPECT(cut.place.batch == 4 && cut.batches == 4 && !cut.place.closed);
    EXPECT(cut.surplus_batches == whole.batches - 4);
    EXPECT(cut.surplus.batch == whole.place.batch && cut.surplus.closed);
    EXPECT(cut.tail == SCAN_TAIL_END && cut.bad == OK);
    EXPECT(cut.tail_end == rig->disk.sizes[0]);
    scan_drop(&reading.scan);
    rig_free(rig);
}

TEST(only_the_key_finds_a_forgery_with_a_right_checksum)
{
    struct rig *rig = rig_written(2, 9);
    struct reading reading;
    uint8_t *first = rig->disk.segments[0] + SEGMENT_HEADER_BYTES;

    reading_set_up(&reading, rig, 0);
    reading.start.last_batch = 1;
    first[64] ^= 1;
    struct writer writer = writer_of(first + 4096 - 8, 4);

    writer_u32(&writer, crc32c(crc32c(0, bytes_of(reading.header.commitment.bytes, 4)),
                               bytes_of(first, 4096 - 8)));
    reading.start.key = NULL;
    EXPECT(read_file(&reading, file_of(rig, 0), 4096).place.batch == 1);
    reading.start.key = &reading.key;
    const struct outcome forged = read_file(&reading, file_of(rig, 0), 4096);

    EXPECT(forged.place.batch == 0 && forged.bad == E_FORGED);
    scan_drop(&reading.scan);
    rig_free(rig);
}

TEST(a_batch_larger_than_the_reader_can_hold_is_said_so)
{
    struct rig *rig = rig_written(2, 10);
    struct reading reading;

    reading_set_up(&reading, rig, 0);
    reading.start.batch_bytes_max = 4096;
    const struct outcome outcome = read_file(&reading, file_of(rig, 0), 4096);

    EXPECT(outcome.bad == E_TOO_LARGE && outcome.place.batch >= 2);
    scan_drop(&reading.scan);
    rig_free(rig);
}

/* Seals one more batch behind a segment's last, as a writer with a bug would. */
static struct outcome behind_the_last(struct reading *reading, struct file file,
                                      enum batch_type type, struct bytes content)
{
    static uint8_t copy[RIG_SEGMENT_ROOM];
    const struct outcome before = read_file(reading, file, 4096);
    struct batch_header header = {.type = type,
                                  .batch = before.place.batch + 1,
                                  .first_lsn = before.place.end_lsn + 1,
                                  .prev_tag = before.place.tag};
    struct batch_sealer sealer;

    batch_sealer_init(&sealer);
    batch_sealer_begin(&sealer, &reading->header, reading->start.raw_header, &reading->key);
    memcpy(copy, file.data, file.size);
    batch_seal(&sealer, &header, &content, 1, copy + file.size);
    batch_sealer_drop(&sealer);
    return read_file(reading, (struct file){copy, file.size + header.batch_bytes}, 4096);
}

TEST(what_a_writer_with_a_bug_would_seal_is_refused)
{
    struct rig *rig = rig_written(2, 11);
    struct reading reading;
    const struct file file = file_of(rig, 1);
    uint8_t memory[FINAL_BYTES];

    reading_set_up(&reading, rig, 1);
    for (unsigned wrong = 0; wrong < 3; wrong++) {
        struct writer writer = writer_of(memory, sizeof memory);

        final_encode(&writer,
                     &(struct final_content){.batch_count = rig->wal.batch_count + 1 + (wrong == 1),
                                             .end_lsn = rig->wal.sealed_lsn + (wrong == 2)});
        const struct outcome outcome =
            behind_the_last(&reading, file, BATCH_FINAL, writer_bytes(&writer));

        EXPECT(outcome.place.closed == (wrong == 0));
        EXPECT(outcome.bad == (wrong == 0 ? OK : E_MALFORMED));
        EXPECT(reading.scan.missealed == (wrong > 0));
    }
    memset(memory, 0, sizeof memory);
    EXPECT(behind_the_last(&reading, file, BATCH_CHECKPOINT, bytes_of(memory, 8)).bad == E_ORDER);
    EXPECT(!reading.scan.missealed);
    EXPECT(behind_the_last(&reading, file, BATCH_EPOCH_START, bytes_of(memory, 8)).bad == E_ORDER);
    scan_drop(&reading.scan);
    rig_free(rig);
}
