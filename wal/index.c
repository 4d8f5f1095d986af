/* Rows are dense by segment number, so a number is a subtraction away; batches and LSNs ascend, so
 * they are found by halving. */
#include "wal/index.h"

#include "base/check.h"

size_t index_bytes(uint32_t capacity)
{
    return arena_need(sizeof(struct index_row) * capacity, _Alignof(struct index_row));
}

void index_init(struct index *index, struct arena *arena, uint32_t capacity, uint64_t file_bytes)
{
    struct index_row *memory = ARENA_ARRAY(arena, struct index_row, capacity);

    *index = (struct index){
        .rows = memory, .memory = memory, .capacity = capacity, .file_bytes = file_bytes};
}

void index_begin_after(struct index *index, epoch_t epoch)
{
    CHECK(index->count == 0);
    index->before_epoch = epoch;
}

const struct index_row *index_last(const struct index *index)
{
    return index->count == 0 ? NULL : &index->rows[index->count - 1];
}

static void note_digests(struct index *index, const struct segment_header *header)
{
    for (uint32_t i = 0; i < header->digest_count; i++) {
        const uint64_t place = header->digests[i].segment - index->rows[0].segment;

        if (place < index->count - 1 && index->rows[place].listed_in == SEGMENT_NONE) {
            index->rows[place].listed_in = header->segment;
        }
    }
}

static uint64_t newest_file_bytes(const struct index *index)
{
    return index->newest_bytes > index->file_bytes ? index->newest_bytes : index->file_bytes;
}

uint64_t index_bytes_from(const struct index *index, const struct index_row *row)
{
    const struct index_row *last = index_last(index);

    CHECK(last != NULL); /* there is at least the row */
    return last->begin_bytes + newest_file_bytes(index) - row->begin_bytes;
}

/* What was dropped at the beginning leaves room there: now and then all rows move back to it. */
static void make_room(struct index *index)
{
    if (index->rows + index->count == index->memory + index->capacity) {
        memmove(index->memory, index->rows, index->count * sizeof *index->rows);
        index->rows = index->memory;
    }
}

void index_add(struct index *index, const struct segment_header *header)
{
    CHECK(!index_is_full(index));
    make_room(index);
    CHECK(index->rows != NULL);

    const struct index_row *last = index_last(index);
    const epoch_t before = last == NULL ? index->before_epoch : last->epoch;
    const uint64_t begin = last == NULL ? 0 : last->begin_bytes + newest_file_bytes(index);

    CHECK(last == NULL || header->segment == last->segment + 1);

    struct index_row *row = &index->rows[index->count++];
    *row =
        (struct index_row){.segment = header->segment,
                           .first_batch = header->first_batch,
                           .first_lsn = header->first_lsn,
                           .epoch = header->epoch,
                           .dek = header->dek,
                           .beginning = before == header->epoch ? BEGINNING_LATER : BEGINNING_EPOCH,
                           .digest_count = (uint8_t)header->digest_count,
                           .listed_in = SEGMENT_NONE,
                           .closed_at = INSTANT_NEVER,
                           .created_ns = header->created_ns,
                           .begin_bytes = begin};
    index->newest_bytes = 0;
    memcpy(row->crc_seed, header->commitment.bytes, sizeof row->crc_seed);
    note_digests(index, header);
}

void index_drop_from(struct index *index, segment_t segment)
{
    while (index->count > 0 && index->rows[index->count - 1].segment >= segment) {
        index->count--;
    }
    for (uint32_t i = 0; i < index->count; i++) {
        struct index_row *row = &index->rows[i];

        row->listed_in = row->listed_in >= segment ? SEGMENT_NONE : row->listed_in;
    }
    index->newest_bytes = 0;
    index->drops++;
}

void index_drop_first(struct index *index)
{
    CHECK(index->count > 1);
    index->before_epoch = index->rows[0].epoch;
    index->rows++;
    index->count--;
}

bool index_row_fits(const struct index_row *row, const struct segment_header *header)
{
    return row->segment == header->segment && row->first_batch == header->first_batch
           && row->first_lsn == header->first_lsn && row->epoch == header->epoch
           && bytes_equal(bytes_of(row->crc_seed, sizeof row->crc_seed),
                          bytes_of(header->commitment.bytes, sizeof row->crc_seed));
}

const struct index_row *index_find(const struct index *index, segment_t segment)
{
    if (index->count == 0 || segment < index->rows[0].segment) {
        return NULL;
    }
    const uint64_t place = segment - index->rows[0].segment;

    return place < index->count ? &index->rows[place] : NULL;
}

static bool row_begins_after(const struct index_row *row, bool by_lsn, uint64_t value)
{
    return (by_lsn ? row->first_lsn : row->first_batch) > value;
}

static const struct index_row *last_not_after(const struct index *index, bool by_lsn,
                                              uint64_t value)
{
    uint32_t begin = 0;
    uint32_t end = index->count;

    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;

        if (row_begins_after(&index->rows[middle], by_lsn, value)) {
            end = middle;
        } else {
            begin = middle + 1;
        }
    }
    return begin == 0 ? NULL : &index->rows[begin - 1];
}

const struct index_row *index_of_batch(const struct index *index, batch_t batch)
{
    return last_not_after(index, false, batch);
}

const struct index_row *index_of_lsn(const struct index *index, lsn_t lsn)
{
    return last_not_after(index, true, lsn);
}

batch_t index_end_batch(const struct index *index, const struct index_row *row, batch_t open_end)
{
    return row == index_last(index) ? open_end : row[1].first_batch;
}
