/* From one phase to the next: each has a condition to go on, and a limit to give up.
 *
 * How it goes wrong: too few answer, somebody has seen a higher epoch, nobody gives what was found,
 * or what is known as committed is nowhere. Each is refused (candidate_refuse) by its own status;
 * nothing binds anybody before the claim. */
#include "replica/candidate.h"

#include "base/check.h"
#include "member/greeting.h"
#include "replica/candidate_parts.h"

enum {
    TRIES_ENOUGH = 3, /* dials of a peer that does not answer */
    SILENT_TEXT_MAX = 256,
};

/* Nothing comes in, and what came is on the disk. */
static bool is_quiet(const struct replica *replica)
{
    const struct member *member = &replica->member;

    return replica->receiver.state == RECEIVER_IDLE && replica->receiver.cut.phase == CUT_NONE
           && member->wal.sealed == member->wal.durable && writes_are_done(&member->writes)
           && saves_are_durable(&member->saves);
}

static void leave_upstream(struct replica *replica, struct instant now, struct effects *fx)
{
    if (replica->receiver.link != 0 && replica->receiver.cut.phase == CUT_NONE) {
        receiver_refuse(replica, now, fx, E_CLOSED, "%s is to be promoted.",
                        replica->member.settings.self.member);
    }
}

static struct span patience(const struct replica *replica)
{
    return replica->member.settings.silence_max;
}

static bool is_out_of_time(const struct replica *replica, struct instant now, struct effects *fx)
{
    const struct instant limit = instant_add(replica->candidate.moved_at, patience(replica));

    effects_wake_at(fx, limit);
    return instant_reached(limit, now);
}

static bool all_are_settled(const struct replica *replica)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &replica->candidate.peers[i];

        if (peer->state == PEER_GREETING || peer->state == PEER_PROVING
            || (peer->state == PEER_UNKNOWN && peer->tries == 0)) {
            return false;
        }
    }
    return replica->candidate.dialing == CANDIDATE_NOBODY;
}

static bool all_have_been_tried(const struct replica *replica)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &replica->candidate.peers[i];

        if (peer->state == PEER_UNKNOWN && peer->tries < TRIES_ENOUGH) {
            return false;
        }
    }
    return true;
}

static void refuse_few(struct replica *replica, struct instant now, struct effects *fx,
                       const char *silent)
{
    const struct candidate *candidate = &replica->candidate;
    const unsigned long long lsn = replica->member.wal.durable_lsn;
    char level[LEVEL_TEXT_MAX];

    if (candidate->outbid) {
        candidate_refuse(replica, now, fx, E_STALE_EPOCH,
                         "Somebody who was asked has seen a higher epoch than %llu: another member "
                         "is being promoted. Look at the coordinator's record, and promote again.",
                         (unsigned long long)candidate->epoch);
        return;
    }
    if (id_equal(&candidate->record.folder, &replica->member.control.folder)) {
        candidate_refuse(replica, now, fx, E_NO_QUORUM,
                         "Too few answer (%s), but the coordinator names this member the writer "
                         "(epoch %llu): start sealift-primary on its folder.",
                         silent, (unsigned long long)candidate->record.epoch);
        return;
    }
    candidate_refuse(replica, now, fx, E_NO_QUORUM,
                     "%s may hold records, committed at %s, that nobody who answers holds (this "
                     "member holds up to LSN %llu): bring them back and name them with --upstream, "
                     "or accept the loss with --accept-loss LSN, the last one that you know of.%s",
                     silent, level_format(candidate->level, level, sizeof level), lsn,
                     candidate->phase == CANDIDATE_FENCE
                         ? " Those who answered refuse the old writer from now on: start it again, "
                           "or promote somebody."
                         : "");
}

/* Of this member and those who answer; `who` has seen it. */
static epoch_t highest_seen(const struct replica *replica, const char **who)
{
    epoch_t highest = replica->member.control.highest_epoch;

    *who = replica->member.settings.self.member;
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &replica->candidate.peers[i];

        if (peer->state == PEER_KNOWN && peer->highest_epoch > highest) {
            highest = peer->highest_epoch;
            *who = peer->identity.member;
        }
    }
    return highest;
}

/* Where somebody has seen more than the record knows of, another candidate may have asked since the
 * record was looked at; or the coordinator has gone back. */
