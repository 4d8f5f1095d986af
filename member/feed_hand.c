/* A DEK that has come to this member after the greeting is handed to a replica while it streams:
 * one at a time, by the same KEYS and KEYS_STORED as in a greeting. What the replica holds is
 * known, so a header that names a DEK which it has not stored yet waits, and with it this feed
 * alone.
 *
 * How it goes wrong: the key service of its region is away, or refuses. It is asked again, with
 * growing gaps, for as long as the replica is linked, and the feed goes on up to that header. When
 * the replica greets anew it hears why (feed_keys.c). */
#include "member/feed_parts.h"

bool feed_holds_all_deks(const struct member *member, const struct feed *feed)
{
    return feed->deks_held >= member->deks.count;
}

bool feed_holds_dek_of(const struct member *member, const struct feed *feed, segment_t segment)
{
    const struct index_row *row = index_find(&member->wal.index, segment);

    for (uint32_t i = feed->deks_held; row != NULL && i < member->deks.count; i++) {
        if (id_equal(&member->deks.list[i].id, &row->dek)) {
            return false;
        }
    }
    return true;
}

void feed_hand_later(const struct member *member, struct feed *feed, enum status why,
                     struct instant now)
{
    feed->hand_at = instant_add(now, member_retry_gap(&member->settings, feed->hand_tries));
    feed->hand_tries++;
    trace_event(&member->settings.trace, "hand_retry member=%s why=%s tries=%u", feed->peer.member,
                status_name(why), feed->hand_tries);
}

void feed_hand_stored(struct feed *feed)
{
    feed->deks_held++;
    feed->missing_count = feed->handed_count = 0;
    feed->hand_tries = 0;
}

void feed_hand_pump(struct member *member, struct feed *feed, struct instant now,
                    struct effects *fx)
{
    if (feed_holds_all_deks(member, feed)) {
        return;
    }
    if (feed->missing_count == 0) {
        feed->missing[0] = member->deks.list[feed->deks_held].id;
        feed->missing_count = 1;
    }
    if (feed->handed_count == feed->missing_count || feed->wrap_asked) {
        return; /* it has it, and stores it; or it is being wrapped */
    }
    if (instant_reached(feed->hand_at, now)) {
        feed_keys_pump(member, feed, fx);
    } else {
        effects_wake_at(fx, feed->hand_at);
    }
}
