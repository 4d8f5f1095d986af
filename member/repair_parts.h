/* Internal to member/repair*.c: the walk through one segment, and the asking beside it. */
#ifndef SEALIFT_MEMBER_REPAIR_PARTS_H
#define SEALIFT_MEMBER_REPAIR_PARTS_H

#include "member/member.h"

/* repair_orders.c */
bool repair_may_serve(const struct member *member); /* its folder is open */
void repair_begin_again(
    struct member *member); /* with the order in hand, from its next header on */
void repair_put_down(struct member *member);
void repair_unqueue_first(struct repair *repair);
void repair_to_the_end(struct member *member); /* nobody gives it now: the next one's turn */

/* The next of those that were found damaged; what a cut or retention took away needs no repair. */
void repair_choose(struct member *member);

/* repair_header.c: what somebody gave as the header. OK: it fits, and its batches are next. */
NODISCARD enum status repair_take_header(struct member *member, struct bytes raw);
void repair_take_next(struct member *member, const struct read_slot *slot); /* the one after it */

/* The last batch of the segment in hand; BATCH_OPEN_END where nothing here says it. */
batch_t repair_end(const struct member *member);

/* The last batch of its epoch. */
batch_t repair_epoch_end(const struct member *member);

/* The last that it may have: one of these two. */
batch_t repair_last_wanted(const struct member *member);

/* repair.c: what somebody gave for the batch that is next. OK: it fits, and the place moved on. */
NODISCARD enum status repair_take_batches(struct member *member, struct bytes sealed);

/* repair_peers.c: asks for what is next, of one member after the other. */
void repair_ask_peers(struct member *member, struct effects *fx);
void repair_on_is(struct member *member, const struct event *event, const struct repair_is *is);
void repair_forget_peers(struct repair *repair); /* the place has moved on */

/* Nobody can have had what is next without being among those who said that they never had it. False
 * where the order does not go onward. */
bool repair_heard_enough(const struct repair *repair);

void repair_note_peer(struct repair *repair, const char *name, enum status why);

/* repair_desk.c */
NODISCARD enum status repair_on_ask(struct member *member, link_t link,
                                    const struct repair_ask *ask, struct effects *fx);
void repair_desk_on_link_gone(struct member *member, link_t link);
void repair_desks_pump(struct member *member, struct effects *fx);

#endif
