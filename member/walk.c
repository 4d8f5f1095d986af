/* A read begins at the walk's place and brings what fits. Whole batches in it are handed out one by
 * one; the first that does not fit ends the read, and the next read begins with that one.
 *
 * How it goes wrong: a batch larger than the usual read is met (then the next read asks for all of
 * it, in the large slot), or what is there is not the batch that the index promises: WALK_BAD. */
#include "member/walk.h"

#include "base/check.h"

void walk_nowhere(struct walk *walk)
{
    *walk = (struct walk){.segment = SEGMENT_NONE};
}

void walk_know(struct walk *walk, segment_t segment, uint64_t offset, batch_t batch)
{
    *walk = (struct walk){.segment = segment, .offset = offset, .batch = batch};
}

void walk_place(struct walk *walk, const struct index *index, batch_t batch)
{
    const struct index_row *row = index_of_batch(index, batch);

    CHECK(row != NULL);
    if (walk->segment != row->segment || walk->batch > batch || walk->batch < row->first_batch) {
        walk_know(walk, row->segment, SEGMENT_HEADER_BYTES, row->first_batch);
    }
}

static struct read_slot *ask(struct walk *walk, struct reads *reads, struct effects *fx,
                             struct read_asker asker, uint64_t offset)
{
    const uint64_t usual = reads_usual_bytes(reads);
    const struct store_read what = {.segment = walk->segment,
                                    .offset = offset,
                                    .size = walk->need > usual ? walk->need : usual};

    return reads_ask(reads, fx, asker.owner, asker.value, what);
}

struct read_slot *walk_ask(struct walk *walk, struct reads *reads, struct effects *fx,
                           struct read_asker asker, batch_t limit)
{
    CHECK(walk->segment != SEGMENT_NONE);
    walk->limit = limit;
    return ask(walk, reads, fx, asker, walk->offset);
}

struct read_slot *walk_ask_header(struct walk *walk, const struct index_row *row,
                                  struct reads *reads, struct effects *fx, struct read_asker asker,
                                  batch_t limit)
{
    walk_know(walk, row->segment, SEGMENT_HEADER_BYTES, row->first_batch);
    walk->limit = limit;
    return ask(walk, reads, fx, asker, 0);
}

struct bytes walk_header(const struct index *index, const struct read_slot *slot)
{
    const struct index_row *row = index_find(index, slot->segment);
    const struct bytes raw = bytes_part(slot->bytes, 0, SEGMENT_HEADER_BYTES);
    struct segment_header header;

    CHECK(slot->offset == 0);
    if (row == NULL || segment_header_decode(&header, raw) != OK || header.segment != row->segment
        || header.first_batch != row->first_batch
        || memcmp(header.commitment.bytes, row->crc_seed, sizeof row->crc_seed) != 0) {
        return bytes_none();
    }
    return raw;
}

/* The batch begins in what was read and does not end there. */
static enum walk_found ask_for_more(struct walk *walk, const struct read_slot *slot,
                                    uint64_t batch_bytes)
{
    const bool all_was_asked = slot->offset == walk->offset && walk->need >= batch_bytes;

    walk->need = batch_bytes;
    return all_was_asked ? WALK_BAD : WALK_MORE; /* asked for all of it: the file ends in it */
}

enum walk_found walk_next(struct walk *walk, const struct index *index,
                          const struct read_slot *slot, struct walk_batch *found)
{
    const struct index_row *row = index_find(index, walk->segment);

    if (walk->segment != slot->segment || walk->offset < slot->offset || row == NULL
        || walk->batch > walk->limit || walk->batch >= index_end_batch(index, row, UINT64_MAX)) {
        return WALK_MORE;
    }
    const struct bytes rest = bytes_part(slot->bytes, walk->offset - slot->offset, SIZE_MAX);

    if (rest.size < BATCH_HEADER_BYTES) {
        return ask_for_more(walk, slot, BATCH_BLOCK_BYTES);
    }
    if (batch_header_decode(&found->header, rest) != OK || found->header.batch != walk->batch) {
        return WALK_BAD;
    }
    const uint32_t bytes = found->header.batch_bytes;

    if (rest.size < bytes) {
        return ask_for_more(walk, slot, bytes);
    }
    struct batch_sealer seed = {0};

    memcpy(seed.crc_seed, row->crc_seed, sizeof seed.crc_seed);
    found->sealed = bytes_part(rest, 0, bytes);
    if (batch_parse(&seed, &found->header, found->sealed, &found->tag) != OK) {
        return WALK_BAD;
    }
    walk->offset += bytes;
    walk->batch++;
    walk->need = 0;
    return WALK_BATCH;
}
