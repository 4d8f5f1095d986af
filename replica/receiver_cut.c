/* What this disk holds and the upstream's history does not is set aside, never deleted.
 *
 * Decided once, at the greeting, by the epoch tables. First the segment that stays in part is read,
 * to know the place after its last batch that stays; nothing has moved yet, and a deletion that
 * retention has begun comes to its end (a later one would hit the new history's segment of that
 * number). Then the mark of what
 * is proved durable here is lowered to that place (a crash from here on must not read as damage).
 * Then the suffix goes to quarantine, newest first, and is durable there; then the upstream's epoch
 * table is durable in the control file; only then the WAL goes on from the cut, and a header of the
 * new epoch may come.
 *
 * How it goes wrong: records that were known committed would be cut: HALT, since somebody must
 * decide which history is the right one. The tables do not reach back far enough: `lost`, nothing
 * moves. The link dies: before anything moved the cut is forgotten, after that it is finished
 * without it. */
#include "replica/receiver.h"

#include "base/check.h"
#include "member/greeting.h"

static struct read_asker asker(void)
{
    return (struct read_asker){READ_NODE, 0};
}

/* An empty segment at the end belongs to an epoch that ended before it, as the upstream sees it. */
static bool ends_with_surplus(const struct member *member, const struct epoch_table *theirs)
{
    const struct index_row *last = index_last(&member->wal.index);

    return last != NULL && last->first_batch > member->wal.durable
           && epoch_table_end(theirs, last->epoch) < last->first_batch;
}

/* Where the upstream's history went on after that batch; NULL where it did not. */
static const struct epoch_entry *parting(const struct epoch_table *theirs, batch_t keep)
{
    for (uint32_t i = 0; i < theirs->count; i++) {
        if (theirs->entries[i].start_batch > keep) {
            return theirs->entries[i].start_batch == keep + 1 ? &theirs->entries[i] : NULL;
        }
    }
    return NULL;
}

static void begin(struct receiver *receiver, const struct member *member, batch_t keep,
                  struct instant now)
{
    struct cut *cut = &receiver->cut;
    const struct index_row *row = keep == 0 ? NULL : index_of_batch(&member->wal.index, keep);

    *cut = (struct cut){.phase = CUT_FIND, .segment = SEGMENT_NONE};
    if (row != NULL) {
        cut->keep = keep;
        cut->segment = row->segment;
    } else if (keep > 0) { /* retention let go what would stay: nothing does, and less is lost */
        const struct epoch_entry *next = parting(receiver->theirs, keep);

        cut->end_lsn = next == NULL ? 0 : next->start_lsn - 1;
    }
    walk_nowhere(&cut->walk);
    trace_event(&member->settings.trace, "cut keep=%llu durable=%llu commit=%llu",
                (unsigned long long)keep, (unsigned long long)member->wal.durable,
                (unsigned long long)member->commit_lsn);
    receiver_move(receiver, RECEIVER_CUTTING, now);
}

/* What an epoch of that table adds to the WAL here is acked in that epoch, and nothing of a lower
 * one is taken from then on. */
static void take_table(struct control *control, const struct epoch_table *theirs)
{
    const epoch_t newest = theirs->count == 0 ? 0 : theirs->entries[theirs->count - 1].epoch;

    control->epochs = *theirs;
    control->highest_epoch = newest > control->highest_epoch ? newest : control->highest_epoch;
}

/* Epochs that this member has heard of and holds nothing of, and that the upstream's history does
 * not have: they were cut off before anything of them came. The upstream's table knows better. */
static void correct_table(struct replica *replica, epoch_t held, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    const struct epoch_table *own = &member->control.epochs;

    for (uint32_t i = own->count; i-- > 0 && own->entries[i].epoch > held;) {
        const struct epoch_entry *theirs =
            epoch_table_find(receiver->theirs, own->entries[i].epoch);

        if (theirs == NULL || theirs->start_batch != own->entries[i].start_batch) {
            take_table(&member->control, receiver->theirs);
            saves_control(member, fx);
            receiver->epoch_token = member->saves.control.wanted;
            return;
        }
    }
}

/* Something is lacking here, so nothing can be read of where the histories part. But the mark says
 * how far this member held its own, and the upstream's table where that was left: what lies behind
 * is worth no repair. Mark and table follow, and the opening sets it aside. Where records of it may
 * have been committed, somebody must decide: all stays as it is. */
