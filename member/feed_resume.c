/* RESUME says from where, ACK says how far.
 *
 * How it goes wrong: a replica may name a place that is not in our history (it should have cut
 * before), one that we do not have yet (a cascading member that is behind: it tries again), or one
 * that retention has let go of (lost). An ACK may never run ahead of what was sent, nor go back. */
#include "member/feed_parts.h"

#include "base/check.h"

struct resume_place {
    enum status why;
    const char *text;
};

/* Whether (epoch, batch) is a place in our history: the epoch's own batches and the one before. */
static bool is_of_our_history(const struct epoch_table *table, struct position at)
{
    const struct epoch_entry *entry = epoch_table_find(table, at.epoch);

    return at.batch == 0
           || (entry != NULL && at.batch + 1 >= entry->start_batch
               && at.batch <= epoch_table_end(table, at.epoch));
}

static struct resume_place check_resume(const struct member *member, const struct resume *resume)
{
    const struct index *index = &member->wal.index;
    const batch_t batch = resume->position.batch;
    const struct index_row *row =
        resume->segment == SEGMENT_NONE ? NULL : index_find(index, resume->segment);

    if (batch > member->ship_limit) {
        return (struct resume_place){E_NOT_READY, "This member does not have that batch yet: "
                                                  "try again."};
    }
    if (!is_of_our_history(&member->control.epochs, resume->position)) {
        return (struct resume_place){E_GAP, "That position is not in this member's history."};
    }
    if (resume->segment == SEGMENT_NONE) {
        const bool from_start = batch == 0 && index->count > 0 && index->rows[0].segment == 0;

        return batch != 0 ? (struct resume_place){E_PROTOCOL, "Batches without a segment."}
               : from_start || index->count == 0 ? (struct resume_place){OK, ""}
                                                 : (struct resume_place){E_LOST, ""};
    }
    if (index->count > 0 && resume->segment < index->rows[0].segment) {
        const bool follows = resume->segment + 1 == index->rows[0].segment
                             && batch + 1 == index->rows[0].first_batch;

        return follows ? (struct resume_place){OK, ""} : (struct resume_place){E_LOST, ""};
    }
    if (row == NULL) {
        return (struct resume_place){E_NOT_READY, "This member does not have that segment yet: "
                                                  "try again."};
    }
    /* Its newest segment must be the one that the batch is in, or an empty one right after. */
    return row->first_batch <= batch + 1 && batch < index_end_batch(index, row, BATCH_OPEN_END)
               ? (struct resume_place){OK, ""}
               : (struct resume_place){E_PROTOCOL, "That batch is not in that segment."};
}

/* The LSN of a resumed position, where it is known without reading; 0 where not. */
static lsn_t lsn_of(const struct wal *wal, batch_t batch)
{
    const struct window_batch *found = window_find(&wal->window, batch);
    const struct index_row *next = index_of_batch(&wal->index, batch + 1);

    if (found != NULL) {
        return found->end_lsn;
    }
    if (batch == wal->durable) {
        return wal->durable_lsn;
    }
    return next != NULL && next->first_batch == batch + 1 ? next->first_lsn - 1 : 0;
}

void feed_on_resume(struct member *member, struct feed *feed, const struct event *event,
                    struct effects *fx)
{
    struct resume resume;
    const enum status status =
        resume_decode(&resume, event->message.message.head, &member->scratch);

    if (status != OK) {
        feed_refuse(member, feed, fx, status, "The RESUME is refused: %s.", status_text(status));
        return;
    }
    const struct resume_place place = check_resume(member, &resume);

    if (place.why == E_LOST) {
        feed_lose(member, feed, resume.position.batch, fx);
        return;
    }
    if (place.why != OK) {
        feed_refuse(member, feed, fx, place.why, "%s", place.text);
        return;
    }
    feed->sent = feed->acked = resume.position.batch;
    feed->sent_segment = resume.segment;
    feed->acked_lsn = lsn_of(&member->wal, resume.position.batch);
    pins_hold(member, feed, resume.segment, resume.position.batch, fx);
    feed->deks_held = feed->deks_shown; /* those that it lacked it got with its greeting */
    feed->missing_count = feed->handed_count = 0;
    feed->must_announce = true;
    feed_move(feed, FEED_STREAMING, event->now);
    trace_event(&member->settings.trace, "feed_streams member=%s from_batch=%llu limit=%llu",
                feed->peer.member, (unsigned long long)feed->sent,
                (unsigned long long)member->ship_limit);
}

static void land_flight(struct feed *feed, batch_t through)
{
    while (!ring_is_empty(&feed->flight_ring)) {
        const struct feed_flight *oldest =
            &feed->flight[ring_slot(&feed->flight_ring, feed->flight_ring.head)];

        if (oldest->batch > through) {
            return;
        }
        feed->flight_bytes -= oldest->bytes;
        feed->acked_lsn = oldest->end_lsn;
        ring_pop(&feed->flight_ring);
    }
}

void feed_on_ack(struct member *member, struct feed *feed, const struct event *event,
                 struct effects *fx)
{
    struct ack ack;
    const enum status status = ack_decode(&ack, event->message.message.head, &member->scratch);

    if (status != OK) {
        feed_refuse(member, feed, fx, status, "The ACK is refused: %s.", status_text(status));
    } else if (ack.epoch > member->control.highest_epoch) {
        feed_fenced(member, feed, ack.epoch, fx);
    } else if (ack.batch > feed->sent || ack.batch < feed->acked || ack.epoch < feed->acked_epoch) {
        feed_refuse(member, feed, fx, E_PROTOCOL,
                    "An ACK of batch %llu where %llu was sent and %llu acked.",
                    (unsigned long long)ack.batch, (unsigned long long)feed->sent,
                    (unsigned long long)feed->acked);
    } else {
        feed->acked = ack.batch;
        feed->acked_epoch = ack.epoch;
        land_flight(feed, ack.batch);
        pins_on_ack(member, feed);
    }
}
