/* What does each downstream replica still need from this disk, and for how long is it kept?
 *
 * A pin names the oldest segment that a replica needs: the one of the last batch that it has acked.
 * It is there from the replica's first RESUME on, link or no link, and travels in the control file:
 * a new pin, or one that has moved back, is saved at once (nothing waits for that), and every pin
 * is durable with the mark that precedes a deletion (retention.h).
 *
 *   held      within its bound: what it names stays
 *   over      over its bound, and connected: it stays too, while the file system has room
 *   dropped   over its bound and away, or dropped for space: it holds nothing any more; what it
 *             needs may still be here, and then the replica goes on as if nothing had been
 *   lost      what it needs was deleted
 *
 * The bound is settings.pin_bytes (of files, from the segment on) and settings.pin_age (since the
 * segment was closed; counted anew by each process, so never too short). A replica that never comes
 * back keeps its row until the table is full. */
#ifndef SEALIFT_MEMBER_PINS_H
#define SEALIFT_MEMBER_PINS_H

#include "cluster/control.h"
#include "node/effects.h"
#include "proto/control.h"

struct feed;
struct member;

#define PIN_NONE UINT32_MAX

enum pin_state { PIN_HELD, PIN_OVER, PIN_DROPPED, PIN_LOST, PIN_STATES };

struct pin {
    char member[MEMBER_TEXT_MAX];
    char region[REGION_TEXT_MAX]; /* "": it has not called in this life */
    segment_t segment;
    batch_t batch; /* acked */
    link_t link; /* 0: away */
    bool dropped;
};

struct pins {
    bool moved; /* since they were last saved */
    uint32_t count;
    struct pin list[CONTROL_PINS_MAX];
};

/* What the control file says of them, and what it shall say. */
void pins_restore(struct member *member);
void pins_store(struct member *member);

/* Our own WAL ends with `batch`, in `segment`, and goes on otherwise than it did: whoever had acked
 * more will come back to that place. */
void pins_on_cut(struct member *member, segment_t segment, batch_t batch);

/* A member that this one has no row for, and that may come and ask: as if it had nothing. */
void pins_expect(struct member *member, const char *name);

/* RESUME: it needs everything after `batch`, which is in `segment`. */
void pins_hold(struct member *member, struct feed *feed, segment_t segment, batch_t batch,
               struct effects *fx);
void pins_on_ack(struct member *member, const struct feed *feed);
void pins_on_link_down(struct member *member, const struct feed *feed);

/* A replica whose disk ends with `batch` was refused: what follows is not here any more. */
void pins_lose(struct member *member, const struct feed *feed, batch_t batch);

enum pin_state pin_state_of(const struct member *member, const struct pin *pin, struct instant now);
const char *pin_state_name(enum pin_state state);

/* Drops who is over its bound and away; where the file system is tight, one more: the connected one
 * over its bound that holds the oldest segment. */
void pins_review(struct member *member, struct instant now, bool tight);

/* The oldest segment that a pin holds; SEGMENT_NONE where none holds any. */
segment_t pins_oldest(const struct member *member, struct instant now);

void pin_status_of(const struct member *member, const struct pin *pin, struct instant now,
                   struct pin_status *status);

#endif
