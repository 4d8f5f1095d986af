/* An election's question. The epoch becomes the highest that this member has seen, durable, before
 * the answer: from then on whatever comes in a lower epoch is refused here, and no ack of a lower
 * one is given, in this life and the next. Only then what is held is told, since only then can it
 * no longer grow by what a lower epoch commits.
 *
 * How it goes wrong: a higher epoch has been seen here: the candidate is told so, and must ask
 * again with one above it. A writer is superseded by the question itself; it answers when all that
 * it has sealed is durable (member->answers_fence), and then lets go (primary/reign.h). */
#include "member/feed_parts.h"

#include "base/check.h"
#include "member/greeting.h"
#include "proto/message.h"

static void refuse_low(struct member *member, struct feed *feed, struct effects *fx)
{
    feed_refuse(member, feed, fx, E_STALE_EPOCH, "Epoch %llu has been seen here.",
                (unsigned long long)member->control.highest_epoch);
}

void feed_on_fence(struct member *member, struct feed *feed, const struct event *event,
                   struct effects *fx)
{
    struct fence fence;
    const enum status status = fence_decode(&fence, event->message.message.head, &member->scratch);

    if (status != OK || !feed->is_candidate) {
        feed_refuse(member, feed, fx, status != OK ? status : E_PROTOCOL,
                    "The FENCE is refused: only a candidate may ask for it.");
        return;
    }
    if (fence.epoch < member->control.highest_epoch
        || (member->is_writer && fence.epoch == member->wal.epoch)) {
        refuse_low(member, feed, fx);
        return;
    }
    trace_event(&member->settings.trace, "fenced epoch=%llu by=%s", (unsigned long long)fence.epoch,
                feed->peer.member);
    feed->fence_epoch = fence.epoch;
    if (fence.epoch > member->control.highest_epoch) {
        member->control.highest_epoch = fence.epoch;
        saves_control(member, fx);
    }
    if (fence.epoch > member->fenced_by) {
        member->fenced_by = fence.epoch;
    }
    feed->fence_token = member->saves.control.wanted;
    feed_move(feed, FEED_FENCING, event->now);
}

void feed_fence_pump(struct member *member, struct feed *feed, struct instant now,
                     struct effects *fx)
{
    const struct wal *wal = &member->wal;

    if (member->saves.control.durable < feed->fence_token || wal->sealed != wal->durable
        || (member->is_writer && !member->answers_fence)) {
        return; /* a WRITTEN wakes us */
    }
    if (member->control.highest_epoch != feed->fence_epoch) {
        refuse_low(member, feed, fx);
        return;
    }
    const struct fenced fenced = {.epoch = feed->fence_epoch,
                                  .position = member_position(member),
                                  .end_lsn = wal->durable_lsn,
                                  .commit_lsn = member->commit_lsn};

    feed_move(feed, FEED_FENCED, now);
    effects_send(fx, feed->link, MESSAGE_FENCED,
                 fenced_encode(&fenced, effects_scratch(fx, fenced_bytes(&fenced))));
}
