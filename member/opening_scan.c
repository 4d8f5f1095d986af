/* The newest segment is read past the page cache, batch by batch, and judged by the recovery
 * table; a segment that goes aside makes the one before it the newest. A writer also needs to
 * know what its producers have appended: from the newest checkpoint and the data after it. That
 * is nearly always in the newest segment; where it is not, reading goes back to the last segment
 * that has one, which the headers tell, and forward again from there.
 *
 * How it goes wrong: what the table refuses, with its evidence in the sentence. */
#include "base/check.h"
#include "member/opening_state.h"

batch_t opening_epoch_end(const struct epoch_table *table, epoch_t epoch)
{
    if (epoch_table_find(table, epoch) != NULL) {
        return epoch_table_end(table, epoch);
    }
    if (table->count > 0 && epoch < table->entries[0].epoch) {
        return table->entries[0].start_batch - 1;
    }
    return BATCH_OPEN_END; /* newer than the table: nothing is known of its end */
}

/* A writer's segments end where the next header says; only the last may have been cut while this
 * member was a replica. Its table may hold the entry of a reign of its own that ended before its
 * first header, and a segment of such a reign may be empty: that is no surplus. */
static batch_t epoch_end(const struct member *member, const struct opening_row *row)
{
    const struct opening *opening = member->opening;
    const batch_t end = opening_epoch_end(&member->control.epochs, row->epoch);

    if (member->is_writer && opening->at + 1 < opening->count) {
        return BATCH_OPEN_END;
    }
    return member->is_writer && end < row->first_batch ? row->first_batch - 1 : end;
}

static batch_t smaller(batch_t a, batch_t b)
{
    return a < b ? a : b;
}

static segment_t segment_at(const struct opening *opening)
{
    return opening_segment(opening, opening->at);
}

static bool is_last(const struct opening *opening)
{
    return opening->at + 1 == opening->count;
}

static batch_t next_end(const struct opening *opening)
{
    return is_last(opening) ? RECOVER_OPEN_END : opening->rows[opening->at + 1].prev_last_batch;
}

static void begin_segment(struct member *member, uint32_t at)
{
    member->opening->at = at;
    member->opening->begun = false;
}

/* A cut to nothing was interrupted when all had gone aside: nothing is proved durable, and so the
 * mark of retention is of what is not there any more. What comes next begins at segment 0. */
static void end_retention_mark(struct member *member, struct effects *fx)
{
    struct control *control = &member->control;

    if (control->first_segment > 0) {
        control->first_segment = 0;
        control->before_epoch = 0;
        index_begin_after(&member->wal.index, 0);
        saves_control(member, fx);
    }
}

void opening_scan_begin(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    opening->state = OPENING_SCAN;
    opening->commit_lsn = member->control.commit_lsn;
    if (opening->count > 0) {
        begin_segment(member, opening->count - 1);
    } else if (member->control.durable.batch > 0) {
        opening_repair(member, opening->first, 0, E_MISSING, fx); /* all of them are gone */
    } else {
        end_retention_mark(member, fx);
        opening_mend_begin(member);
    }
}

/* ---- what the producers appended ---- */

static void note_runs(struct member *member, const struct scan_batch *found)
{
    struct batch_data data;
    struct run run;
    lsn_t lsn = found->header.first_lsn - 1;

    if (batch_data_decode(&data, found->plain, found->header.record_count) != OK) {
        return; /* sealed so by a writer with a bug: whoever reads it is told */
    }
    struct reader runs = reader_of(data.runs);

    while (batch_data_next_run(&runs, &run)) {
        lsn += run.count;
        producers_note(&member->wal.producers, run.producer, run.first_sequence + run.count - 1,
                       lsn);
    }
}

static void note_batch(struct member *member, const struct scan_batch *found)
{
    struct opening *opening = member->opening;

    if (!member->is_writer || found->surplus) {
        return;
    }
    switch (found->header.type) {
    case BATCH_CHECKPOINT:
        opening->has_checkpoint = producers_decode(&member->wal.producers, found->plain) == OK;
        break;
    case BATCH_DATA:
        note_runs(member, found);
        break;
    case BATCH_EPOCH_START:
    case BATCH_FINAL:
        break;
    }
}

