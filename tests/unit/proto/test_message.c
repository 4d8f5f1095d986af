/* A frame's prefix is twelve bytes; what is wrong with it is found before room is made for more. */
#include "proto/message.h"
#include "tests/support/test.h"

static enum status decode(unsigned type, unsigned filler, uint32_t head, uint32_t tail)
{
    uint8_t prefix[FRAME_PREFIX_BYTES];
    struct frame frame = {(uint16_t)type, head, tail};

    frame_encode(&frame, prefix);
    prefix[2] = (uint8_t)filler;
    return frame_decode(&frame, bytes_of(prefix, sizeof prefix));
}

TEST(a_prefix_comes_back_as_it_was)
{
    const struct frame frame = {MESSAGE_BATCH, 0x01020304 & FRAME_HEAD_BYTES_MAX, 0x00030201};
    uint8_t prefix[FRAME_PREFIX_BYTES];
    struct frame again;

    frame_encode(&frame, prefix);
    EXPECT(prefix[0] == 7 && prefix[1] == 0 && prefix[8] == 1 && prefix[10] == 3);
    EXPECT_STATUS(frame_decode(&again, bytes_of(prefix, sizeof prefix)), OK);
    EXPECT(again.type == frame.type && again.head_bytes == frame.head_bytes);
    EXPECT(again.tail_bytes == frame.tail_bytes);
    for (size_t size = 0; size < sizeof prefix; size++) {
        EXPECT_STATUS(frame_decode(&again, bytes_of(prefix, size)), E_TRUNCATED);
    }
}

TEST(caps_types_and_tails_are_checked_on_the_prefix)
{
    EXPECT_STATUS(decode(MESSAGE_BATCH, 0, FRAME_HEAD_BYTES_MAX, FRAME_TAIL_BYTES_MAX), OK);
    EXPECT_STATUS(decode(MESSAGE_BATCH, 0, FRAME_HEAD_BYTES_MAX + 1, 0), E_TOO_LARGE);
    EXPECT_STATUS(decode(MESSAGE_BATCH, 0, 0, FRAME_TAIL_BYTES_MAX + 1), E_TOO_LARGE);
    EXPECT_STATUS(decode(MESSAGE_BATCH, 0, 0xffffffff, 0xffffffff), E_TOO_LARGE);
    EXPECT_STATUS(decode(MESSAGE_BATCH, 1, 0, 0), E_PROTOCOL);
    EXPECT_STATUS(decode(MESSAGE_ACK, 0, 2, 1), E_PROTOCOL);
    EXPECT_STATUS(decode(MESSAGE_ACK, 0, 2, 0), OK);
}

TEST(only_the_types_with_a_name_exist_and_only_five_have_a_tail)
{
    unsigned types = 0;
    unsigned tails = 0;

    for (unsigned type = 0; type <= 0xffff; type++) {
        const bool known = decode(type, 0, 0, 0) == OK;

        EXPECT(known == (strcmp(message_type_name(type), "unknown") != 0));
        types += known;
        tails += decode(type, 0, 0, 1) == OK;
    }
    EXPECT(types == 34 && tails == 5);
    EXPECT(strcmp(message_type_name(MESSAGE_STATUS_IS), "status_is") == 0);
}
