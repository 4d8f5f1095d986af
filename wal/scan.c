/* Two gaits. Walking: each batch must be the one that belongs here, and moves the place on.
 * Looking ahead, after the first that is not: any block that begins a whole batch of this segment
 * with a higher number counts as evidence, and nothing else does.
 *
 * A window that is too short is asked for again, unless the file has no more: then the batch is
 * torn. Nothing is believed from a header before the CRC, except how many bytes to look at, and
 * that is capped. */
#include "wal/scan.h"

#include "base/check.h"

void scan_init(struct scan *scan)
{
    *scan = (struct scan){0};
    batch_sealer_init(&scan->sealer);
}

void scan_again(struct scan *scan)
{
    CHECK(!scan->look_ahead && !scan->place.closed);
    scan->done = scan->looking = scan->missealed = false;
    scan->bad = OK;
    scan->tail = SCAN_TAIL_END;
    scan->tail_end = scan->offset;
    scan->need = BATCH_BLOCK_BYTES;
}

void scan_forget(struct scan *scan)
{
    batch_sealer_forget(&scan->sealer);
}

void scan_drop(struct scan *scan)
{
    batch_sealer_drop(&scan->sealer);
}

void scan_begin(struct scan *scan, const struct scan_start *start)
{
    *scan = (struct scan){
        .sealer = scan->sealer,
        .offset = SEGMENT_HEADER_BYTES,
        .need = BATCH_BLOCK_BYTES,
        .tail_end = SEGMENT_HEADER_BYTES,
        .plain = start->plain,
        .batch_bytes_max = start->batch_bytes_max == 0 ? BATCH_BYTES_MAX : start->batch_bytes_max,
        .last_batch = start->last_batch,
        .beginning = start->beginning,
        .keyed = start->key != NULL,
        .look_ahead = start->look_ahead,
        .place = {.batch = start->header->first_batch - 1,
                  .end_lsn = start->header->first_lsn - 1,
                  .tag = segment_first_tag(start->header),
                  .offset = SEGMENT_HEADER_BYTES},
    };
    scan->surplus = scan->place;
    if (scan->keyed) {
        batch_sealer_begin(&scan->sealer, start->header, start->raw_header, start->key);
    } else {
        batch_sealer_begin_keyless(&scan->sealer, start->header, start->raw_header);
    }
}

/* The final batch says what the walk has counted. */
static enum status check_final(const struct scan *scan, struct bytes plain)
{
    struct final_content final;

    TRY(final_decode(&final, plain));
    return final.batch_count == scan->surplus.batch_count + 1
                   && final.end_lsn == scan->surplus.end_lsn
               ? OK
               : E_MALFORMED;
}

static enum status open_final(struct scan *scan, const struct scan_batch *found, struct bytes from)
{
    uint8_t plain[BATCH_BLOCK_BYTES];

    if (found->header.batch_bytes != BATCH_BLOCK_BYTES) {
        TRY(batch_verify(&scan->sealer, &found->header, from));
        scan->missealed = true;
        return E_MALFORMED;
    }
    TRY(batch_open(&scan->sealer, &found->header, from, plain));
    const enum status status = check_final(scan, bytes_of(plain, found->header.plain_bytes));

    scan->missealed = status != OK;
    return status;
}

static enum status check_seal(struct scan *scan, struct scan_batch *found, struct bytes from)
{
    if (!scan->keyed) {
        return OK;
    }
    if (found->header.type == BATCH_FINAL) {
        TRY(open_final(scan, found, from));
    }
    if (scan->plain == NULL) {
        return batch_verify(&scan->sealer, &found->header, from);
    }
    TRY(batch_open(&scan->sealer, &found->header, from, scan->plain));
    found->plain = bytes_of(scan->plain, found->header.plain_bytes);
    return OK;
}

/* Whether more bytes would help to judge the batch that begins here; sets scan->need. */
static bool wants_more(struct scan *scan, struct bytes window, bool at_end)
{
    struct batch_header header;

    scan->need = BATCH_BLOCK_BYTES;
    if (window.size >= BATCH_BLOCK_BYTES && batch_header_decode(&header, window) == OK
        && header.batch_bytes <= scan->batch_bytes_max) {
        scan->need = header.batch_bytes;
    }
    return !at_end && window.size < scan->need;
}

static enum status check_batch(struct scan *scan, struct bytes window, struct scan_batch *found)
{
    const struct scan_place *at = &scan->surplus;

    *found = (struct scan_batch){.offset = scan->offset};
    TRY(batch_header_decode(&found->header, window));
    if (found->header.batch_bytes > scan->batch_bytes_max) {
        return E_TOO_LARGE;
    }
    TRY(batch_parse(&scan->sealer, &found->header, window, &found->tag));
    TRY(batch_check_place(&found->header, at->batch + 1, at->end_lsn, &at->tag));
    TRY(batch_check_order(&found->header, at->batch_count, scan->beginning));
    return check_seal(scan, found, window);
}