/* The last segment before the newest that is long enough to have its checkpoint; `count` where none
 * is: then no record was ever sealed, since a checkpoint comes first. */
static uint32_t segment_with_checkpoint(const struct member *member)
{
    const struct opening *opening = member->opening;

    for (uint32_t i = opening->count - 1; i > 0; i--) {
        const struct opening_row *row = &opening->rows[i - 1];
        const segment_t segment = opening_segment(opening, i - 1);
        const bool begins_epoch =
            index_find(&member->wal.index, segment)->beginning == BEGINNING_EPOCH;
        const batch_t batches = opening->rows[i].first_batch - row->first_batch;

        if (batches >= (begins_epoch ? 2u : 1u)) {
            return i - 1;
        }
    }
    return opening->count;
}

/* ---- the verdict on a segment ---- */

static bool next_disagrees(const struct opening *opening)
{
    const struct scan_place *place = &opening->scan.place;

    if (is_last(opening) || place->batch != next_end(opening)) {
        return false;
    }
    const struct opening_row *next = &opening->rows[opening->at + 1];
    const struct digest chain =
        segment_chain(bytes_of(opening->raw, SEGMENT_HEADER_BYTES), &place->tag);

    return next->prev_end_lsn != place->end_lsn || !digest_equal(&next->prev_chain, &chain);
}

/* A replica may know of commits that it does not hold yet, so its commit_lsn says nothing of its
 * disk: what it held when it noted that is in `durable`. */
static struct recover_evidence evidence_of(const struct member *member)
{
    const struct opening *opening = member->opening;
    const struct scan *scan = &opening->scan;
    const struct opening_row *row = &opening->rows[opening->at];
    struct recover_evidence evidence = {
        .is_writer = member->is_writer,
        .is_alone = member->is_writer,
        .is_suspect =
            member->control.suspect && member->is_writer && !member->settings.accept_suspect,
        .has_watermark = true,
        .durable = epoch_table_clamp(&member->control.epochs, member->control.durable),
        .commit_lsn = member->is_writer ? member->control.commit_lsn : 0,
        .is_last = is_last(opening),
        .sealed_here = member->is_writer,
        .first_batch = row->first_batch,
        .first_lsn = row->first_lsn,
        .epoch_end = epoch_end(member, row),
        .next_end = next_end(opening),
        .next_disagrees = next_disagrees(opening),
        .last_valid = scan->surplus.batch,
        .cut_lsn = scan->place.end_lsn,
        .is_closed = scan->surplus.closed,
        .has_tail = scan->tail == SCAN_TAIL_TORN || scan->tail == SCAN_TAIL_LATER,
        .later_durable = scan->later_durable,
    };

    if (member->is_writer && scan->stated_durable > evidence.durable) {
        evidence.durable = scan->stated_durable;
    }
    return evidence;
}

static void refuse(struct member *member, const struct recover_evidence *evidence,
                   const struct recover_verdict *verdict, struct effects *fx)
{
    const struct opening *opening = member->opening;

    if (verdict->found == RECOVER_SUSPECT) {
        opening_refuse(
            member, fx, verdict->why,
            "The last stop was an I/O failure (E_SUSPECT). Everything that was acknowledged, up to "
            "batch %llu, reads well past the page cache (segment %llu is good to batch %llu), but "
            "a "
            "disk that failed once may fail again. Look at it; then start with --accept-suspect, "
            "or copy the folder to a good disk first.",
            (unsigned long long)evidence->durable, (unsigned long long)segment_at(opening),
            (unsigned long long)evidence->last_valid);
        return;
    }
    opening_refuse(member, fx, verdict->why,
                   "Segment %llu (%s): batch %llu at offset %llu is not there or damaged (%s), but "
                   "batch %llu was durable and LSN %llu committed. Nothing was changed.",
                   (unsigned long long)segment_at(opening), recover_case_name(verdict->found),
                   (unsigned long long)evidence->last_valid + 1,
                   (unsigned long long)opening->scan.surplus.offset,
                   status_text(opening->scan.bad == OK ? E_MISSING : opening->scan.bad),
                   (unsigned long long)evidence->durable, (unsigned long long)evidence->commit_lsn);
}