static void choose_epoch(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const struct claim_record *record = &candidate->record;
    const char *who;
    epoch_t highest = highest_seen(replica, &who);

    if (election_went_back(record, highest) && !candidate->wish.accepts_loss) {
        if (candidate->looked_again) {
            candidate_refuse_old_record(replica, now, fx, who, highest);
        } else {
            candidate->looked_again = true;
            candidate_move(replica, CANDIDATE_LOOK, now);
            candidate_look(replica, fx);
        }
        return;
    }
    highest = record->epoch > highest ? record->epoch : highest;
    highest = record->asked > highest ? record->asked : highest;
    candidate->epoch = highest + 1;
    candidate_move(replica, CANDIDATE_ANNOUNCE, now);
    candidate_announce(replica, fx);
}

void candidate_persist(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    struct member *member = &replica->member;

    if (member->control.highest_epoch >= candidate->epoch) { /* a rival's, meanwhile */
        candidate_move(replica, CANDIDATE_LOOK, now);
        candidate_look(replica, fx);
        return;
    }
    member->control.highest_epoch = candidate->epoch;
    saves_control(member, fx);
    candidate->save_token = member->saves.control.wanted;
    candidate_move(replica, CANDIDATE_PERSIST, now);
}

/* With a loss accepted the claim would be made beside a member that lives, and that nobody fenced:
 * if it is the writer, it would go on acknowledging what is lost. */
static void refuse_left_behind(struct replica *replica, struct instant now, struct effects *fx)
{
    const struct candidate_peer *keeper = replica->candidate.keeper;

    candidate_refuse(replica, now, fx, E_BEHIND,
                     "%s holds up to LSN %llu and has let go of what follows LSN %llu, with which "
                     "this member ends, so it cannot catch up. Promote %s, or one that is not as "
                     "far behind; to give up what it holds, stop it first.",
                     keeper->identity.member, (unsigned long long)keeper->end_lsn,
                     (unsigned long long)replica->member.wal.durable_lsn, keeper->identity.member);
}

static void ask_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const bool is_late = is_out_of_time(replica, now, fx);
    char silent[SILENT_TEXT_MAX];

    candidate_dial_pump(replica, now, fx);
    if (!is_late && !all_are_settled(replica)) {
        return;
    }
    if (candidate_is_enough(replica, PEER_KNOWN, silent, sizeof silent)) {
        choose_epoch(replica, now, fx);
    } else if (is_late || all_have_been_tried(replica)) {
        if (candidate->keeper != NULL) {
            refuse_left_behind(replica, now, fx);
            return;
        }
        candidate->with_loss = candidate->wish.accepts_loss;
        if (candidate->with_loss) {
            choose_epoch(replica, now, fx);
        } else {
            refuse_few(replica, now, fx, silent);
        }
    }
}

/* Who holds most becomes the upstream until this member holds it, too. */
static void choose_upstream(struct replica *replica, struct instant now)
{
    struct candidate *candidate = &replica->candidate;

    candidate->target = member_position(&replica->member);
    candidate->target_lsn = replica->member.wal.durable_lsn;
    candidate->commit_lsn = replica->member.commit_lsn;
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &candidate->peers[i];

        if (peer->state != PEER_ANSWERED) {
            continue;
        }
        if (position_is_ahead(peer->position, candidate->target)) {
            candidate->target = peer->position;
            candidate->target_lsn = peer->end_lsn;
            replica->receiver.upstream = i;
        }
        if (peer->commit_lsn > candidate->commit_lsn) {
            candidate->commit_lsn = peer->commit_lsn;
        }
    }
    candidate->caught_up = !position_is_ahead(candidate->target, member_position(&replica->member));
    replica->receiver.dial_at = now;
    candidate_move(replica, CANDIDATE_CATCH_UP, now);
}

static bool may_lose(const struct candidate *candidate)
{
    return candidate->with_loss && candidate->wish.loss_last_lsn >= candidate->commit_lsn;
}

