/* A writer gives records their LSN, gathers them in the open batch, and seals it once.
 *
 * The open batch is kept in three parts (runs, lengths, bodies) that sealing gathers into the
 * window, so that a record is copied once and then only encrypted. A segment begins while the open
 * batch is empty: its checkpoint then speaks of nothing that is not already sealed, and a producer
 * whose record is lost in a crash is not remembered as having appended it. */
#include "base/check.h"
#include "wal/wal_place.h"

/* Only where there is room: callers have looked. */
static void seal_parts(struct wal *wal, struct batch_header *header, const struct bytes *parts,
                       size_t part_count, uint32_t bytes, struct effects *fx)
{
    uint8_t *memory = wal_place_reserve(wal, bytes);

    CHECK(memory != NULL);
    CHECK(header->batch == wal->sealed + 1);

    const struct tag tag = batch_seal(&wal->sealer, header, parts, part_count, memory);

    CHECK(header->batch_bytes == bytes);
    wal_place_batch(wal, header, &tag, memory, fx);
}

static struct batch_header header_of_next(const struct wal *wal, enum batch_type type)
{
    return (struct batch_header){.type = type,
                                 .batch = wal->sealed + 1,
                                 .first_lsn = wal->sealed_lsn + 1,
                                 .durable_batch = wal->durable,
                                 .commit_lsn = wal->commit_lsn,
                                 .prev_tag = wal->tag};
}

static void seal_content(struct wal *wal, enum batch_type type, struct bytes content,
                         struct effects *fx)
{
    struct batch_header header = header_of_next(wal, type);

    seal_parts(wal, &header, &content, 1, batch_bytes_for(content.size), fx);
}

static void begin_segment(struct wal *wal, uint64_t created_ns, struct effects *fx)
{
    struct segment_header header = {.suite = wal->suite,
                                    .lineage = wal->lineage,
                                    .descriptor = wal->descriptor,
                                    .dek = wal->dek_id,
                                    .epoch = wal->epoch,
                                    .segment = wal_next_segment(wal),
                                    .first_batch = wal->sealed + 1,
                                    .first_lsn = wal->sealed_lsn + 1,
                                    .incarnation = wal->incarnation,
                                    .created_ns = created_ns,
                                    .prev_chain = wal_chain(wal),
                                    .prev_last_batch = wal->sealed,
                                    .prev_end_lsn = wal->sealed_lsn};
    struct segment_key key;

    CHECK(!wal_has_open(wal));
    header.digest_count = wal->digest_count;
    memcpy(header.digests, wal->digests, wal->digest_count * sizeof *wal->digests);
    wal->digest_count = 0;
    entropy_fill(&wal->entropy, header.salt, sizeof header.salt);
    segment_header_encode(&header, wal->dek, wal_place_header(wal, header.segment), &key);
    wal_place_segment(wal, &header, &key, fx);
    segment_key_wipe(&key);
}

static void seal_checkpoint(struct wal *wal, struct effects *fx)
{
    struct writer writer = writer_of(wal->checkpoint, producers_encoded_bytes(&wal->producers));

    producers_encode(&wal->producers, &writer);
    seal_content(wal, BATCH_CHECKPOINT, writer_bytes(&writer), fx);
}

