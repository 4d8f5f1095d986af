/* What is in this segment, batch by batch, and where does it end?
 *
 * Works on whatever bytes it is given and never reads itself. The caller holds a window of the file
 * that begins at scan.offset, and calls scan_next until it says otherwise:
 *
 *   SCAN_BATCH  a valid batch, described in `found`, whose bytes lie at the window's beginning;
 *               scan.offset is now behind it: shorten the window by as much and call again.
 *   SCAN_MORE   the window is too short: bring at least scan.need bytes from scan.offset on, or all
 *               that the file has (at_end).
 *   SCAN_DONE   scan.place, scan.bad, scan.tail and so on are final.
 *
 * scan.need is at most batch_bytes_max, so a buffer of that size is always enough; a batch that
 * says it is larger reads as E_TOO_LARGE. Most needs are one block or one batch of the usual size.
 *
 * Valid means: lengths, CRC, place (number, LSN, prev_tag), order of types, and with a key the seal
 * and the content of the final batch. Without a key, rot is found, forgery is not. After the first
 * bad batch it may look ahead, in steps of 4096 bytes, for later batches of this segment: the CRC
 * (and the seal) do not match by chance, nor in what another segment left in a recycled file. */
#ifndef SEALIFT_WAL_SCAN_H
#define SEALIFT_WAL_SCAN_H

#include "wal/batch.h"
#include "wal/content.h"

enum scan_step { SCAN_BATCH, SCAN_MORE, SCAN_DONE };

/* What lies behind the last valid batch. */
enum scan_tail {
    SCAN_TAIL_END, /* nothing: it is closed, or the file ends there */
    SCAN_TAIL_CLEAN, /* no batch of this place: never written, or stale */
    SCAN_TAIL_TORN, /* the batch of this place, not whole or not as it was sealed */
    SCAN_TAIL_LATER, /* one or more later batches of this segment */
};

struct scan_start {
    const struct segment_header *header;
    struct bytes raw_header;
    const struct segment_key *key; /* NULL: keyless */
    uint8_t *plain; /* room for batch_bytes_max, or NULL: nobody wants plaintext */
    uint32_t batch_bytes_max; /* 0 means BATCH_BYTES_MAX */
    batch_t last_batch; /* valid bytes end with it: the next header's prev_last_batch, or
                                 SCAN_OPEN_END. Valid batches beyond it are surplus */
    enum batch_beginning beginning;
    bool look_ahead;
};
#define SCAN_OPEN_END UINT64_MAX

/* A place between batches, as wal_resume wants it. */
struct scan_place {
    batch_t batch; /* the last one before it */
    lsn_t end_lsn;
    struct tag tag;
    uint64_t offset;
    uint64_t batch_count;
    bool closed;
};

struct scan_batch {
    struct batch_header header;
    struct tag tag;
    uint64_t offset;
    bool surplus;
    struct bytes plain; /* plain_bytes of it, where a key and room for it were given */
};

struct scan {
    /* for the caller */
    uint64_t offset;
    uint32_t need;
    struct scan_place place; /* behind the last valid batch that is not surplus */
    struct scan_place surplus; /* behind the last valid batch of all */
    enum status bad; /* of the first bad batch; OK where the tail is SCAN_TAIL_END */
    bool missealed; /* the first bad batch has a right seal, so no crash has made it */
    enum scan_tail tail;
    batch_t stated_durable; /* the largest durable_batch that a valid batch states */
    lsn_t stated_commit_lsn;
    uint64_t later_count; /* later valid batches, looking ahead */
    batch_t later_durable; /* the largest durable_batch that one of them states */
    uint64_t tail_end; /* [place.offset, tail_end) is all that may be worth keeping */

    /* its own */
    struct batch_sealer sealer;
    uint8_t *plain;
    uint32_t batch_bytes_max;
    batch_t last_batch;
    enum batch_beginning beginning;
    bool keyed, look_ahead, looking, done;
};

/* Owns a libcrypto context from init to drop; begin may be called again and again. */
void scan_init(struct scan *scan);
void scan_begin(struct scan *scan, const struct scan_start *start);

/* After SCAN_DONE before the end: as if the bytes at scan->offset had not been seen, since others
 * for the same place are at hand. Not where it looks ahead. */
void scan_again(struct scan *scan);
void scan_forget(struct scan *scan); /* wipes the segment key; until then it is kept */
void scan_drop(struct scan *scan);

/* `window` begins at scan->offset; at_end: the file ends where it ends. `found` is borrowed from
 * the window and from `plain` until the next call. */
enum scan_step scan_next(struct scan *scan, struct bytes window, bool at_end,
                         struct scan_batch *found);

/* Where the segment of this header ends, if it ends at `place`. */
struct segment_end scan_end(const struct scan_place *place, const struct segment_header *header,
                            struct bytes raw_header);

#endif