/* Everything that was found is held here. */
static void begin_mark(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    struct member *member = &replica->member;
    const lsn_t held = member->wal.durable_lsn;
    const lsn_t loss = candidate->wish.loss_last_lsn;

    if (member->control.highest_epoch != candidate->epoch) {
        candidate_refuse(replica, now, fx, E_STALE_EPOCH,
                         "Epoch %llu was shown here meanwhile: somebody else is being promoted.",
                         (unsigned long long)member->control.highest_epoch);
    } else if (candidate->commit_lsn > held && !may_lose(candidate)) {
        candidate_refuse(replica, now, fx, E_LACKING,
                         "Records up to LSN %llu are known as committed, but those who answer hold "
                         "them up to LSN %llu only: bring back who holds them, or accept their "
                         "loss with --accept-loss.",
                         (unsigned long long)candidate->commit_lsn, (unsigned long long)held);
    } else {
        member->control.claim_asked = candidate->epoch;
        member->control.loss_pending = candidate->with_loss && loss > held ? loss : 0;
        marks_save(member, fx);
        candidate->save_token = member->saves.control.wanted;
        candidate_move(replica, CANDIDATE_MARK, now);
    }
}

static void catch_up_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const struct position held = member_position(&replica->member);

    candidate->caught_up |= !position_is_ahead(candidate->target, held);
    if (candidate->caught_up) {
        leave_upstream(replica, now, fx);
        if (is_quiet(replica)) {
            begin_mark(replica, now, fx);
        }
        return;
    }
    if (replica->member.received_bytes != candidate->received_bytes) {
        candidate->received_bytes = replica->member.received_bytes;
        candidate->moved_at = now;
    }
    if (is_out_of_time(replica, now, fx)) {
        candidate_refuse(replica, now, fx, E_BEHIND,
                         "Nobody gives this member what it lacks: it holds up to LSN %llu, and LSN "
                         "%llu was found. Promote again, or promote the one that holds it.",
                         (unsigned long long)replica->member.wal.durable_lsn,
                         (unsigned long long)candidate->target_lsn);
    }
}

static bool fences_are_settled(const struct replica *replica)
{
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const enum peer_state state = replica->candidate.peers[i].state;

        if (state == PEER_KNOWN || state == PEER_FENCING) {
            return false;
        }
    }
    return true;
}

static void fence_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    char silent[SILENT_TEXT_MAX];

    candidate_fence_pump(replica, now, fx);
    if (!fences_are_settled(replica)) {
        return;
    }
    if (candidate_is_enough(replica, PEER_ANSWERED, silent, sizeof silent)) {
        candidate->with_loss = false;
    } else if (candidate->keeper != NULL) {
        refuse_left_behind(replica, now, fx);
        return;
    } else if (candidate->wish.accepts_loss) {
        candidate->with_loss = true;
    } else {
        refuse_few(replica, now, fx, silent);
        return;
    }
    choose_upstream(replica, now);
    catch_up_pump(replica, now, fx);
}

void candidate_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const struct saves *saves = &replica->member.saves;

    switch (candidate->phase) {
    case CANDIDATE_NONE:
    case CANDIDATE_PHASES:
        return;
    case CANDIDATE_QUIET:
        leave_upstream(replica, now, fx);
        if (is_quiet(replica)) {
            candidate_move(replica, CANDIDATE_LOOK, now);
            candidate_look(replica, fx);
        }
        return;
    case CANDIDATE_LOOK:
        if (!candidate->claim_asked) {
            effects_wake_at(fx, candidate->retry_at);
            if (instant_reached(candidate->retry_at, now)) {
                candidate_look(replica, fx);
            }
        }
        return;
    case CANDIDATE_ASK:
        ask_pump(replica, now, fx);
        return;
    case CANDIDATE_ANNOUNCE:
        return; /* as for the claim */
    case CANDIDATE_PERSIST:
        if (saves->control.durable >= candidate->save_token) {
            candidate_move(replica, CANDIDATE_FENCE, now);
            fence_pump(replica, now, fx);
        }
        return;
    case CANDIDATE_FENCE:
        fence_pump(replica, now, fx);
        return;
    case CANDIDATE_CATCH_UP:
        catch_up_pump(replica, now, fx);
        return;
    case CANDIDATE_MARK:
        if (saves->control.durable >= candidate->save_token) {
            candidate_move(replica, CANDIDATE_CLAIM, now);
            candidate_claim(replica, fx);
        }
        return;
    case CANDIDATE_CLAIM:
        return; /* the coordinator answers, sooner or later */
    }
    UNREACHABLE();
}
