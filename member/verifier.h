/* Is what lies on this member's disk still what was sealed, while it goes on serving?
 *
 * A client, reader or operator asks with VERIFY; the member reads its own copy again, segment by
 * segment and past the page cache, up to a batch that was durable when it was asked, and tells of
 * each segment that is good (VERIFIED_SEGMENT: its SHA-256, its chain) and of the end or the first
 * damage (VERIFIED). Sealed bytes stay here: whoever compares two members compares what they say.
 *
 * Low priority and bounded: one at a time on a member, one read under way, the next one only when
 * so many bytes may have passed at the rate that was asked for. What is checked is what a folder's
 * audit checks (docs/FORMAT.md, "Reading a WAL"), but for the small files, which a running member
 * has in memory, and the form of the plaintext. Nothing is repaired. */
#ifndef SEALIFT_MEMBER_VERIFIER_H
#define SEALIFT_MEMBER_VERIFIER_H

#include "member/reads.h"
#include "proto/control.h"
#include "seal/digest.h"
#include "wal/scan.h"

struct client;
struct member;

enum {
    VERIFY_RATE_DEFAULT = 128 << 20, /* bytes a second: a small part of a core and of a disk */
    VERIFY_READ_BYTES = 256 << 10, /* opened and hashed in 0.3 ms: a step must not take longer */
    VERIFY_RATE_MIN = 1 << 20, /* nobody may keep all others waiting for ever */
};

struct verifier {
    link_t link; /* who asked; 0: nobody */
    struct verify_message order;
    batch_t through;
    segment_t segment; /* under way */
    bool has_header; /* of it; batches come next */
    bool cut; /* places have changed under it: it cannot go on */
    batch_t last; /* the last to be read in this segment; below the first: none */
    bool has_before; /* else it was told to begin here */
    struct segment_end before; /* where the segment before ended */
    struct read_slot *read;
    uint64_t asked; /* bytes, by that read */
    struct instant next_at;
    uint64_t segments; /* good ones */
    struct verified_segment row; /* of the segment under way */

    struct scan scan; /* owns a libcrypto context, as does the next */
    struct digest_stream stream;
    struct segment_header header;
    uint8_t raw[SEGMENT_HEADER_BYTES];
};

void verifier_init(struct verifier *verifier);
void verifier_drop(struct verifier *verifier);

/* VERIFY. REFUSED: E_NOT_READY, E_FULL (one is under way), E_BEYOND, or what decoding says. */
void verifier_on_verify(struct member *member, const struct client *client,
                        const struct event *event, struct effects *fx);
void verifier_on_read(struct member *member, struct read_slot *slot, struct instant now,
                      struct effects *fx);

/* The client has gone. */
void verifier_on_link_down(struct member *member, link_t link);

/* Where batches are has changed (a replica's cut): whoever asked must ask again. */
void verifier_forget_places(struct member *member);

/* Whether that segment, or one before it, is still to be read. */
static inline bool verifier_needs(const struct verifier *verifier, segment_t segment)
{
    return verifier->link != 0 && verifier->segment <= segment;
}

void verifier_pump(struct member *member, struct instant now, struct effects *fx);

#endif