static void follow_unread(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;
    struct control *control = &member->control;
    const struct epoch_table *theirs = replica->receiver.theirs;
    const struct position mark = {control->durable.epoch,
                                  epoch_table_clamp(&control->epochs, control->durable)};
    const struct divergence_verdict verdict = epoch_table_compare(theirs, &control->epochs, mark);

    if (mark.batch == 0 || verdict.kind != DIVERGENCE_CUT) {
        return;
    }
    const struct epoch_entry *next = parting(theirs, verdict.keep.batch);

    if (next == NULL || control->commit_lsn >= next->start_lsn) {
        return;
    }
    trace_event(&member->settings.trace, "cut_unread keep=%llu durable=%llu commit=%llu",
                (unsigned long long)verdict.keep.batch, (unsigned long long)mark.batch,
                (unsigned long long)control->commit_lsn);
    control->durable = verdict.keep;
    take_table(control, theirs);
    opening_judge_anew(member, fx);
}

void receiver_compare(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    struct member *member = &replica->member;
    const struct wal *wal = &member->wal;
    const bool has_segment = wal->segment != SEGMENT_NONE;
    const struct position at = {has_segment ? wal->epoch : 0, has_segment ? wal->durable : 0};
    const struct epoch_table *theirs = receiver->theirs;
    const struct divergence_verdict verdict =
        epoch_table_compare(theirs, &member->control.epochs, at);

    if (theirs->count == 0 ? at.epoch > 0 : theirs->entries[theirs->count - 1].epoch < at.epoch) {
        receiver_refuse(replica, now, fx, E_NOT_READY,
                        "%s has not come to epoch %llu yet: try again.", receiver->peer.member,
                        (unsigned long long)at.epoch);
        return;
    }

    if (member->is_repairing && opening_state(member) != OPENING_REPAIR) {
        receiver_refuse(replica, now, fx, E_NOT_READY,
                        "%s looks at what it holds, and calls again.",
                        member->settings.self.member);
        return;
    }
    if (member->is_repairing) { /* what is here can be compared when it is whole */
        follow_unread(replica, fx);
        receiver->mends = SEGMENT_NONE;
        receiver_move(receiver, RECEIVER_REPAIRING, now);
        receiver_may_repair(replica);
        return;
    }

    switch (verdict.kind) {
    case DIVERGENCE_NONE:
        if (ends_with_surplus(member, receiver->theirs)) {
            begin(receiver, member, wal->durable, now);
        } else {
            correct_table(replica, at.epoch, fx);
            receiver_move(receiver, RECEIVER_CUTTING, now);
            receiver_resume(replica, now, fx);
        }
        break;
    case DIVERGENCE_CUT:
        begin(receiver, member, verdict.keep.batch, now);
        break;
    case DIVERGENCE_LOST:
        receiver_refuse(replica, now, fx, E_LOST,
                        "Batch %llu of epoch %llu cannot be compared with that history.",
                        (unsigned long long)at.batch, (unsigned long long)at.epoch);
        break;
    }
}

static void halt_damaged(struct replica *replica, enum status why, struct effects *fx)
{
    member_halt(&replica->member, fx, why,
                "Segment %llu cannot be read around its batch %llu: %s. Nothing was changed; seed "
                "this member anew, or restore that file.",
                (unsigned long long)replica->receiver.cut.segment,
                (unsigned long long)replica->receiver.cut.keep, status_text(why));
}

static void halt_committed(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;

    member_halt(
        member, fx, E_CUT_COMMITTED,
        "The history of %s would cut this member's records after LSN %llu, but they were "
        "committed up to LSN %llu, and no such loss was accepted there. Nothing was changed: "
        "find out which history is right before you start again.",
        replica->receiver.peer.member, (unsigned long long)replica->receiver.cut.end_lsn,
        (unsigned long long)member->commit_lsn);
}

/* An operator has accepted, when the upstream's history was chosen, that these are lost. */
static bool is_given_up(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;

    return control_loss_covers(receiver->losses, receiver->loss_count, receiver->cut.end_lsn + 1,
                               member_held_commit(&replica->member));
}

/* What readers have seen behind that is no longer so, or not here any more: they begin anew. */
static void hide(struct replica *replica, lsn_t kept, struct effects *fx)
{
    struct member *member = &replica->member;

    member->commit_lsn = kept < member->commit_lsn ? kept : member->commit_lsn;
    member->visible_lsn = kept < member->visible_lsn ? kept : member->visible_lsn;
    member->upstream_lsn = kept;
    clients_hang_up_all(member, E_NOT_READY, fx);
}

