/* A replica that is behind the window is fed from the disk: a read, the whole batches in it, the
 * next read asked for in the same step, so that the disk works while the link sends.
 *
 * How it goes wrong: the bytes are not what the index says, or the disk does not give them. Then
 * this feed rests while the segment is repaired: its replica may be the one that still has it. If
 * that takes too long, the feed ends (the replica may find another upstream), and everybody else
 * goes on. */
#include "member/feed_parts.h"

#include "base/check.h"

#include <stdio.h>

/* Behind it, bytes may still be on their way to the disk. */
static batch_t read_limit(const struct member *member)
{
    const batch_t durable = member->wal.durable;

    return durable < member->ship_limit ? durable : member->ship_limit;
}

static struct read_asker asker_of(const struct feed *feed)
{
    return (struct read_asker){READ_FEED, feed->link};
}

void feed_read_pump(struct member *member, struct feed *feed, struct effects *fx)
{
    walk_place(&feed->walk, &member->wal.index, feed->sent + 1);
    feed->read = walk_ask(&feed->walk, &member->reads, fx, asker_of(feed), read_limit(member));
}

void feed_read_header(struct member *member, struct feed *feed, segment_t segment,
                      struct effects *fx)
{
    const struct index_row *row = index_find(&member->wal.index, segment);

    CHECK(row != NULL);
    feed->read =
        walk_ask_header(&feed->walk, row, &member->reads, fx, asker_of(feed), read_limit(member));
}

bool feed_rests(const struct member *member, struct feed *feed, struct instant now,
                struct effects *fx)
{
    if (feed->rests_until.ns == 0 || instant_reached(feed->rests_until, now)
        || !repair_is_wanted(&member->repair, feed->damaged)) {
        return false;
    }
    effects_wake_at(fx, feed->rests_until);
    return true;
}

static void on_damage(struct member *member, struct feed *feed, const struct read_slot *slot,
                      enum status why, struct effects *fx)
{
    if (repair_want(member, slot->segment, why)
        && (feed->rests_until.ns == 0 || feed->damaged != slot->segment)) {
        feed->damaged = slot->segment;
        feed->rests_until = instant_add(member->feeds.now, member->settings.silence_max);
        walk_nowhere(&feed->walk);
        return;
    }
    feed_refuse(member, feed, fx, why, "Segment %llu at or after %llu cannot be read here: %s.",
                (unsigned long long)slot->segment, (unsigned long long)slot->offset,
                status_text(why));
}

/* The batches in the read that are next, as far as there is room. OK, or E_DAMAGED. */
static enum status send_batches(struct member *member, struct feed *feed,
                                const struct read_slot *slot, struct effects *fx)
{
    struct walk_batch found;

    while (effects_have_room(fx)) {
        const struct walk before = feed->walk;
        const enum walk_found what = walk_next(&feed->walk, &member->wal.index, slot, &found);

        if (what != WALK_BATCH) {
            return what == WALK_BAD ? E_DAMAGED : OK;
        }
        if (found.header.batch <= feed->sent) {
            continue; /* on the way to the place to resume at */
        }
        if (!feed_has_room(member, feed, found.header.batch_bytes)) {
            feed->walk = before;
            feed->blocked_bytes = found.header.batch_bytes;
            return OK;
        }
        feed_send_batch(member, feed, &found.header, found.sealed, fx);
    }
    return OK;
}

static enum status send_from_read(struct member *member, struct feed *feed,
                                  const struct read_slot *slot, struct effects *fx)
{
    if (slot->status != OK) {
        return slot->status;
    }
    if (slot->offset == 0) {
        const struct bytes raw = walk_header(&member->wal.index, slot);

        if (raw.size == 0) {
            return E_DAMAGED;
        }
        feed_send_segment(member, feed, slot->segment, raw.data, fx);
    }
    return send_batches(member, feed, slot, fx);
}

void feeds_on_read(struct member *member, struct read_slot *slot, struct effects *fx)
{
    struct feed *feed = feeds_find(&member->feeds, slot->value);

    CHECK(feed != NULL && feed->read == slot);
    feed->read = NULL;
    reads_free(slot);

    const enum status status = send_from_read(member, feed, slot, fx);

    if (status != OK) {
        on_damage(member, feed, slot, status, fx);
    }
}

static const char *feed_state_name(enum feed_state state)
{
    switch (state) {
    case FEED_FREE:
        return "free";
    case FEED_GREETING:
        return "greeting";
    case FEED_KEYS:
        return "keys";
    case FEED_PROVING:
        return "proving";
    case FEED_WAITING:
        return "waiting";
    case FEED_STREAMING:
        return "streaming";
    case FEED_FENCING:
    case FEED_FENCED:
        return "candidate";
    case FEED_STATES:
        break;
    }
    UNREACHABLE();
}

/* What it does not have yet: to the byte within the window, to about a segment behind it. */
static uint64_t lag_bytes(const struct member *member, const struct feed *feed)
{
    const struct wal *wal = &member->wal;
    const struct window_batch *next = window_find(&wal->window, feed->sent + 1);
    const struct index_row *row = index_of_batch(&wal->index, feed->sent + 1);

    if (feed->state != FEED_STREAMING || feed->sent >= wal->sealed) {
        return feed->flight_bytes;
    }
    if (next != NULL) {
        return feed->flight_bytes + (wal->window.tail - next->begin);
    }
    const uint64_t whole = row == NULL ? 0 : wal->segment - row->segment;

    return feed->flight_bytes + whole * member->settings.segment_bytes + wal->offset;
}

void feed_status_of(const struct member *member, const struct feed *feed, struct instant now,
                    struct feed_status *status)
{
    const bool in_flight = !ring_is_empty(&feed->flight_ring);

    snprintf(status->member, sizeof status->member, "%s", feed->peer.member);
    snprintf(status->region, sizeof status->region, "%s", feed->peer.region);
    snprintf(status->state, sizeof status->state, "%s",
             feed->state == FEED_STREAMING && feed->read != NULL ? "catching up"
                                                                 : feed_state_name(feed->state));
    status->sent_batch = feed->sent;
    status->acked_batch = feed->acked;
    status->acked_lsn = feed->acked_lsn;
    status->lag_bytes = lag_bytes(member, feed);
    if (in_flight) {
        const struct feed_flight *oldest =
            &feed->flight[ring_slot(&feed->flight_ring, feed->flight_ring.head)];

        status->lag_us = instant_since(oldest->sent_at, now).ns / 1000;
    }
}
