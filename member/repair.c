/* The header after the segment, its own header, then its batches: from the own file as long as they
 * are good, else from whoever has them (repair_peers.c). Every piece goes into the buffer and from
 * there into the new file; the next piece is looked for when it is written. At the end the last tag
 * must be the one that the next header was chained to. Then the new file takes its place.
 *
 * How it goes wrong: nobody gives the batch: the same question again and again, while STATUS says
 * what is lacking. Everything reads well here and yet does not fit the next header (an old file
 * under this name, or a header from elsewhere): all is asked of others. A replica's cut takes the
 * segment away meanwhile: it is put down. */
#include "member/repair.h"

#include "base/check.h"
#include "member/repair_parts.h"

static bool reaches_order(const struct repair *repair)
{
    return repair->scan.place.batch >= repair->order.through_batch
           && repair->scan.place.end_lsn >= repair->order.through_lsn;
}

/* Where the end is not known, it is where the good batches here end, once they reach far enough. */
static bool is_complete(const struct member *member)
{
    const struct repair *repair = &member->repair;
    const struct scan_place *place = &repair->scan.place;
    const batch_t end = repair_end(member);

    if (place->closed || place->batch >= end) {
        return true;
    }
    const bool enough = repair->order.onward ? repair_heard_enough(repair) : reaches_order(repair);

    return end == BATCH_OPEN_END
           && (place->batch >= repair_epoch_end(member) || repair->ended
               || (repair->bad_here && enough));
}

/* OK: all of the window was good, or enough of it; else why its first useless byte is that. */
static enum status copy_batches(struct member *member, struct bytes window, bool at_end)
{
    struct repair *repair = &member->repair;
    struct scan *scan = &repair->scan;
    struct scan_batch found;

    while (!is_complete(member)) {
        switch (scan_next(scan, window, at_end, &found)) {
        case SCAN_BATCH:
            CHECK(repair->buffered + found.header.batch_bytes <= BATCH_BYTES_MAX);
            CHECK(window.size >= found.header.batch_bytes && window.data != NULL);
            memcpy(repair->buffer + repair->buffered, window.data, found.header.batch_bytes);
            repair->buffered += found.header.batch_bytes;
            window = bytes_part(window, found.header.batch_bytes, SIZE_MAX);
            break;
        case SCAN_MORE:
            return OK;
        case SCAN_DONE: {
            const enum status bad = scan->bad != OK ? scan->bad : E_TRUNCATED;

            scan_again(scan);
            return bad;
        }
        }
    }
    return OK;
}

enum status repair_take_batches(struct member *member, struct bytes sealed)
{
    struct repair *repair = &member->repair;
    const batch_t before = repair->scan.place.batch;

    if (sealed.size > BATCH_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    const bool was_bad = repair->bad_here;

    repair->bad_here = false; /* or a batch that the order does not need would not be looked at */
    const enum status status = copy_batches(member, sealed, true);

    if (repair->scan.place.batch == before) {
        repair->bad_here = was_bad;
        return status == OK ? E_TRUNCATED : status;
    }
    repair->bad_here = repair->distrusts || !repair->has_file;
    repair->fetched += repair->scan.place.batch - before;
    repair->fetched_batches += repair->scan.place.batch - before;
    repair_forget_peers(repair);
    return OK;
}

/* Once, however often it is read again. */
static void trace_lack(const struct member *member, enum status why)
{
    const struct repair *repair = &member->repair;

    if (!repair->stuck) {
        trace_event(&member->settings.trace, "repair_lacks segment=%llu batch=%llu why=%s",
                    (unsigned long long)repair->order.segment,
                    (unsigned long long)(repair->has_header ? repair->scan.place.batch + 1 : 0),
                    status_name(why));
    }
}

static void take_here(struct member *member, const struct read_slot *slot)
{
    struct repair *repair = &member->repair;
    const bool at_end = slot->bytes.size < repair->read_size;
    enum status status = slot->status;

    repair->has_file = status != E_MISSING;
    if (status != OK && repair->has_file && !repair->reads_small) {
        repair->reads_small = true;
        return;
    }
    repair->unread = status != OK && repair->has_file;
    if (status == OK) {
        status = repair->step == REPAIR_HEADER ? repair_take_header(member, slot->bytes)
                                               : copy_batches(member, slot->bytes, at_end);
    }
    if (status == OK && repair->stuck) {
        repair_forget_peers(repair); /* the disk gives what it did not, and nobody else had */
    } else if (status != OK) {
        repair->bad_here = true;
        trace_lack(member, status);
    }
}

void repair_on_read(struct member *member, struct read_slot *slot)
{
    struct repair *repair = &member->repair;

    CHECK(repair->read == slot);
    repair->read = NULL;
    if (repair->step == REPAIR_NEXT) {
        repair_take_next(member, slot);
    } else {
        take_here(member, slot);
    }
    reads_free(slot);
}

/* ---- the end ---- */

static enum status check_end(const struct member *member)
{
    const struct repair *repair = &member->repair;
    const batch_t batch = repair_end(member);
    const struct segment_end end =
        scan_end(&repair->scan.place, &repair->header, bytes_of(repair->raw, sizeof repair->raw));

