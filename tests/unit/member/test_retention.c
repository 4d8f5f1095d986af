/* What retention takes for closed before its start, when a cut takes a part of that away. */
#include "member/member.h"
#include "tests/support/test.h"

#include <stdlib.h>

enum { ROWS = 8, FILE_BYTES = 4096, SECONDS = 1000000000 };

static void add(struct member *member, segment_t segment)
{
    index_add(&member->wal.index, &(struct segment_header){.segment = segment,
                                                           .epoch = 1,
                                                           .first_batch = 10 * segment + 1,
                                                           .first_lsn = 100 * segment + 1});
}

static void look(struct member *member, uint64_t second)
{
    retention_pump(member, (struct instant){second * SECONDS}, NULL);
}

/* Segment 0 is followed by another after the cut, in this life: the time in that header says when
 * some writer began it, and not when segment 0 was closed here. */
TEST(a_segment_that_is_closed_again_after_a_cut_counts_from_then)
{
    static struct member member;
    void *memory = aligned_alloc(ARENA_ALIGN_MAX, 1 << 16);
    struct arena arena = arena_of(memory, 1 << 16);

    index_init(&member.wal.index, &arena, ROWS, FILE_BYTES);
    retention_init(&member.retention);
    add(&member, 0);
    add(&member, 1);
    add(&member, 2);
    look(&member, 10);
    EXPECT(member.retention.found == 2);
    index_drop_from(&member.wal.index, 1);
    look(&member, 20);
    EXPECT(member.retention.found == 0);
    EXPECT(member.wal.index.rows[0].closed_at.ns == INSTANT_NEVER.ns);
    add(&member, 1);
    look(&member, 30);
    EXPECT(member.retention.found == 0);
    EXPECT(member.wal.index.rows[0].closed_at.ns == 30ull * SECONDS);
    free(memory);
}
