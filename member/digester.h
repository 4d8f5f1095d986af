/* What is the SHA-256 of each closed segment, and is what a header says of it still true?
 *
 * Off the commit path, one read at a time. A writer digests the closed segments that no header
 * lists yet, lowest number first, and hands each digest to the wal, whose next header lists it. A
 * digest counts only if, in the same read, header, chain and every seal verified. Every member
 * also compares, once a life, what the headers list with its own bytes; a writer only what earlier
 * lives left. Nothing is kept across a crash: what is not in a header is digested again.
 *
 * Where a segment does not verify, that is an alarm, and it is repaired (repair.h). Where a listed
 * digest is not that of bytes that do verify, it is an alarm and nothing is repaired: the seals
 * decide. Nothing stops.
 *
 * Format: docs/FORMAT.md section 5, "Digests". */
#ifndef SEALIFT_MEMBER_DIGESTER_H
#define SEALIFT_MEMBER_DIGESTER_H

#include "member/reads.h"
#include "seal/digest.h"
#include "wal/scan.h"

struct member;

enum {
    DIGESTER_READ_BYTES = 256 << 10, /* hashed in 0.2 ms: a step must not take longer */
    DIGESTER_BUSY = 16, /* beside writes it takes about 1 % of the loop */
};

enum digester_state {
    DIGESTER_IDLE, /* nothing in hand */
    DIGESTER_LISTING, /* the header whose digests are compared */
    DIGESTER_NEXT, /* the header after the segment: it says where that ends, and its chain */
    DIGESTER_BEGIN, /* the segment's own header, and what lies behind it */
    DIGESTER_BATCHES,
};

struct digester {
    enum digester_state state;
    bool begun; /* the first pump has been */
    struct instant next_at; /* no read before this */
    uint64_t read_size; /* of the read under way; 0: none is */
    uint64_t drops; /* index.drops when the segment in hand was chosen */

    segment_t segment; /* in hand */
    bool compares; /* it is listed: `listing` has its digest */
    segment_t undigested; /* a writer: below this every closed segment was dealt with */
    segment_t list; /* headers below this were dealt with */
    segment_t list_end; /* a writer: headers from here on are its own */
    uint32_t list_place; /* in `listing` */
    struct segment_header listing;

    struct segment_header header, next;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct scan scan;
    struct digest_stream stream;

    uint64_t digested, compared; /* segments, since the process started */
    uint64_t alarms; /* that the repair does not count */
};

void digester_init(struct digester *digester);
void digester_drop(struct digester *digester);

void digester_on_read(struct member *member, struct read_slot *slot);

/* Whether retention need not wait for the segment's digest: a writer has computed it, or cannot (it
 * does not verify, or the next header lists as many as it can already). */
bool digester_is_done(const struct member *member, segment_t segment);

/* The first segment of the index is another one now. */
void digester_forget_first(struct member *member);

/* In every step while the member is ready. Asks for one READ at most. */
void digester_pump(struct member *member, struct instant now, struct effects *fx);

#endif
