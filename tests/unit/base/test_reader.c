/* What the writer writes, the reader reads; what is not there is refused. */
#include "base/reader.h"
#include "base/writer.h"
#include "tests/support/test.h"

TEST(fields_come_back_little_endian)
{
    uint8_t memory[15];
    struct writer writer = writer_of(memory, sizeof memory);

    writer_u8(&writer, 1);
    writer_u16(&writer, 0x0203);
    writer_u32(&writer, 0x04050607);
    writer_u64(&writer, 0x08090a0b0c0d0e0f);
    EXPECT(writer.size == sizeof memory);
    EXPECT(memory[1] == 3 && memory[3] == 7 && memory[7] == 0x0f);

    struct reader reader = reader_of(writer_bytes(&writer));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    EXPECT_STATUS(reader_u8(&reader, &u8), OK);
    EXPECT_STATUS(reader_u16(&reader, &u16), OK);
    EXPECT_STATUS(reader_u32(&reader, &u32), OK);
    EXPECT_STATUS(reader_u64(&reader, &u64), OK);
    EXPECT(u8 == 1 && u16 == 0x0203 && u32 == 0x04050607 && u64 == 0x08090a0b0c0d0e0f);
    EXPECT_STATUS(reader_end(&reader), OK);
    EXPECT_STATUS(reader_u8(&reader, &u8), E_TRUNCATED);
}

TEST(a_text_must_fit_and_hold_no_nul)
{
    uint8_t memory[16];
    char text[6];

    struct writer writer = writer_of(memory, sizeof memory);
    writer_text(&writer, "hello");
    struct reader reader = reader_of(writer_bytes(&writer));
    EXPECT_STATUS(reader_text(&reader, text, sizeof text), OK);
    EXPECT(strcmp(text, "hello") == 0);

    reader = reader_of(writer_bytes(&writer));
    EXPECT_STATUS(reader_text(&reader, text, 5), E_TOO_LARGE);
    EXPECT(reader.left.size == 7);

    memory[4] = 0;
    EXPECT_STATUS(reader_text(&reader, text, sizeof text), E_MALFORMED);
}

TEST(zeros_must_be_zero)
{
    const uint8_t memory[4] = {0, 0, 0, 1};
    struct reader reader = reader_of(bytes_of(memory, sizeof memory));

    EXPECT_STATUS(reader_zeros(&reader, 4), E_MALFORMED);
    EXPECT(reader.left.size == 4);
    EXPECT_STATUS(reader_zeros(&reader, 3), OK);
    EXPECT_STATUS(reader_end(&reader), E_MALFORMED);
    EXPECT_STATUS(reader_zeros(&reader, 2), E_TRUNCATED);
}
