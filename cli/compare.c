/* Byte by byte, piece by piece: digests would do, but bytes say where. */
#include "cli/compare.h"

#include "base/check.h"

#include <stdlib.h>

enum { PIECE_BYTES = 1 << 20 };

struct pieces {
    uint8_t own[PIECE_BYTES], other[PIECE_BYTES];
};

static enum status read_piece(const struct audit *audit, segment_t segment, uint64_t offset,
                              uint8_t *into, uint64_t size)
{
    uint64_t got;

    TRY(audit->folder->read(audit->folder->context, segment, offset, into, size, &got));
    return got == size ? OK : E_TRUNCATED;
}

static uint64_t first_difference(const struct pieces *pieces, uint64_t size)
{
    uint64_t at = 0;

    while (at < size && pieces->own[at] == pieces->other[at]) {
        at++;
    }
    return at;
}

static enum status compare_segment(struct comparison *comparison, const struct audit *own,
                                   const struct audit *other, struct pieces *pieces, uint64_t end)
{
    for (uint64_t at = 0; at < end; at += PIECE_BYTES) {
        const uint64_t size = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;

        TRY(read_piece(own, comparison->segment, at, pieces->own, size));
        TRY(read_piece(other, comparison->segment, at, pieces->other, size));
        const uint64_t same = first_difference(pieces, size);

        comparison->offset = at + same;
        comparison->bytes += same;
        if (same < size) {
            return E_CHAIN;
        }
    }
    return OK;
}

/* Retention may have let go of more on one side: both begin with the first that both have. */
static uint32_t rows_before(const struct audit_row *rows, uint32_t count,
                            const struct audit_row *other, uint32_t other_count)
{
    uint32_t place = 0;

    while (place < count && other_count > 0 && rows[place].segment < other[0].segment) {
        place++;
    }
    return place;
}

/* Only the newest of one side may be shorter than the other's. */
static enum status compare_all(struct comparison *comparison, const struct audit *own,
                               const struct audit *other, struct pieces *pieces)
{
    uint32_t i = rows_before(own->rows, own->row_count, other->rows, other->row_count);
    uint32_t k = rows_before(other->rows, other->row_count, own->rows, own->row_count);

    for (; i < own->row_count && k < other->row_count; i++, k++) {
        const uint64_t mine = own->rows[i].valid_bytes, theirs = other->rows[k].valid_bytes;

        comparison->segment = own->rows[i].segment;
        TRY(compare_segment(comparison, own, other, pieces, mine < theirs ? mine : theirs));
        if ((mine < theirs && i + 1 < own->row_count)
            || (mine > theirs && k + 1 < other->row_count)) {
            return E_CHAIN;
        }
        comparison->segments++;
    }
    return OK;
}

static batch_t last_batch(const struct audit *audit)
{
    return audit->row_count == 0 ? 0 : audit->rows[audit->row_count - 1].last_batch;
}

enum status compare_audits(struct comparison *comparison, const struct audit *own,
                           const struct audit *other)
{
    struct pieces *pieces;
    enum status status;

    *comparison = (struct comparison){.own_last = last_batch(own), .other_last = last_batch(other)};
    if (!id_equal(&own->descriptor.lineage, &other->descriptor.lineage)) {
        return E_LINEAGE;
    }
    if (!digest_equal(&own->descriptor_digest, &other->descriptor_digest)) {
        return E_DESCRIPTOR;
    }
    pieces = malloc(sizeof *pieces);
    CHECK(pieces != NULL);
    status = compare_all(comparison, own, other, pieces);
    free(pieces);
    return status;
}

/* ---- by digest ---- */

static bool is_empty(const struct audit_row *row)
{
    return row->last_batch < row->first_batch;
}

/* `shorter` is the last of its side: what `longer_side` has up to there must be the same. */
static enum status compare_prefix(const struct compare_side *longer_side,
                                  const struct audit_row *shorter)
{
    struct digest sha256;

    TRY(longer_side->prefix(longer_side->context, shorter, &sha256));
    return digest_equal(&sha256, &shorter->sha256) ? OK : E_CHAIN;
}

static enum status compare_row(struct comparison *comparison, const struct compare_side *own,
                               const struct compare_side *other, uint32_t own_place,
                               uint32_t other_place)
{
    const struct audit_row *mine = &own->rows[own_place], *theirs = &other->rows[other_place];
    const bool mine_ends = own_place + 1 == own->count;
    const bool theirs_ends = other_place + 1 == other->count;

    comparison->segment = mine->segment;
    if (mine->segment != theirs->segment || mine->first_batch != theirs->first_batch) {
        return E_CHAIN;
    }
    if (mine->last_batch == theirs->last_batch) {
        comparison->bytes += mine->valid_bytes;
        return mine->valid_bytes == theirs->valid_bytes
                       && digest_equal(&mine->sha256, &theirs->sha256)
                       && digest_equal(&mine->chain, &theirs->chain)
                   ? OK
                   : E_CHAIN;
    }
    const bool mine_is_shorter = mine->last_batch < theirs->last_batch;
    const struct audit_row *shorter = mine_is_shorter ? mine : theirs;

    if (mine_is_shorter ? !mine_ends : !theirs_ends) {
        return E_CHAIN; /* it has gone on elsewhere: two histories */
    }
    if (is_empty(shorter)) {
        return OK; /* a header, and nothing behind it yet */
    }
    comparison->bytes += shorter->valid_bytes;
    return compare_prefix(mine_is_shorter ? other : own, shorter);
}

enum status compare_rows(struct comparison *comparison, const struct compare_side *own,
                         const struct compare_side *other)
{
    uint32_t i = rows_before(own->rows, own->count, other->rows, other->count);
    uint32_t k = rows_before(other->rows, other->count, own->rows, own->count);

    *comparison = (struct comparison){
        .by_digest = true,
        .own_last = own->count == 0 ? 0 : own->rows[own->count - 1].last_batch,
        .other_last = other->count == 0 ? 0 : other->rows[other->count - 1].last_batch};
    for (; i < own->count && k < other->count; i++, k++) {
        TRY(compare_row(comparison, own, other, i, k));
        comparison->segments++;
    }
    return OK;
}
