/* Clients are told first that the result of their appends is not known here (they retry at the new
 * primary, and land once); then the disk finishes; then the candidate gets its answer
 * (member/feed_fence.c looks at answers_fence); then replicas catch up, the candidate among them.
 *
 * How it goes wrong: the candidate does not get through. Then this member halts all the same: its
 * epoch is refused by those who were asked. Started again, it claims the next one. */
#include "primary/handover.h"

#include "primary/primary_state.h"

enum { PATIENCE = 6 }; /* times drain_max: for a replica that is far behind */

bool handover_is_wanted(const struct primary *primary)
{
    const struct feeds *feeds = &primary->member.feeds;

    for (uint32_t i = 0; i < feeds->capacity; i++) {
        if (feeds->list[i].state == FEED_FENCING) {
            return true;
        }
    }
    return false;
}

void handover_begin(struct primary *primary, struct instant now)
{
    primary->handover = (struct handover){.begun_at = now, .busy_at = now};
    primary->member.age_us = UINT64_MAX; /* there is a better one to follow, soon */
    primary_move(primary, PHASE_HANDOVER);
    intake_acked(primary); /* whoever stands in line is called, and refused */
}

static bool somebody_is_behind(const struct primary *primary)
{
    const struct feeds *feeds = &primary->member.feeds;

    for (uint32_t i = 0; i < feeds->capacity; i++) {
        const struct feed *feed = &feeds->list[i];

        if (feed->state == FEED_FENCING
            || (feed->state == FEED_STREAMING && feed->acked < primary->member.wal.durable)) {
            return true;
        }
    }
    return false;
}

static void let_go(struct primary *primary, struct instant now, struct effects *fx)
{
    struct handover *handover = &primary->handover;
    const struct span drain = primary->settings.drain_max;
    const struct span most = {PATIENCE * drain.ns};
    struct instant end;

    if (somebody_is_behind(primary)) {
        handover->busy_at = now;
    }
    end = instant_min(instant_add(handover->busy_at, drain), instant_add(handover->begun_at, most));
    if (primary->member.hands_over || instant_reached(end, now)) {
        reign_halt_fenced(primary, fx);
    } else {
        effects_wake_at(fx, end);
    }
}

void handover_pump(struct primary *primary, struct instant now, struct effects *fx)
{
    struct member *member = &primary->member;
    struct handover *handover = &primary->handover;

    member->ship_limit = member->wal.sealed;
    intake_give_up(primary, fx);
    line_call(&primary->intake.line, fx);
    if (primary->intake.pending.count > 0) {
        effects_wake_at(fx, now); /* more of them than one step can tell */
        return;
    }
    if (member->wal.sealed != member->wal.durable) {
        return; /* a WRITTEN wakes us */
    }
    if (!handover->marked) {
        handover->marked = true;
        marks_save(member, fx);
    }
    member->answers_fence = saves_are_durable(&member->saves);
    if (member->answers_fence) {
        let_go(primary, now, fx);
    }
}
