/* Is this still the upstream to follow? It may have been superseded, may know less of the writer
 * than others do, may lack what a start lacks here; or it knows this member as it was before a
 * repair. Then the link ends with a BYE that says so, and the next upstream is dialed, or the same
 * one again.
 *
 * How it goes wrong: two replicas find each other again and again: they look for the writer ever
 * more rarely. */
#include "replica/receiver.h"

enum {
    ROUNDS_IN_VAIN = 2, /* of questions to one upstream, then a start asks another */
    SEEKS_MAX = 5, /* the longest rest is 32 times two heartbeats: three minutes */
};

/* A higher epoch than the upstream's has been shown to this member since they greeted. */
static bool is_outrun(const struct replica *replica)
{
    return replica->receiver.state == RECEIVER_STREAMING
           && replica->receiver.reign < replica->member.control.highest_epoch;
}

/* Two replicas that follow each other hear nothing of the writer, and say so to each other: there
 * may be a better one to follow, unless what it gives is news. And who follows a replica, though it
 * has others to choose from, is no voter: from time to time, and ever more rarely, it looks for the
 * writer among them, even while it is fed: under load it always is. */
static bool is_astray(const struct replica *replica, struct instant now)
{
    const struct receiver *receiver = &replica->receiver;
    const struct member *member = &replica->member;
    const struct span silence = {2 * member->settings.silence_max.ns};
    const struct span word = {2 * member->settings.heartbeat_gap.ns};
    const struct span rest = span_doubled(word, receiver->seeks, SEEKS_MAX);

    if (receiver->state != RECEIVER_STREAMING || replica->settings.upstream_count == 1) {
        return false;
    }
    return (instant_reached(instant_add(receiver->started_at, word), now)
            && instant_reached(instant_add(receiver->fed_at, word), now)
            && instant_reached(instant_add(receiver->writer_heard_at, silence), now))
           || (!receiver->follows_writer
               && instant_reached(instant_add(receiver->started_at, rest), now));
}

/* What a start lacks is lacking there, too; there are others. */
static bool is_no_help(const struct replica *replica)
{
    return replica->receiver.state == RECEIVER_REPAIRING && replica->settings.upstream_count > 1
           && repair_is_in_vain(&replica->member.repair, ROUNDS_IN_VAIN);
}

/* Whoever wrote in a lower epoch is not the writer any more. */
static void note_reign(struct replica *replica)
{
    const epoch_t highest = replica->member.control.highest_epoch;

    if (highest > replica->receiver.known_epoch) {
        replica->receiver.known_epoch = highest;
        replica->receiver.writer_heard_at = (struct instant){0};
        replica->receiver.seeks = 0;
        replica->receiver.writer = replica->receiver.returns = 0;
    }
}

/* A repair at the start has changed the folder id: acks under the other one must not count. */
static bool has_another_name(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;

    return receiver->joined && receiver->link != 0 && receiver->state != RECEIVER_DIALING
           && !id_equal(&receiver->greeted_as, &replica->member.control.folder);
}

/* What it lacked is here again: it greets with that. */
static bool is_whole_again(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;

    return receiver->state == RECEIVER_REPAIRING && !replica->member.is_repairing
           && !repair_is_wanted(&replica->member.repair, receiver->mends);
}

/* At once, and most likely the same upstream. */
static void greet_anew(struct replica *replica, struct instant now, const char *why,
                       struct effects *fx)
{
    receiver_refuse(replica, now, fx, E_CLOSED, "%s %s, and greets anew.",
                    replica->member.settings.self.member, why);
    replica->receiver.dial_at = now;
    replica->receiver.tries = 0;
}

void receiver_judge_upstream(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    const char *self = replica->member.settings.self.member;

    note_reign(replica);
    if (is_outrun(replica)) {
        receiver_refuse(replica, now, fx, E_STALE_EPOCH, "Epoch %llu has been seen by %s.",
                        (unsigned long long)replica->member.control.highest_epoch, self);
    } else if (is_astray(replica, now)) {
        receiver->seeks++;
        receiver_refuse(replica, now, fx, E_FOLLOWER, "%s.", status_text(E_FOLLOWER));
    } else if (has_another_name(replica)) {
        greet_anew(replica, now, "had to be repaired", fx);
    } else if (is_no_help(replica)) {
        receiver_refuse(replica, now, fx, E_CLOSED,
                        "%s lacks what %s does not give: it asks others.", self,
                        receiver->peer.member);
    } else if (is_whole_again(replica)) {
        greet_anew(replica, now, "is whole again", fx);
    }
}
