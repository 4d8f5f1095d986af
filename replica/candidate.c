/* An operator says PROMOTE, and is told what came of it.
 *
 * How it goes wrong: whatever is in the way is said to the operator in one sentence, with what to
 * do; the links are left, and the replica follows its upstream again. Where others were fenced
 * already, the writer among them, that sentence is not the end of it: somebody has to be promoted,
 * or the old writer started again. */
#include "replica/candidate.h"

#include "base/check.h"
#include "proto/message.h"
#include "replica/candidate_parts.h"

#include <stdarg.h>
#include <stdio.h>

static const char *phase_name(enum candidate_phase phase)
{
    static const char *const names[CANDIDATE_PHASES] = {
        [CANDIDATE_NONE] = "none",         [CANDIDATE_QUIET] = "quiet",
        [CANDIDATE_LOOK] = "look",         [CANDIDATE_ASK] = "ask",
        [CANDIDATE_ANNOUNCE] = "announce", [CANDIDATE_PERSIST] = "persist",
        [CANDIDATE_FENCE] = "fence",       [CANDIDATE_CATCH_UP] = "catch-up",
        [CANDIDATE_MARK] = "mark",         [CANDIDATE_CLAIM] = "claim",
    };

    return names[phase];
}

void candidate_move(struct replica *replica, enum candidate_phase phase, struct instant now)
{
    struct candidate *candidate = &replica->candidate;

    candidate->phase = phase;
    candidate->phase_at = candidate->moved_at = now;
    trace_event(&replica->member.settings.trace, "candidate phase=%s epoch=%llu", phase_name(phase),
                (unsigned long long)candidate->epoch);
}

static bool asker_is_there(const struct replica *replica)
{
    return clients_find(&replica->member.clients, replica->candidate.client) != NULL;
}

