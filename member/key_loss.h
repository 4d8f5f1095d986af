/* The key service refuses the cluster's KMS key: what then (R23 to R25)?
 *
 *   serving -> inaccessible-encryption-credentials-recoverable   confirmed refusal (key_watch.h)
 *           -> serving                                           a start finds it usable
 *           -> inaccessible-encryption-credentials               beyond the window: for good
 *
 * The first step: keys and libcrypto's contexts are wiped and everybody is sent away in the very
 * step that hears the refusal; the moment is written into the control file; the node HALTs
 * (E_KEY_LOST). Whoever runs it starts it again in memory that has never seen a key. That start
 * finds the note and waits: it answers STATUS and asks for the key, until it opens or the window is
 * over. (A start without a note, of a key that is refused, ends: nobody saw when that began.)
 *
 * The window is time that members have lived through: from one refusal to the next, by the clock
 * that never jumps, added up in the control file. Time in which no process ran does not count, nor
 * does what a wall clock shows; and only a refusal can end it, not silence. The end is durable
 * before it is said: the node HALTs (E_KEY_GONE), and so does each start from then on. Nothing is
 * deleted. */
#ifndef SEALIFT_MEMBER_KEY_LOSS_H
#define SEALIFT_MEMBER_KEY_LOSS_H

#include "base/instant.h"
#include "base/status.h"
#include "member/key_fault.h"
#include "node/effects.h"

struct member;

#define KEY_LOST_STATE "inaccessible-encryption-credentials-recoverable"
#define KEY_GONE_STATE "inaccessible-encryption-credentials"

struct key_loss {
    bool recovered; /* and the control file does not say so yet */
    bool ending; /* nothing more is done in this process but to write the note, and HALT */
    struct instant end_by; /* however long the note takes: the keys are gone already */
    struct instant counted_at; /* up to here the window has been counted */
    struct instant saved_at;
    struct instant ask_at; /* while it waits: the next question */
    char text[KEY_FAULT_TEXT_MAX]; /* the newest refusal, with key and region */
};

/* An authenticated no of the key itself. Silence, a wrong ciphertext, credentials: none of them. */
bool key_loss_is(enum status why);

/* A member that serves has lost its key. */
void key_loss_begin(struct member *member, const struct event *event, const char *text,
                    struct effects *fx);

/* From then on, in place of everything else. */
bool key_loss_is_ending(const struct member *member);
void key_loss_end(struct member *member, const struct event *event, struct effects *fx);

/* The control file has the note, and this process has no key yet. */
bool key_loss_waits(const struct member *member);
void key_loss_restore(struct member *member, struct instant now);

/* The key was asked for, and refused: the window is counted; maybe it is over. */
void key_loss_refused(struct member *member, struct instant now, const char *text,
                      struct effects *fx);

/* The envelopes have been opened: all is as before. The note goes as soon as the opening is over,
 * which itself changes nothing before it has seen all. */
void key_loss_recovered(struct member *member);
void key_loss_pump(struct member *member, struct effects *fx);

/* "" where it is usable. */
const char *key_loss_state(const struct member *member);

/* What a person, or a client that is turned away, should know. */
void key_loss_text(const struct member *member, char *text, size_t size);

#endif
