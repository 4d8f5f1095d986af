/* The small files on their way to the disk.
 *
 * control and keyring live in memory and are written whole when they change. What a WRITE points to
 * must stay put, so each has one buffer; a change that comes while it is under way is written right
 * after. Whoever must not act before something is durable asks saves_are_durable. */
#ifndef SEALIFT_MEMBER_SAVES_H
#define SEALIFT_MEMBER_SAVES_H

#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "cluster/keyring.h"
#include "node/effects.h"
#include "wal/writes.h"

struct member;

struct saves_file {
    uint8_t *buffer;
    uint64_t wanted; /* counts the changes */
    uint64_t written; /* the newest change that is under way */
    uint64_t durable; /* the newest change that is durable */
    bool under_way;
};

struct saves {
    struct saves_file control;
    struct saves_file keyring;
    struct saves_file descriptor; /* written once */
};

size_t saves_bytes(void);
void saves_init(struct saves *saves, struct arena *arena);

/* member->control, member->keyring, member->descriptor_bytes have changed. What finds no room in
 * the queue of writes is written by a later saves_pump. */
void saves_control(struct member *member, struct effects *fx);
void saves_keyring(struct member *member, struct effects *fx);
void saves_descriptor(struct member *member, struct effects *fx);

void saves_on_written(struct member *member, enum write_kind kind, struct effects *fx);
void saves_pump(struct member *member, struct effects *fx);

/* Everything that has changed so far is durable. */
bool saves_are_durable(const struct saves *saves);

#endif
