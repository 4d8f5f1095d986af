/* From records to sealed bytes and onto another disk: the writer's side and the replica's side
 * against each other, with limits so small that every rare path is taken. */
#include "tests/unit/wal/rig.h"

static void expect_same_place(const struct wal *a, const struct wal *b)
{
    EXPECT(a->segment == b->segment && a->offset == b->offset);
    EXPECT(a->batch_count == b->batch_count && a->closed == b->closed);
    EXPECT(a->sealed == b->sealed && a->durable == b->durable);
    EXPECT(a->sealed_lsn == b->sealed_lsn && a->durable_lsn == b->durable_lsn);
    EXPECT(a->epoch == b->epoch && tag_equal(&a->tag, &b->tag));

    const struct digest own = wal_chain(a), other = wal_chain(b);

    EXPECT(digest_equal(&own, &other));
}

static void writer_and_replica(enum suite suite, uint64_t seed)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *writer = rig_new(&settings, suite, seed);
    struct rig *replica = rig_new(&settings, suite, seed + 1000);

    rig_begin(writer, 1);
    rig_answer(writer);
    rig_write_segments(writer, 7);
    rig_follow(replica, &writer->disk);
    EXPECT(writer->disk.count == 7);
    EXPECT(rig_disks_are_equal(&writer->disk, &replica->disk));
    expect_same_place(&writer->wal, &replica->wal);

    rig_write_segments(writer, 9);
    rig_follow(replica, &writer->disk);
    EXPECT(rig_disks_are_equal(&writer->disk, &replica->disk));
    expect_same_place(&writer->wal, &replica->wal);
    rig_free(writer);
    rig_free(replica);
}

TEST(what_the_writer_seals_the_replica_adopts_byte_for_byte)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        writer_and_replica(SUITE_AES_256_GCM, seed);
        writer_and_replica(SUITE_NONE, seed);
    }
}

/* ---- reading a disk back, record by record ---- */

struct reading {
    struct batch_sealer sealer;
    lsn_t lsn;
    unsigned epoch_starts, checkpoints, finals;
    unsigned batches; /* in this segment */
};

static void read_records(struct reading *reading, const struct batch_data *data)
{
    struct reader lengths = reader_of(data->lengths);
    struct reader bodies = reader_of(data->bodies);
    struct reader runs = reader_of(data->runs);
    struct run run;
    uint32_t length, in_runs = 0;
    struct bytes body;

    while (batch_data_next_run(&runs, &run)) {
        EXPECT(run.first_sequence == reading->lsn + 1 + in_runs);
        in_runs += run.count;
    }
    EXPECT(in_runs == data->record_count);
    while (reader_u32(&lengths, &length) == OK) {
        reading->lsn++;
        EXPECT(length == rig_body_size(reading->lsn));
        NEED(reader_view(&bodies, &body, length) == OK);
        EXPECT(body.data[0] == rig_body_byte(reading->lsn));
        EXPECT(body.data[length - 1] == rig_body_byte(reading->lsn));
    }
    EXPECT_STATUS(reader_end(&bodies), OK);
}

static void read_content(struct reading *reading, const struct batch_header *header,
                         struct bytes plain)
{
    static struct producers producers;
    static struct producer slots[8];
    static uint32_t buckets[8];
    struct batch_data data;
    struct epoch_start start;
    struct final_content final;

    switch (header->type) {
    case BATCH_DATA:
        EXPECT(header->first_lsn == reading->lsn + 1);
        NEED(batch_data_decode(&data, plain, header->record_count) == OK);
        read_records(reading, &data);
        break;
    case BATCH_EPOCH_START:
        EXPECT_STATUS(epoch_start_decode(&start, plain), OK);
        EXPECT(start.start_batch == header->batch && start.start_lsn == header->first_lsn);
        EXPECT(reading->batches == 1);
        reading->epoch_starts++;
        break;
    case BATCH_CHECKPOINT:
        producers = (struct producers){
            .slots = slots, .buckets = buckets, .capacity = 8, .bucket_count = 8};
        EXPECT_STATUS(producers_decode(&producers, plain), OK);
        EXPECT(producers.count <= 4);
        reading->checkpoints++;
        break;
    case BATCH_FINAL:
        EXPECT_STATUS(final_decode(&final, plain), OK);
        EXPECT(final.batch_count == reading->batches && final.end_lsn == reading->lsn);
        reading->finals++;
        break;
    }
}

