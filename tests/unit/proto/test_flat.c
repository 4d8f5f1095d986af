/* Flat messages are protobuf: the same bytes as protobuf-c's own, and fast enough for each
 * record. */
#include "base/check.h"
#include "proto/control.pb-c.h"
#include "proto/flat.h"
#include "proto/ship.pb-c.h"
#include "tests/support/test.h"
#include "tests/unit/proto/samples.h"

static struct prng prng;

/* Numbers of every length, zero among them. */
static uint64_t number(unsigned bits_max)
{
    const uint64_t bits = prng_below(&prng, bits_max + 1);

    return bits == 0 ? 0 : prng_next(&prng) >> (64 - bits);
}

/* Encodes both ways and compares; then each decoder reads what the other wrote. */
#define EXPECT_SAME(name, flat_message, pb, generated) \
    do { \
        uint8_t ours[160], theirs[160]; \
        const struct bytes head = name##_encode(&(flat_message), ours); \
        EXPECT(head.size == name##_bytes(&(flat_message))); \
        EXPECT(head.size == generated##__pack(&(pb), theirs)); \
        EXPECT(bytes_equal(head, bytes_of(theirs, head.size))); \
        __typeof__(pb) *const unpacked = generated##__unpack(NULL, head.size, ours); \
        EXPECT(unpacked != NULL); \
        generated##__free_unpacked(unpacked, NULL); \
        __typeof__(flat_message) back; \
        EXPECT_STATUS(name##_decode(&back, bytes_of(theirs, head.size), sample_scratch()), OK); \
        EXPECT(bytes_equal(name##_encode(&back, ours), bytes_of(theirs, head.size))); \
    } while (0)

static void compare_elections(void)
{
    struct fence fence = {number(64)};
    Pb__Fence pb_fence = PB__FENCE__INIT;
    struct fenced fenced = {number(64), {number(64), number(64)}, number(64), number(64)};
    Pb__Fenced pb_fenced = PB__FENCED__INIT;
    struct promote promote = {number(1), number(64)};
    Pb__Promote pb_promote = PB__PROMOTE__INIT;
    struct promoted promoted = {number(64), number(64), number(64),
                                number(64), number(64), number(1)};
    Pb__Promoted pb_promoted = PB__PROMOTED__INIT;

    pb_fence.epoch = fence.epoch;
    EXPECT_SAME(fence, fence, pb_fence, pb__fence);
    pb_fenced.epoch = fenced.epoch;
    pb_fenced.position_epoch = fenced.position.epoch;
    pb_fenced.position_batch = fenced.position.batch;
    pb_fenced.end_lsn = fenced.end_lsn;
    pb_fenced.commit_lsn = fenced.commit_lsn;
    EXPECT_SAME(fenced, fenced, pb_fenced, pb__fenced);
    pb_promote.accepts_loss = promote.accepts_loss;
    pb_promote.loss_last_lsn = promote.loss_last_lsn;
    EXPECT_SAME(promote, promote, pb_promote, pb__promote);
    pb_promoted.epoch = promoted.epoch;
    pb_promoted.batch = promoted.batch;
    pb_promoted.end_lsn = promoted.end_lsn;
    pb_promoted.loss_first_lsn = promoted.loss_first_lsn;
    pb_promoted.loss_last_lsn = promoted.loss_last_lsn;
    pb_promoted.was_writer = promoted.was_writer;
    EXPECT_SAME(promoted, promoted, pb_promoted, pb__promoted);
}

static void compare_keys_orders(void)
{
    struct rotated rotated = {.segment = number(64), .holders = number(64), .lacking = number(64)};
    struct rewrapped rewrapped = {number(64)};
    Pb__Rotated pb_rotated = PB__ROTATED__INIT;
    Pb__Rewrapped pb_rewrapped = PB__REWRAPPED__INIT;

    for (unsigned i = 0; i < 8; i++) { /* the first byte of a half is its highest */
        rotated.dek.bytes[i] = (uint8_t)number(8);
        rotated.dek.bytes[8 + i] = (uint8_t)number(8);
        pb_rotated.dek_high = pb_rotated.dek_high << 8 | rotated.dek.bytes[i];
        pb_rotated.dek_low = pb_rotated.dek_low << 8 | rotated.dek.bytes[8 + i];
    }
    pb_rotated.segment = rotated.segment;
    pb_rotated.holders = rotated.holders;
    pb_rotated.lacking = rotated.lacking;
    EXPECT_SAME(rotated, rotated, pb_rotated, pb__rotated);
    pb_rewrapped.envelopes = rewrapped.envelopes;
    EXPECT_SAME(rewrapped, rewrapped, pb_rewrapped, pb__rewrapped);
}

static void compare_shipping(void)
{
    struct resume resume = {{number(64), number(64)}, number(64)};
    Pb__Resume pb_resume = PB__RESUME__INIT;
    struct ack ack = {number(64), number(64)};
    Pb__Ack pb_ack = PB__ACK__INIT;
    struct commit commit = {number(64), number(64), number(64), number(64), number(64)};
    Pb__Commit pb_commit = PB__COMMIT__INIT;
    struct batch_message batch = {number(64)};
    Pb__Batch pb_batch = PB__BATCH__INIT;
    struct segment_message segment = {number(64)};
    Pb__Segment pb_segment = PB__SEGMENT__INIT;

    pb_resume.epoch = resume.position.epoch;
    pb_resume.batch = resume.position.batch;
    pb_resume.segment = resume.segment;
    EXPECT_SAME(resume, resume, pb_resume, pb__resume);
    pb_ack.epoch = ack.epoch;
    pb_ack.batch = ack.batch;
    EXPECT_SAME(ack, ack, pb_ack, pb__ack);
    pb_commit.epoch = commit.epoch;
    pb_commit.lsn = commit.lsn;
    pb_commit.batch = commit.batch;
    pb_commit.end_lsn = commit.end_lsn;
    pb_commit.age_us = commit.age_us;
    EXPECT_SAME(commit, commit, pb_commit, pb__commit);
    pb_batch.epoch = batch.epoch;
    EXPECT_SAME(batch_message, batch, pb_batch, pb__batch);
    pb_segment.epoch = segment.epoch;
    EXPECT_SAME(segment_message, segment, pb_segment, pb__segment);
}

static void compare_appending(void)
{
    const bool has_level = prng_chance(&prng, 1, 2);
    struct append append = {number(64),     1 + number(63),
                            1 + number(62), 1 + number(17),
                            has_level,      {LEVEL_QUORUM, (unsigned)prng_between(&prng, 1, 16)}};
    Pb__Append pb_append = PB__APPEND__INIT;
    struct appended appended = {number(64), number(64), (uint32_t)number(32)};
    Pb__Appended pb_appended = PB__APPENDED__INIT;

    pb_append.request = append.request;
    pb_append.producer = append.producer;
    pb_append.first_sequence = append.first_sequence;
    pb_append.count = append.count;
    pb_append.level_kind = has_level ? LEVEL_QUORUM + 1 : 0;
    pb_append.level_count = has_level ? append.level.count : 0;
    EXPECT_SAME(append, append, pb_append, pb__append);
    pb_appended.request = appended.request;
    pb_appended.first_lsn = appended.first_lsn;
    pb_appended.count = appended.count;
    EXPECT_SAME(appended, appended, pb_appended, pb__appended);
}

static void compare_reading(void)
{
    struct read_message read = {number(64), number(64), prng_chance(&prng, 1, 2), number(64)};
    Pb__Read pb_read = PB__READ__INIT;
    struct records records = {number(64), number(63), (uint32_t)number(32), number(64)};
    Pb__Records pb_records = PB__RECORDS__INIT;
    struct consumed consumed = {number(64), number(64)};
    Pb__Consumed pb_consumed = PB__CONSUMED__INIT;
    struct read_end end = {number(64), number(64)};
    Pb__ReadEnd pb_end = PB__READ_END__INIT;

    pb_read.request = read.request;
    pb_read.from_lsn = read.from_lsn;
    pb_read.follow = read.follow;
    pb_read.window_bytes = read.window_bytes;
    EXPECT_SAME(read_message, read, pb_read, pb__read);
    pb_records.request = records.request;
    pb_records.first_lsn = records.first_lsn;
    pb_records.count = records.count;
    pb_records.visible_lsn = records.visible_lsn;
    EXPECT_SAME(records, records, pb_records, pb__records);
    pb_consumed.request = consumed.request;
    pb_consumed.through_lsn = consumed.through_lsn;
    EXPECT_SAME(consumed, consumed, pb_consumed, pb__consumed);
    pb_end.request = end.request;
    pb_end.next_lsn = end.next_lsn;
    EXPECT_SAME(read_end, end, pb_end, pb__read_end);
}

TEST(flat_messages_have_the_bytes_of_protobuf)
{
    prng_seed(&prng, 9);
    for (unsigned round = 0; round < 2000; round++) {
        compare_elections();
        compare_keys_orders();
        compare_shipping();
        compare_appending();
        compare_reading();
    }
}

TEST(every_length_of_a_number_comes_back)
{
    uint8_t memory[16];

    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t off = 0; off < 3; off++) {
            const uint64_t value = ((uint64_t)1 << bit) + off - 1;
            uint64_t back;
            const struct bytes head = flat_encode(&value, 1, memory);

            EXPECT(head.size == flat_bytes(&value, 1));
            EXPECT_STATUS(flat_decode(&back, 1, head), OK);
            EXPECT(back == value);
        }
    }
}

TEST(a_number_that_is_cut_or_above_64_bits_is_refused)
{
    uint8_t head[12] = {1 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1};
    uint64_t value;

    EXPECT_STATUS(flat_decode(&value, 1, bytes_of(head, 11)), OK);
    EXPECT(value == UINT64_MAX);
    for (size_t size = 1; size < 11; size++) {
        EXPECT_STATUS(flat_decode(&value, 1, bytes_of(head, size)), E_MALFORMED);
    }
    head[10] = 2;
    EXPECT_STATUS(flat_decode(&value, 1, bytes_of(head, 11)), E_MALFORMED);
    head[10] = 0x81;
    EXPECT_STATUS(flat_decode(&value, 1, bytes_of(head, 12)), E_MALFORMED);
}

TEST(another_wire_type_or_field_is_refused_and_the_last_of_a_repeated_one_counts)
{
    static const uint8_t fixed[] = {1 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t zero[] = {0, 1};
    static const uint8_t third[] = {3 << 3, 1};
    static const uint8_t wide[] = {0x88, 0x00, 1}; /* field 1 with a tag of two bytes */
    static const uint8_t twice[] = {2 << 3, 7, 1 << 3, 5, 2 << 3, 8};
    uint64_t values[2];

    EXPECT_STATUS(flat_decode(values, 2, bytes_of(fixed, sizeof fixed)), E_MALFORMED);
    EXPECT_STATUS(flat_decode(values, 2, bytes_of(zero, sizeof zero)), E_MALFORMED);
    EXPECT_STATUS(flat_decode(values, 2, bytes_of(third, sizeof third)), E_MALFORMED);
    EXPECT_STATUS(flat_decode(values, 2, bytes_of(wide, sizeof wide)), E_MALFORMED);
    EXPECT_STATUS(flat_decode(values, 2, bytes_of(twice, sizeof twice)), OK);
    EXPECT(values[0] == 5 && values[1] == 8);
}
