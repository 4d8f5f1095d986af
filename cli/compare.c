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

/* Only the newest of one side may be shorter than the other's. */
static enum status compare_all(struct comparison *comparison, const struct audit *own,
                               const struct audit *other, struct pieces *pieces)
{
    const uint32_t count = own->row_count < other->row_count ? own->row_count : other->row_count;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t mine = own->rows[i].valid_bytes, theirs = other->rows[i].valid_bytes;

        comparison->segment = own->rows[i].segment;
        TRY(compare_segment(comparison, own, other, pieces, mine < theirs ? mine : theirs));
        if ((mine < theirs && i + 1 < own->row_count)
            || (mine > theirs && i + 1 < other->row_count)) {
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
