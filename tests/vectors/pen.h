/* How is a segment written batch by batch, also a wrong one? */
#ifndef SEALIFT_TESTS_VECTORS_PEN_H
#define SEALIFT_TESTS_VECTORS_PEN_H

#include "tests/vectors/good.h"

struct pen {
    struct segment_header header;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct segment_key key;
    struct batch_sealer sealer;
    struct good_bytes out;
    batch_t batch;
    lsn_t end_lsn;
    struct tag tag;
    uint64_t batch_count;
    batch_t durable; /* what batches state; 0: the one before */
};

/* `header` has its fields; keys and commitment are derived. */
void pen_begin(struct pen *pen, const struct secret *dek);

/* Opens the segment for another hand: as if its first `keep` bytes were all there is. */
void pen_resume(struct pen *pen, struct good_bytes segment, size_t keep, const struct secret *dek);
void pen_seal(struct pen *pen, enum batch_type type, uint32_t record_count, struct bytes content);

/* One record under a right seal, with padding of its own: body holds both. */
void pen_seal_body(struct pen *pen, struct bytes body, uint32_t plain_bytes);
void pen_drop(struct pen *pen); /* not `out` */

#endif
