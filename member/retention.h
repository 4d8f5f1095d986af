/* Which old segments go, and when?
 *
 * Closed segments are deleted from the lowest number on, one at a time: first the mark in the
 * control file (first_segment) is durable, then the file goes and its folder is synced. A crash in
 * between leaves a file below the mark, which the next start deletes; so a WAL that begins at
 * segment n is told from one that has lost its beginning.
 *
 * A segment is wanted gone by settings.retain_bytes (the files after it are as much), or by
 * settings.retain_age (it was closed so long ago); 0 of both: nothing ever goes.
 *
 * How old a segment is, this process counts by its own clock, from when it saw another behind it.
 * Of those that it found at its start it knows only what the header behind says: when that was
 * begun, in UNIX time, by the clock of whoever sealed it. That, against the wall clock here, is
 * believed once the wall clock has gone evenly for RETENTION_SETTLE_S since the start or since its
 * last jump (or for a quarter of retain_age, if that is shorter), so that whoever sets a clock
 * wrong has time to notice. A clock that stays wrong makes such segments go early or late; what the
 * rules below keep it never touches.
 *
 * A segment may go, only if
 *   - it is not the newest, and the one after it has its checkpoint on this disk;
 *   - a record of the one after it is committed and on this disk: no cut, no recovery reaches back;
 *   - its digest was computed, on a writer (unless the next header's list is full already);
 *   - nobody verifies or repairs it right now, and no pin (pins.h) holds it.
 *
 * How full the file system is, the world tells: from 85 % on it is said once, from 92 % on pins
 * over their bound are dropped, from 95 % on, or where no segment file could be made any more
 * (event.disk_full), no append is taken. Reads, acks, deletions and everything else go on, and so
 * do appends once there is room.
 */
#ifndef SEALIFT_MEMBER_RETENTION_H
#define SEALIFT_MEMBER_RETENTION_H

#include "node/effects.h"
#include "node/store.h"

struct member;

enum {
    SPACE_WARN_PERMILLE = 850,
    SPACE_TIGHT_PERMILLE = 920,
    SPACE_FULL_PERMILLE = 950,
};

enum space_level { SPACE_FINE, SPACE_WARN, SPACE_TIGHT, SPACE_FULL, SPACE_LEVELS };

enum {
    RETENTION_SETTLE_S = 3600,
    RETENTION_JUMP_MS = 1000, /* against the own clock, between two events: it was set */
};

enum retention_step {
    RETENTION_REST,
    RETENTION_MARK, /* the mark is on its way to the control file */
    RETENTION_DELETE, /* the file is about to go */
};

struct retention {
    enum retention_step step;
    segment_t segment; /* that is going */
    segment_t newest; /* at the last look: those before it have their closed_at */
    uint64_t token; /* of the control file with the mark */
    struct instant look_at;
    segment_t found; /* those below were closed before this process started */
    uint64_t wall_ns; /* at the last event; 0: not told yet */
    struct instant wall_at, steady_since;
    bool waits_for_digest; /* the digester may hurry */
    bool paused; /* a replica's cut is under way, which needs what it has found: nothing goes now */
    uint64_t deleted; /* segments, since the process started */

    struct store_space space; /* as it was last told; zeros: never */
    enum space_level level;
};

void retention_init(struct retention *retention);

/* At the beginning of every step. */
void retention_on_clock(struct member *member, struct instant now, uint64_t wall_ns);

/* The folder was opened: what it holds was closed before, but for the newest. */
void retention_on_opened(struct member *member, struct instant now);

/* In every step while the member is ready. */
void retention_pump(struct member *member, struct instant now, struct effects *fx);
void retention_on_deleted(struct member *member, segment_t segment);

void retention_on_space(struct member *member, const struct store_space *space);
unsigned retention_permille(const struct retention *retention);
const char *space_level_name(enum space_level level);

/* No segment is on its way out: a cut may move files. */
bool retention_rests(const struct member *member);

/* No append is taken. */
bool retention_is_full(const struct member *member);

#endif
