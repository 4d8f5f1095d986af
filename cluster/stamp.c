/* Begin writes the head with an open size; end fills it in and sums everything up.
 *
 * Checking goes from what costs nothing to what explains most: is it such a file at all, is it all
 * there, has it rotted, and only then: do we know this version. */
#include "cluster/stamp.h"

#include "base/check.h"
#include "seal/crc32c.h"

enum { STAMP_SIZE_AT = 12 };

void stamp_begin(struct writer *writer, const char *magic, uint16_t version)
{
    CHECK(writer->size == 0 && strlen(magic) == STAMP_MAGIC_BYTES);
    writer_copy(writer, magic, STAMP_MAGIC_BYTES);
    writer_u16(writer, version);
    writer_u16(writer, 0);
    writer_u32(writer, 0);
}

struct bytes stamp_end(struct writer *writer)
{
    struct writer size = writer_of(writer->data + STAMP_SIZE_AT, sizeof(uint32_t));

    CHECK(writer->size >= STAMP_HEAD_BYTES && writer->size < UINT32_MAX - STAMP_TRAILER_BYTES);
    writer_u32(&size, (uint32_t)(writer->size + STAMP_TRAILER_BYTES));
    writer_u32(writer, crc32c(0, writer_bytes(writer)));
    return writer_bytes(writer);
}

static enum status stamp_check_sum(struct bytes file)
{
    const size_t covered = file.size - STAMP_TRAILER_BYTES;
    struct reader trailer = reader_of(bytes_part(file, covered, STAMP_TRAILER_BYTES));
    uint32_t sum;

    TRY(reader_u32(&trailer, &sum));
    return sum == crc32c(0, bytes_part(file, 0, covered)) ? OK : E_CHECKSUM;
}

enum status stamp_check(struct bytes file, const char *magic, uint16_t version, struct reader *body)
{
    struct reader head = reader_of(file);
    struct bytes mark;
    uint16_t found, zero;
    uint32_t bytes;

    TRY(reader_view(&head, &mark, STAMP_MAGIC_BYTES));
    if (!bytes_equal(mark, bytes_of(magic, STAMP_MAGIC_BYTES))) {
        return E_MALFORMED;
    }
    TRY(reader_u16(&head, &found));
    TRY(reader_u16(&head, &zero));
    TRY(reader_u32(&head, &bytes));
    if (file.size < STAMP_BYTES || file.size < bytes) {
        return E_TRUNCATED;
    }
    if (file.size > bytes) {
        return E_MALFORMED;
    }
    TRY(stamp_check_sum(file));
    if (found != version) {
        return E_VERSION;
    }
    *body = reader_of(bytes_part(file, STAMP_HEAD_BYTES, bytes - STAMP_BYTES));
    return zero == 0 ? OK : E_MALFORMED;
}
