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

size_t repair_bytes(uint32_t feeds_max)
{
    return arena_need(BATCH_BYTES_MAX, ARENA_ALIGN_MAX)
           + arena_need(sizeof(struct repair_desk) * (feeds_max + 1), _Alignof(struct repair_desk));
}

void repair_init(struct member *member, struct arena *arena)
{
    struct repair *repair = &member->repair;
    const uint32_t desks = member->settings.feeds_max + 1;

    *repair = (struct repair){.buffer = arena_take(arena, BATCH_BYTES_MAX, ARENA_ALIGN_MAX)};
    scan_init(&repair->scan);
    member->desks = (struct repair_desks){.count = desks,
                                          .list = ARENA_ARRAY(arena, struct repair_desk, desks)};
}

void repair_drop(struct member *member)
{
    scan_drop(&member->repair.scan);
}

/* ---- what is to be done ---- */

static bool is_queued(const struct repair *repair, segment_t segment)
{
    for (uint32_t i = 0; i < repair->queue_count; i++) {
        if (repair->queue[i] == segment) {
            return true;
        }
    }
    return false;
}

bool repair_want(struct member *member, segment_t segment, enum status why)
{
    struct repair *repair = &member->repair;

    if (is_queued(repair, segment)) {
        return true;
    }
    if (!member->ready || !wal_is_whole(&member->wal, segment)
        || repair->queue_count == REPAIR_QUEUE_MAX) {
        return false;
    }
    repair->queue[repair->queue_count++] = segment;
    repair->found++;
    trace_event(&member->settings.trace, "damaged segment=%llu why=%s", (unsigned long long)segment,
                status_name(why));
    return true;
}

static void unqueue_first(struct repair *repair)
{
    repair->queue_count--;
    memmove(repair->queue, repair->queue + 1, repair->queue_count * sizeof repair->queue[0]);
}

static void begin_again(struct member *member)
{
    struct repair *repair = &member->repair;

    scan_forget(&repair->scan);
    repair->step = REPAIR_NEXT;
    repair->drops = member->wal.index.drops;
    repair->has_next = repair->has_header = repair->ended = false;
    repair->bad_here = repair->unread = false;
    repair->has_file = true;
    repair->reads_small = false;
    repair->buffered = repair->written = repair->fetched = 0;
    repair->asked = repair->good = 0;
    repair_forget_peers(repair);
}

static void put_down(struct member *member)
{
    struct repair *repair = &member->repair;

    reads_forget(&member->reads, READ_REPAIR, 0);
    scan_forget(&repair->scan);
    repair->read = NULL;
    repair->asked = 0;
    repair->step = REPAIR_IDLE;
    repair_forget_peers(repair);
}

void repair_order(struct member *member, const struct repair_order *order)
{
    struct repair *repair = &member->repair;

    CHECK(repair->step == REPAIR_IDLE);
    repair->order = *order;
    repair->opening = true;
    repair->distrusts = false;
    repair->found++;
    begin_again(member);
    trace_event(&member->settings.trace, "repairing segment=%llu through=%llu",
                (unsigned long long)order->segment, (unsigned long long)order->through_batch);
}

void repair_abandon_order(struct member *member)
{
    CHECK(member->repair.opening && !member->repair.writing);
    if (member->repair.step != REPAIR_IDLE) {
        put_down(member);
    }
}

bool repair_is_done(const struct member *member, bool *ended)
{
    *ended = member->repair.ended;
    return member->repair.step == REPAIR_IDLE;
}

void repair_end_order(struct member *member)
{
    CHECK(member->repair.step == REPAIR_IDLE);
    member->repair.opening = false;
}

/* What a cut or retention took away needs no repair any more. */
static void choose(struct member *member)
{
    struct repair *repair = &member->repair;

    while (repair->queue_count > 0 && !wal_is_whole(&member->wal, repair->queue[0])) {
        unqueue_first(repair);
    }
    if (repair->queue_count > 0) {
        repair->order = (struct repair_order){.segment = repair->queue[0]};
        repair->opening = false;
        repair->distrusts = false;
        begin_again(member);
        trace_event(&member->settings.trace, "repairing segment=%llu",
                    (unsigned long long)repair->order.segment);
    }
}

bool repair_lets_go(struct member *member, segment_t segment)
{
    const struct repair *repair = &member->repair;

    if (repair->step == REPAIR_IDLE || repair->order.segment != segment) {
        return true;
    }
    if (!repair->stuck || repair->writing || repair->step == REPAIR_DONE) {
        return false;
    }
    put_down(member);
    return true;
}

/* ---- the header after it, and its own ---- */

/* It is of a history that has been cut, and about to be set aside (an empty segment right behind
 * the end of its epoch may have been chained over). */
static bool is_surplus(const struct member *member, const struct segment_header *header)
{
    const batch_t end = epoch_table_end(&member->control.epochs, header->epoch);

    return end != 0 && end != BATCH_OPEN_END && header->first_batch > end + 1;
}

static void take_next(struct member *member, const struct read_slot *slot)
{
    struct repair *repair = &member->repair;
    const segment_t segment = repair->order.segment + 1;
    const struct index_row *row = index_find(&member->wal.index, segment);
    struct segment_key key = {0};

    repair->has_next = slot->status == OK
                       && opening_open_header(member, &repair->next, slot->bytes, &key) == OK
                       && repair->next.segment == segment && !is_surplus(member, &repair->next)
                       && (row == NULL || index_row_fits(row, &repair->next));
    segment_key_wipe(&key);
    repair->step = REPAIR_HEADER;
    repair->bad_here = repair->distrusts;
}

