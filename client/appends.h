/* Records on their way: gathered into messages, kept until answered, sent again after a lost link.
 *
 * A ring of messages in the order of their sequences. The last may still be open. What was sent on
 * a link that is gone is sent again, in order, with the same producer and sequences: the primary
 * lets it land once. */
#ifndef SEALIFT_CLIENT_APPENDS_H
#define SEALIFT_CLIENT_APPENDS_H

#include "base/ring.h"
#include "client/session.h"

struct append_waiter {
    sealift_on_appended *done;
    void *context;
};

struct append_message {
    bool closed; /* no record is added any more */
    bool answered;
    bool has_level;
    struct level level;
    uint64_t request;
    uint64_t first_sequence;
    uint32_t count;
    uint32_t *lengths; /* APPEND_COUNT_MAX, little-endian */
    struct append_waiter *waiters;
    uint8_t *bodies;
    size_t bodies_size, bodies_room;
};

enum { APPEND_COUNT_MAX = 4096 }; /* in one message: bounds the waiters' memory */

struct appends {
    struct session *session;
    struct ring ring;
    struct append_message *messages;
    uint64_t unsent; /* the ring's first place that this link has not carried */
    size_t batch_bytes;
    uint64_t in_flight_bytes_max, in_flight_bytes;
    uint64_t in_flight_records;
    uint64_t producer, next_sequence;
    uint64_t next_request;
};

void appends_init(struct appends *appends, struct session *session, size_t batch_bytes,
                  uint64_t in_flight_bytes);

/* Whoever waits hears `status` with the session's sentence. */
void appends_drop(struct appends *appends, enum sealift_status status);

enum sealift_status appends_add(struct appends *appends, const struct sealift_record *record,
                                bool has_level, struct level level);

/* Sends closed messages; the open one too where `flush` or where little is in flight. */
void appends_pump(struct appends *appends, bool flush);
void appends_on_welcomed(struct appends *appends);

/* Whether something was sent and is not answered. */
bool appends_are_owed(const struct appends *appends);

/* True where the message was an answer to one of ours. */
bool appends_on_message(struct appends *appends, const struct message *message);

#endif
