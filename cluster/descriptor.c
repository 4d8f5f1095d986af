/* The descriptor file, little-endian, in the frame of stamp.h with magic "SEALDESC", version 1:
 *
 *   offset 16  suite:u16 zero:u16 lineage[16] created_ns:u64
 *          44  engine: size:u16 and that many bytes (1 to 31, printable ASCII)
 *              ancestor_count:u32 (0 to 64), then for each, oldest first, 100 bytes:
 *              lineage[16] descriptor_digest[32] suite:u16 zero:u16 cut_segment:u64
 *              cut_epoch:u64 cut_batch:u64 cut_lsn:u64 cut_tag[16]
 *
 * Its digest is SHA-256 of all of its bytes, frame included: they travel unchanged, and nobody
 * encodes a descriptor that was received. A file with any field out of its range is refused. */
#include "cluster/descriptor.h"

#include "base/check.h"
#include "cluster/stamp.h"
#include "seal/digest.h"

static const char descriptor_magic[] = "SEALDESC";

enum { DESCRIPTOR_VERSION = 1 };

static void ancestor_encode(const struct ancestor *ancestor, struct writer *writer)
{
    writer_copy(writer, ancestor->lineage.bytes, sizeof ancestor->lineage.bytes);
    writer_copy(writer, ancestor->descriptor.bytes, sizeof ancestor->descriptor.bytes);
    writer_u16(writer, (uint16_t)ancestor->suite);
    writer_u16(writer, 0);
    writer_u64(writer, ancestor->cut_segment);
    writer_u64(writer, ancestor->cut.epoch);
    writer_u64(writer, ancestor->cut.batch);
    writer_u64(writer, ancestor->cut_lsn);
    writer_copy(writer, ancestor->cut_tag.bytes, sizeof ancestor->cut_tag.bytes);
}

struct bytes descriptor_encode(const struct descriptor *descriptor, void *into)
{
    struct writer writer = writer_of(into, DESCRIPTOR_BYTES_MAX);

    CHECK(descriptor->ancestor_count <= DESCRIPTOR_ANCESTORS_MAX);
    stamp_begin(&writer, descriptor_magic, DESCRIPTOR_VERSION);
    writer_u16(&writer, (uint16_t)descriptor->suite);
    writer_u16(&writer, 0);
    writer_copy(&writer, descriptor->lineage.bytes, sizeof descriptor->lineage.bytes);
    writer_u64(&writer, descriptor->created_ns);
    writer_text(&writer, descriptor->engine);
    writer_u32(&writer, descriptor->ancestor_count);
    for (uint32_t i = 0; i < descriptor->ancestor_count; i++) {
        ancestor_encode(&descriptor->ancestors[i], &writer);
    }
    return stamp_end(&writer);
}

/* A suite, and the two zero bytes that follow it. */
static enum status suite_decode(enum suite *suite, struct reader *body)
{
    uint16_t number;

    TRY(reader_u16(body, &number));
    TRY(reader_zeros(body, 2));
    if (number != SUITE_NONE && number != SUITE_AES_256_GCM) {
        return E_VERSION; /* a cipher that a newer version may know */
    }
    *suite = (enum suite)number;
    return OK;
}

static enum status lineage_decode(struct id *lineage, struct reader *body)
{
    TRY(reader_copy(body, lineage->bytes, sizeof lineage->bytes));
    return id_is_zero(lineage) ? E_MALFORMED : OK;
}

static enum status ancestor_decode(struct ancestor *ancestor, struct reader *body)
{
    TRY(lineage_decode(&ancestor->lineage, body));
    TRY(reader_copy(body, ancestor->descriptor.bytes, sizeof ancestor->descriptor.bytes));
    TRY(suite_decode(&ancestor->suite, body));
    TRY(reader_u64(body, &ancestor->cut_segment));
    TRY(reader_u64(body, &ancestor->cut.epoch));
    TRY(reader_u64(body, &ancestor->cut.batch));
    TRY(reader_u64(body, &ancestor->cut_lsn));
    return reader_copy(body, ancestor->cut_tag.bytes, sizeof ancestor->cut_tag.bytes);
}

static enum status engine_decode(char *engine, struct reader *body)
{
    TRY(reader_text(body, engine, ENGINE_TEXT_MAX));
    for (const char *at = engine; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return E_MALFORMED;
        }
    }
    return engine[0] == '\0' ? E_MALFORMED : OK;
}

enum status descriptor_decode(struct descriptor *descriptor, struct bytes file)
{
    struct reader body;

    *descriptor = (struct descriptor){0};
    if (file.size > DESCRIPTOR_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    TRY(stamp_check(file, descriptor_magic, DESCRIPTOR_VERSION, &body));
    TRY(suite_decode(&descriptor->suite, &body));
    TRY(lineage_decode(&descriptor->lineage, &body));
    TRY(reader_u64(&body, &descriptor->created_ns));
    TRY(engine_decode(descriptor->engine, &body));
    TRY(reader_u32(&body, &descriptor->ancestor_count));
    if (descriptor->ancestor_count > DESCRIPTOR_ANCESTORS_MAX) {
        return E_TOO_LARGE;
    }
    for (uint32_t i = 0; i < descriptor->ancestor_count; i++) {
        TRY(ancestor_decode(&descriptor->ancestors[i], &body));
    }
    return reader_end(&body);
}

struct digest descriptor_digest(struct bytes file)
{
    return digest_of(file);
}
