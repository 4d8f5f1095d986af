/* Where on the disk is the next batch?
 *
 * Feeds, readings and a replica's cut all go through segments from the disk: from a known batch, or
 * from the beginning of its segment, hopping from header to header. A walk is such a place; it
 * moves batch by batch through what a read has brought. It stays inside one segment: at its end it
 * says so, and the walk is placed anew. No key is needed. */
#ifndef SEALIFT_MEMBER_WALK_H
#define SEALIFT_MEMBER_WALK_H

#include "member/reads.h"
#include "wal/batch.h"
#include "wal/index.h"

struct read_asker {
    enum read_owner owner;
    uint64_t value;
};

struct walk {
    segment_t segment; /* SEGMENT_NONE: nowhere */
    uint64_t offset; /* of `batch` */
    batch_t batch;
    batch_t limit; /* beyond it the bytes of the read under way mean nothing */
    uint64_t need; /* at least so many bytes must be read, for a batch larger than usual */
};

enum walk_found {
    WALK_BATCH, /* one batch, which parsed */
    WALK_MORE, /* the read, the segment or the limit ends here */
    WALK_BAD, /* what should be there is not: E_DAMAGED */
};

void walk_nowhere(struct walk *walk);

/* To `batch`, or as near before it in its segment as is known. It must be in the index. */
void walk_place(struct walk *walk, const struct index *index, batch_t batch);

/* It is known that `batch` lies there (it has just been found in the window). */
void walk_know(struct walk *walk, segment_t segment, uint64_t offset, batch_t batch);

/* Asks for what lies at the walk's place; no batch beyond `limit` will be looked at. NULL: no slot
 * is free. walk_ask_header: from the segment's beginning, header first (the walk goes back
 * there). */
struct read_slot *walk_ask(struct walk *walk, struct reads *reads, struct effects *fx,
                           struct read_asker asker, batch_t limit);
struct read_slot *walk_ask_header(struct walk *walk, const struct index_row *row,
                                  struct reads *reads, struct effects *fx, struct read_asker asker,
                                  batch_t limit);

/* The raw header in a read that was asked for with it; empty, where it is not what the index
 * says. */
struct bytes walk_header(const struct index *index, const struct read_slot *slot);

/* The next batch in an answered read, and its bytes; steps over it. */
struct walk_batch {
    struct batch_header header;
    struct bytes sealed;
    struct tag tag;
};
enum walk_found walk_next(struct walk *walk, const struct index *index,
                          const struct read_slot *slot, struct walk_batch *found);

#endif