static void read_segment(struct reading *reading, const struct rig *rig, unsigned segment)
{
    static uint8_t plain[RIG_SEGMENT_ROOM];
    const struct bytes raw = bytes_of(rig->disk.segments[segment], SEGMENT_HEADER_BYTES);
    struct segment_header header;
    struct segment_key key;
    struct batch_header batch;

    NEED(segment_header_decode(&header, raw) == OK);
    NEED(segment_header_open(&header, raw, &rig->dek, &key) == OK);
    batch_sealer_begin(&reading->sealer, &header, raw, &key);
    reading->batches = 0;
    for (uint64_t offset = SEGMENT_HEADER_BYTES; offset < rig->disk.sizes[segment];
         offset += batch.batch_bytes) {
        const struct bytes from =
            bytes_of(rig->disk.segments[segment] + offset, rig->disk.sizes[segment] - offset);

        NEED(batch_parse(&reading->sealer, &batch, from, NULL) == OK);
        NEED(batch_open(&reading->sealer, &batch, from, plain) == OK);
        reading->batches++;
        read_content(reading, &batch, bytes_of(plain, batch.plain_bytes));
    }
}

TEST(every_record_comes_back_under_its_lsn)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *writer = rig_new(&settings, SUITE_AES_256_GCM, 5);
    struct reading reading = {0};

    batch_sealer_init(&reading.sealer);
    rig_begin(writer, 1);
    rig_answer(writer);
    rig_write_segments(writer, 6);
    for (unsigned i = 0; i < writer->disk.count; i++) {
        read_segment(&reading, writer, i);
    }
    EXPECT(reading.lsn == writer->wal.sealed_lsn && reading.lsn > 100);
    EXPECT(reading.epoch_starts == 1 && reading.finals == 5 && reading.checkpoints == 6);
    batch_sealer_drop(&reading.sealer);
    rig_free(writer);
}

TEST(segments_keep_to_their_size_unless_one_batch_is_larger)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *writer = rig_new(&settings, SUITE_AES_256_GCM, 6);

    rig_begin(writer, 1);
    rig_answer(writer);
    rig_write_segments(writer, 8);
    for (unsigned i = 0; i + 1 < writer->disk.count; i++) {
        EXPECT(writer->disk.sizes[i] <= settings.segment_bytes);
    }
    rig_free(writer);
}

TEST(a_disk_that_does_not_answer_is_back_pressure_and_nothing_is_lost)
{
    const struct wal_settings settings = rig_tiny();

    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rig *writer = rig_new(&settings, SUITE_AES_256_GCM, seed);
        struct rig *replica = rig_new(&settings, SUITE_AES_256_GCM, seed + 50);
        unsigned refused = 0;

        rig_begin(writer, 1);
        while (writer->disk.count < 5) {
            if (!rig_append(writer, 1, (uint32_t)prng_between(&writer->prng, 1, 6))) {
                refused++;
                rig_answer(writer);
            }
            rig_perform(writer);
            wal_check(&writer->wal);
        }
        rig_answer(writer);
        EXPECT(refused > 3);
        rig_follow(replica, &writer->disk);
        EXPECT(rig_disks_are_equal(&writer->disk, &replica->disk));
        rig_free(writer);
        rig_free(replica);
    }
}

static struct wal_place place_of(const struct rig *rig)
{
    const struct wal *wal = &rig->wal;

    return (struct wal_place){.header = &wal->header,
                              .raw_header =
                                  bytes_of(rig->disk.segments[wal->segment], SEGMENT_HEADER_BYTES),
                              .offset = wal->offset,
                              .batch_count = wal->batch_count,
                              .closed = wal->closed,
                              .tag = wal->tag,
                              .batch = wal->sealed,
                              .end_lsn = wal->sealed_lsn};
}

TEST(a_new_life_begins_a_new_segment_and_a_replica_follows_into_it)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *first = rig_new(&settings, SUITE_AES_256_GCM, 1);
    struct rig *second = rig_new(&settings, SUITE_AES_256_GCM, 2);
    struct rig *replica = rig_new(&settings, SUITE_AES_256_GCM, 3);

    rig_begin(first, 1);
    rig_answer(first);
    rig_write_segments(first, 2);
    rig_follow(replica, &first->disk);

    const struct wal_place place = place_of(first);

    for (unsigned i = 0; i < first->disk.count; i++) {
        second->disk.segments[i] = first->disk.segments[i];
        second->disk.sizes[i] = first->disk.sizes[i];
        first->disk.segments[i] = NULL;
    }
    second->disk.count = first->disk.count;
    index_add(&second->wal.index, &(struct segment_header){.segment = 1});
    wal_resume(&second->wal, &(struct wal_place){.header = place.header,
                                                 .raw_header = bytes_of(second->disk.segments[1],
                                                                        SEGMENT_HEADER_BYTES),
                                                 .offset = place.offset,
                                                 .batch_count = place.batch_count,
                                                 .tag = place.tag,
                                                 .batch = place.batch,
                                                 .end_lsn = place.end_lsn});
    rig_begin(second, 2);
    rig_answer(second);
    rig_write_segments(second, 5);
    rig_follow(replica, &second->disk);
    EXPECT(rig_disks_are_equal(&second->disk, &replica->disk));
    EXPECT(replica->wal.epoch == 2);
    expect_same_place(&second->wal, &replica->wal);
    rig_free(first);
    rig_free(second);
    rig_free(replica);
}

