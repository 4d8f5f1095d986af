/* Clients, readers and operators: those who speak proto/control.h.
 *
 * HELLO, WELCOME, STATUS, reading and verifying (verifier.h) are the same on every member; APPEND
 * is for the primary alone, which looks at the message first (primary/intake.h). Each client may
 * have one READ under way. A reader gets records up to member->visible_lsn, decoded from the window
 * or from the disk, and never runs more than its own window ahead of what it has CONSUMED. */
#ifndef SEALIFT_MEMBER_CLIENTS_H
#define SEALIFT_MEMBER_CLIENTS_H

#include "base/ring.h"
#include "member/reads.h"
#include "member/walk.h"
#include "node/effects.h"
#include "proto/control.h"
#include "wal/batch.h"

struct member;

enum {
    READING_FLIGHT_MAX = 64, /* RECORDS messages that were sent and not consumed */
    READING_WINDOW_DEFAULT = 4 << 20, /* where a READ does not say */
};

struct reading_flight {
    lsn_t through;
    uint64_t bytes;
};

struct reading { /* one READ under way */
    bool active;
    bool follow;
    uint64_t request;
    lsn_t next; /* the next LSN to send */
    lsn_t consumed;
    uint64_t window_bytes;
    uint64_t flight_bytes; /* sent and not consumed, to the message */
    uint64_t blocked_bytes; /* what the next batch needs in flight, where that was too much */
    struct ring flight_ring;
    struct reading_flight flight[READING_FLIGHT_MAX];
    batch_t batch; /* the next to look at; 0: not found yet */
    struct walk walk; /* where it is on the disk */
    segment_t keyed; /* whose key `sealer` holds; SEGMENT_NONE */
    struct batch_sealer sealer;
    struct read_slot *read;
};

struct client {
    link_t link; /* 0: a free slot */
    struct identity peer;
    bool local; /* over the UNIX socket */
    bool welcomed;
    struct instant came_at;
    struct reading reading;
};

struct clients {
    uint32_t capacity;
    uint32_t count;
    struct client *list;
    uint32_t first; /* whose turn it is to be served first */
    uint8_t *plain; /* plaintext that this step's RECORDS point into */
    uint64_t plain_bytes; /* at least one batch of the largest size */
    uint64_t plain_used;
    uint64_t plain_touched; /* what has ever been used of it, and must be wiped */
};

size_t clients_bytes(uint32_t capacity, uint64_t plain_bytes);
void clients_init(struct clients *clients, struct arena *arena, uint32_t capacity,
                  uint64_t plain_bytes);
void clients_drop(struct clients *clients); /* libcrypto contexts, plaintext */
struct client *clients_find(const struct clients *clients, link_t link);

void clients_on_link_up(struct member *member, const struct event *event, struct effects *fx);

/* Whether it may do what an operator does. */
bool client_may_operate(const struct client *client);

/* Everything but APPEND and PROMOTE. */
void clients_on_message(struct member *member, struct client *client, const struct event *event,
                        struct effects *fx);
void clients_on_link_down(struct member *member, struct client *client);
void clients_on_read(struct member *member, struct read_slot *slot, struct effects *fx);
void clients_hang_up_all(struct member *member, enum status why, struct effects *fx);

/* The first segment of the index is another one now: readings of what was before it end. */
void clients_forget_first(struct member *member, struct effects *fx);

/* Where batches are has changed (a replica's cut): readings look for theirs again. */
void clients_forget_places(struct member *member);
void clients_pump(struct member *member, struct instant now, struct effects *fx);

__attribute__((format(printf, 5, 6))) void clients_refuse(struct effects *fx, link_t link,
                                                          uint64_t request, enum status why,
                                                          const char *format, ...);

#endif
