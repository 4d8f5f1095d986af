/* The first block of a segment from a disk that somebody else has written to. The input is the used
 * front of it; the rest is zeros. */
#include "base/check.h"
#include "base/writer.h"
#include "tests/fuzz/fuzz.h"
#include "wal/segment.h"

enum { USED_END = 2780, CRC_AT = 2844 };

static const struct secret dek = {{0x44}};
static uint8_t raw[SEGMENT_HEADER_BYTES], again[SEGMENT_HEADER_BYTES];
static struct segment_header header;

/* What decodes encodes to the same, up to what the key adds; and no key of ours opens it. */
static void try_header(struct bytes bytes)
{
    struct segment_key key;

    if (segment_header_decode(&header, bytes) != OK) {
        return;
    }
    CHECK(segment_header_open(&header, bytes, &dek, &key) == E_WRONG_KEY);
    segment_header_encode(&header, &dek, again, &key);
    CHECK(bytes_equal(bytes_of(again, USED_END), bytes_part(bytes, 0, USED_END)));
    CHECK(segment_header_open(&header, bytes_of(again, sizeof again), &dek, &key) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer crc = writer_of(raw + CRC_AT, 4);

    try_header(bytes_of(data, size));
    memset(raw, 0, sizeof raw);
    memcpy(raw, data, size < sizeof raw ? size : sizeof raw);
    writer_u32(&crc, crc32c(0, bytes_of(raw, CRC_AT)));
    try_header(bytes_of(raw, sizeof raw));
    return 0;
}
