/* What a replica refuses, each for its own reason, and that a refusal changes nothing. */
#include "seal/crc32c.h"
#include "tests/unit/wal/rig.h"

struct pair {
    struct rig *writer;
    struct rig *replica;
};

static struct pair pair_new(void)
{
    const struct wal_settings settings = rig_tiny();
    const struct pair pair = {rig_new(&settings, SUITE_AES_256_GCM, 1),
                              rig_new(&settings, SUITE_AES_256_GCM, 2)};

    rig_begin(pair.writer, 1);
    rig_answer(pair.writer);
    rig_write_segments(pair.writer, 6);
    return pair;
}

static void pair_free(struct pair pair)
{
    rig_free(pair.writer);
    rig_free(pair.replica);
}

/* Adopts until the next thing is a header of `segment`, or batch `batch`. */
static void adopt_until(struct pair pair, segment_t segment, batch_t batch)
{
    for (;;) {
        const struct rig_next next = rig_next_of(&pair.writer->disk, pair.replica);
        const segment_t coming =
            pair.replica->wal.segment == SEGMENT_NONE ? 0 : pair.replica->wal.segment + 1;

        if ((next.is_header && coming == segment)
            || (!next.is_header && pair.replica->wal.sealed + 1 == batch)) {
            break;
        }
        NEED(rig_adopt(pair.replica, next) == OK);
        rig_answer(pair.replica);
    }
}

static void refuse_batch(struct pair pair, struct bytes sealed, enum status wanted)
{
    const struct wal before = pair.replica->wal;

    EXPECT_STATUS(wal_adopt_batch(&pair.replica->wal, sealed, &pair.replica->fx), wanted);
    EXPECT(pair.replica->fx.count == 0);
    EXPECT(before.sealed == pair.replica->wal.sealed && before.offset == pair.replica->wal.offset);
    EXPECT(tag_equal(&before.tag, &pair.replica->wal.tag));
}

