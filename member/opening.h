/* From a data folder to a place to go on from.
 *
 * Small files first (descriptor, keyring, control), then the DEKs (unwrap.h), then the header of
 * every segment, then a scan of the newest segment past the page cache, then the decision of the
 * recovery table (wal/recover.h), carried out: quarantine, sync. Ends with wal_resume done, or
 * with an empty folder, or with a HALT whose sentence says what was found, where, and what to do.
 * Nothing is written before everything was read, but for repairs.
 *
 * Where the table says repair (member->is_repairing), links to other members are served as far as
 * that needs, and the member is not ready: a replica has dialed its upstream, a writer waits for
 * its replicas. When the segment is whole (repair.h), everything is looked at anew. A writer so
 * begins no epoch before its WAL is whole as far as it must be; damage in older segments, which no
 * start reads, is repaired while it serves.
 *
 * After an I/O failure (the control file says `suspect`) the newest segment, the only one that any
 * write or sync can have failed in (a header is written after a sync of the segment before it), is
 * judged as always, by what the disk itself returns: up to W, which was noted with the failure and
 * covers all that was acknowledged, every batch must be there. Then a replica goes on: it leads
 * nobody, and its next greeting is the check against a peer. A writer would lead without such a
 * check, so it refuses (E_SUSPECT) until an operator answers for the disk: accept_suspect. It does
 * so before a repair, which would write upon that disk. Nobody goes on without what W covers,
 * accepted or not. */
#ifndef SEALIFT_MEMBER_OPENING_H
#define SEALIFT_MEMBER_OPENING_H

#include "member/reads.h"
#include "node/claim.h"
#include "node/effects.h"
#include "wal/segment.h"
#include "wal/writes.h"

struct member;

enum opening_state {
    OPENING_IDLE,
    OPENING_KEYS, /* envelopes are being unwrapped */
    OPENING_HEADERS, /* every segment's first block */
    OPENING_SCAN, /* the newest segments' batches */
    OPENING_REPAIR, /* what is lacking comes from other members; then headers and scan again */
    OPENING_MEND, /* quarantine and sync */
    OPENING_EMPTY, /* done: nothing is here */
    OPENING_DONE, /* done: the WAL may go on */
    OPENING_FAILED, /* HALT has been asked for */
};

struct opening; /* opening_state.h: internal */

size_t opening_bytes(uint32_t segments_max);
void opening_init(struct member *member, struct arena *arena);
void opening_drop(struct member *member); /* what libcrypto holds */
void opening_begin(struct member *member, const struct store_inventory *inventory,
                   struct instant now, struct effects *fx);
void opening_on_read(struct member *member, struct read_slot *slot, struct effects *fx);

/* Whether a segment that was repaired at a start may take its place. Where that is the end of the
 * WAL, it may be short of what was acknowledged, and this must be durable first. */
bool opening_may_replace(struct member *member, segment_t segment, struct effects *fx);

/* A writer whose newest segment had to be repaired waits for the coordinator's record: it says whom
 * to ask for what may follow. It stays where it is until the start is over. NULL: an operator goes
 * on with what those give who call within silence_max. */
bool opening_wants_record(const struct member *member);
void opening_take_record(struct member *member, const struct claim_record *record,
                         struct effects *fx);

/* While it waits for a repair: the mark and the epoch table were changed, since what is lacking
 * here may belong to a history that the upstream has cut. Once they are durable, all is judged
 * anew. */
void opening_judge_anew(struct member *member, struct effects *fx);

/* Of its own quarantines and syncs; a replica's cut asks for such too, and is not disturbed. */
void opening_on_written(struct member *member, const struct write_asked *asked, struct effects *fx);

/* After every event while it is not done. */
void opening_pump(struct member *member, struct instant now, struct effects *fx);
enum opening_state opening_state(const struct member *member);

/* Decoded, opened with its DEK, and of this WAL. */
NODISCARD enum status opening_open_header(const struct member *member,
                                          struct segment_header *header, struct bytes raw,
                                          struct segment_key *key);

/* Once DONE: the first segment of the newest reign that was found, what it follows, and its epoch;
 * SEGMENT_NONE and 0 where no segment was. SEGMENT_NONE and the epoch where retention has let go of
 * that reign's first segment. */
void opening_reign(const struct member *member, segment_t *segment, struct digest *chain,
                   epoch_t *epoch);

/* Decodes a raw header, and whether it is of this WAL: lineage, suite, descriptor. No key. */
NODISCARD enum status opening_check_header(const struct member *member,
                                           struct segment_header *header, struct bytes raw);

/* The same, and opened with its DEK (E_WRONG_KEY where that is not at hand). */
NODISCARD enum status opening_open_header(const struct member *member,
                                          struct segment_header *header, struct bytes raw,
                                          struct segment_key *key);

#endif
