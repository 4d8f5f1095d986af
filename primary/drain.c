/* Pending appends first, then the disk, then the links: so that nobody is told goodbye before the
 * answer that it waits for.
 *
 * How it goes wrong: a level that is not met before drain_max. Those clients hear E_INDEFINITE,
 * which is the truth: their records are on this disk and may yet be committed. */
#include "primary/drain.h"

#include "primary/primary_state.h"
#include "proto/message.h"

#include <stdio.h>

void drain_begin(struct primary *primary, struct instant now, struct effects *fx)
{
    if (primary->phase == PHASE_DRAINING) {
        return;
    }
    if (primary->phase == PHASE_HANDOVER) {
        reign_halt_fenced(primary, fx);
        return;
    }
    if (primary->phase != PHASE_SERVING) {
        member_halt(&primary->member, fx, OK, "Stopped while starting; nothing was appended.");
        return;
    }
    primary->member.stopping = true;
    primary->drain.give_up = instant_add(now, primary->settings.drain_max);
    primary_move(primary, PHASE_DRAINING);
    intake_acked(primary); /* whoever stands in line is called, and refused */
}

static bool is_drained(const struct primary *primary)
{
    const struct wal *wal = &primary->member.wal;

    return primary->intake.pending.count == 0 && !wal_has_open(wal) && wal->sealed == wal->durable;
}

static void say_goodbye(struct primary *primary, struct effects *fx)
{
    struct member *member = &primary->member;
    struct bye bye = {.why = E_NOT_READY};

    snprintf(bye.text, sizeof bye.text, "the primary %s stops", member->settings.self.member);
    for (uint32_t i = 0; i < member->feeds.capacity && effects_have_room(fx); i++) {
        const struct feed *feed = &member->feeds.list[i];

        if (feed->state != FEED_FREE) {
            effects_send(fx, feed->link, MESSAGE_BYE,
                         bye_encode(&bye, effects_scratch(fx, bye_bytes(&bye))));
            effects_hang_up(fx, feed->link, OK);
        }
    }
    for (uint32_t i = 0; i < member->clients.capacity && effects_have_room(fx); i++) {
        if (member->clients.list[i].link != 0) {
            effects_hang_up(fx, member->clients.list[i].link, OK);
        }
    }
}

/* A last word on what this disk holds: the next start knows it without looking for it. */
static void save(struct primary *primary, struct effects *fx)
{
    primary->drain.saving = true;
    marks_save(&primary->member, fx);
}

void drain_pump(struct primary *primary, struct instant now, struct effects *fx)
{
    struct drain *drain = &primary->drain;

    if (!is_drained(primary) && !drain->saving) {
        if (!instant_reached(drain->give_up, now)) {
            effects_wake_at(fx, drain->give_up);
            return;
        }
        intake_give_up(primary, fx);
        if (primary->intake.pending.count > 0) {
            effects_wake_at(fx, now); /* more of them than one step can tell */
            return;
        }
    }
    /* On a slow disk the first of the last words may be said before all is durable. */
    if (!drain->saving
        || (saves_are_durable(&primary->member.saves) && marks_are_behind(&primary->member))) {
        save(primary, fx);
    }
    if (saves_are_durable(&primary->member.saves)) {
        say_goodbye(primary, fx);
        member_halt(&primary->member, fx, OK, "Stopped: everything up to LSN %llu is durable here.",
                    (unsigned long long)primary->member.wal.durable_lsn);
    }
}
