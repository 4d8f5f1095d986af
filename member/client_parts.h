/* Internal to member/clients.c and member/reader*.c. */
#ifndef SEALIFT_MEMBER_CLIENT_PARTS_H
#define SEALIFT_MEMBER_CLIENT_PARTS_H

#include "member/member.h"

/* reader.c: what a client asks */
void reader_on_read_message(struct member *member, struct client *client, const struct event *event,
                            struct effects *fx);
void reader_on_consumed(struct member *member, struct client *client, const struct event *event,
                        struct effects *fx);
void reader_stop(struct member *member, struct client *client);

/* Ends a reading of what is not kept any more. */
void reader_forget_first(struct member *member, struct client *client, struct effects *fx);

/* REFUSED for the READ, which is over. */
__attribute__((format(printf, 5, 6))) void reader_refuse(struct member *member,
                                                         struct client *client, struct effects *fx,
                                                         enum status why, const char *format, ...);

/* reader_pump.c: what it is given */
void reader_pump(struct member *member, struct client *client, struct instant now,
                 struct effects *fx);
void reader_on_disk(struct member *member, struct client *client, const struct read_slot *slot,
                    struct effects *fx);

/* reader_open.c: one batch's records. Where there is no room for them in this step, or in what the
 * client has yet to consume, READER_LATER; nothing has changed then. */
enum reader_sent { READER_SENT, READER_LATER, READER_BAD };
enum reader_sent reader_send_batch(struct member *member, struct client *client,
                                   const struct batch_header *header, struct bytes sealed,
                                   struct effects *fx);

/* Whether so many bytes more may be on their way to the client. */
bool reader_may_fly(const struct reading *reading, uint64_t bytes);

/* The key for the segment that the batch is in; false where its header is not at hand. */
bool reader_is_keyed(const struct client *client, segment_t segment);
enum status reader_key(struct member *member, struct client *client, struct bytes raw_header);

#endif
