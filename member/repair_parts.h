/* Internal to member/repair*.c: the walk through one segment, and the asking beside it. */
#ifndef SEALIFT_MEMBER_REPAIR_PARTS_H
#define SEALIFT_MEMBER_REPAIR_PARTS_H

#include "member/member.h"

/* repair.c: what somebody gave for the place that is next. OK: it fits, and the place moved on. */
NODISCARD enum status repair_take_header(struct member *member, struct bytes raw);
NODISCARD enum status repair_take_batches(struct member *member, struct bytes sealed);

/* The last batch of the segment in hand; BATCH_OPEN_END where nothing here says it. */
batch_t repair_end(const struct member *member);

/* The same, or where the epoch of the segment in hand ended. */
batch_t repair_last_wanted(const struct member *member);

/* repair_peers.c: asks for what is next, of one member after the other. */
void repair_ask_peers(struct member *member, struct effects *fx);
void repair_on_is(struct member *member, const struct event *event, const struct repair_is *is);
void repair_forget_peers(struct repair *repair); /* the place has moved on */
void repair_note_peer(struct repair *repair, const char *name, enum status why);

/* repair_desk.c */
NODISCARD enum status repair_on_ask(struct member *member, link_t link,
                                    const struct repair_ask *ask, struct effects *fx);
void repair_desk_on_link_gone(struct member *member, link_t link);
void repair_desks_pump(struct member *member, struct effects *fx);

#endif
