/* Each limit of each field, one beyond it. */
#include "base/check.h"
#include "node/identity.h"
#include "node/keys.h"
#include "seal/aead.h"
#include "tests/support/test.h"
#include "tests/unit/proto/samples.h"

static uint8_t encoded[1 << 16];

TEST(the_limits_that_proto_may_not_include_are_those_of_their_owners)
{
    EXPECT((int)ROLE_NUMBER_MAX == (int)ROLES - 1);
    EXPECT((int)SUITE_NUMBER_MAX == (int)SUITE_AES_256_GCM);
    EXPECT((int)ENVELOPE_BLOB_MAX == (int)KEY_BLOB_BYTES_MAX);
}

static enum status again_append(const struct append *append)
{
    struct append decoded;

    return append_decode(&decoded, append_encode(append, encoded), sample_scratch());
}

TEST(an_append_needs_a_producer_a_sequence_and_records_that_fit)
{
    const struct append good = {1, 2, 3, 4, true, {LEVEL_QUORUM, 1}};
    struct append bad = good;

    EXPECT_STATUS(again_append(&good), OK);
    bad.producer = 0;
    EXPECT_STATUS(again_append(&bad), E_MALFORMED);
    bad = good;
    bad.first_sequence = 0;
    EXPECT_STATUS(again_append(&bad), E_MALFORMED);
    bad.first_sequence = UINT64_MAX - 2;
    EXPECT_STATUS(again_append(&bad), E_MALFORMED);
    bad.first_sequence = UINT64_MAX - 3;
    EXPECT_STATUS(again_append(&bad), OK);
    bad = good;
    bad.count = 0;
    EXPECT_STATUS(again_append(&bad), E_MALFORMED);
    bad.count = APPEND_RECORDS_MAX + 1;
    EXPECT_STATUS(again_append(&bad), E_MALFORMED);
}

TEST(a_level_is_one_of_the_three_with_a_count_that_fits)
{
    /* producer, sequence and count are 1; then level_kind and level_count */
    uint8_t head[] = {0x10, 1, 0x18, 1, 0x20, 1, 0x28, 0, 0x30, 0};
    struct append decoded;

    for (uint8_t kind = 0; kind < 6; kind++) {
        for (uint8_t count = 0; count < 20; count++) {
            head[7] = kind;
            head[9] = count;

            const bool good =
                kind < 2 ? count == 0 : kind < 4 && count >= 1 && count <= LEVEL_COUNT_MAX;

            EXPECT_STATUS(append_decode(&decoded, bytes_of(head, sizeof head), sample_scratch()),
                          good ? OK : E_MALFORMED);
            EXPECT(!good || decoded.has_level == (kind != 0));
            EXPECT(!good || level_is_valid(decoded.level));
        }
    }
}

static enum status again_greet(const struct greet *greet)
{
    static struct greet decoded;

    return greet_decode(&decoded, greet_encode(greet, encoded), sample_scratch());
}

TEST(a_greet_has_a_region_a_known_suite_and_ascending_epochs)
{
    static struct greet greet;

    greet = (struct greet){.region = "r", .epoch_count = 2, .epochs = {{1, 1, 1}, {2, 5, 5}}};
    EXPECT_STATUS(again_greet(&greet), OK);
    greet.epochs[1].epoch = 1;
    EXPECT_STATUS(again_greet(&greet), E_MALFORMED);
    greet.epochs[1].epoch = 3;
    greet.epochs[0].epoch = 0;
    EXPECT_STATUS(again_greet(&greet), E_MALFORMED);
    greet.epoch_count = 0;
    greet.suite = SUITE_NUMBER_MAX + 1;
    EXPECT_STATUS(again_greet(&greet), E_MALFORMED);
    greet.suite = GREET_SUITE_UNSAID;
    EXPECT_STATUS(again_greet(&greet), OK);
    greet.suite = 0;
    greet.region[0] = '\0';
    EXPECT_STATUS(again_greet(&greet), E_MALFORMED);
    greet.region[0] = 'r';
    greet.descriptor_bytes = bytes_of(encoded, GREET_DESCRIPTOR_MAX + 1);

    static uint8_t large[1 << 16];
    static struct greet decoded;

    EXPECT_STATUS(greet_decode(&decoded, greet_encode(&greet, large), sample_scratch()),
                  E_MALFORMED);
}

