/* One loop: the next batch is in the window, or it is read from its segment. Before the first batch
 * of a segment goes the segment's header, empty segments included, so that the replica's disk comes
 * to hold exactly what ours does. What is in flight is bounded in bytes and in batches; commits
 * that no batch has carried are announced on their own.
 *
 * How it goes wrong: no room (in the step, in flight, in the reads) means that the loop stops and
 * goes on in a later step; nothing is lost by that. */
#include "member/feed_parts.h"
#include "proto/message.h"

#include "base/check.h"

bool feed_has_room(const struct member *member, const struct feed *feed, uint32_t bytes)
{
    if (ring_is_full(&feed->flight_ring)) {
        return false;
    }
    return feed->flight_bytes == 0
           || feed->flight_bytes + bytes <= member->settings.feed_window_bytes;
}

void feed_send_segment(struct member *member, struct feed *feed, segment_t segment,
                       const uint8_t *raw, struct effects *fx)
{
    const struct segment_message message = {.epoch = member->control.highest_epoch};
    const struct bytes head =
        segment_message_encode(&message, effects_scratch(fx, segment_message_bytes(&message)));

    effects_send_tail(fx, feed->link, MESSAGE_SEGMENT, head, bytes_of(raw, SEGMENT_HEADER_BYTES),
                      bytes_none());
    feed->sent_segment = segment;
    feed->said_at = member->feeds.now;
}

void feed_send_batch(struct member *member, struct feed *feed, const struct batch_header *header,
                     struct bytes sealed, struct effects *fx)
{
    const struct batch_message message = {.epoch = member->control.highest_epoch};
    const struct bytes head =
        batch_message_encode(&message, effects_scratch(fx, batch_message_bytes(&message)));

    CHECK(header->batch == feed->sent + 1);
    feed->blocked_bytes = 0;
    effects_send_tail(fx, feed->link, MESSAGE_BATCH, head, sealed, bytes_none());
    feed->sent = header->batch;
    feed->flight[ring_push(&feed->flight_ring)] =
        (struct feed_flight){.batch = header->batch,
                             .end_lsn = batch_end_lsn(header),
                             .bytes = header->batch_bytes,
                             .sent_at = member->feeds.now};
    feed->said_at = member->feeds.now;
    feed->flight_bytes += header->batch_bytes;
    if (header->commit_lsn > feed->announced_lsn) {
        feed->announced_lsn = header->commit_lsn;
    }
    member->shipped_bytes += header->batch_bytes;
}

/* True once the header of `row`'s segment has been sent, and those of all before it. */
static bool send_headers(struct member *member, struct feed *feed, const struct index_row *row,
                         struct effects *fx)
{
    const struct wal *wal = &member->wal;

    while (feed->sent_segment == SEGMENT_NONE || feed->sent_segment < row->segment) {
        const segment_t next = feed->sent_segment == SEGMENT_NONE ? wal->index.rows[0].segment
                                                                  : feed->sent_segment + 1;
        const uint8_t *raw = wal_raw_header(wal, next);

        if (!effects_have_room(fx) || !feed_holds_dek_of(member, feed, next)) {
            return false;
        }
        if (raw == NULL) {
            feed_read_header(member, feed, next, fx);
            return false;
        }
        feed_send_segment(member, feed, next, raw, fx);
    }
    return true;
}

/* The next batch, from the window; false where it cannot be sent now. */
static bool send_from_window(struct member *member, struct feed *feed,
                             const struct window_batch *found, struct effects *fx)
{
    const struct bytes sealed = bytes_of(found->data, found->bytes);
    struct batch_header header;

    if (!feed_has_room(member, feed, found->bytes)) {
        return false;
    }
    const enum status status = batch_header_decode(&header, sealed);

    CHECK(status == OK && header.batch == found->batch);
    feed_send_batch(member, feed, &header, sealed, fx);
    walk_know(&feed->walk, found->segment, found->offset + found->bytes, found->batch + 1);
    return true;
}

static bool send_next(struct member *member, struct feed *feed, struct effects *fx)
{
    const struct wal *wal = &member->wal;
    const struct index_row *row = index_of_batch(&wal->index, feed->sent + 1);
    const uint32_t least =
        feed->blocked_bytes > BATCH_BLOCK_BYTES ? feed->blocked_bytes : BATCH_BLOCK_BYTES;

    CHECK(row != NULL);
    if (!feed_has_room(member, feed, least) || !send_headers(member, feed, row, fx)) {
        return false;
    }
    const struct window_batch *found = window_find(&wal->window, feed->sent + 1);

    if (found != NULL) {
        return send_from_window(member, feed, found, fx);
    }
    feed_read_pump(member, feed, fx);
    return false;
}

void feed_ship_pump(struct member *member, struct feed *feed, struct instant now,
                    struct effects *fx)
{
    while (feed->read == NULL && feed->sent < member->ship_limit
           && !feed_rests(member, feed, now, fx)) {
        if (!effects_have_room(fx)) {
            effects_wake_at(fx, now);
            break;
        }
        if (!send_next(member, feed, fx)) {
            break;
        }
    }
}

static void announce(struct member *member, struct feed *feed, struct instant now,
                     struct effects *fx)
{
    const struct wal *wal = &member->wal;
    const bool knows_more = member->upstream_lsn > wal->sealed_lsn;
    const struct commit commit = {.epoch = member->control.highest_epoch,
                                  .lsn = member_held_commit(member),
                                  .batch = wal->sealed,
                                  .end_lsn = knows_more ? member->upstream_lsn : wal->sealed_lsn,
                                  .age_us = member->age_us};

    effects_send(fx, feed->link, MESSAGE_COMMIT,
                 commit_encode(&commit, effects_scratch(fx, commit_bytes(&commit))));
    feed->announced_lsn = commit.lsn;
    feed->announce_at = INSTANT_NEVER;
    feed->must_announce = false;
    feed->said_at = now;
}

void feed_announce_pump(struct member *member, struct feed *feed, struct instant now,
                        struct effects *fx)
{
    const struct member_settings *settings = &member->settings;

    if (member_held_commit(member) <= feed->announced_lsn) {
        feed->announce_at = INSTANT_NEVER;
    } else if (feed->announce_at.ns == INSTANT_NEVER.ns) {
        feed->announce_at = instant_add(now, settings->announce_gap);
    }
    if (feed->must_announce || instant_reached(feed->announce_at, now)
        || instant_reached(instant_add(feed->said_at, settings->heartbeat_gap), now)) {
        announce(member, feed, now, fx);
    }
}
