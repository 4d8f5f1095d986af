/* A replica that needs what retention has let go is told so, once and for all, with the place where
 * the WAL begins here and what a person has to do: no waiting would help.
 *
 * It is found out at its GREET, at its RESUME, or while it streams, where its pin was dropped. */
#include "member/feed_parts.h"

/* It ends with `batch`, and what follows is not here. */
bool feed_is_behind(const struct member *member, batch_t batch)
{
    const struct index *index = &member->wal.index;

    return index->count > 0 && batch + 1 < index->rows[0].first_batch;
}

void feed_lose(struct member *member, struct feed *feed, batch_t batch, struct effects *fx)
{
    const struct index_row *first = &member->wal.index.rows[0];

    pins_lose(member, feed, batch);
    feed_refuse(member, feed, fx, E_LOST,
                "Retention has let go of what follows batch %llu: the WAL begins at segment %llu "
                "(LSN %llu) here. Stop the replica, `mv DATA DATA.lost` and start it with an empty "
                "folder and an upstream that still has segment 0.",
                (unsigned long long)batch, (unsigned long long)first->segment,
                (unsigned long long)first->first_lsn);
}

static bool needs_more(const struct member *member, const struct feed *feed)
{
    const segment_t first = member->wal.index.rows[0].segment;
    const segment_t header = feed->sent_segment == SEGMENT_NONE ? 0 : feed->sent_segment + 1;

    return feed_is_behind(member, feed->sent) || header < first
           || (feed->read != NULL && feed->read->segment < first);
}

void feeds_forget_first(struct member *member, struct effects *fx)
{
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        struct feed *feed = &member->feeds.list[i];

        if (feed->state == FEED_STREAMING && needs_more(member, feed)) {
            feed_lose(member, feed, feed->acked, fx);
        }
    }
}