TEST(the_window_finds_what_was_sealed_until_it_leaves)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *writer = rig_new(&settings, SUITE_AES_256_GCM, 8);

    rig_begin(writer, 1);
    rig_answer(writer);
    rig_write_segments(writer, 3);
    const batch_t first = window_first(&writer->wal.window);

    EXPECT(first > 1);
    EXPECT(window_find(&writer->wal.window, first - 1) == NULL);
    EXPECT(window_find(&writer->wal.window, writer->wal.sealed + 1) == NULL);
    for (batch_t batch = first; batch <= writer->wal.sealed; batch++) {
        const struct window_batch *found = window_find(&writer->wal.window, batch);

        NEED(found != NULL && found->batch == batch);
        EXPECT(
            memcmp(writer->disk.segments[found->segment] + found->offset, found->data, found->bytes)
            == 0);
    }
    rig_free(writer);
}

TEST(a_header_lists_the_digests_that_were_handed_in_and_no_more_than_it_can)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *rig = rig_new(&settings, SUITE_AES_256_GCM, 3);
    struct segment_digest digest = {.sha256 = {{9}}};

    rig_begin(rig, 1);
    rig_answer(rig);
    rig_write_segments(rig, 2);
    for (unsigned i = 0; i < SEGMENT_DIGESTS_MAX; i++) {
        EXPECT_STATUS(wal_list_digest(&rig->wal, &digest), OK);
    }
    EXPECT_STATUS(wal_list_digest(&rig->wal, &digest), E_FULL);
    rig_write_segments(rig, 4);

    struct segment_header header;

    NEED(segment_header_decode(&header, bytes_of(rig->disk.segments[2], SEGMENT_HEADER_BYTES))
         == OK);
    EXPECT(header.digest_count == SEGMENT_DIGESTS_MAX);
    EXPECT(digest_equal(&header.digests[63].sha256, &digest.sha256));
    NEED(segment_header_decode(&header, bytes_of(rig->disk.segments[3], SEGMENT_HEADER_BYTES))
         == OK);
    EXPECT(header.digest_count == 0);
    EXPECT_STATUS(wal_list_digest(&rig->wal, &digest), OK);
    rig_free(rig);
}

TEST(the_index_knows_which_header_lists_which_segment)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *rig = rig_new(&settings, SUITE_NONE, 3);
    struct index *index = &rig->wal.index;
    const uint64_t drops = index->drops;

    for (segment_t i = 0; i < 3; i++) {
        index_add(index, &(struct segment_header){.segment = i, .epoch = 1});
    }
    index_add(index, &(struct segment_header){.segment = 3,
                                              .epoch = 2,
                                              .digest_count = 5,
                                              .digests = {{.segment = 0},
                                                          {.segment = 2},
                                                          {.segment = 3}, /* itself */
                                                          {.segment = 4},
                                                          {.segment = UINT64_MAX}}});
    index_add(index, &(struct segment_header){
                         .segment = 4, .epoch = 2, .digest_count = 1, .digests = {{.segment = 2}}});
    EXPECT(index->rows[0].listed_in == 3 && index->rows[1].listed_in == SEGMENT_NONE);
    EXPECT(index->rows[2].listed_in == 3); /* the first that lists it */
    EXPECT(index->rows[3].listed_in == SEGMENT_NONE && index->rows[3].digest_count == 5);
    EXPECT(index->rows[0].beginning == BEGINNING_EPOCH);
    EXPECT(index->rows[2].beginning == BEGINNING_LATER);
    EXPECT(index->rows[3].beginning == BEGINNING_EPOCH);
    EXPECT(index->rows[4].beginning == BEGINNING_LATER);
    index_drop_from(index, 4);
    EXPECT(index->rows[2].listed_in == 3 && index->drops == drops + 1);
    index_drop_from(index, 3);
    EXPECT(index->rows[0].listed_in == SEGMENT_NONE && index->rows[2].listed_in == SEGMENT_NONE);
    rig_free(rig);
}
