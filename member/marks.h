/* Up to where is it certain that this disk held everything?
 *
 * The control file carries a mark: a position that was durable here, and the commit known then.
 * What recovery finds missing at or below the newest mark is damage; what is missing above it may
 * have been torn. So the mark follows the WAL: at every segment, at every stop, and, since rot in
 * the last group before a rest would otherwise pass for a torn write, whenever the WAL comes to
 * rest.
 *
 * A mark is one WRITE of the control file (all four copies: docs/FORMAT.md), so it stays off the
 * commit path: none while the position has not moved, one in mark_gap at most, and on a writer only
 * after mark_rest without a move. A busy writer needs none: each batch says what was durable when
 * it was sealed. A busy replica has no such batches of its own, and makes one each mark_gap. */
#ifndef SEALIFT_MEMBER_MARKS_H
#define SEALIFT_MEMBER_MARKS_H

#include "node/effects.h"

struct member;

struct marks {
    struct position seen; /* at the last pump */
    struct instant moved_at; /* since when it is there */
    struct instant behind_since; /* since when the mark is not there; INSTANT_NEVER: it is */
    struct instant marked_at;
    struct position marked; /* by this process, newest; what it found at its start does not count */
};

void marks_init(struct marks *marks);

/* What is durable here now, and the commit as far as it is held here: asks for the WRITE. */
void marks_save(struct member *member, struct effects *fx);

/* Whether the mark says less (or else) than what is durable here now. */
bool marks_are_behind(const struct member *member);

/* In each step in which the position may be marked: not while a replica's cut moves it. */
void marks_pump(struct member *member, struct instant now, struct effects *fx);

#endif
