/* What writer and replica have in common: positions, the current segment, the headers at hand.
 *
 * A raw header stays in its slot until its CREATE was answered, since the disk reads it from there;
 * after that it serves feeds that are near the end, until a segment WAL_HEADERS later takes it. */
#include "wal/wal.h"

#include "base/check.h"

static size_t checkpoint_room(const struct wal_settings *settings)
{
    return CHECKPOINT_HEAD_BYTES + (size_t)settings->producers_max * CHECKPOINT_ROW_BYTES;
}

static size_t lengths_room(const struct wal_settings *settings)
{
    return settings->batch_bytes > settings->message_bytes_max ? settings->batch_bytes
                                                               : settings->message_bytes_max;
}

size_t wal_bytes(const struct wal_settings *settings)
{
    return index_bytes(settings->segments_max)
           + window_bytes(settings->window_bytes, settings->window_batches)
           + producers_bytes(settings->producers_max)
           + arena_need((size_t)WAL_RUNS_MAX * RUN_BYTES, 1)
           + 2 * arena_need(lengths_room(settings), 1) + arena_need(checkpoint_room(settings), 1)
           + arena_need(sizeof(struct wal_header_slot) * WAL_HEADERS, ARENA_ALIGN_MAX);
}

static struct writer writer_take(struct arena *arena, size_t room)
{
    return writer_of(arena_take(arena, room, 1), room);
}

void wal_init(struct wal *wal, struct arena *arena, const struct wal_settings *settings,
              const struct entropy *entropy, struct writes *writes)
{
    *wal = (struct wal){
        .settings = *settings, .entropy = *entropy, .writes = writes, .segment = SEGMENT_NONE};
    index_init(&wal->index, arena, settings->segments_max, settings->segment_bytes);
    window_init(&wal->window, arena, settings->window_bytes, settings->window_batches);
    producers_init(&wal->producers, arena, settings->producers_max, entropy);
    wal->open.runs = writer_take(arena, (size_t)WAL_RUNS_MAX * RUN_BYTES);
    wal->open.lengths = writer_take(arena, lengths_room(settings));
    wal->open.bodies = writer_take(arena, lengths_room(settings));
    wal->checkpoint = arena_take(arena, checkpoint_room(settings), 1);
    wal->headers = ARENA_ARRAY(arena, struct wal_header_slot, WAL_HEADERS);
    batch_sealer_init(&wal->sealer);
}

void wal_drop(struct wal *wal)
{
    batch_sealer_drop(&wal->sealer);
}

void wal_know(struct wal *wal, const struct id *lineage, const struct digest *descriptor,
              enum suite suite)
{
    CHECK(wal->segment == SEGMENT_NONE);

    wal->lineage = *lineage;
    wal->descriptor = *descriptor;
    wal->suite = suite;
}

static struct wal_header_slot *header_slot(const struct wal *wal, segment_t segment)
{
    return &wal->headers[segment % WAL_HEADERS];
}

void wal_resume(struct wal *wal, const struct wal_place *place)
{
    struct wal_header_slot *slot = header_slot(wal, place->header->segment);

    slot->segment = place->header->segment;
    slot->used = slot->durable = true;
    memcpy(slot->raw, place->raw_header.data, SEGMENT_HEADER_BYTES);

    wal->segment = place->header->segment;
    wal->header = *place->header;
    wal->epoch = place->header->epoch;
    wal->offset = place->offset;
    wal->batch_count = place->batch_count;
    wal->closed = place->closed;
    wal->tag = place->tag;
    wal->sealed = wal->durable = place->batch;
    wal->sealed_lsn = wal->durable_lsn = wal->appended_lsn = place->end_lsn;
    window_clear(&wal->window, place->batch);
    index_grew(&wal->index, place->offset);
    if (place->key != NULL) {
        batch_sealer_begin(&wal->sealer, place->header, place->raw_header, place->key);
    }
}

void wal_restart(struct wal *wal)
{
    wal->segment = SEGMENT_NONE;
    wal->epoch = 0;
    wal->closed = false;
    wal->sealed = wal->durable = 0;
    wal->sealed_lsn = wal->durable_lsn = wal->appended_lsn = 0;
    window_clear(&wal->window, 0);
    if (wal->index.count > 0) {
        index_drop_from(&wal->index, wal->index.rows[0].segment);
    }
    index_begin_after(&wal->index, 0);
    batch_sealer_forget(&wal->sealer);
}

bool wal_is_whole(const struct wal *wal, segment_t segment)
{
    const struct index_row *next = index_find(&wal->index, segment + 1);

    return index_find(&wal->index, segment) != NULL && next != NULL
           && next->first_batch <= wal->durable;
}

struct digest wal_chain(const struct wal *wal)
{
    if (wal->segment == SEGMENT_NONE) {
        return wal->descriptor;
    }
    return segment_chain(bytes_of(header_slot(wal, wal->segment)->raw, SEGMENT_HEADER_BYTES),
                         &wal->tag);
}

const uint8_t *wal_raw_header(const struct wal *wal, segment_t segment)
{
    const struct wal_header_slot *slot = header_slot(wal, segment);

    return slot->used && slot->segment == segment ? slot->raw : NULL;
}

void wal_on_batch_written(struct wal *wal, batch_t batch)
{
    const struct window_batch *found = window_find(&wal->window, batch);

    CHECK(batch == wal->durable + 1);
    CHECK(found != NULL);
    wal->durable = batch;
    wal->durable_lsn = found->end_lsn;
    window_persisted(&wal->window, batch);
}

void wal_on_segment_written(struct wal *wal, segment_t segment)
{
    struct wal_header_slot *slot = header_slot(wal, segment);

    CHECK(slot->used && slot->segment == segment);
    slot->durable = true;
}

void wal_check(const struct wal *wal)
{
    CHECK(wal->durable <= wal->sealed);
    CHECK(wal->durable_lsn <= wal->sealed_lsn);
    CHECK(wal->sealed_lsn <= wal->appended_lsn);
    CHECK(wal->appended_lsn - wal->sealed_lsn == wal->open.record_count);
}
