/* One way for a segment to become the current one, and one for a batch to become the newest,
 * whoever sealed them: so that the bytes, offsets and writes of writer and replica are the same. */
#include "wal/wal_place.h"

#include "base/check.h"

bool wal_place_has_room_for_segment(const struct wal *wal)
{
    const struct wal_header_slot *slot = &wal->headers[wal_next_segment(wal) % WAL_HEADERS];

    return (!slot->used || slot->durable) && !index_is_full(&wal->index)
           && writes_room(wal->writes) > 0;
}

uint8_t *wal_place_header(struct wal *wal, segment_t segment)
{
    CHECK(segment == wal_next_segment(wal));
    CHECK(wal_place_has_room_for_segment(wal));

    struct wal_header_slot *slot = &wal->headers[segment % WAL_HEADERS];

    slot->segment = segment;
    slot->used = true;
    slot->durable = false;
    return slot->raw;
}

void wal_place_segment(struct wal *wal, const struct segment_header *header,
                       const struct segment_key *key, struct effects *fx)
{
    const struct bytes raw = bytes_of(wal_raw_header(wal, header->segment), SEGMENT_HEADER_BYTES);

    wal->segment = header->segment;
    wal->header = *header;
    wal->epoch = header->epoch;
    wal->offset = SEGMENT_HEADER_BYTES;
    wal->batch_count = 0;
    wal->has_data = false;
    wal->closed = false;
    wal->tag = segment_first_tag(header);
    batch_sealer_begin(&wal->sealer, header, raw, key);
    index_add(&wal->index, header);
    writes_ask(wal->writes, fx, WRITE_SEGMENT, header->segment,
               &(struct store_write){
                   .op = STORE_CREATE, .segment = header->segment, .size = raw.size, .data = raw});
}

uint8_t *wal_place_reserve(struct wal *wal, uint32_t bytes)
{
    return writes_room(wal->writes) == 0 ? NULL : window_reserve(&wal->window, bytes);
}

void wal_place_batch(struct wal *wal, const struct batch_header *header, const struct tag *tag,
                     const uint8_t *sealed, struct effects *fx)
{
    const struct window_batch batch = {.batch = header->batch,
                                       .segment = wal->segment,
                                       .offset = wal->offset,
                                       .end_lsn = batch_end_lsn(header),
                                       .bytes = header->batch_bytes,
                                       .tag = *tag};

    CHECK(header->batch == wal->sealed + 1);
    CHECK(wal->batch_count < SEGMENT_BATCHES_MAX);

    window_push(&wal->window, &batch);
    wal->sealed = header->batch;
    wal->sealed_lsn = batch.end_lsn;
    wal->tag = *tag;
    wal->has_data = wal->has_data || header->type == BATCH_DATA;
    wal->closed = header->type == BATCH_FINAL;
    wal->offset += header->batch_bytes;
    index_grew(&wal->index, wal->offset);
    wal->batch_count++;
    wal->placed_bytes += header->batch_bytes;
    writes_ask(wal->writes, fx, WRITE_BATCH, header->batch,
               &(struct store_write){.op = STORE_APPEND,
                                     .segment = wal->segment,
                                     .offset = batch.offset,
                                     .size = batch.bytes,
                                     .data = bytes_of(sealed, batch.bytes)});
}
