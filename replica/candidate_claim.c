/* Look, count, claim.
 *
 * The record that is looked at says whose answers count; the claim replaces that very record, so
 * that a member which joined meanwhile is found out: then the answers are counted again.
 *
 * How it goes wrong: the coordinator does not answer: asked again a few times. A claim that is not
 * answered may have happened, or may yet: it is looked for, for as long as it takes and over
 * restarts, and if it is not there the record is replaced by itself, so that it comes too late.
 * Somebody else has claimed: this election is over. */
#include "replica/candidate.h"

#include "base/check.h"
#include "member/greeting.h"
#include "replica/candidate_parts.h"

#include <stdio.h>

enum { CLAIM_TRIES_MAX = 5 };

static void ask(struct replica *replica, const struct claim_record *record, struct effects *fx)
{
    CHECK(!replica->candidate.claim_asked);
    replica->candidate.claim_asked = true;
    effects_claim(fx, record);
}

void candidate_look(struct replica *replica, struct effects *fx)
{
    static const struct claim_record nothing;

    ask(replica, &nothing, fx);
}

/* The same record, and what others may be shown from now on. */
void candidate_announce(struct replica *replica, struct effects *fx)
{
    struct claim_record record = replica->candidate.record;

    record.asked = replica->candidate.epoch;
    ask(replica, &record, fx);
}

void candidate_refuse_old_record(struct replica *replica, struct instant now, struct effects *fx,
                                 const char *who, epoch_t seen)
{
    const struct claim_record *record = &replica->candidate.record;

    candidate_refuse(replica, now, fx, E_WENT_BACK,
                     "The coordinator knows of epoch %llu (writer %s), but %s has seen epoch %llu: "
                     "its record was lost or restored. Start the writer that has served last with "
                     "--adopt-folder: it tells it again. Or accept the loss with --accept-loss.",
                     (unsigned long long)record->epoch, record->writer, who,
                     (unsigned long long)seen);
}

void candidate_claim(struct replica *replica, struct effects *fx)
{
    const struct candidate *candidate = &replica->candidate;
    const struct member *member = &replica->member;
    struct claim_record record = candidate->record;

    CHECK(member->wal.sealed == member->wal.durable);
    record.epoch = candidate->epoch;
    record.segment = wal_next_segment(&member->wal);
    record.chain = wal_chain(&member->wal);
    election_become_writer(&record, &member->settings.self, &member->control.folder);
    ask(replica, &record, fx);
}

bool candidate_is_enough(const struct replica *replica, enum peer_state least, char *silent,
                         size_t room)
{
    const struct candidate *candidate = &replica->candidate;
    const struct member *member = &replica->member;
    struct election election;

    election_init(&election, &candidate->record);
    (void)election_count(&election, &(struct election_answer){member->settings.self.member,
                                                              member->control.folder,
                                                              member_position(member).epoch});
    for (uint32_t i = 0; i < replica->settings.upstream_count; i++) {
        const struct candidate_peer *peer = &candidate->peers[i];

        if (peer->state >= least && peer->state != PEER_SELF) {
            (void)election_count(&election,
                                 &(struct election_answer){peer->identity.member, peer->folder,
                                                           peer->position.epoch});
        }
    }
    election_silent(&election, silent, room);
    return election_is_enough(&election, candidate->level);
}

/* The reign of the record begins with the very segment that is the last here, and no batch of it
 * was written: this member had claimed, and had started as its writer. */
static bool has_begun(const struct wal *wal, const struct claim_record *record)
{
    return wal->segment != SEGMENT_NONE && wal->batch_count == 0 && record->segment == wal->segment
           && record->epoch == wal->header.epoch
           && digest_equal(&record->chain, &wal->header.prev_chain);
}

/* Whether an earlier claim of ours stands, and nothing has happened since. Its epoch is durable
 * here before it is asked for; only that of a writer's own start is durable after, and that very
 * save forgets the candidate's claim. */
static bool is_ours(const struct replica *replica, const struct claim_record *record)
{
    const struct member *member = &replica->member;
    const struct digest chain = wal_chain(&member->wal);

    if (!id_equal(&record->folder, &member->control.folder)
        || (record->epoch > member->control.highest_epoch && member->control.claim_asked == 0)) {
        return false;
    }
    return has_begun(&member->wal, record)
           || (record->epoch > member->wal.epoch
               && record->segment == wal_next_segment(&member->wal)
               && digest_equal(&record->chain, &chain));
}

static bool is_known(const struct replica *replica, const struct claim_record *record)
{
    struct election election;

    election_init(&election, record);
    return election_count(&election, &(struct election_answer){replica->member.settings.self.member,
                                                               replica->member.control.folder, 0});
}

