/* Appends in, releases out.
 *
 * An APPEND is checked, gets its LSNs, and waits until its durability level is met for the batch
 * that it went into; then its client is sent APPENDED, and never before. What was appended before
 * (the same producer and sequences) is not appended again, and answered like the first time. */
#ifndef SEALIFT_PRIMARY_INTAKE_H
#define SEALIFT_PRIMARY_INTAKE_H

#include "member/clients.h"
#include "primary/line.h"
#include "primary/pending.h"

struct primary;
struct primary_settings;

struct intake {
    struct pending pending;
    struct line line;
    batch_t seen_durable;
    bool may_release; /* something has moved since the last release came to its end */
};

size_t intake_bytes(const struct primary_settings *settings);
void intake_init(struct intake *intake, struct arena *arena,
                 const struct primary_settings *settings);

void intake_on_append(struct primary *primary, struct client *client, const struct event *event,
                      struct effects *fx);

/* Before the member forgets the client. What it waits for is released to nobody. */
void intake_on_link_down(struct primary *primary, const struct client *client);

/* Seals the open batch when it is full or the disk has little to do. Before any SEND. */
void intake_seal(struct primary *primary, struct effects *fx);

/* A replica has acked, or the record has changed: some level may be met now. */
void intake_acked(struct primary *primary);

/* Tells the clients whose level is met; calls those who wait for room. */
void intake_release(struct primary *primary, struct effects *fx);

/* The result of what still waits is not known: says so to the clients. */
void intake_give_up(struct primary *primary, struct effects *fx);

#endif
