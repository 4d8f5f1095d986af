/* A primary and replicas, each in its own fake world, with links between them.
 *
 * pair_run lets everybody answer and carries messages across until nothing moves any more. No
 * time passes but by pair_advance. A test may look at every message on its way (`watch`), change
 * its bytes or drop it. */
#ifndef SEALIFT_TESTS_SUPPORT_FAKE_PAIR_H
#define SEALIFT_TESTS_SUPPORT_FAKE_PAIR_H

#include "primary/primary.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "replica/replica.h"
#include "tests/support/fake_world.h"

enum { PAIR_MEMBERS_MAX = 3 };

struct pair_member {
    struct fake_world world;
    struct identity self;
    bool is_primary;
    struct primary_settings primary;
    struct replica_settings replica;
    void *block;
    size_t block_bytes;
    bool up;
    unsigned upstream; /* whom it dials */
    unsigned second; /* whom at the address "second:1", if a test gives it that */
    unsigned peer; /* the other end of `link` */
    link_t link, peer_link; /* its own call; 0: none */
    unsigned dials_seen;
};

struct pair_message {
    unsigned from, to;
    struct fake_message *message;
    bool drop;
};

struct pair {
    struct pair_member members[PAIR_MEMBERS_MAX];
    unsigned count;
    void (*watch)(void *context, struct pair_message *message);
    void *context;
    bool cut[PAIR_MEMBERS_MAX]; /* its dials fail */
    uint64_t carried[MESSAGE_LAST + 1];
    struct bye last_bye;
    unsigned writer; /* to whom pair_append speaks */
    link_t client; /* of the writer */
    bool local; /* records are appended at level local, whatever the cluster's is */
    uint64_t sequence, request;
};

/* Member 0 is a primary in us-east-1 that creates its cluster; nothing is started. */
void pair_init(struct pair *pair, bool encrypted, uint64_t seed);
void pair_free(struct pair *pair);

/* A replica of `upstream` in that region; key as --kms-key-id. */
unsigned pair_add_replica(struct pair *pair, unsigned upstream, const char *region,
                          const char *key);

void pair_start(struct pair *pair, unsigned member);
void pair_crash(struct pair *pair, unsigned member); /* what was not durable is lost */
void pair_cut(struct pair *pair, unsigned member); /* its link goes down, and dials fail */
void pair_age(struct pair *pair, unsigned member); /* its world finds its link too old */
void pair_heal(struct pair *pair, unsigned member);

void pair_run(struct pair *pair);
void pair_advance(struct pair *pair, struct span span);

/* As an operator, without accepting any loss. The member's certificate must be a writer's. */
void pair_promote(struct pair *pair, unsigned member);

/* Appends `count` records of `size` bytes in one message, and runs. */
void pair_append(struct pair *pair, unsigned count, size_t size);

void pair_status(const struct pair *pair, unsigned member, struct member_status *status);

/* Whether the valid bytes of all segments are the same on both disks. */
bool pair_disks_are_equal(const struct pair *pair, unsigned a, unsigned b);

/* Reads from the first LSN to the end, or to where it is refused, as a client of that member; how
 * many records came, all of them as pair_append made them. */
uint64_t pair_read(struct pair *pair, unsigned member, lsn_t from, size_t size);

#endif