/* False where it was refused: it is none that an election could go by. */
static bool check_record(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const struct claim_record *record = &candidate->record;

    if (record->version == 0) {
        candidate_refuse(replica, now, fx, E_NO_RECORD,
                         "The coordinator has no record of this cluster: name the same one as the "
                         "primary with --coordinator. If it has lost it, start the primary, which "
                         "tells it again.");
    } else if (!id_equal(&record->lineage, &replica->member.descriptor.lineage)) {
        candidate_refuse(replica, now, fx, E_LINEAGE,
                         "The coordinator's record is of another lineage (its writer is %s): name "
                         "this cluster's own with --coordinator.",
                         record->writer);
    } else if (level_parse(&candidate->level, record->level) != OK) {
        candidate_refuse(replica, now, fx, E_MALFORMED,
                         "The coordinator's record has the durability level \"%s\", which is none: "
                         "start the primary with --durability.",
                         record->level);
    } else {
        return true;
    }
    return false;
}

static void on_look(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const struct claim_record *record = &candidate->record;
    const struct member *member = &replica->member;

    if (!check_record(replica, now, fx)) {
        return;
    }
    if (is_ours(replica, record)) {
        candidate->epoch = record->epoch;
        candidate_win(replica, fx);
    } else if (candidate->claim_in_doubt) {
        candidate->claim_voided = true;
        candidate_move(replica, CANDIDATE_CLAIM, now);
        ask(replica, record, fx); /* the same, at a higher version */
    } else if (!is_known(replica, record) && !candidate->wish.accepts_loss) {
        candidate_refuse(replica, now, fx, E_NOT_VOTER,
                         "%s is not in the coordinator's record: it has never followed the writer "
                         "%s with this data folder. Let it follow, or accept the loss with "
                         "--accept-loss LSN.",
                         member->settings.self.member, record->writer);
    } else {
        candidate_move(replica, CANDIDATE_ASK, now);
    }
}

static void refuse_changed(struct replica *replica, const struct claim_record *now_is,
                           struct instant now, struct effects *fx)
{
    candidate_refuse(replica, now, fx, E_CLAIM_LOST,
                     "The coordinator's record has changed meanwhile (writer %s, epoch %llu): look "
                     "at it, and promote again.",
                     now_is->writer, (unsigned long long)now_is->epoch);
}

static bool is_same_reign(const struct claim_record *a, const struct claim_record *b)
{
    return a->epoch == b->epoch && id_equal(&a->folder, &b->folder);
}

/* In the same reign another member has joined, or another candidate asks, too. */
static void on_announce_lost(struct replica *replica, const struct claim_record *now_is,
                             struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;

    if (!is_same_reign(now_is, &candidate->record)) {
        refuse_changed(replica, now_is, now, fx);
        return;
    }
    candidate->record = *now_is;
    on_look(replica, now, fx);
}

/* The same reign, with other members: it is the answers that must do. */
static void on_lost(struct replica *replica, const struct claim_record *now_is, struct instant now,
                    struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const bool same = !candidate->claim_voided && is_same_reign(now_is, &candidate->record)
                      && strcmp(now_is->level, candidate->record.level) == 0;
    char silent[256];

    if (is_ours(replica, now_is)) {
        candidate->epoch = now_is->epoch;
        candidate_win(replica, fx);
        return;
    }
    candidate->record = *now_is;
    if (same
        && (candidate_is_enough(replica, PEER_ANSWERED, silent, sizeof silent)
            || candidate->with_loss)) {
        candidate_claim(replica, fx);
        return;
    }
    refuse_changed(replica, now_is, now, fx);
}

static void on_silence(struct replica *replica, struct instant now, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const bool claimed = candidate->phase == CANDIDATE_CLAIM;

    candidate->claim_in_doubt |= claimed;
    candidate->claim_voided = false;
    candidate->claim_tries++;
    if (candidate->claim_tries >= CLAIM_TRIES_MAX && !candidate->claim_in_doubt) {
        candidate_refuse(replica, now, fx, E_COORDINATOR,
                         "The coordinator does not answer: nothing was changed.");
        return;
    }
    candidate_move(replica, CANDIDATE_LOOK, now);
    candidate->retry_at = instant_add(now, replica->member.settings.retry_gap);
}

void candidate_on_claimed(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct candidate *candidate = &replica->candidate;
    const enum status status = event->claimed.status;

    candidate->claim_asked = false;
    if (!candidate_is_running(candidate)) {
        return; /* it was stopped meanwhile */
    }
    if (status != OK && status != E_CLAIM_LOST && status != E_COPIED_FOLDER) {
        on_silence(replica, event->now, fx);
    } else if (candidate->phase == CANDIDATE_LOOK) {
        candidate->record = event->claimed.record;
        on_look(replica, event->now, fx);
    } else if (candidate->phase == CANDIDATE_ANNOUNCE && status == OK) {
        candidate->record = event->claimed.record;
        candidate_persist(replica, event->now, fx);
    } else if (candidate->phase == CANDIDATE_ANNOUNCE) {
        on_announce_lost(replica, &event->claimed.record, event->now, fx);
    } else if (status == OK && candidate->claim_voided) {
        candidate_refuse(replica, event->now, fx, E_CLAIM_LOST,
                         "The coordinator did not take the claim: promote again.");
    } else if (status == OK) {
        candidate_win(replica, fx);
    } else {
        on_lost(replica, &event->claimed.record, event->now, fx);
    }
}
