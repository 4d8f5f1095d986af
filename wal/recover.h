/* Given what was found in a segment, what may a member do with it?
 *
 * The table of design/durability.md ("Recovery is a table") as a pure function. The member gathers
 * the evidence (headers of all segments, a scan of the newest past the page cache, its control
 * file, its epoch table), asks for each segment from the newest to the oldest, and carries out the
 * verdicts. Nothing that may have been acknowledged is ever given up here.
 *
 * Precedence, since several marks can hold at once: a missing file, the header, surplus segments,
 * damage, suspicion, surplus batches, doubt, a torn tail. Asked again, it answers the same. */
#ifndef SEALIFT_WAL_RECOVER_H
#define SEALIFT_WAL_RECOVER_H

#include "base/ids.h"
#include "base/status.h"

#define RECOVER_OPEN_END UINT64_MAX /* as SCAN_OPEN_END and BATCH_OPEN_END */

struct recover_evidence {
    bool is_writer;
    bool is_alone; /* no other member could know more: none in the coordinator's record */
    bool is_suspect; /* the last stop was an I/O failure, and nobody answers for this disk */
    bool has_watermark; /* W is known at all: the control file was read */
    batch_t durable; /* W: the largest batch proved durable on this disk, clamped by epoch */
    lsn_t commit_lsn; /* known committed, and at or below what this disk had when that was noted */

    bool follows_gap; /* its number is not the one after the segment before it */
    bool is_last; /* there is no segment with a higher number */
    enum status header; /* of decoding and opening it: OK, E_WRONG_KEY, or what is bad about it.
                           E_VERSION, E_LINEAGE and E_DESCRIPTOR were refused before */
    bool
        sealed_here; /* this member's own writer sealed it: its durable_batch speaks of this disk */
    batch_t first_batch;
    lsn_t first_lsn;
    batch_t epoch_end; /* last batch of its epoch by the epoch table; RECOVER_OPEN_END: newest */
    batch_t next_end; /* the next header's prev_last_batch; RECOVER_OPEN_END where is_last */
    bool next_disagrees; /* the next header's chain or LSN is not that of the batch next_end */

    batch_t last_valid; /* contiguous valid batches end with it; first_batch - 1 where none is */
    lsn_t cut_lsn; /* end LSN of the smallest of last_valid, epoch_end and next_end */
    bool is_closed; /* last_valid is a final batch */
    bool has_tail; /* behind last_valid is a batch of this segment, not whole (SCAN_TAIL_TORN) or
                           not the next (SCAN_TAIL_LATER) */
    batch_t later_durable; /* the largest durable_batch of valid batches behind it; 0 where none */
};

enum recover_case {
    RECOVER_OK,
    RECOVER_TORN,
    RECOVER_SURPLUS,
    RECOVER_COMMITTED_DAMAGE,
    RECOVER_HEADER_LOST,
    RECOVER_MISSING_FILE,
    RECOVER_WRONG_KEY,
    RECOVER_SUSPECT,
    RECOVER_UNDECIDABLE,
    RECOVER_CASES
};

enum recover_action {
    RECOVER_KEEP, /* not the newest segment: nothing to do but what copy_tail says */
    RECOVER_NEW_SEGMENT, /* a writer goes on after `keep` in a segment of its own */
    RECOVER_RESUME, /* a replica goes on after `keep` */
    RECOVER_SET_ASIDE, /* the whole segment to quarantine; the one before is the last then */
    RECOVER_REPAIR, /* what is lacking is fetched from another member, then it is judged again */
    RECOVER_REFUSE, /* the member may not start: `why` */
};

struct recover_verdict {
    enum recover_case found;
    enum recover_action action;
    batch_t keep; /* the last batch that counts; not for SET_ASIDE, REPAIR and REFUSE */
    bool copy_tail; /* what lies behind `keep` is copied to quarantine before anything is written */
    enum status why; /* OK unless REPAIR (E_DAMAGED, E_MISSING) or REFUSE (E_DAMAGED,
                        E_CUT_COMMITTED, E_WRONG_KEY, E_SUSPECT, E_UNDECIDABLE) */
};

struct recover_verdict recover_decide(const struct recover_evidence *evidence);

/* "committed-damage", "set-aside": for traces and messages. */
const char *recover_case_name(enum recover_case found);
const char *recover_action_name(enum recover_action action);

#endif
