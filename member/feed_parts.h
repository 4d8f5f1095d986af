/* Internal to member/feed*.c: one feed's life, taken apart by what is said. */
#ifndef SEALIFT_MEMBER_FEED_PARTS_H
#define SEALIFT_MEMBER_FEED_PARTS_H

#include "member/member.h"

void feed_move(struct feed *feed, enum feed_state next, struct instant now);

/* BYE with the reason and a sentence, and the end of the feed. */
__attribute__((format(printf, 5, 6))) void feed_refuse(struct member *member, struct feed *feed,
                                                       struct effects *fx, enum status why,
                                                       const char *format, ...);

/* The downstream has shown an epoch above ours. */
/* What a peer of an older epoch knows as committed was durable on the writer's disk, by the
 * writer's own word. If its new reign begins at or below that, it has lost it: an alarm. (The peer
 * itself halts.) */
void feed_check_commit(struct member *member, const struct feed *feed);

void feed_fenced(struct member *member, struct feed *feed, epoch_t epoch, struct effects *fx);

/* Heard of within two heartbeats. */
bool feed_is_alive(const struct member *member, const struct feed *feed, struct instant now);

/* feed_greet.c */
/* Proved, or nothing to prove: the place of its member is its own, or it is refused (E_TWIN). */
void feed_admit(struct member *member, struct feed *feed, struct instant now, struct effects *fx);
void feed_greet_send(struct member *member, struct feed *feed, struct effects *fx);
void feed_on_greet(struct member *member, struct feed *feed, const struct event *event,
                   struct effects *fx);

/* feed_keys.c */
void feed_begin_proving(struct member *member, struct feed *feed, struct instant now,
                        struct effects *fx);
void feed_on_keys_stored(struct member *member, struct feed *feed, const struct event *event,
                         struct effects *fx);
void feed_on_proof(struct member *member, struct feed *feed, const struct event *event,
                   struct effects *fx);
void feed_keys_pump(struct member *member, struct feed *feed, struct effects *fx);

/* feed_hand.c */
/* Whether the header of that segment may be sent. */
bool feed_holds_dek_of(const struct member *member, const struct feed *feed, segment_t segment);
void feed_hand_later(const struct member *member, struct feed *feed, enum status why,
                     struct instant now);
void feed_hand_stored(struct feed *feed);
void feed_hand_pump(struct member *member, struct feed *feed, struct instant now,
                    struct effects *fx);

/* feed_lost.c */
void feed_lose(struct member *member, struct feed *feed, batch_t batch, struct effects *fx);
bool feed_is_behind(const struct member *member, batch_t batch);

/* feed_resume.c */
void feed_on_resume(struct member *member, struct feed *feed, const struct event *event,
                    struct effects *fx);
void feed_on_ack(struct member *member, struct feed *feed, const struct event *event,
                 struct effects *fx);

/* feed_fence.c */
void feed_on_fence(struct member *member, struct feed *feed, const struct event *event,
                   struct effects *fx);
void feed_fence_pump(struct member *member, struct feed *feed, struct instant now,
                     struct effects *fx);

/* feed_ship.c */
bool feed_has_room(const struct member *member, const struct feed *feed, uint32_t bytes);
void feed_ship_pump(struct member *member, struct feed *feed, struct instant now,
                    struct effects *fx);
void feed_announce_pump(struct member *member, struct feed *feed, struct instant now,
                        struct effects *fx);

/* feed_disk.c */
void feed_read_pump(struct member *member, struct feed *feed, struct effects *fx);

/* While a segment that it needs is being repaired, perhaps from what this very peer holds. */
bool feed_rests(const struct member *member, struct feed *feed, struct instant now,
                struct effects *fx);
void feed_read_header(struct member *member, struct feed *feed, segment_t segment,
                      struct effects *fx);
void feed_send_segment(struct member *member, struct feed *feed, segment_t segment,
                       const uint8_t *raw, struct effects *fx);
void feed_send_batch(struct member *member, struct feed *feed, const struct batch_header *header,
                     struct bytes sealed, struct effects *fx);

#endif
