/* When does the WAL go on under another data key (DEK)?
 *
 * When an operator says so, or when the present one is older than dek_max_age, or has sealed more
 * than dek_max_bytes. A new DEK comes from the region's key service; its envelope is durable in the
 * keyring before anybody hears of it; then the linked replicas get it (feed_keys.c) and store it;
 * then the open segment is closed and the next one begins under it. Appends go on all the while,
 * under the old one: nothing waits for a key service. Old DEKs stay in the keyring. */
#ifndef SEALIFT_PRIMARY_ROTATION_H
#define SEALIFT_PRIMARY_ROTATION_H

#include "base/instant.h"
#include "member/clients.h"
#include "node/effects.h"
#include "seal/secret.h"

struct primary;

enum rotation_step {
    ROTATION_NONE,
    ROTATION_ASKED, /* for a DEK */
    ROTATION_WAITING, /* to ask again */
    ROTATION_SAVING, /* the keyring is on its way to the disk */
    ROTATION_HANDING, /* linked replicas are given the new DEK, for a limited time */
    ROTATION_WRITING, /* the first segment under it is on its way to the disk */
};

struct rotation {
    enum rotation_step step;
    link_t asker; /* an operator who waits for the outcome; 0: none */
    struct id dek;
    struct secret secret; /* until its envelope is durable */
    uint64_t attempt; /* the ticket's value: answers to older ones are ignored */
    unsigned tries;
    struct instant retry_at, give_up; /* of asking */
    struct instant rest_until; /* after a failure, none begins by itself before */
    uint64_t token; /* the save of the keyring that must be durable */
    struct instant hand_until;
    uint32_t holders, lacking; /* linked replicas, when the new segment began */
    batch_t last; /* must be durable before it is over */

    /* the present DEK */
    struct span age; /* that it had, by the wall clock, ... */
    struct instant since; /* ... at this moment */
    uint64_t sealed_before; /* what earlier processes sealed under it: as large as the files are */
    uint64_t placed_before; /* wal.placed_bytes when it came into use */
};

/* A reign has begun, under the newest DEK. */
void rotation_begin_reign(struct primary *primary, struct instant now);

void rotation_on_order(struct primary *primary, const struct client *client, struct instant now,
                       struct effects *fx);
void rotation_on_keys(struct primary *primary, const struct event *event, struct effects *fx);
void rotation_pump(struct primary *primary, struct instant now, struct effects *fx);

#endif