TEST(ids_have_exactly_their_size)
{
    uint8_t head[2 + 17] = {2 << 3 | 2};
    struct hello hello;

    for (uint8_t size = 0; size <= 17; size++) {
        head[1] = size;
        EXPECT_STATUS(hello_decode(&hello, bytes_of(head, 2 + size), sample_scratch()),
                      size == 16 ? OK : E_MALFORMED);
    }
}

TEST(a_text_that_is_too_long_or_holds_a_nul_is_refused)
{
    static uint8_t head[3 + BYE_TEXT_MAX] = {2 << 3 | 2, (BYE_TEXT_MAX & 0x7f) | 0x80,
                                             BYE_TEXT_MAX >> 7};
    struct bye bye;

    memset(head + 3, 'x', BYE_TEXT_MAX);
    EXPECT_STATUS(bye_decode(&bye, bytes_of(head, sizeof head), sample_scratch()), E_MALFORMED);
    head[1] = ((BYE_TEXT_MAX - 1) & 0x7f) | 0x80;
    head[2] = (BYE_TEXT_MAX - 1) >> 7;
    EXPECT_STATUS(bye_decode(&bye, bytes_of(head, sizeof head - 1), sample_scratch()), OK);
    EXPECT(strlen(bye.text) == BYE_TEXT_MAX - 1);
    head[3 + 7] = 0;
    EXPECT_STATUS(bye_decode(&bye, bytes_of(head, sizeof head - 1), sample_scratch()), E_MALFORMED);
}

TEST(a_reason_that_is_no_status_reads_as_protocol)
{
    static const uint8_t head[] = {1 << 3, 0xff, 0x7f};
    struct bye bye;

    EXPECT_STATUS(bye_decode(&bye, bytes_of(head, sizeof head), sample_scratch()), OK);
    EXPECT(bye.why == E_PROTOCOL);
}

TEST(an_envelope_has_a_blob_a_region_and_a_key)
{
    static struct keys_message keys, decoded;
    const struct envelope good = {.region = "r", .key_arn = "k", .blob = {encoded, 1}};
    static uint8_t head[1 << 14];

    keys = (struct keys_message){.count = 1, .envelopes = {good}};
    EXPECT_STATUS(keys_message_decode(&decoded, keys_message_encode(&keys, head), sample_scratch()),
                  OK);
    keys.envelopes[0].blob.size = 0;
    EXPECT_STATUS(keys_message_decode(&decoded, keys_message_encode(&keys, head), sample_scratch()),
                  E_MALFORMED);
    keys.envelopes[0].blob.size = ENVELOPE_BLOB_MAX + 1;
    EXPECT_STATUS(keys_message_decode(&decoded, keys_message_encode(&keys, head), sample_scratch()),
                  E_MALFORMED);
    keys.envelopes[0] = good;
    keys.envelopes[0].region[0] = '\0';
    EXPECT_STATUS(keys_message_decode(&decoded, keys_message_encode(&keys, head), sample_scratch()),
                  E_MALFORMED);
    keys.envelopes[0] = good;
    keys.envelopes[0].key_arn[0] = '\0';
    EXPECT_STATUS(keys_message_decode(&decoded, keys_message_encode(&keys, head), sample_scratch()),
                  E_MALFORMED);
}

TEST(numbers_of_32_bits_and_flags_are_not_cut_down)
{
    static const uint8_t count[] = {3 << 3, 0x80, 0x80, 0x80, 0x80, 0x10}; /* 2^32 */
    static const uint8_t follow[] = {3 << 3, 2};
    struct appended appended;
    struct records records;
    struct read_message read;

    EXPECT_STATUS(appended_decode(&appended, bytes_of(count, sizeof count), sample_scratch()),
                  E_MALFORMED);
    EXPECT_STATUS(records_decode(&records, bytes_of(count, sizeof count), sample_scratch()),
                  E_MALFORMED);
    EXPECT_STATUS(read_message_decode(&read, bytes_of(follow, sizeof follow), sample_scratch()),
                  E_MALFORMED);
}
