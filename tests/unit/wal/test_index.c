/* Rows come at the end and go at both ends; numbers, sizes and beginnings stay right. */
#include "tests/support/test.h"
#include "wal/index.h"

#include <stdlib.h>

enum { ROWS = 4, FILE_BYTES = 1000 };

static struct segment_header header_of(segment_t segment, epoch_t epoch)
{
    return (struct segment_header){.segment = segment,
                                   .epoch = epoch,
                                   .first_batch = 10 * segment + 1,
                                   .first_lsn = 100 * segment + 1};
}

static void add(struct index *index, segment_t segment, epoch_t epoch)
{
    const struct segment_header header = header_of(segment, epoch);

    index_add(index, &header);
}

static void *begin(struct index *index)
{
    void *memory = aligned_alloc(ARENA_ALIGN_MAX, 1 << 16);
    struct arena arena = arena_of(memory, 1 << 16);

    index_init(index, &arena, ROWS, FILE_BYTES);
    return memory;
}

TEST(an_index_takes_new_segments_for_ever_while_old_ones_go)
{
    struct index index;
    void *memory = begin(&index);

    for (segment_t segment = 0; segment < 100; segment++) {
        add(&index, segment, 1);
        if (index_is_full(&index)) {
            index_drop_first(&index);
        }
        const struct index_row *last = index_find(&index, segment);

        NEED(last != NULL && last == index_last(&index) && last->segment == segment);
        EXPECT(index.count < ROWS && index.rows[0].segment + index.count == segment + 1);
        EXPECT(index_of_batch(&index, last->first_batch) == last);
        EXPECT(segment < ROWS || index_find(&index, segment - ROWS) == NULL);
    }
    free(memory);
}

TEST(what_was_let_go_tells_whether_the_first_that_is_left_begins_its_epoch)
{
    struct index index;
    void *memory = begin(&index);

    add(&index, 0, 1);
    add(&index, 1, 1);
    add(&index, 2, 2);
    EXPECT(index.rows[0].beginning == BEGINNING_EPOCH
           && index.rows[1].beginning == BEGINNING_LATER);
    index_drop_first(&index);
    EXPECT(index.before_epoch == 1 && index.rows[0].segment == 1);
    free(memory);

    memory = begin(&index);
    index_begin_after(&index, 1);
    add(&index, 1, 1);
    EXPECT(index.rows[0].beginning == BEGINNING_LATER);
    free(memory);
    memory = begin(&index);
    index_begin_after(&index, 1);
    add(&index, 2, 2);
    EXPECT(index.rows[0].beginning == BEGINNING_EPOCH);
    free(memory);
}

TEST(a_segment_counts_with_the_size_of_its_file_or_more_where_it_holds_more)
{
    struct index index;
    void *memory = begin(&index);

    add(&index, 0, 1);
    index_grew(&index, 10);
    EXPECT(index_bytes_from(&index, &index.rows[0]) == FILE_BYTES);
    index_grew(&index, 3000);
    add(&index, 1, 1);
    EXPECT(index_bytes_from(&index, &index.rows[0]) == 3000 + FILE_BYTES);
    index_drop_first(&index);
    EXPECT(index_bytes_from(&index, &index.rows[0]) == FILE_BYTES);
    free(memory);
}