    if (batch != BATCH_OPEN_END && end.batch != batch) {
        return E_GAP;
    }
    return repair->has_next ? segment_check_follows(&end, &repair->next) : OK;
}

static void end_repair(struct member *member)
{
    struct repair *repair = &member->repair;

    trace_event(&member->settings.trace, "repaired segment=%llu fetched=%llu bytes=%llu",
                (unsigned long long)repair->order.segment, (unsigned long long)repair->fetched,
                (unsigned long long)repair->scan.place.offset);
    repair->repaired++;
    repair->in_vain = 0;
    repair->vain[0] = '\0';
    scan_forget(&repair->scan);
    repair->step = REPAIR_IDLE;
    repair_forget_peers(repair);
    if (!repair->opening && repair->queue_count > 0) {
        repair_unqueue_first(repair);
    }
}

static void finish(struct member *member)
{
    struct repair *repair = &member->repair;
    const enum status status = check_end(member);

    repair->ended |= repair_end(member) == BATCH_OPEN_END
                     && repair->scan.place.batch >= repair_epoch_end(member);
    if (status != OK && !repair->distrusts) {
        repair->distrusts = true;
        repair_begin_again(member);
    } else if (status != OK) { /* what others hold does not fit here: perhaps it will */
        trace_event(&member->settings.trace, "repair_unfit segment=%llu why=%s",
                    (unsigned long long)repair->order.segment, status_name(status));
        repair_begin_again(member);
        repair_note_peer(repair, repair->asked_name, status);
        repair->stuck = true;
        repair->retry_at = instant_add(repair->now, member->settings.silence_max);
    } else if (repair->fetched == 0) {
        end_repair(member); /* it reads well now */
    } else {
        repair->step = REPAIR_DONE;
    }
}

void repair_on_written(struct member *member, const struct write_asked *asked)
{
    struct repair *repair = &member->repair;

    CHECK(repair->writing);
    repair->writing = false;
    if (repair->step == REPAIR_IDLE) {
        return; /* put down meanwhile */
    }
    if (asked->kind == WRITE_REPAIR_DONE) {
        end_repair(member);
        return;
    }
    repair->written += repair->buffered;
    repair->buffered = 0;
}

/* ---- pumping ---- */

static void write_what(struct member *member, enum write_kind kind, const struct store_write *write,
                       struct effects *fx)
{
    struct repair *repair = &member->repair;

    if (writes_room(&member->writes) == 0 || !effects_have_room(fx)) {
        effects_wake_at(fx, repair->now);
        return;
    }
    repair->writing = true;
    writes_ask(&member->writes, fx, kind, write->segment, write);
}

static void write_part(struct member *member, struct effects *fx)
{
    struct repair *repair = &member->repair;

    write_what(member, WRITE_REPAIR_PART,
               &(struct store_write){.op = STORE_REPAIR_PART,
                                     .segment = repair->order.segment,
                                     .offset = repair->written,
                                     .data = bytes_of(repair->buffer, repair->buffered)},
               fx);
}

static void read_here(struct member *member, struct effects *fx)
{
    struct repair *repair = &member->repair;
    const uint64_t usual = reads_usual_bytes(&member->reads);
    struct store_read what = {
        .segment = repair->order.segment, .size = SEGMENT_HEADER_BYTES, .fresh = true};

    if (repair->step == REPAIR_NEXT) {
        what.segment++;
    } else if (repair->step == REPAIR_BATCHES) {
        what.offset = repair->scan.offset;
        what.size = repair->scan.need > usual || repair->reads_small ? repair->scan.need : usual;
    }
    repair->read_size = what.size;
    repair->read = reads_ask(&member->reads, fx, READ_REPAIR, 0, what);
}

static void go_on(struct member *member, struct effects *fx)
{
    struct repair *repair = &member->repair;

    if (repair->step == REPAIR_BATCHES && is_complete(member)) {
        finish(member);
        effects_wake_at(fx, repair->now);
    } else if (repair->step == REPAIR_DONE) {
        if (!repair->paused
            && (!repair->opening || opening_may_replace(member, repair->order.segment, fx))) {
            write_what(member, WRITE_REPAIR_DONE,
                       &(struct store_write){.op = STORE_REPAIR_DONE,
                                             .segment = repair->order.segment,
                                             .epoch = repair->header.epoch},
                       fx);
        }
    } else if (repair->step == REPAIR_HEADER && repair_heard_enough(repair)) {
        repair->step = REPAIR_IDLE; /* there never was such a segment */
        effects_wake_at(fx, repair->now);
    } else if (repair->bad_here) {
        repair_ask_peers(member, fx);
    } else if (!effects_have_room(fx)) {
        effects_wake_at(fx, repair->now);
    } else {
        read_here(member, fx);
    }
}

static void choose_in_time(struct member *member, struct effects *fx)
{
    struct repair *repair = &member->repair;

    if (instant_reached(repair->rests_until, repair->now)) {
        repair_choose(member);
    } else if (repair->queue_count > 0) {
        effects_wake_at(fx, repair->rests_until);
    }
}

void repair_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct repair *repair = &member->repair;

    repair->now = now;
    repair_desks_pump(member, fx);
    if (member->stopping || repair->writing) {
        return;
    }
    if (!repair->opening && repair->step != REPAIR_IDLE
        && (repair->drops != member->wal.index.drops
            || index_find(&member->wal.index, repair->order.segment) == NULL)) {
        repair_put_down(member);
    }
    if (repair->step == REPAIR_IDLE && repair_may_serve(member)) {
        choose_in_time(member, fx);
    }
    if (repair->step == REPAIR_IDLE || repair->read != NULL) {
        return;
    }
    if (repair->buffered > 0) {
        write_part(member, fx);
    } else {
        go_on(member, fx);
    }
}

uint64_t repair_outstanding(const struct member *member)
{
    const struct repair *repair = &member->repair;

    return repair->queue_count + (repair->opening && repair->step != REPAIR_IDLE);
}