void candidate_refuse(struct replica *replica, struct instant now, struct effects *fx,
                      enum status why, const char *format, ...)
{
    struct candidate *candidate = &replica->candidate;
    struct member *member = &replica->member;
    char text[REFUSED_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace_event(&member->settings.trace, "promotion_refused why=%s text=\"%s\"", status_name(why),
                text);
    candidate_hang_up(replica, E_CLOSED, fx);
    if (asker_is_there(replica)) {
        clients_refuse(fx, candidate->client, 0, why, "%s", text);
    }
    if (member->control.loss_pending != 0 || member->control.claim_asked != 0) {
        member->control.loss_pending = 0;
        member->control.claim_asked = 0;
        saves_control(member, fx);
    }
    candidate_move(replica, CANDIDATE_NONE, now);
    replica->receiver.dial_at = now;
}

void candidate_win(struct replica *replica, struct effects *fx)
{
    const struct candidate *candidate = &replica->candidate;
    struct member *member = &replica->member;
    const struct promoted promoted = {
        .epoch = candidate->epoch,
        .batch = member->wal.durable,
        .end_lsn = member->wal.durable_lsn,
        .loss_first_lsn = member->control.loss_pending == 0 ? 0 : member->control.commit_lsn + 1,
        .loss_last_lsn = member->control.loss_pending};

    candidate_hang_up(replica, E_PROMOTED, fx); /* the old writer need not wait any longer */
    if (asker_is_there(replica)) {
        effects_send(fx, candidate->client, MESSAGE_PROMOTED,
                     promoted_encode(&promoted, effects_scratch(fx, promoted_bytes(&promoted))));
    }
    member_halt(member, fx, E_PROMOTED,
                "Promoted: epoch %llu is claimed after LSN %llu. This folder is the writer's now: "
                "it is started by sealift-primary with the same settings.",
                (unsigned long long)candidate->epoch, (unsigned long long)member->wal.durable_lsn);
}

/* ---- PROMOTE ---- */

static enum status check_state(const struct replica *replica, const struct promote *wish,
                               char text[REFUSED_TEXT_MAX])
{
    const struct member *member = &replica->member;
    const char *self = member->settings.self.member;

    text[0] = '\0';
    if (member->settings.self.role != ROLE_PRIMARY) {
        snprintf(text, REFUSED_TEXT_MAX,
                 "%s has a certificate of role \"%s\", which may never write: issue it one of role "
                 "\"primary\" and start it again",
                 self, role_name(member->settings.self.role));
        return E_IDENTITY;
    }
    if (!replica->settings.has_coordinator) {
        snprintf(text, REFUSED_TEXT_MAX,
                 "%s knows no coordinator: start it again with --coordinator, the same as the "
                 "primary's",
                 self);
        return E_NO_COORDINATOR;
    }
    if (wish->accepts_loss && wish->loss_last_lsn < member->wal.durable_lsn) {
        snprintf(
            text, REFUSED_TEXT_MAX,
            "%s holds everything up to LSN %llu: a loss that ends at LSN %llu is none; give at "
            "least the former",
            self, (unsigned long long)member->wal.durable_lsn,
            (unsigned long long)wish->loss_last_lsn);
        return E_LOSS;
    }
    if (candidate_is_running(&replica->candidate) || replica->candidate.claim_asked) {
        return E_PROMOTING;
    }
    return replica->opened && replica->receiver.joined && member->ready && !member->stopping
               ? OK
               : E_NOT_READY;
}

/* Who leads must be able to give what is committed (house rule: readable to the commit mark). */
static enum status check_copy(const struct replica *replica, const struct promote *wish,
                              char text[REFUSED_TEXT_MAX])
{
    const struct repair *repair = &replica->member.repair;

    if (repair_outstanding(&replica->member) == 0 || wish->accepts_loss) {
        return OK;
    }
    snprintf(
        text, REFUSED_TEXT_MAX,
        "%s is damaged (segment %llu, of %llu): wait until it is repaired, promote another, "
        "or take it as it is with --accept-loss",
        replica->member.settings.self.member,
        (unsigned long long)(repair->queue_count > 0 ? repair->queue[0] : repair->order.segment),
        (unsigned long long)repair_outstanding(&replica->member));
    return E_DAMAGED;
}

void candidate_on_promote(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    struct member *member = &replica->member;
    const struct client *client = clients_find(&member->clients, event->message.link);
    struct promote wish;
    char text[REFUSED_TEXT_MAX] = "";
    enum status status = promote_decode(&wish, event->message.message.head, &member->scratch);

    CHECK(client != NULL);
    if (status == OK && !client_may_operate(client)) {
        status = E_IDENTITY;
        snprintf(text, sizeof text, "only an operator may promote");
    }
    if (status == OK) {
        status = check_state(replica, &wish, text);
    }
    if (status == OK) {
        status = check_copy(replica, &wish, text);
    }
    if (status != OK) {
        clients_refuse(fx, client->link, 0, status, "%s.",
                       text[0] != '\0' ? text : status_text(status));
        return;
    }
    *candidate = (struct candidate){
        .client = client->link,
        .wish = wish,
        .dialing = candidate->dialing, /* of an election before, perhaps */
    };
    candidate_move(replica, CANDIDATE_QUIET, event->now);
}

/* What a claim came to that an earlier life had asked for: nothing is adopted before that is known,
 * since it holds only for the WAL as it was then. */
void candidate_recall(struct replica *replica, struct instant now, struct effects *fx)
{
    const struct control *control = &replica->member.control;

    if (control->claim_asked == 0) {
        return;
    }
    if (!replica->settings.has_coordinator) {
        member_halt(&replica->member, fx, E_NO_COORDINATOR,
                    "This member was being promoted when it stopped, and may be the writer (epoch "
                    "%llu): start it again with --coordinator, to find out.",
                    (unsigned long long)control->claim_asked);
        return;
    }
    replica->candidate = (struct candidate){
        .epoch = control->claim_asked, .dialing = CANDIDATE_NOBODY, .claim_in_doubt = true};
    candidate_move(replica, CANDIDATE_LOOK, now);
    candidate_look(replica, fx);
}

void candidate_stop(struct replica *replica, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;

    if (candidate->claim_in_doubt || candidate->phase == CANDIDATE_CLAIM) {
        candidate->phase = CANDIDATE_NONE; /* the next start finds out */
    } else if (candidate_is_running(candidate)) {
        candidate_refuse(replica, candidate->phase_at, fx, E_NOT_READY, "%s stops.",
                         replica->member.settings.self.member);
    }
}