/* Where the newest is closed, what is missing was in the one after it. */
static void repair(struct member *member, const struct recover_evidence *evidence,
                   const struct recover_verdict *verdict, struct effects *fx)
{
    const batch_t later = evidence->sealed_here ? evidence->later_durable : 0;
    const batch_t through = later > evidence->durable ? later : evidence->durable;
    const segment_t segment =
        segment_at(member->opening) + (verdict->found == RECOVER_MISSING_FILE ? 1 : 0);

    opening_repair(member, segment, through, verdict->why, fx);
}

static void trace_verdict(const struct member *member, const struct recover_evidence *evidence,
                          const struct recover_verdict *verdict)
{
    const struct scan *scan = &member->opening->scan;

    trace_event(&member->settings.trace,
                "recover segment=%llu case=%s action=%s keep=%llu last_valid=%llu bad=%s tail=%d "
                "durable=%llu commit=%llu epoch_end=%llu later=%llu",
                (unsigned long long)segment_at(member->opening), recover_case_name(verdict->found),
                recover_action_name(verdict->action), (unsigned long long)verdict->keep,
                (unsigned long long)evidence->last_valid, status_name(scan->bad), (int)scan->tail,
                (unsigned long long)evidence->durable, (unsigned long long)evidence->commit_lsn,
                (unsigned long long)evidence->epoch_end,
                (unsigned long long)evidence->later_durable);
}

static void set_aside(struct member *member)
{
    struct opening *opening = member->opening;

    index_drop_from(&member->wal.index, segment_at(opening));
    producers_clear(&member->wal.producers);
    opening->has_checkpoint = false;
    opening->count = opening->at;
    if (opening->count > 0) {
        begin_segment(member, opening->count - 1);
    } else {
        opening_mend_begin(member);
    }
}

/* The newest segment is where the WAL goes on; what it says is kept, since older ones may be
 * read. */
static void keep_place(struct member *member, const struct recover_verdict *verdict)
{
    struct opening *opening = member->opening;

    CHECK(verdict->keep == opening->scan.place.batch);
    opening->judged = true;
    opening->verdict = *verdict;
    opening->place = opening->scan.place;
    opening->place_header = opening->header;
    memcpy(opening->place_raw, opening->raw, sizeof opening->place_raw);
    opening->tail_end = opening->scan.tail_end;
    if (opening->scan.stated_commit_lsn > opening->commit_lsn) {
        opening->commit_lsn = opening->scan.stated_commit_lsn;
    }
}

static void go_on_from_newest(struct member *member, const struct recover_verdict *verdict,
                              struct effects *fx)
{
    struct opening *opening = member->opening;
    const bool again = opening->judged;

    if (opening_must_learn(member)) {
        opening_learn_begin(member, fx);
        return;
    }
    keep_place(member, verdict);
    if (member->is_writer && !opening->has_checkpoint && !again) {
        const uint32_t from = segment_with_checkpoint(member);

        producers_clear(&member->wal.producers);
        if (from < opening->count) {
            begin_segment(member, from);
            return;
        }
    }
    opening_mend_begin(member);
}

static void judge_segment(struct member *member, struct effects *fx)
{
    const struct recover_evidence evidence = evidence_of(member);
    const struct recover_verdict verdict = recover_decide(&evidence);

    trace_verdict(member, &evidence, &verdict);
    scan_forget(&member->opening->scan);
    switch (verdict.action) {
    case RECOVER_REFUSE:
        refuse(member, &evidence, &verdict, fx);
        break;
    case RECOVER_REPAIR:
        repair(member, &evidence, &verdict, fx);
        break;
    case RECOVER_SET_ASIDE:
        if (member->opening->at == 0 && member->opening->first > 0) {
            opening_refuse(member, fx, E_CUT_COMMITTED,
                           "Segment %llu, the first that retention has kept, would go aside with "
                           "all that is here: seed this member anew.",
                           (unsigned long long)member->opening->first);
        } else {
            set_aside(member);
        }
        break;
    case RECOVER_KEEP:
        begin_segment(member, member->opening->at + 1);
        break;
    case RECOVER_NEW_SEGMENT:
    case RECOVER_RESUME:
        go_on_from_newest(member, &verdict, fx);
        break;
    }
    segment_key_wipe(&member->opening->key);
}

