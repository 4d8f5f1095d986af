/* How does a member use its disk without waiting for it?
 *
 * One thread writes, in the order in which it was asked; everything that is queued for one
 * segment (up to DISK_GROUP_BYTES) goes under one fdatasync. Two threads read beside it, so that
 * catching up does not delay commits. Answers are collected with disk_next after `disk_fd` became
 * readable; WRITEs are answered in order.
 *
 * A small write that finds the disk idle is better made by the caller's own thread: it saves two
 * wake-ups. So writes wait for disk_kick, which the host calls when the sends of a step have left:
 * it performs them at once, or hands them to the thread.
 *
 * A failed write or sync is final: its status answers it and everything asked after it, and
 * nothing is written any more, but for the control file: it is replaced whole, touches nothing that
 * is in doubt, and is where the member says that this disk is suspect. All functions are for one
 * thread, the loop's. */
#ifndef SEALIFT_HOST_DISK_H
#define SEALIFT_HOST_DISK_H

#include "base/instant.h"
#include "host/store_posix.h"

enum {
    DISK_READERS = 2,
    DISK_GROUP_BYTES = 4 << 20, /* beyond it acks wait longer than the saved sync is worth */
    DISK_INLINE_BYTES = 64 << 10, /* a sync of more takes longer than a wake-up */
    DISK_SLOW_NS = 2000000, /* an inline sync that took so long makes the loop wait too long */
    DISK_SLOW_PAUSE = 256, /* then so many kicks go to the thread before the next attempt */
};

struct disk;

struct disk_answer {
    bool is_read;
    uint64_t ticket;
    enum status status;
    uint64_t size; /* of a read */
};

/* Borrows the store, which nobody else uses from now on. E_IO where no thread can be had. */
NODISCARD enum status disk_start(struct disk **disk, struct store_posix *store);

/* Finishes what was asked and stops; answers that were not collected are dropped. */
void disk_stop(struct disk *disk);

/* Readable when there are answers. */
int disk_fd(const struct disk *disk);

void disk_write(struct disk *disk, uint64_t ticket, const struct store_write *write);
void disk_read(struct disk *disk, uint64_t ticket, const struct store_read *read);
void disk_kick(struct disk *disk);

/* Whether there are writes that wait for a kick. */
bool disk_wants_kick(struct disk *disk);

/* The next answer, if there is one. */
bool disk_next(struct disk *disk, struct disk_answer *answer);

struct disk_counters {
    uint64_t groups;
    uint64_t ns; /* that the groups took, in sum */
};

struct disk_counters disk_counters(struct disk *disk);

#endif
