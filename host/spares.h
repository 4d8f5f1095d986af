/* Where does the next segment file come from, without making a commit wait?
 *
 * A maker thread keeps SPARES_READY files of a segment's size in `spare/`, synced before they get
 * their name. Their blocks are theirs, so a full disk strikes the maker first, and a commit only
 * when the spares are used up. They are filled with zeros, which makes the sync of a small write
 * cheap. A fill in one go keeps the disk, and the commits beside it, waiting for 40 to 90 ms; so
 * the maker rests after each chunk while there is another spare. While spares are used up quickly
 * they are only reserved: every zero would cost the disk as much as the byte that replaces it, and
 * large writes do not need it. Both read as zeros.
 *
 * Where the disk is full the maker looks again until there is space, and leaves some of it to
 * small files. `spares_are_short` says so meanwhile, while there still are spares for what is under
 * way; and whoever needs one when there is none waits. Space that returns ends all of that.
 * Take and release are called by one thread at a time, the maker works beside it. */
#ifndef SEALIFT_HOST_SPARES_H
#define SEALIFT_HOST_SPARES_H

#include "base/instant.h"
#include "base/status.h"
#include "base/trace.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SPARES_READY = 2, /* one for the segment that is due, one while the maker is behind */
    SPARE_NAME_MAX = 24,
    SPARES_RETRY_MS = 500, /* a full disk is looked at again */
    SPARES_REST_MS = 10, /* of the maker after each chunk, while another spare is ready */
    SPARES_HURRY_MS = 2000, /* two takes within: the disk is busy with writes, not with waiting */
    SPARE_CHUNK_BYTES = 1 << 20, /* one write of the maker: it can rest and stop in between */
    SPARES_HEADROOM_PARTS = 8, /* of a segment: left for small files and folders, ... */
    SPARES_HEADROOM_BYTES_MAX = 2 << 20, /* ... of which none is larger */
};

enum spare_state { SPARE_EMPTY, SPARE_READY, SPARE_TAKEN };

struct spares {
    int folder;
    uint64_t bytes;
    struct trace trace;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t maker;
    bool running, stopping;
    bool hasty; /* nobody waits for space any more: the process is about to end */
    bool short_of_space; /* the maker's last attempt found the disk full */
    bool said_waiting; /* that a write waits for space */
    bool hurried; /* the last two takes were close together */
    struct instant taken_at;
    enum spare_state states[SPARES_READY];
};

struct spare {
    char name[SPARE_NAME_MAX]; /* in the spare folder */
    int slot; /* -1: made on the spot */
};

/* Takes over the open folder; keeps good spares of an earlier process, removes anything else. */
NODISCARD enum status spares_open(struct spares *spares, int folder, uint64_t bytes,
                                  struct trace trace);

/* Without a running maker every spare is made on the spot. */
NODISCARD enum status spares_start_maker(struct spares *spares);

/* Stops the maker within one chunk; closes the folder. The spares stay for the next process. */
void spares_close(struct spares *spares);

/* A synced file that reads as zeros: a ready one, or one made on the spot. Beside a running maker
 * it waits while the disk is full: E_DISK_FULL only after spares_hasten. */
NODISCARD enum status spares_take(struct spares *spares, struct spare *spare);

/* The file has been renamed away (or is not wanted: then it is removed by the caller). */
void spares_release(struct spares *spares, const struct spare *spare);

/* Where the disk is full a small file must still be replaced: one ready spare is removed, and made
 * anew when there is space for both. False where there is none. */
bool spares_give_up_one(struct spares *spares);

/* Waits until it is time to look again whether there is space; says once that it does. False where
 * nobody should wait: without a maker, or after spares_hasten. */
bool spares_wait_for_space(struct spares *spares);

/* Ends every wait for space, now and from now on. Any thread. */
void spares_hasten(struct spares *spares);

/* The disk is full: what is under way still has its place, but nothing more should be begun. */
bool spares_are_short(struct spares *spares);

unsigned spares_count(struct spares *spares);

#endif