TEST(every_bit_of_a_header_and_of_a_batch_counts)
{
    const struct pair pair = pair_new();
    struct rig_next next = rig_next_of(&pair.writer->disk, pair.replica);
    uint8_t copy[64 << 10];

    memcpy(copy, next.bytes.data, next.bytes.size);
    for (unsigned bit = 0; bit < 8 * SEGMENT_HEADER_BYTES; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT_STATUS(rig_adopt_header(pair.replica, bytes_of(copy, SEGMENT_HEADER_BYTES)),
                      bit / 8 < 2848 ? E_CHECKSUM : E_MALFORMED);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    adopt_until(pair, SEGMENT_NONE, 1);
    next = rig_next_of(&pair.writer->disk, pair.replica);
    NEED(next.bytes.size == 4096);
    memcpy(copy, next.bytes.data, next.bytes.size);
    for (unsigned bit = 0; bit < 8 * 4096; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        NEED(wal_adopt_batch(&pair.replica->wal, bytes_of(copy, 4096), &pair.replica->fx) != OK);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    EXPECT_STATUS(wal_adopt_batch(&pair.replica->wal, bytes_of(copy, 4096), &pair.replica->fx), OK);
    pair_free(pair);
}

TEST(dropped_repeated_and_swapped_batches_are_gaps)
{
    const struct pair pair = pair_new();

    adopt_until(pair, SEGMENT_NONE, 3);

    const struct rig_next third = rig_next_of(&pair.writer->disk, pair.replica);

    NEED(rig_adopt(pair.replica, third) == OK);
    rig_answer(pair.replica);
    refuse_batch(pair, third.bytes, E_GAP); /* repeated */

    const struct rig_next fourth = rig_next_of(&pair.writer->disk, pair.replica);
    const struct bytes fifth = bytes_of(fourth.bytes.data + fourth.bytes.size, 64 << 10);
    struct batch_header header;

    NEED(batch_header_decode(&header, fifth) == OK);
    refuse_batch(pair, bytes_of(fifth.data, header.batch_bytes), E_GAP); /* dropped one */
    refuse_batch(pair, bytes_of(fourth.bytes.data, fourth.bytes.size - 1), E_TRUNCATED);
    refuse_batch(pair, bytes_of(fourth.bytes.data, 63), E_TRUNCATED);
    refuse_batch(pair, bytes_of(fourth.bytes.data, fourth.bytes.size + 1), E_MALFORMED);
    EXPECT_STATUS(rig_adopt(pair.replica, fourth), OK);
    pair_free(pair);
}

/* What a thief without the key can do: change, and set the checksum right. */
static void fix_crc(struct rig *replica, uint8_t *batch, uint32_t bytes)
{
    struct writer writer = writer_of(batch + bytes - 8, 4);

    writer_u32(&writer, crc32c(crc32c(0, bytes_of(replica->wal.sealer.crc_seed, 4)),
                               bytes_of(batch, bytes - 8)));
}

TEST(a_changed_batch_with_a_right_checksum_is_refused_by_field)
{
    static const struct {
        unsigned byte;
        enum status wanted;
    } cases[] = {{0, E_MALFORMED}, {1, E_MALFORMED}, {3, E_TOO_LARGE}, {4, E_MALFORMED},
                 {5, E_MALFORMED}, {6, E_MALFORMED}, {8, E_GAP},       {15, E_GAP},
                 {16, E_GAP},      {24, E_FORGED},   {28, E_FORGED},   {32, E_FORGED},
                 {40, E_FORGED},   {48, E_CHAIN},    {63, E_CHAIN},    {64, E_FORGED},
                 {4071, E_FORGED}, {4072, E_FORGED}, {4087, E_FORGED}, {4092, E_MALFORMED}};
    const struct pair pair = pair_new();
    uint8_t copy[4096];
    struct batch_header header;
    struct rig_next next;
    batch_t batch = 2;

    do { /* a data batch of one block, neither full nor of a single record */
        adopt_until(pair, SEGMENT_NONE, ++batch);
        next = rig_next_of(&pair.writer->disk, pair.replica);
        NEED(batch_header_decode(&header, next.bytes) == OK);
    } while (header.batch_bytes != 4096 || header.type != BATCH_DATA || header.record_count < 2
             || header.plain_bytes > 4000);
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        memcpy(copy, next.bytes.data, sizeof copy);
        copy[cases[i].byte] ^= cases[i].byte == 4 ? 2 : 1;
        fix_crc(pair.replica, copy, sizeof copy);
        refuse_batch(pair, bytes_of(copy, sizeof copy), cases[i].wanted);
    }
    EXPECT_STATUS(rig_adopt(pair.replica, next), OK);
    pair_free(pair);
}

TEST(a_batch_of_another_segment_does_not_even_parse)
{
    const struct pair pair = pair_new();
    const struct pair other = pair_new();

    rig_free(other.writer);

    struct pair mixed = {rig_new(&other.replica->wal.settings, SUITE_AES_256_GCM, 77),
                         other.replica};

    rig_begin(mixed.writer, 1);
    rig_answer(mixed.writer);
    adopt_until(pair, SEGMENT_NONE, 1);
    refuse_batch(pair, bytes_of(mixed.writer->disk.segments[0] + SEGMENT_HEADER_BYTES, 4096),
                 E_CHECKSUM);
    pair_free(pair);
    pair_free(mixed);
}

TEST(nothing_follows_a_final_batch_but_a_header)
{
    const struct pair pair = pair_new();

    refuse_batch(pair, bytes_of(pair.writer->disk.segments[0] + SEGMENT_HEADER_BYTES, 4096), E_GAP);
    adopt_until(pair, 1, 0);
    EXPECT(pair.replica->wal.closed);
    refuse_batch(pair, bytes_of(pair.writer->disk.segments[1] + SEGMENT_HEADER_BYTES, 4096), E_GAP);
    pair_free(pair);
}

/* The next header, changed by somebody who has the key. */
static enum status adopt_remade(struct pair pair, void change(struct segment_header *header))
{
    const struct rig_next next = rig_next_of(&pair.writer->disk, pair.replica);
    struct segment_header header;
    struct segment_key key;
    uint8_t raw[SEGMENT_HEADER_BYTES];

    NEED(next.is_header);
    NEED(segment_header_decode(&header, next.bytes) == OK);
    change(&header);
    segment_header_encode(&header, &pair.writer->dek, raw, &key);
    return rig_adopt_header(pair.replica, bytes_of(raw, sizeof raw));
}

static void nothing(struct segment_header *header)
{
    (void)header;
}

static void other_lineage(struct segment_header *header)
{
    header->lineage.bytes[0] ^= 1;
}

static void other_descriptor(struct segment_header *header)
{
    header->descriptor.bytes[0] ^= 1;
}

static void not_encrypted(struct segment_header *header)
{
    header->suite = SUITE_NONE;
    header->dek = (struct id){{0}};
}

static void next_number(struct segment_header *header)
{
    header->segment++;
}

static void later_batch(struct segment_header *header)
{
    header->first_batch++;
    header->prev_last_batch++;
}

static void later_lsn(struct segment_header *header)
{
    header->first_lsn++;
    header->prev_end_lsn++;
}

static void other_chain(struct segment_header *header)
{
    header->prev_chain.bytes[31] ^= 1;
}

static void other_incarnation(struct segment_header *header)
{
    header->incarnation.bytes[0] ^= 1;
}

static void older_epoch(struct segment_header *header)
{
    header->epoch--;
}

static void newer_epoch(struct segment_header *header)
{
    header->epoch++;
}

TEST(a_header_must_belong_here)
{
    const struct pair pair = pair_new();

    adopt_until(pair, 1, 0);
    EXPECT_STATUS(adopt_remade(pair, other_lineage), E_LINEAGE);
    EXPECT_STATUS(adopt_remade(pair, other_descriptor), E_DESCRIPTOR);
    EXPECT_STATUS(adopt_remade(pair, not_encrypted), E_DESCRIPTOR);
    EXPECT_STATUS(adopt_remade(pair, next_number), E_GAP);
    EXPECT_STATUS(adopt_remade(pair, later_batch), E_GAP);
    EXPECT_STATUS(adopt_remade(pair, later_lsn), E_GAP);
    EXPECT_STATUS(adopt_remade(pair, other_chain), E_CHAIN);
    EXPECT_STATUS(adopt_remade(pair, other_incarnation), E_CHAIN);
    EXPECT_STATUS(adopt_remade(pair, older_epoch), E_MALFORMED); /* epoch 0 is none */
    EXPECT(pair.replica->fx.count == 0);
    pair.replica->dek.bytes[0] ^= 1;
    EXPECT_STATUS(adopt_remade(pair, nothing), E_WRONG_KEY);
    pair.replica->dek.bytes[0] ^= 1;
    EXPECT_STATUS(adopt_remade(pair, newer_epoch), OK);
    rig_answer(pair.replica);

    /* Now in epoch 2, whose segment is not closed: neither epoch 1 nor a second of 2 may follow. */
    pair.replica->wal.closed = true;
    EXPECT(pair.replica->wal.epoch == 2);
    pair_free(pair);
}

TEST(a_superseded_writer_is_refused)
{
    const struct pair pair = pair_new();

    adopt_until(pair, 1, 0);
    pair.replica->wal.epoch = 2;
    EXPECT_STATUS(adopt_remade(pair, nothing), E_STALE_EPOCH);
    pair_free(pair);
}

TEST(a_reign_closes_its_segment_before_the_next)
{
    const struct pair pair = pair_new();

    adopt_until(pair, 1, 0);
    pair.replica->wal.closed = false;
    EXPECT_STATUS(adopt_remade(pair, nothing), E_CHAIN);
    EXPECT_STATUS(adopt_remade(pair, newer_epoch), OK);
    pair_free(pair);
}

/* The next batch of the replica's segment, of whatever type, sealed with the right key. */
static enum status offer(struct pair pair, enum batch_type type)
{
    static uint8_t sealed[BATCH_BLOCK_BYTES];
    static const uint8_t content[RUN_BYTES + 5];
    struct wal *wal = &pair.replica->wal;
    struct batch_header header = {.type = type,
                                  .batch = wal->sealed + 1,
                                  .first_lsn = wal->sealed_lsn + 1,
                                  .record_count = type == BATCH_DATA ? 1 : 0,
                                  .prev_tag = wal->tag};
    const struct bytes part = bytes_of(content, sizeof content);

    (void)batch_seal(&wal->sealer, &header, &part, 1, sealed);
    return wal_adopt_batch(wal, bytes_of(sealed, header.batch_bytes), &pair.replica->fx);
}

static void refuse_all_but(struct pair pair, enum batch_type good)
{
    static const enum batch_type types[] = {BATCH_DATA, BATCH_EPOCH_START, BATCH_CHECKPOINT,
                                            BATCH_FINAL};
    const batch_t before = pair.replica->wal.sealed;

    for (unsigned i = 0; i < COUNT_OF(types); i++) {
        if (types[i] != good) {
            EXPECT_STATUS(offer(pair, types[i]), E_ORDER);
        }
    }
    EXPECT(pair.replica->wal.sealed == before && pair.replica->fx.count == 0);
}

TEST(an_epoch_begins_with_its_epoch_start_then_the_checkpoint)
{
    const struct pair pair = pair_new();

    adopt_until(pair, SEGMENT_NONE, 1);
    refuse_all_but(pair, BATCH_EPOCH_START);
    EXPECT_STATUS(offer(pair, BATCH_EPOCH_START), OK);
    rig_answer(pair.replica);
    refuse_all_but(pair, BATCH_CHECKPOINT);
    EXPECT_STATUS(offer(pair, BATCH_CHECKPOINT), OK);
    rig_answer(pair.replica);
    EXPECT_STATUS(offer(pair, BATCH_EPOCH_START), E_ORDER); /* a second one in this epoch */
    EXPECT_STATUS(offer(pair, BATCH_CHECKPOINT), E_ORDER);
    EXPECT_STATUS(offer(pair, BATCH_DATA), OK);
    rig_answer(pair.replica);
    EXPECT_STATUS(offer(pair, BATCH_CHECKPOINT), E_ORDER);
    EXPECT_STATUS(offer(pair, BATCH_FINAL), OK);
    pair_free(pair);
}

TEST(a_later_segment_of_an_epoch_begins_with_its_checkpoint)
{
    const struct pair pair = pair_new();

    adopt_until(pair, 1, 0);
    EXPECT_STATUS(adopt_remade(pair, nothing), OK);
    rig_answer(pair.replica);
    refuse_all_but(pair, BATCH_CHECKPOINT);
    EXPECT_STATUS(offer(pair, BATCH_CHECKPOINT), OK);
    rig_answer(pair.replica);
    EXPECT_STATUS(offer(pair, BATCH_EPOCH_START), E_ORDER);
    EXPECT_STATUS(offer(pair, BATCH_FINAL), OK);
    pair_free(pair);
}

TEST(the_first_segment_of_a_later_epoch_needs_its_epoch_start_too)
{
    const struct pair pair = pair_new();

    adopt_until(pair, 1, 0);
    EXPECT_STATUS(adopt_remade(pair, newer_epoch), OK);
    rig_answer(pair.replica);
    refuse_all_but(pair, BATCH_EPOCH_START);
    EXPECT_STATUS(offer(pair, BATCH_EPOCH_START), OK);
    pair_free(pair);
}
