/* Which segments are there, and what does each begin with?
 *
 * One small row a segment, in order, without gaps: enough to find the segment of a batch or of an
 * LSN, and to read it without its key. A segment's valid batches end where the next one begins.
 *
 * Which header lists the digest of which segment is noted, too: what none lists is not yet
 * digested. And how much room the files take, so that retention can count.
 *
 * The first segment is 0 until retention lets go of it. */
#ifndef SEALIFT_WAL_INDEX_H
#define SEALIFT_WAL_INDEX_H

#include "base/arena.h"
#include "base/instant.h"
#include "wal/batch.h"

struct index_row {
    segment_t segment;
    batch_t first_batch;
    lsn_t first_lsn;
    epoch_t epoch;
    struct id dek;
    uint8_t crc_seed[4]; /* commitment[0..3]: batch CRCs start from it */
    enum batch_beginning beginning; /* it is the first of its epoch, or a later one */
    uint8_t digest_count; /* digests of earlier segments that its header lists */
    segment_t listed_in; /* the first header that lists its own; SEGMENT_NONE: none yet */
    struct instant closed_at; /* when another was seen behind it; INSTANT_NEVER: none yet */
    uint64_t created_ns; /* UNIX time, by the clock of who sealed it: a hint */
    uint64_t begin_bytes; /* of all files before it, since the index began */
};

struct index {
    struct index_row *rows; /* the first that is there */
    struct index_row *memory;
    uint32_t count;
    uint32_t capacity;
    epoch_t before_epoch; /* of the segment before the first; 0 where that is segment 0 */
    uint64_t file_bytes; /* of a segment's file, which may be larger */
    uint64_t newest_bytes; /* of the newest one's content */
    uint64_t drops; /* counts index_drop_from: whoever has a segment in hand looks again */
};

size_t index_bytes(uint32_t capacity);
void index_init(struct index *index, struct arena *arena, uint32_t capacity, uint64_t file_bytes);

/* Before the first index_add, where the segments before that one were let go. */
void index_begin_after(struct index *index, epoch_t epoch);

static inline bool index_is_full(const struct index *index)
{
    return index->count == index->capacity;
}

/* The segment number must follow the last one. There must be room. */
void index_add(struct index *index, const struct segment_header *header);

/* Forgets `segment` and all after it. */
void index_drop_from(struct index *index, segment_t segment);

/* Forgets the first segment. There must be another. */
void index_drop_first(struct index *index);

/* The newest segment's content now has so many bytes. */
static inline void index_grew(struct index *index, uint64_t bytes)
{
    index->newest_bytes = bytes;
}

/* What the files from the row's on take on the disk. */
uint64_t index_bytes_from(const struct index *index, const struct index_row *row);
/* Whether this header is the one that the row was made of. */
bool index_row_fits(const struct index_row *row, const struct segment_header *header);

/* NULL where there is none. */
const struct index_row *index_find(const struct index *index, segment_t segment);
const struct index_row *index_last(const struct index *index);

/* The last segment that begins at or before it: NULL where even the first begins later. */
const struct index_row *index_of_batch(const struct index *index, batch_t batch);
const struct index_row *index_of_lsn(const struct index *index, lsn_t lsn);

/* The batch after the last valid one of the row's segment; `open_end` for the newest. */
batch_t index_end_batch(const struct index *index, const struct index_row *row, batch_t open_end);

#endif