/* The place is known: nothing may be cut that was committed, and from here on it is finished. */
static void begin_mark(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;
    struct cut *cut = &replica->receiver.cut;
    struct control *control = &member->control;

    if (cut->end_lsn < member_held_commit(member)) {
        if (!is_given_up(replica)) {
            halt_committed(replica, fx);
            return;
        }
        trace_event(&member->settings.trace, "cut_given_up first_lsn=%llu last_lsn=%llu",
                    (unsigned long long)cut->end_lsn + 1, (unsigned long long)member->commit_lsn);
        hide(replica, cut->end_lsn, fx);
    }
    if (cut->segment == SEGMENT_NONE) { /* and what stays of it is fetched again */
        hide(replica, 0, fx);
    }
    cut->phase = CUT_MARK;
    control->durable = (struct position){0};
    if (cut->keep > 0) {
        control->durable =
            (struct position){epoch_table_epoch_of(&control->epochs, cut->keep), cut->keep};
    }
    control->commit_lsn = member_held_commit(member);
    saves_control(member, fx);
    member->ready = false;
    feeds_hang_up_all(member, E_CLOSED, fx);
    clients_forget_places(member);
}

/* All batches of the segment, the ones that stay and the ones that do not. */
static batch_t last_in_segment(const struct member *member, const struct cut *cut)
{
    const struct index *index = &member->wal.index;
    const struct index_row *row = index_find(index, cut->segment);

    CHECK(row != NULL);
    return index_end_batch(index, row, member->wal.durable + 1) - 1;
}

static void note_batch(struct cut *cut, const struct walk_batch *found)
{
    cut->end_offset = cut->walk.offset;
    if (found->header.batch > cut->keep) {
        return;
    }
    cut->offset = cut->walk.offset;
    cut->batch_count++;
    cut->closed = found->header.type == BATCH_FINAL;
    cut->tag = found->tag;
    cut->end_lsn = batch_end_lsn(&found->header);
}

static enum status take_read(struct member *member, struct cut *cut, const struct read_slot *slot)
{
    struct walk_batch found;
    enum walk_found what;

    TRY(slot->status);
    if (slot->offset == 0) {
        const struct bytes raw = walk_header(&member->wal.index, slot);

        if (raw.size == 0) {
            return E_DAMAGED;
        }
        memcpy(cut->raw, raw.data, SEGMENT_HEADER_BYTES);
        cut->has_header = true;
    }
    while ((what = walk_next(&cut->walk, &member->wal.index, slot, &found)) == WALK_BATCH) {
        note_batch(cut, &found);
    }
    return what == WALK_BAD ? E_DAMAGED : OK;
}

/* What stays is common to both: the upstream gives it, and then they greet again. */
static void on_damage(struct replica *replica, enum status why, struct instant now,
                      struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (!repair_want(&replica->member, receiver->cut.segment, why)) {
        halt_damaged(replica, why, fx);
        return;
    }
    receiver->cut.phase = CUT_NONE;
    receiver->mends = receiver->cut.segment;
    receiver_move(receiver, RECEIVER_REPAIRING, now);
    receiver_may_repair(replica);
}

void receiver_cut_on_read(struct replica *replica, struct read_slot *slot, struct instant now,
                          struct effects *fx)
{
    struct cut *cut = &replica->receiver.cut;

    CHECK(cut->phase == CUT_FIND && cut->read == slot);
    cut->read = NULL;
    reads_free(slot);

    const enum status status = take_read(&replica->member, cut, slot);

    if (status != OK) {
        on_damage(replica, status, now, fx);
    }
}

static void find_pump(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;
    struct cut *cut = &replica->receiver.cut;

    if (cut->read != NULL || !retention_rests(member)) {
        return;
    }
    if (cut->segment == SEGMENT_NONE) {
        begin_mark(replica, fx); /* nothing stays: there is no place to find */
        return;
    }
    const batch_t last = last_in_segment(member, cut);

    if (!cut->has_header) {
        cut->read = walk_ask_header(&cut->walk, index_find(&member->wal.index, cut->segment),
                                    &member->reads, fx, asker(), last);
    } else if (cut->walk.batch <= last) {
        cut->read = walk_ask(&cut->walk, &member->reads, fx, asker(), last);
    } else {
        begin_mark(replica, fx);
    }
}

static void ask_aside(struct member *member, const struct index_row *row, enum store_op op,
                      uint64_t offset, uint64_t size, struct effects *fx)
{
    writes_ask(&member->writes, fx, WRITE_ASIDE, row->segment,
               &(struct store_write){.op = op,
                                     .segment = row->segment,
                                     .offset = offset,
                                     .size = size,
                                     .epoch = row->epoch});
}

