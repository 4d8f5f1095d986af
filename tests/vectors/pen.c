/* Sealing is done by the functions that real members use, but for pen_seal_body, which does what
 * those refuse to do. */
#include "tests/vectors/pen.h"

#include "base/check.h"
#include "base/writer.h"
#include "seal/crc32c.h"
#include "seal/digest.h"

#include <stdlib.h>

void pen_begin(struct pen *pen, const struct secret *dek)
{
    segment_header_encode(&pen->header, dek, pen->raw, &pen->key);
    pen->out = (struct good_bytes){0};
    good_append(&pen->out, pen->raw, sizeof pen->raw);
    pen->batch = pen->header.first_batch - 1;
    pen->end_lsn = pen->header.first_lsn - 1;
    pen->tag = segment_first_tag(&pen->header);
    pen->batch_count = 0;
    batch_sealer_init(&pen->sealer);
    batch_sealer_begin(&pen->sealer, &pen->header, bytes_of(pen->raw, sizeof pen->raw), &pen->key);
}

void pen_seal(struct pen *pen, enum batch_type type, uint32_t record_count, struct bytes content)
{
    struct batch_header header = {.type = type,
                                  .batch = pen->batch + 1,
                                  .first_lsn = pen->end_lsn + 1,
                                  .record_count = record_count,
                                  .durable_batch = pen->durable > 0 ? pen->durable : pen->batch,
                                  .commit_lsn = pen->end_lsn,
                                  .prev_tag = pen->tag};
    const uint32_t bytes = batch_bytes_for(content.size);
    uint8_t *const memory = malloc(bytes);

    CHECK(memory != NULL);
    pen->tag = batch_seal(&pen->sealer, &header, &content, 1, memory);
    good_append(&pen->out, memory, bytes);
    free(memory);
    pen->batch++;
    pen->end_lsn += record_count;
    pen->batch_count++;
}

void pen_resume(struct pen *pen, struct good_bytes segment, size_t keep, const struct secret *dek)
{
    const struct bytes raw = bytes_of(segment.data, SEGMENT_HEADER_BYTES);

    *pen = (struct pen){0};
    CHECK(segment_header_decode(&pen->header, raw) == OK);
    CHECK(segment_header_open(&pen->header, raw, dek, &pen->key) == OK);
    memcpy(pen->raw, raw.data, raw.size);
    good_append(&pen->out, segment.data, keep);
    pen->batch = pen->header.first_batch - 1;
    pen->end_lsn = pen->header.first_lsn - 1;
    pen->tag = segment_first_tag(&pen->header);
    batch_sealer_init(&pen->sealer);
    batch_sealer_begin(&pen->sealer, &pen->header, raw, &pen->key);
    for (size_t at = SEGMENT_HEADER_BYTES; at < keep;) {
        struct batch_header header;

        CHECK(batch_parse(&pen->sealer, &header, bytes_of(segment.data + at, keep - at), &pen->tag)
              == OK);
        pen->batch = header.batch;
        pen->end_lsn = batch_end_lsn(&header);
        pen->batch_count++;
        at += header.batch_bytes;
    }
}

void pen_drop(struct pen *pen)
{
    batch_sealer_drop(&pen->sealer);
    segment_key_wipe(&pen->key);
}

/* The header of a batch as docs/FORMAT.md has it, and the tag and CRC behind its body. */
static void write_batch(struct pen *pen, uint8_t *memory, uint32_t bytes, struct bytes body,
                        uint32_t plain_bytes)
{
    struct writer writer = writer_of(memory, bytes);
    const struct nonce nonce = nonce_of_place(&pen->key.base_nonce, pen->batch + 1, false);
    const struct digest hash = digest_of(bytes_of(pen->raw, sizeof pen->raw));
    struct tag before = pen->tag;
    uint8_t aad_memory[4 + 32 + BATCH_HEADER_BYTES];
    struct writer aad = writer_of(aad_memory, sizeof aad_memory);

    writer_u32(&writer, bytes);
    writer_u32(&writer, BATCH_DATA); /* type, flags, reserved */
    writer_u64(&writer, pen->batch + 1);
    writer_u64(&writer, pen->end_lsn + 1);
    writer_u32(&writer, 1);
    writer_u32(&writer, plain_bytes);
    writer_u64(&writer, pen->batch);
    writer_u64(&writer, pen->end_lsn);
    writer_copy(&writer, before.bytes, sizeof before.bytes);
    writer_copy(&aad, "SLB1", 4);
    writer_copy(&aad, hash.bytes, sizeof hash.bytes);
    writer_copy(&aad, memory, BATCH_HEADER_BYTES);
    aead_seal(&pen->sealer.aead, &nonce, writer_bytes(&aad), &body, 1, memory + BATCH_HEADER_BYTES,
              &pen->tag);
    writer = writer_of(memory + BATCH_HEADER_BYTES + body.size, BATCH_TRAILER_BYTES);
    writer_copy(&writer, pen->tag.bytes, sizeof pen->tag.bytes);
    writer_u32(&writer, crc32c(crc32c(0, bytes_of(pen->header.commitment.bytes, 4)),
                               bytes_of(memory, bytes - 8)));
    writer_u32(&writer, bytes);
}

void pen_seal_body(struct pen *pen, struct bytes body, uint32_t plain_bytes)
{
    const uint32_t bytes = (uint32_t)body.size + BATCH_OVERHEAD_BYTES;
    uint8_t *const memory = malloc(bytes);

    CHECK(memory != NULL && bytes == batch_bytes_for(plain_bytes));
    write_batch(pen, memory, bytes, body, plain_bytes);
    good_append(&pen->out, memory, bytes);
    free(memory);
    pen->batch++;
    pen->end_lsn++;
    pen->batch_count++;
}