static void seal_final(struct wal *wal, struct effects *fx)
{
    uint8_t memory[FINAL_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    final_encode(&writer, &(struct final_content){.batch_count = wal->batch_count + 1,
                                                  .end_lsn = wal->sealed_lsn});
    seal_content(wal, BATCH_FINAL, writer_bytes(&writer), fx);
}

static void seal_epoch_start(struct wal *wal, const struct epoch_start *start, struct effects *fx)
{
    uint8_t memory[EPOCH_START_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    epoch_start_encode(&writer, start);
    seal_content(wal, BATCH_EPOCH_START, writer_bytes(&writer), fx);
}

void wal_begin_epoch(struct wal *wal, const struct epoch_start *start, const struct id *dek_id,
                     const struct secret *dek, uint64_t created_ns, struct effects *fx)
{
    CHECK(start->epoch > wal->epoch);
    CHECK(start->start_batch == wal->sealed + 1);
    CHECK(wal->durable == wal->sealed);

    wal->epoch = start->epoch;
    wal->dek_id = *dek_id;
    wal->dek = dek;
    entropy_fill(&wal->entropy, wal->incarnation.bytes, sizeof wal->incarnation.bytes);
    begin_segment(wal, created_ns, fx);
    seal_epoch_start(wal, start, fx);
    seal_checkpoint(wal, fx);
}

/* Final, checkpoint and the batch itself, one behind the other in the window. */
static bool window_has_room_to_roll(struct wal *wal, uint32_t bytes)
{
    const uint32_t checkpoint = batch_bytes_for(producers_encoded_bytes(&wal->producers));

    return writes_room(wal->writes) >= 4 && window_slots(&wal->window) >= 3
           && wal_place_has_room_for_segment(wal)
           && wal_place_reserve(wal, BATCH_BLOCK_BYTES + checkpoint + bytes) != NULL;
}

static bool segment_has_room(const struct wal *wal, uint32_t bytes)
{
    /* Any one batch may follow the checkpoint, however large: a segment is then as large as
     * that. */
    return (!wal->has_data
            || wal->offset + bytes + BATCH_BLOCK_BYTES <= wal->settings.segment_bytes)
           && wal->batch_count + 2 <= SEGMENT_BATCHES_MAX;
}

static size_t open_bytes(const struct open_batch *open)
{
    return open->runs.size + open->lengths.size + open->bodies.size;
}

static bool open_has_room(const struct wal *wal, size_t bytes)
{
    const struct open_batch *open = &wal->open;

    return open->run_count < WAL_RUNS_MAX
           && open_bytes(open) + RUN_BYTES + bytes + BATCH_OVERHEAD_BYTES
                  <= wal->settings.batch_bytes;
}

enum status wal_make_room(struct wal *wal, size_t bytes, uint64_t created_ns, struct effects *fx)
{
    CHECK(bytes <= wal->settings.message_bytes_max);

    if (wal_has_open(wal)) {
        if (open_has_room(wal, bytes)) {
            return OK;
        }
        TRY(wal_seal(wal, fx));
    }
    /* The open batch may still grow to batch_bytes: ask for that much, so that sealing it later
     * never needs another segment. */
    const size_t message = RUN_BYTES + bytes;
    const size_t target = wal->settings.batch_bytes - BATCH_OVERHEAD_BYTES;
    const uint32_t need = batch_bytes_for(message > target ? message : target);

    if (!segment_has_room(wal, need)) {
        if (wal_is_full(wal)) {
            return E_WAL_FULL;
        }
        if (!window_has_room_to_roll(wal, need)) {
            return E_FULL;
        }
        seal_final(wal, fx);
        begin_segment(wal, created_ns, fx);
        seal_checkpoint(wal, fx);
    }
    return wal_place_reserve(wal, need) != NULL ? OK : E_FULL;
}

enum status wal_change_dek(struct wal *wal, const struct id *dek_id, const struct secret *dek,
                           uint64_t created_ns, struct effects *fx)
{
    if (wal_has_open(wal)) {
        TRY(wal_seal(wal, fx));
    }
    if (wal_is_full(wal)) {
        return E_WAL_FULL;
    }
    if (!window_has_room_to_roll(wal, 0)) {
        return E_FULL;
    }
    seal_final(wal, fx);
    wal->dek_id = *dek_id;
    wal->dek = dek;
    begin_segment(wal, created_ns, fx);
    seal_checkpoint(wal, fx);
    return OK;
}

enum status wal_list_digest(struct wal *wal, const struct segment_digest *digest)
{
    CHECK(wal->segment != SEGMENT_NONE && digest->segment < wal->segment);

    if (wal->digest_count == SEGMENT_DIGESTS_MAX) {
        return E_FULL;
    }
    wal->digests[wal->digest_count++] = *digest;
    return OK;
}

static void open_clear(struct open_batch *open)
{
    open->runs.size = open->lengths.size = open->bodies.size = 0;
    open->record_count = open->run_count = 0;
}

lsn_t wal_append(struct wal *wal, const struct run *run, struct bytes lengths, struct bytes bodies)
{
    struct open_batch *open = &wal->open;
    const lsn_t first_lsn = wal->appended_lsn + 1;

    CHECK(run->count > 0 && lengths.size == 4 * (size_t)run->count);

    run_encode(&open->runs, run);
    writer_copy(&open->lengths, lengths.data, lengths.size);
    writer_copy(&open->bodies, bodies.data, bodies.size);
    open->record_count += run->count;
    open->run_count++;
    wal->appended_lsn += run->count;
    producers_note(&wal->producers, run->producer, run->first_sequence + run->count - 1,
                   wal->appended_lsn);
    return first_lsn;
}

enum status wal_seal(struct wal *wal, struct effects *fx)
{
    const struct open_batch *open = &wal->open;
    const struct bytes parts[] = {writer_bytes(&open->runs), writer_bytes(&open->lengths),
                                  writer_bytes(&open->bodies)};
    const uint32_t bytes = batch_bytes_for(open_bytes(open));
    struct batch_header header = header_of_next(wal, BATCH_DATA);

    CHECK(wal_has_open(wal));
    if (wal_place_reserve(wal, bytes) == NULL) {
        return E_FULL;
    }
    header.record_count = open->record_count;
    seal_parts(wal, &header, parts, COUNT_OF(parts), bytes, fx);
    open_clear(&wal->open);
    return OK;
}