/* Newest first; the index forgets a segment when its move is asked for, since WRITEs keep order. */
static void aside_pump(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;
    struct cut *cut = &replica->receiver.cut;
    struct index *index = &member->wal.index;

    while (writes_room(&member->writes) > 0 && effects_have_room(fx)) {
        const struct index_row *last = index_last(index);

        if (last == NULL || last->segment == cut->segment) {
            break;
        }
        ask_aside(member, last, STORE_QUARANTINE_SEGMENT, 0, 0, fx);
        index_drop_from(index, last->segment);
    }
    const struct index_row *last = index_last(index);
    const bool is_last = last == NULL || last->segment == cut->segment;

    if (is_last && !cut->part_asked && writes_room(&member->writes) > 0) {
        cut->part_asked = true;
        if (last != NULL && cut->end_offset > cut->offset) {
            ask_aside(member, last, STORE_QUARANTINE_PART, cut->offset,
                      cut->end_offset - cut->offset, fx);
        }
    }
}

static void begin_control(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;
    struct receiver *receiver = &replica->receiver;
    struct control *control = &member->control;

    take_table(control, receiver->theirs);
    control->durable = (struct position){0};
    if (receiver->cut.segment == SEGMENT_NONE) { /* retention's mark was of what is gone */
        control->first_segment = 0;
        control->before_epoch = 0;
    }
    if (receiver->cut.keep > 0) {
        control->durable = (struct position){
            epoch_table_epoch_of(&control->epochs, receiver->cut.keep), receiver->cut.keep};
    }
    control->commit_lsn = member_held_commit(member);
    receiver->cut.phase = CUT_CONTROL;
    saves_control(member, fx);
}

/* The WAL goes on after the last batch that stays. */
static enum status place_wal(struct member *member, const struct cut *cut)
{
    struct segment_header header;
    struct segment_key key;
    const struct bytes raw = bytes_of(cut->raw, SEGMENT_HEADER_BYTES);

    if (cut->segment == SEGMENT_NONE) {
        wal_restart(&member->wal);
        return OK;
    }
    TRY(segment_header_decode(&header, raw));
    const struct dek *dek = deks_find(&member->deks, &header.dek);

    if (dek == NULL) {
        return E_WRONG_KEY;
    }
    TRY(segment_header_open(&header, raw, &dek->secret, &key));
    wal_resume(&member->wal, &(struct wal_place){.header = &header,
                                                 .raw_header = raw,
                                                 .key = &key,
                                                 .offset = cut->offset,
                                                 .batch_count = cut->batch_count,
                                                 .closed = cut->closed,
                                                 .tag = cut->tag,
                                                 .batch = cut->keep,
                                                 .end_lsn = cut->end_lsn});
    segment_key_wipe(&key);
    return OK;
}

static void finish(struct replica *replica, struct instant now, struct effects *fx)
{
    struct member *member = &replica->member;
    struct receiver *receiver = &replica->receiver;
    const enum status status = place_wal(member, &receiver->cut);

    if (status != OK) {
        halt_damaged(replica, status, fx);
        return;
    }
    pins_on_cut(member, receiver->cut.segment == SEGMENT_NONE ? 0 : receiver->cut.segment,
                receiver->cut.keep);
    receiver->cut.phase = CUT_NONE;
    member->ship_limit = member->wal.durable;
    member->ready = !member->stopping;
    trace_event(&member->settings.trace, "cut_done batch=%llu lsn=%llu",
                (unsigned long long)member->wal.durable,
                (unsigned long long)member->wal.durable_lsn);
    if (receiver->state == RECEIVER_CUTTING) {
        receiver_resume(replica, now, fx);
    }
}

void receiver_cut_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct member *member = &replica->member;
    struct cut *cut = &replica->receiver.cut;

    if (cut->phase == CUT_FIND) {
        find_pump(replica, fx);
    }
    if (cut->phase == CUT_MARK && saves_are_durable(&member->saves)) {
        cut->phase = CUT_ASIDE;
    }
    if (cut->phase == CUT_ASIDE && !member->halted) {
        aside_pump(replica, fx);
        if (cut->part_asked && writes_are_done(&member->writes)) {
            begin_control(replica, fx);
        } else if (!cut->part_asked && !effects_have_room(fx)) {
            effects_wake_at(fx, now);
        }
    }
    if (cut->phase == CUT_CONTROL && saves_are_durable(&member->saves)) {
        finish(replica, now, fx);
    }
}

void receiver_cut_forget(struct replica *replica)
{
    struct cut *cut = &replica->receiver.cut;

    if (cut->phase == CUT_FIND) {
        reads_forget(&replica->member.reads, READ_NODE, 0);
        cut->read = NULL;
        cut->phase = CUT_NONE;
    }
}
