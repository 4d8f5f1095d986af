/* How does a damaged segment become whole again, from what other members hold?
 *
 * One segment at a time. It is walked from its header to its end: what is good here is copied, what
 * is not is asked of the members that are linked and proved, upstream or downstream, one after the
 * other, as (lineage, epoch, range, tag before it). What comes is checked like anything that comes:
 * checksum, place, both neighbours' tags, seal; a header by its MAC and by the chain that the next
 * header states. The new file is written beside the damaged one and then takes its place
 * (STORE_REPAIR_DONE), so the number of good copies of any batch never falls (invariant 19).
 *
 * While serving only closed segments are repaired: the digester, the scrub, feeds, readings and
 * verifications say which (repair_want); one that nobody gives makes way for the next. At a start
 * the opening says what recovery lacks, and waits (opening.h). Where nobody gives a batch it stays
 * so, asks again and again (its own disk too, if that failed to read), and STATUS says what is
 * missing and who was asked: nothing is ever given up here.
 *
 * Why nothing of another history is ever written. A header is the one that was here (its row in the
 * index), or the one that the next header is chained to; only where neither is known, at a start, a
 * header of an epoch that our table knows, and that began before that epoch ended: an epoch has one
 * writer. Under one header one process has sealed, once, each batch after the one before, which the
 * tag before it names and the seal covers; so what opens at a place is what was sealed there, and
 * no tag behind the range is needed: the next good batch names it, and so does the next header. How
 * far a segment goes, the next header says, else the epoch table: what a deposed writer has sealed
 * behind the end of its epoch is not asked for. And no member gives anything whose table has the
 * segment's epoch beginning elsewhere.
 *
 * An order may name the members whose acks count (opening_learn.c): then a place is the end only
 * where enough of them, by the rule of elections, have said that they never had what is next.
 *
 * Only who is linked is asked. Who cannot give since it is damaged at the same place begins to
 * repair itself, from its own upstream, and gives when it is asked again. A replica with several
 * upstreams that cannot start leaves one that does not give, for the next (repair_is_in_vain). */
#ifndef SEALIFT_MEMBER_REPAIR_H
#define SEALIFT_MEMBER_REPAIR_H

#include "cluster/election.h"
#include "member/reads.h"
#include "member/walk.h"
#include "proto/control.h"
#include "proto/ship.h"
#include "wal/scan.h"

struct member;
struct write_asked;

enum {
    REPAIR_QUEUE_MAX = 64, /* damaged segments that are remembered; others are found again */
    REPAIR_PEERS_MAX = 65, /* as many feeds as there are by default, and an upstream */
    REPAIR_TEXT_MAX = 512,
};

enum repair_step {
    REPAIR_IDLE,
    REPAIR_NEXT, /* the header after the segment: where it ends, and its chain */
    REPAIR_HEADER, /* the segment's own header */
    REPAIR_BATCHES, /* its batches */
    REPAIR_DONE, /* the new file takes its place */
};

/* What a member answered when it was asked last, about what is lacking now. */
struct repair_peer {
    char name[MEMBER_TEXT_MAX];
    enum status why; /* E_MISSING: never had; E_DAMAGED: not readable; E_SILENT; or what is wrong
                        with what it gave */
    uint64_t round; /* in which it was */
};

/* What the opening asks for. */
struct repair_order {
    segment_t segment;
    batch_t through_batch; /* where its end is not known: it must reach this batch, */
    lsn_t through_lsn; /* and this LSN */
    bool onward; /* its end is not known: it is where enough of `members` have no more, */
    const struct claim_record *members; /* NULL: nobody has to be asked */
    struct level level; /* by the rule of elections at this level, */
    struct instant until; /* or whoever called until then */
};

struct repair {
    segment_t queue[REPAIR_QUEUE_MAX];
    uint32_t queue_count;
    bool paused; /* a replica's cut is moving files: no file takes a place now */
    struct instant now; /* of the step under way */

    /* in hand */
    enum repair_step step;
    struct repair_order order;
    bool opening; /* it is the opening's order */
    uint64_t drops; /* index.drops when it was begun */
    bool has_next; /* `next` is the header after it */
    bool distrusts; /* its own bytes read well but do not fit `next`: none of them is used */
    bool has_header;
    bool has_file; /* there is something to read here */
    bool reads_small; /* the disk failed here: batch by batch, to lose no more than it must */
    bool bad_here; /* what lies here at scan.offset is not the batch that is next */
    bool unread; /* or rather: the disk did not give it, and may do so another time */
    bool ended; /* a peer says: it has no batch behind scan.place */
    struct segment_header header, next;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct scan scan;

