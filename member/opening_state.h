/* Internal to opening*.c: how far the opening of a folder has come, and its steps in order. */
#ifndef SEALIFT_MEMBER_OPENING_STATE_H
#define SEALIFT_MEMBER_OPENING_STATE_H

#include "member/member.h"
#include "wal/recover.h"
#include "wal/scan.h"

/* What a header says of its past, and what is needed to judge the segment before it. */
struct opening_row {
    batch_t first_batch;
    lsn_t first_lsn;
    epoch_t epoch;
    batch_t prev_last_batch;
    lsn_t prev_end_lsn;
    struct digest prev_chain;
};

struct opening {
    enum opening_state state;
    struct instant now; /* of the step under way */

    segment_t first; /* the first that retention keeps; the places below count from it */
    segment_t stale; /* from here to `first` files lie that retention was about to delete */
    uint32_t count; /* segments, from `first` on; only the newest are ever set aside */
    uint32_t asked, checked; /* their headers */
    struct opening_row *rows;

    /* the segment that is being scanned */
    uint32_t at;
    bool begun; /* its header has been read again, `scan` is under way */
    bool judged; /* the newest has its verdict; older ones are read for the producers alone */
    bool has_checkpoint;
    struct read_slot *read;
    uint64_t read_size;
    struct segment_header header;
    struct segment_key key;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct scan scan;

    /* what the newest segment's scan and verdict leave: where the WAL goes on */
    struct recover_verdict verdict;
    struct scan_place place;
    struct segment_header place_header;
    uint8_t place_raw[SEGMENT_HEADER_BYTES];
    uint64_t tail_end;
    lsn_t commit_lsn;

    segment_t repaired; /* the last that was ordered to be repaired */
    uint32_t repairs; /* how often, one after the other */
    bool lacked; /* the newest segment, or the one after it, was repaired: its end is in doubt */
    bool has_record; /* while it learns: `record` is known, or will not be */
    const struct claim_record *record; /* NULL: an operator goes on without */
    struct level level; /* the record's */
    bool learning, learnt; /* opening_learn.c */
    uint64_t anew; /* the control file under which all is judged anew; 0: nothing is */

    uint32_t found; /* segments that were there at the beginning */
    uint32_t aside; /* of those that go aside, newest first, how many were asked for */
    bool mark_asked; /* once more, before what lies below it is deleted */
    bool part_asked, sync_asked;
    uint32_t mending; /* writes that are under way */
};

static inline segment_t opening_segment(const struct opening *opening, uint32_t place)
{
    return opening->first + place;
}

/* The last batch of an epoch, as that table has it; of one older than the table, where the table
 * begins: 0 where nothing before that stays. BATCH_OPEN_END where it is newer, or the newest. */
batch_t opening_epoch_end(const struct epoch_table *table, epoch_t epoch);

/* HALT with a sentence, and no more of this. */
__attribute__((format(printf, 4, 5))) void opening_refuse(struct member *member, struct effects *fx,
                                                          enum status why, const char *format, ...);

/* That segment is repaired, at least as far as the WAL is known to have been durable and committed
 * here; it may be the one after the newest. `why` is for the case that it comes to nothing. */
void opening_repair(struct member *member, segment_t segment, batch_t through, enum status why,
                    struct effects *fx);
void opening_repair_pump(struct member *member, struct effects *fx);

/* The place that was found may not be the end: before it is mended, others say what follows. */
bool opening_must_learn(const struct member *member);
void opening_learn_begin(struct member *member, struct effects *fx);
void opening_learn_pump(struct member *member, struct effects *fx);

/* Headers and scan begin anew: a segment has changed. */
void opening_look_anew(struct member *member, struct effects *fx);

void opening_headers_pump(struct member *member, struct effects *fx);

void opening_scan_begin(struct member *member, struct effects *fx);
void opening_scan_pump(struct member *member, struct effects *fx);

void opening_mend_begin(struct member *member);
void opening_mend_pump(struct member *member, struct effects *fx);

#endif