batch_t repair_end(const struct member *member)
{
    const struct repair *repair = &member->repair;
    const struct index_row *next = index_find(&member->wal.index, repair->order.segment + 1);

    return repair->has_next ? repair->next.prev_last_batch
           : next != NULL   ? next->first_batch - 1
                            : BATCH_OPEN_END;
}

/* The last batch of the epoch of the segment in hand. */
static batch_t epoch_end(const struct member *member)
{
    const batch_t end = epoch_table_end(&member->control.epochs, member->repair.header.epoch);

    return end == 0 ? BATCH_OPEN_END : end; /* it is older than the table */
}

batch_t repair_last_wanted(const struct member *member)
{
    const batch_t end = repair_end(member);

    return end != BATCH_OPEN_END ? end : epoch_end(member);
}

/* An epoch that our table does not know is not of our history, unless it is older than the table.
 * Nor is what its writer began behind its end, where nothing here was chained to that. */
static bool is_of_our_epochs(const struct member *member, const struct segment_header *header)
{
    const struct epoch_table *table = &member->control.epochs;
    const struct epoch_entry *entry = epoch_table_find(table, header->epoch);

    if (entry == NULL) {
        return table->count > 0 && header->epoch < table->entries[0].epoch;
    }
    return header->first_batch >= entry->start_batch
           && (member->repair.has_next || index_find(&member->wal.index, header->segment) != NULL
               || header->first_batch <= epoch_table_end(table, header->epoch));
}

static enum status check_header(const struct member *member, const struct segment_header *header)
{
    const struct repair *repair = &member->repair;
    const segment_t segment = repair->order.segment;
    const struct index_row *row = index_find(&member->wal.index, segment);
    const struct index_row *before =
        segment == 0 ? NULL : index_find(&member->wal.index, segment - 1);

    if (header->segment != segment || header->first_batch != header->prev_last_batch + 1
        || header->first_lsn != header->prev_end_lsn + 1
        || (row != NULL && !index_row_fits(row, header))
        || (before != NULL
            && (header->epoch < before->epoch || header->first_batch < before->first_batch))
        || (repair->has_next
            && (header->epoch > repair->next.epoch
                || header->first_batch > repair->next.first_batch))) {
        return E_GAP;
    }
    if (segment == 0 && !digest_equal(&header->prev_chain, &member->descriptor_digest)) {
        return E_CHAIN;
    }
    return is_of_our_epochs(member, header) ? OK : E_STALE_EPOCH;
}

static enum batch_beginning beginning_of(const struct member *member,
                                         const struct segment_header *header)
{
    const struct index_row *row = index_find(&member->wal.index, header->segment);
    const struct index_row *before =
        header->segment == 0 ? NULL : index_find(&member->wal.index, header->segment - 1);

    return row != NULL                      ? row->beginning
           : header->segment == 0           ? BEGINNING_EPOCH
           : before == NULL                 ? BEGINNING_UNKNOWN
           : before->epoch == header->epoch ? BEGINNING_LATER
                                            : BEGINNING_EPOCH;
}

enum status repair_take_header(struct member *member, struct bytes raw)
{
    struct repair *repair = &member->repair;
    struct segment_key key;

    TRY(opening_open_header(member, &repair->header, raw, &key));
    const enum status status = check_header(member, &repair->header);

    if (status == OK) {
        memcpy(repair->raw, raw.data, sizeof repair->raw);
        scan_begin(&repair->scan,
                   &(struct scan_start){.header = &repair->header,
                                        .raw_header = bytes_of(repair->raw, sizeof repair->raw),
                                        .key = &key,
                                        .beginning = beginning_of(member, &repair->header),
                                        .last_batch = SCAN_OPEN_END});
        memcpy(repair->buffer, repair->raw, sizeof repair->raw);
        repair->buffered = sizeof repair->raw;
        repair->has_header = true;
        repair->bad_here = repair->distrusts || !repair->has_file;
        repair->step = REPAIR_BATCHES;
        repair_forget_peers(repair);
    }
    segment_key_wipe(&key);
    return status;
}

/* ---- its batches ---- */

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
    return end == BATCH_OPEN_END
           && (place->batch >= epoch_end(member) || repair->ended
               || (repair->bad_here && reaches_order(repair)));
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
        take_next(member, slot);
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
    scan_forget(&repair->scan);
    repair->step = REPAIR_IDLE;
    repair_forget_peers(repair);
    if (!repair->opening && repair->queue_count > 0) {
        unqueue_first(repair);
    }
}

static void finish(struct member *member)
{
    struct repair *repair = &member->repair;
    const enum status status = check_end(member);

    repair->ended |=
        repair_end(member) == BATCH_OPEN_END && repair->scan.place.batch >= epoch_end(member);
    if (status != OK && !repair->distrusts) {
        repair->distrusts = true;
        begin_again(member);
    } else if (status != OK) { /* what others hold does not fit here: perhaps it will */
        trace_event(&member->settings.trace, "repair_unfit segment=%llu why=%s",
                    (unsigned long long)repair->order.segment, status_name(status));
        begin_again(member);
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
        if (!repair->paused) {
            write_what(member, WRITE_REPAIR_DONE,
                       &(struct store_write){.op = STORE_REPAIR_DONE,
                                             .segment = repair->order.segment,
                                             .epoch = repair->header.epoch},
                       fx);
        }
    } else if (repair->bad_here) {
        repair_ask_peers(member, fx);
    } else if (!effects_have_room(fx)) {
        effects_wake_at(fx, repair->now);
    } else {
        read_here(member, fx);
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
        put_down(member);
    }
    if (repair->step == REPAIR_IDLE && member->ready) {
        choose(member);
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
