/* Nothing was written so far. Now, in this order: whole segments that do not belong go aside,
 * newest first; what lies behind the place to go on from is copied aside; the newest segment,
 * which an earlier process may have written without a sync, is made durable. Only then its
 * batches count as held, and the WAL goes on. A deletion that retention had begun is ended. Each of
 * these may be repeated by a later start and leaves the same.
 *
 * A segment before the newest needs no sync: the newest one's header was written after it. Where
 * there is no segment, the control file is written once more: its sync is the folder's, and the
 * small files that an earlier process had put there may be no more than seen. */
#include "base/check.h"
#include "member/opening_state.h"

void opening_mend_begin(struct member *member)
{
    member->opening->state = OPENING_MEND;
}

static void ask(struct member *member, enum write_kind kind, const struct store_write *write,
                struct effects *fx)
{
    member->opening->mending++;
    writes_ask(&member->writes, fx, kind, write->segment, write);
}

/* False while the queue of writes has no room. */
static bool move_segments(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    while (opening->found - opening->aside > opening->count) {
        const uint32_t place = opening->found - opening->aside - 1;

        if (writes_room(&member->writes) == 0 || !effects_have_room(fx)) {
            return false;
        }
        opening->aside++;
        trace_event(&member->settings.trace, "aside segment=%llu epoch=%llu",
                    (unsigned long long)opening_segment(opening, place),
                    (unsigned long long)opening->rows[place].epoch);
        ask(member, WRITE_ASIDE,
            &(struct store_write){.op = STORE_QUARANTINE_SEGMENT,
                                  .segment = opening_segment(opening, place),
                                  .epoch = opening->rows[place].epoch},
            fx);
    }
    return true;
}

/* What retention was about to delete when the process ended. That the control file shows the mark
 * does not say that the disk has it: a sync may have failed. False while that is on its way, or the
 * queue has no room. */
static bool delete_stale(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    if (opening->stale < opening->first && !opening->mark_asked) {
        opening->mark_asked = true;
        saves_control(member, fx);
    }
    if (opening->stale < opening->first && !saves_are_durable(&member->saves)) {
        return false;
    }

    for (; opening->stale < opening->first; opening->stale++) {
        if (writes_room(&member->writes) == 0 || !effects_have_room(fx)) {
            return false;
        }
        trace_event(&member->settings.trace, "deleted segment=%llu again",
                    (unsigned long long)opening->stale);
        ask(member, WRITE_DELETE,
            &(struct store_write){.op = STORE_DELETE, .segment = opening->stale}, fx);
    }
    return true;
}

static segment_t newest(const struct opening *opening)
{
    return opening_segment(opening, opening->count - 1);
}

static void copy_tail(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;
    const uint64_t begin = opening->place.offset;

    opening->part_asked = true;
    if (!opening->verdict.copy_tail || opening->tail_end <= begin) {
        return;
    }
    trace_event(&member->settings.trace, "aside segment=%llu offset=%llu bytes=%llu",
                (unsigned long long)newest(opening), (unsigned long long)begin,
                (unsigned long long)(opening->tail_end - begin));
    ask(member, WRITE_ASIDE,
        &(struct store_write){.op = STORE_QUARANTINE_PART,
                              .segment = newest(opening),
                              .offset = begin,
                              .size = opening->tail_end - begin,
                              .epoch = opening->place_header.epoch},
        fx);
}

static void sync_newest(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    opening->sync_asked = true;
    ask(member, WRITE_SYNC, &(struct store_write){.op = STORE_SYNC, .segment = newest(opening)},
        fx);
}

/* What was acknowledged is all there. W is as it was, or higher, so this can be done again. */
static void clear_suspicion(struct member *member, struct effects *fx)
{
    if (member->control.suspect) {
        trace_event(&member->settings.trace, "suspect_cleared durable=%llu accepted=%d",
                    (unsigned long long)member->control.durable.batch,
                    member->settings.accept_suspect);
        member->control.suspect = false;
        saves_control(member, fx);
    }
}

/* Positions, the current segment, what is known as committed. A writer never seals into this
 * segment again, so it needs no key for it. */
static void resume(struct member *member)
{
    struct opening *opening = member->opening;

    if (opening->count > 0) {
        const struct scan_place *place = &opening->place;
        const enum status status =
            opening_open_header(member, &opening->place_header,
                                bytes_of(opening->place_raw, SEGMENT_HEADER_BYTES), &opening->key);

        CHECK(status == OK); /* it was opened before, by the same key */

        wal_resume(
            &member->wal,
            &(struct wal_place){.header = &opening->place_header,
                                .raw_header = bytes_of(opening->place_raw, SEGMENT_HEADER_BYTES),
                                .key = member->is_writer ? NULL : &opening->key,
                                .offset = place->offset,
                                .batch_count = place->batch_count,
                                .closed = place->closed,
                                .tag = place->tag,
                                .batch = place->batch,
                                .end_lsn = place->end_lsn});
        segment_key_wipe(&opening->key);
        member->control.durable = (struct position){opening->place_header.epoch, place->batch};
        if (member->control.highest_epoch < opening->place_header.epoch) {
            member->control.highest_epoch = opening->place_header.epoch;
        }
    }
    const lsn_t end = member->wal.durable_lsn;

    member->commit_lsn = opening->commit_lsn < end ? opening->commit_lsn : end;
    member->visible_lsn = member->commit_lsn;
    trace_event(&member->settings.trace, "opened segments=%u epoch=%llu batch=%llu lsn=%llu",
                opening->count, (unsigned long long)member->wal.epoch,
                (unsigned long long)member->wal.durable, (unsigned long long)end);
}

/* One thing after the other: true while an answer is awaited. */
static bool mend_newest(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    if (opening->mending == 0 && !opening->part_asked) {
        copy_tail(member, fx);
    }
    if (opening->mending == 0 && !opening->sync_asked) {
        sync_newest(member, fx);
    }
    return opening->mending > 0;
}

static bool mend_small_files(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    if (!opening->sync_asked) {
        opening->sync_asked = true;
        pins_restore(member); /* they go into the file as they came out of it */
        saves_control(member, fx);
    }
    return !saves_are_durable(&member->saves);
}

void opening_mend_pump(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    if (!move_segments(member, fx) || !delete_stale(member, fx) || opening->mending > 0
        || (opening->count > 0 ? mend_newest(member, fx) : mend_small_files(member, fx))) {
        return;
    }
    resume(member);
    if (member->wal.segment != SEGMENT_NONE) { /* some may have been ahead of this disk */
        pins_on_cut(member, member->wal.segment, member->wal.durable);
    }
    clear_suspicion(member, fx);
    if (member->is_repairing) {
        member->is_repairing = false;
        repair_end_order(member);
        feeds_hang_up_all(member, E_NOT_READY, fx); /* they greet again, with what is here now */
    }
    retention_on_opened(member, opening->now);
    opening->state = OPENING_DONE;
}
