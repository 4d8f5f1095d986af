/* Is everything on this disk still as it was written?
 *
 * Closed segments, from the oldest to the newest, again and again: read past the page cache, one
 * READ at a time, at a bounded rate, behind everything else. It needs no key: checksums, places,
 * the chain of tags through each segment and into the next header. (Seals and listed digests are
 * the digester's, once a life; what is newer than the newest closed segment is recovery's.) What it
 * finds is repaired (repair.h). A start begins anew; a segment that comes meanwhile is taken along
 * in the same pass. */
#ifndef SEALIFT_MEMBER_SCRUB_H
#define SEALIFT_MEMBER_SCRUB_H

#include "member/reads.h"
#include "wal/scan.h"

struct member;

enum { SCRUB_READ_BYTES = 256 << 10 };

enum scrub_state {
    SCRUB_RESTING, /* until the next pass */
    SCRUB_NEXT, /* the header after the segment */
    SCRUB_BEGIN, /* the segment's own header, and what lies behind it */
    SCRUB_BATCHES,
};

struct scrub {
    enum scrub_state state;
    struct instant next_at; /* no read, and no pass, before this */
    segment_t segment; /* in hand */
    uint64_t drops; /* index.drops when it was taken in hand */
    struct read_slot *read;
    uint64_t read_size;
    struct segment_header header, next;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct scan scan;

    uint64_t passes; /* completed since the process started */
    uint64_t bytes; /* read, likewise */
    struct instant ended_at; /* the last of them */
};

void scrub_init(struct scrub *scrub);
void scrub_drop(struct scrub *scrub);
void scrub_on_read(struct member *member, struct read_slot *slot, struct instant now);

/* The first segment of the index is another one now. */
void scrub_forget_first(struct member *member, struct instant now);

/* In every step while the member is ready. */
void scrub_pump(struct member *member, struct instant now, struct effects *fx);

#endif