    uint8_t *buffer; /* BATCH_BYTES_MAX: what is written next */
    uint64_t buffered, written;
    bool writing;
    uint64_t fetched; /* batches and headers that others gave */
    struct read_slot *read;
    uint64_t read_size;

    /* asking */
    link_t upstream; /* a replica's link to its upstream, once both are proved; 0: none */
    char upstream_name[MEMBER_TEXT_MAX];
    uint64_t upstream_round; /* `round` when it was linked, or since something moved on */
    link_t asked; /* who has been asked; 0: nobody */
    char asked_name[MEMBER_TEXT_MAX];
    link_t good; /* who gave something last: asked first */
    struct instant asked_at, retry_at;
    uint64_t round; /* how often all of them were asked in vain */
    uint32_t peer_count;
    struct repair_peer peers[REPAIR_PEERS_MAX];
    bool stuck; /* all of them, in vain: STATUS says so until somebody gives it */
    uint32_t in_vain; /* of the queue, how many went to its end like that, one after the other */
    struct instant rests_until; /* once that were all of them */
    char vain[REPAIR_TEXT_MAX]; /* what was said of the last of them */
    struct election heard; /* of order.members, who has said that it never had what is next */

    uint64_t found, repaired, fetched_batches; /* since the process started */
};

/* The side that gives: one for each link. */
struct repair_desk {
    link_t link; /* 0: free */
    bool busy;
    uint64_t drops; /* index.drops when it was looked up */
    struct repair_ask ask;
    struct index_row row; /* of ask.segment, once its header was read */
    bool has_row;
    bool seeks; /* it is damaged here as well, before what is wanted: from block to block */
    struct walk walk;
    struct read_slot *read;
    uint64_t read_size;
};

struct repair_desks {
    uint32_t count;
    struct repair_desk *list;
};

size_t repair_bytes(uint32_t feeds_max);
void repair_init(struct member *member, struct arena *arena);
void repair_drop(struct member *member);

/* Something was wrong in a segment. False where it is open, or not all durable yet, or too many are
 * known: nothing is done then. No harm where it is known already. */
bool repair_want(struct member *member, segment_t segment, enum status why);

/* It is known as damaged, and not repaired yet. */
bool repair_is_wanted(const struct repair *repair, segment_t segment);

/* From the opening: at once, and nothing else until it is done, or abandoned. */
void repair_order(struct member *member, const struct repair_order *order);

/* All is to be judged anew. Not while a write of it is under way (repair.writing). */
void repair_abandon_order(struct member *member);

/* Whether the opening's order is carried out. `ended`: it is whole and ended before what the order
 * wants, which must be in the segment after it. */
bool repair_is_done(const struct member *member, bool *ended);

/* Retention would delete that segment. False while it is being repaired; where nobody gives what it
 * lacks, it is put down. */
bool repair_lets_go(struct member *member, segment_t segment);

/* The opening has no more of them. */
void repair_end_order(struct member *member);

/* REPAIR_ASK and REPAIR_IS, on a link whose both ends are proved. What is not OK ends the link. */
NODISCARD enum status repair_on_message(struct member *member, const struct event *event,
                                        struct effects *fx);
void repair_on_link_gone(struct member *member, link_t link);
void repair_on_read(struct member *member, struct read_slot *slot);
void repair_on_answer_read(struct member *member, struct read_slot *slot, struct effects *fx);
void repair_on_written(struct member *member, const struct write_asked *asked);

/* In every step while links are served. */
void repair_pump(struct member *member, struct instant now, struct effects *fx);

/* The upstream and all others that are linked were asked again and again, `rounds` times. */
bool repair_is_in_vain(const struct repair *repair, uint64_t rounds);

/* Segments known as damaged and not whole yet. */
uint64_t repair_outstanding(const struct member *member);

/* "segment 3 lacks batches 17 to 20; replica-1: damaged there too"; "" where nothing is wrong. */
void repair_text(const struct member *member, char *text, size_t room);

#endif