/* ---- reading it ---- */

static bool ask(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;
    const uint64_t usual = reads_usual_bytes(&member->reads);
    const uint64_t need = opening->begun ? opening->scan.need : SEGMENT_HEADER_BYTES;

    opening->read_size = need > usual ? need : usual;
    opening->read =
        reads_ask(&member->reads, fx, READ_OPENING, 0,
                  (struct store_read){.segment = segment_at(opening),
                                      .offset = opening->begun ? opening->scan.offset : 0,
                                      .size = opening->read_size,
                                      .fresh = true});
    if (opening->read == NULL) {
        effects_wake_at(fx, opening->now); /* what was freed in this step is free in the next */
    }
    return opening->read != NULL;
}

static enum status begin_scan(struct member *member, struct bytes raw)
{
    struct opening *opening = member->opening;
    const batch_t end = smaller(epoch_end(member, &opening->rows[opening->at]), next_end(opening));

    TRY(opening_open_header(member, &opening->header, raw, &opening->key));
    memcpy(opening->raw, raw.data, sizeof opening->raw);
    scan_begin(&opening->scan,
               &(struct scan_start){
                   .header = &opening->header,
                   .raw_header = bytes_of(opening->raw, sizeof opening->raw),
                   .key = &opening->key,
                   .plain = member->is_writer ? member->clients.plain : NULL,
                   .batch_bytes_max = BATCH_BYTES_MAX,
                   .last_batch = end,
                   .beginning = index_find(&member->wal.index, segment_at(opening))->beginning,
                   .look_ahead = is_last(opening)});
    opening->begun = true;
    return OK;
}

static enum scan_step scan_window(struct member *member, struct bytes window, bool at_end)
{
    struct scan *scan = &member->opening->scan;
    struct scan_batch found;
    enum scan_step step = scan_next(scan, window, at_end, &found);

    while (step == SCAN_BATCH) {
        note_batch(member, &found);
        window = bytes_part(window, found.header.batch_bytes, SIZE_MAX);
        step = scan_next(scan, window, at_end, &found);
    }
    return step;
}

/* What the disk does not give is damage like any other, as far as it is known to have been durable
 * here; beyond that it may have been acknowledged, and nobody can tell. */
static void take_failure(struct member *member, enum status why, struct effects *fx)
{
    struct opening *opening = member->opening;
    const batch_t durable = epoch_table_clamp(&member->control.epochs, member->control.durable);
    const batch_t stated = member->is_writer ? opening->scan.stated_durable : 0;
    const batch_t reached = opening->begun ? opening->scan.place.batch : 0;

    if (is_last(opening) && opening->begun && reached >= durable && reached >= stated) {
        opening_refuse(member, fx, E_IO,
                       "Segment %llu cannot be read at offset %llu: %s. Look at the disk, then "
                       "start again.",
                       (unsigned long long)segment_at(opening),
                       (unsigned long long)opening->scan.offset, status_text(why));
    } else {
        opening_repair(member, segment_at(opening), stated,
                       why == E_MISSING ? E_MISSING : E_DAMAGED, fx);
    }
}

static void take_read(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;
    struct bytes window = opening->read->bytes;
    const bool at_end = window.size < opening->read_size;
    enum status status = opening->read->status;

    if (status == OK && !opening->begun) {
        status = begin_scan(member, window);
        window = bytes_part(window, SEGMENT_HEADER_BYTES, SIZE_MAX);
    }
    if (status != OK) {
        take_failure(member, status, fx);
    } else if (scan_window(member, window, at_end) == SCAN_DONE) {
        judge_segment(member, fx);
    }
}

void opening_scan_pump(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    if (opening->read != NULL && opening->read->answered) {
        struct read_slot *slot = opening->read;

        take_read(member, fx);
        if (!slot->leaving) { /* else a repair has let go of it */
            reads_free(slot);
        }
        opening->read = NULL;
    }
    if (opening->state == OPENING_SCAN && opening->read == NULL) {
        (void)ask(member, fx);
    }
}