static void note_statements(struct scan *scan, const struct batch_header *header)
{
    if (header->durable_batch > scan->stated_durable) {
        scan->stated_durable = header->durable_batch;
    }
    if (header->commit_lsn > scan->stated_commit_lsn) {
        scan->stated_commit_lsn = header->commit_lsn;
    }
}

static enum scan_step take_batch(struct scan *scan, struct scan_batch *found)
{
    scan->offset += found->header.batch_bytes;
    scan->tail_end = scan->offset;
    scan->need = BATCH_BLOCK_BYTES;
    scan->surplus = (struct scan_place){.batch = found->header.batch,
                                        .end_lsn = batch_end_lsn(&found->header),
                                        .tag = found->tag,
                                        .offset = scan->offset,
                                        .batch_count = scan->surplus.batch_count + 1,
                                        .closed = found->header.type == BATCH_FINAL};
    found->surplus = found->header.batch > scan->last_batch;
    if (!found->surplus) {
        scan->place = scan->surplus;
        note_statements(scan, &found->header);
    }
    scan->done = scan->surplus.closed;
    return SCAN_BATCH;
}

/* Whether it began as the batch that belongs here, however it ended: its size, or 0. */
static uint32_t torn_bytes(const struct scan *scan, struct bytes window)
{
    const struct scan_place *at = &scan->surplus;
    struct batch_header header;

    if (batch_header_decode(&header, window) != OK
        || batch_check_place(&header, at->batch + 1, at->end_lsn, &at->tag) != OK) {
        return 0;
    }
    return header.batch_bytes < window.size ? header.batch_bytes : (uint32_t)window.size;
}

static void begin_looking(struct scan *scan, struct bytes window, enum status bad)
{
    const uint32_t torn = torn_bytes(scan, window);

    scan->bad = bad;
    scan->tail = torn > 0 ? SCAN_TAIL_TORN : SCAN_TAIL_CLEAN;
    scan->tail_end += torn;
    scan->looking = true;
    scan->done = !scan->look_ahead;
}

/* A later batch of this segment: returns its size, or 0. */
static uint32_t later_batch(struct scan *scan, struct bytes window)
{
    const struct scan_place *at = &scan->surplus;
    struct batch_header header;

    if (batch_header_decode(&header, window) != OK || header.batch_bytes > scan->batch_bytes_max
        || header.batch <= at->batch + 1 || header.first_lsn <= at->end_lsn
        || batch_parse(&scan->sealer, &header, window, NULL) != OK
        || (scan->keyed && batch_verify(&scan->sealer, &header, window) != OK)) {
        return 0;
    }
    if (header.durable_batch > scan->later_durable) {
        scan->later_durable = header.durable_batch;
    }
    return header.batch_bytes;
}

/* One block, or one later batch, further; false where the window is used up. */
static bool look_on(struct scan *scan, struct bytes *window, bool at_end)
{
    if (wants_more(scan, *window, at_end) || window->size == 0) {
        return false;
    }
    const uint32_t later = later_batch(scan, *window);
    const uint32_t step = later > 0 ? later : BATCH_BLOCK_BYTES;

    *window = bytes_part(*window, step, SIZE_MAX);
    scan->offset += step;
    if (later > 0) {
        scan->later_count++;
        scan->tail_end = scan->offset;
        scan->tail = SCAN_TAIL_LATER;
    }
    return true;
}

static enum scan_step look_ahead(struct scan *scan, struct bytes window, bool at_end)
{
    bool stepped;

    do {
        stepped = look_on(scan, &window, at_end);
    } while (stepped);
    scan->done = at_end;
    return at_end ? SCAN_DONE : SCAN_MORE;
}

enum scan_step scan_next(struct scan *scan, struct bytes window, bool at_end,
                         struct scan_batch *found)
{
    if (scan->done) {
        return SCAN_DONE;
    }
    if (!scan->looking) {
        if (wants_more(scan, window, at_end)) {
            return SCAN_MORE;
        }
        if (window.size == 0) { /* the file ends where the last batch does */
            scan->done = true;
            return SCAN_DONE;
        }
        const enum status status = check_batch(scan, window, found);

        if (status == OK) {
            return take_batch(scan, found);
        }
        begin_looking(scan, window, status);
    }
    return scan->done ? SCAN_DONE : look_ahead(scan, window, at_end);
}

struct segment_end scan_end(const struct scan_place *place, const struct segment_header *header,
                            struct bytes raw_header)
{
    return (struct segment_end){.epoch = header->epoch,
                                .batch = place->batch,
                                .end_lsn = place->end_lsn,
                                .chain = segment_chain(raw_header, &place->tag),
                                .closed = place->closed};
}
