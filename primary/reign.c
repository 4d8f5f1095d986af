/* Look, compare, claim, save, begin. The epoch is one more than anybody has seen: the record and
 * this folder's control file. It is durable here before the first byte is written in it, so that
 * even an epoch that ended before its first header is never used twice.
 *
 * How it goes wrong: the coordinator does not answer (asked again, for ever, and said so);
 * somebody else claimed meanwhile; the folder may not write (reign_judge.c). */
#include "primary/reign.h"

#include "base/check.h"
#include "cluster/election.h"
#include "primary/primary_state.h"

#include <stdio.h>

static void ask(struct primary *primary, enum reign_question question,
                const struct claim_record *record, struct effects *fx)
{
    CHECK(primary->reign.asked == REIGN_NOTHING);
    primary->reign.asked = question;
    primary->reign.again = REIGN_NOTHING;
    effects_claim(fx, record);
}

void reign_look(struct primary *primary, struct effects *fx)
{
    static const struct claim_record nothing;

    ask(primary, REIGN_LOOK, &nothing, fx);
}

static void set_level(const struct primary *primary, struct claim_record *record)
{
    const struct level local = {.kind = LEVEL_LOCAL};

    if (primary->settings.level_given) {
        level_format(primary->settings.level, record->level, sizeof record->level);
    } else if (record->level[0] == '\0') {
        level_format(local, record->level, sizeof record->level);
    }
}

void reign_claim(struct primary *primary, struct effects *fx)
{
    struct member *member = &primary->member;
    struct claim_record record = primary->reign.record;
    const epoch_t highest = member->control.highest_epoch;

    if (!reign_may_write(primary, fx)) {
        return;
    }
    record.lineage = member->descriptor.lineage;
    record.epoch = record.epoch > highest ? record.epoch : highest;
    record.epoch = (record.epoch > record.asked ? record.epoch : record.asked) + 1;
    election_become_writer(&record, &member->settings.self, &member->control.folder);
    record.segment = wal_next_segment(&member->wal);
    record.chain = wal_chain(&member->wal);
    set_level(primary, &record);
    ask(primary, REIGN_CLAIM, &record, fx);
}

bool reign_change(struct primary *primary, const struct claim_record *record, struct effects *fx)
{
    if (primary->reign.asked != REIGN_NOTHING || primary->reign.again != REIGN_NOTHING) {
        return false;
    }
    ask(primary, REIGN_VOTERS, record, fx);
    return true;
}

/* ---- answers ---- */

static void look_again_later(struct primary *primary, enum reign_question question, enum status why,
                             struct instant now)
{
    struct reign *reign = &primary->reign;

    /* Whether a claim that was not answered has happened is found out by looking. */
    reign->again = question == REIGN_CLAIM ? REIGN_LOOK : question;
    reign->retry_at = instant_add(now, member_retry_gap(&primary->settings.member, reign->tries));
    reign->tries++;
    trace_event(&primary->settings.member.trace, "claim_retry why=%s tries=%u", status_name(why),
                reign->tries);
}

static void on_lost(struct primary *primary, enum reign_question question, struct effects *fx);

static void on_look(struct primary *primary, struct effects *fx)
{
    struct member *member = &primary->member;

    if (primary->reign.epoch != 0) {
        on_lost(primary, REIGN_LOOK, fx);
        return;
    }
    if (primary->phase == PHASE_OPENING) {
        opening_take_record(member, primary->settings.adopt_folder ? NULL : &primary->reign.record,
                            fx);
        return;
    }

    if (opening_state(member) != OPENING_EMPTY || primary->genesis.step == GENESIS_DONE) {
        primary_move(primary, PHASE_CLAIMING);
        reign_claim(primary, fx);
        return;
    }
    if (!reign_is_of_ours(primary, &member->settings.self.lineage, fx)) {
        return;
    }
    if (primary->reign.record.version > 0) {
        member_halt(member, fx, E_EXISTS,
                    "The coordinator knows this lineage already (writer %s, epoch %llu), so a new "
                    "cluster cannot be made of it: start that writer's data folder, or issue a "
                    "certificate with --new-lineage.",
                    primary->reign.record.writer, (unsigned long long)primary->reign.record.epoch);
        return;
    }
    primary_move(primary, PHASE_GENESIS);
}

/* Its first reign: how far the others are is not known here, so everything is kept for them. */
static void expect_members(struct primary *primary)
{
    const struct claim_record *record = &primary->reign.record;

    for (uint32_t i = 0; i < record->member_count; i++) {
        pins_expect(&primary->member, record->members[i].name);
    }
}

/* A promoted member may have heard of epochs that begin behind the end of what it holds. They are
 * no part of the history that goes on from here. */
static void drop_unreached(struct member *member, const struct epoch_entry *next)
{
    struct epoch_table *table = &member->control.epochs;

    while (table->count > 0 && table->entries[table->count - 1].epoch > member->wal.epoch
           && table->entries[table->count - 1].start_batch > next->start_batch) {
        table->count--;
    }
}

/* What was accepted at this member's promotion goes with its first epoch (and is durable with it).
 * The histories may have parted anywhere after what is known here as committed. */
static void declare_loss(struct control *control, const struct epoch_entry *entry)
{
    const lsn_t first =
        control->commit_lsn + 1 < entry->start_lsn ? control->commit_lsn + 1 : entry->start_lsn;

    if (control->loss_pending >= first) {
        control_add_loss(control, &(struct epoch_loss){.epoch = entry->epoch,
                                                       .first_lsn = first,
                                                       .last_lsn = control->loss_pending});
    }
    control->loss_pending = 0;
    control->claim_asked = 0;
}

/* Ours from here on; durable before anything is written in it. */
static void on_claim(struct primary *primary, struct effects *fx)
{
    struct member *member = &primary->member;
    struct reign *reign = &primary->reign;
    const struct epoch_entry entry = {.epoch = reign->record.epoch,
                                      .start_batch = member->wal.sealed + 1,
                                      .start_lsn = member->wal.sealed_lsn + 1};

    reign->epoch = entry.epoch;
    reign->start_batch = entry.start_batch;
    if (level_parse(&member->level, reign->record.level) != OK) {
        member_halt(
            member, fx, E_COORDINATOR,
            "The coordinator's record has the durability level \"%s\", which is none: give one "
            "with --durability.",
            reign->record.level);
        return;
    }
    drop_unreached(member, &entry);

    const enum status status = epoch_table_add(&member->control.epochs, &entry);

    if (status != OK) {
        member_halt(member, fx, E_DAMAGED,
                    "The epoch table of the file \"control\" does not fit the WAL beside it (%s): "
                    "restore the file that belongs to it.",
                    status_name(status));
        return;
    }
    if (member->control.claim_asked != 0) {
        expect_members(primary);
    }
    declare_loss(&member->control, &entry);
    member->control.highest_epoch = entry.epoch;
    member->control.commit_lsn = member->commit_lsn;
    trace_event(&member->settings.trace, "claimed epoch=%llu batch=%llu lsn=%llu level=%s",
                (unsigned long long)entry.epoch, (unsigned long long)entry.start_batch,
                (unsigned long long)entry.start_lsn, reign->record.level);
    saves_control(member, fx);
    primary_move(primary, PHASE_SAVING);
}

/* Versions only grow, so this record is older than one that the coordinator has accepted: it was
 * lost, or restored from a copy. It is told again what this reign is, and whose acks may count: a
 * promotion must ask all of them, whether or not they stream at the moment. */
static bool has_gone_back(const struct reign *reign)
{
    return reign->record.epoch < reign->epoch
           || (reign->record.epoch == reign->epoch && reign->record.version < reign->own.version);
}

static void tell_again(struct primary *primary, struct effects *fx)
{
    struct claim_record record = primary->reign.own;

    record.version = primary->reign.record.version;
    record.asked = record.asked > primary->member.control.highest_epoch
                       ? record.asked
                       : primary->member.control.highest_epoch;
    trace_event(&primary->settings.member.trace, "coordinator_went_back version=%llu",
                (unsigned long long)record.version);
    ask(primary, REIGN_VOTERS, &record, fx);
}

static void on_lost(struct primary *primary, enum reign_question question, struct effects *fx)
{
    const struct reign *reign = &primary->reign;

    if (reign->epoch != 0 && reign->record.epoch > reign->epoch) {
        member_halt(
            &primary->member, fx, E_CLAIM_LOST,
            "%s has claimed epoch %llu, so this writer's epoch %llu has ended. To follow it, "
            "start sealift-replica on this folder with --upstream.",
            reign->record.writer, (unsigned long long)reign->record.epoch,
            (unsigned long long)reign->epoch);
    } else if (question == REIGN_CLAIM) {
        reign_claim(primary, fx);
    } else if (has_gone_back(reign)) {
        tell_again(primary, fx);
    } else {
        voters_on_record(primary, fx);
    }
}

void reign_on_claimed(struct primary *primary, const struct event *event, struct effects *fx)
{
    struct reign *reign = &primary->reign;
    const enum reign_question question = reign->asked;
    const enum status status = event->claimed.status;

    CHECK(question != REIGN_NOTHING);
    reign->asked = REIGN_NOTHING;
    if (status == E_COPIED_FOLDER) {
        member_halt(
            &primary->member, fx, E_COPIED_FOLDER,
            "The coordinator knows this data folder at another place: this is a copy of it. "
            "Start the original, or take over with --adopt-folder if it is gone for good.");
        return;
    }
    if (status != OK && status != E_CLAIM_LOST) {
        if (question != REIGN_LOOK || reign->epoch == 0) {
            look_again_later(primary, question, status, event->now);
        }
        return;
    }
    reign->tries = 0;
    reign->record = event->claimed.record;
    if (status == E_CLAIM_LOST && question != REIGN_LOOK) {
        on_lost(primary, question, fx);
        return;
    }
    if (question != REIGN_LOOK) {
        reign->own = reign->record;
    }
    switch (question) {
    case REIGN_LOOK:
        on_look(primary, fx);
        break;
    case REIGN_CLAIM:
        on_claim(primary, fx);
        break;
    case REIGN_VOTERS:
        voters_on_record(primary, fx);
        break;
    case REIGN_NOTHING:
        UNREACHABLE();
    }
}

void reign_begin(struct primary *primary, struct effects *fx)
{
    struct member *member = &primary->member;
    struct wal *wal = &member->wal;
    const struct control *control = &member->control;
    const struct dek *dek =
        member->keyring->count == 0
            ? &member->deks.list[0]
            : deks_find(&member->deks, &member->keyring->envelopes[member->keyring->count - 1].dek);
    struct epoch_start start = {.epoch = primary->reign.epoch,
                                .start_batch = wal->sealed + 1,
                                .start_lsn = wal->sealed_lsn + 1};

    CHECK(dek != NULL && start.start_batch == primary->reign.start_batch);
    if (wal->segment != SEGMENT_NONE) {
        start.parent_epoch = wal->epoch;
        start.parent_last_batch = wal->sealed;
        start.parent_tag = wal->tag;
    }
    if (control->loss_count > 0 && control->losses[control->loss_count - 1].epoch == start.epoch) {
        start.loss_first_lsn = control->losses[control->loss_count - 1].first_lsn;
        start.loss_last_lsn = control->losses[control->loss_count - 1].last_lsn;
    }
    wal->commit_lsn = member->commit_lsn;
    wal_begin_epoch(wal, &start, &dek->id, &dek->secret, primary->wall_ns, fx);
    member->ready = true;
    voters_begin(primary);
    primary_move(primary, PHASE_SERVING);
}

/* A replica that has seen a higher epoch takes nothing from us any more. If the coordinator
 * agrees, we are superseded; if it forgot, the next start must claim above that: so it is
 * remembered first. While this start waits for a repair, whoever was shown that epoch gives nothing
 * before it is remembered here: then the greetings agree, and the claim goes above it. */
static void check_fenced(struct primary *primary, struct instant now, struct effects *fx)
{
    struct member *member = &primary->member;
    struct reign *reign = &primary->reign;

    if (member->is_repairing && member->control.highest_epoch < member->fenced_by) {
        member->control.highest_epoch = member->fenced_by;
        saves_control(member, fx);
    }
    if (reign->epoch == 0 || member->fenced_by <= reign->epoch
        || primary->phase == PHASE_HANDOVER) {
        return;
    }
    if (!reign->is_fenced) {
        reign->is_fenced = true;
        if (member->control.highest_epoch < member->fenced_by) {
            member->control.highest_epoch = member->fenced_by;
            saves_control(member, fx);
        }
        if (handover_is_wanted(primary)) {
            handover_begin(primary, now);
        }
    } else if (saves_are_durable(&member->saves)) {
        reign_halt_fenced(primary, fx);
    }
}

void reign_halt_fenced(struct primary *primary, struct effects *fx)
{
    member_halt(&primary->member, fx, E_FENCED,
                "A member has seen epoch %llu, above this writer's %llu: another one was promoted, "
                "or is about to be. To follow it, start sealift-replica on this folder with "
                "--upstream; if none was, start this program again.",
                (unsigned long long)primary->member.fenced_by,
                (unsigned long long)primary->reign.epoch);
}

void reign_pump_opening(struct primary *primary, struct effects *fx)
{
    const struct reign *reign = &primary->reign;

    if (opening_wants_record(&primary->member) && reign->asked == REIGN_NOTHING
        && reign->again == REIGN_NOTHING) {
        reign_look(primary, fx);
    }
}

/* Whom nobody calls any more learns only here that somebody else was promoted. */
static void look_pump(struct primary *primary, struct instant now, struct effects *fx)
{
    struct reign *reign = &primary->reign;

    if (primary->phase != PHASE_SERVING || reign->asked != REIGN_NOTHING
        || reign->again != REIGN_NOTHING) {
        return;
    }
    if (reign->look_at.ns > 0 && instant_reached(reign->look_at, now)) {
        reign_look(primary, fx);
    }
    if (reign->look_at.ns == 0 || reign->asked == REIGN_LOOK) {
        reign->look_at = instant_add(now, primary->settings.member.silence_max);
    }
    effects_wake_at(fx, reign->look_at);
}

void reign_pump(struct primary *primary, struct instant now, struct effects *fx)
{
    struct reign *reign = &primary->reign;

    if (reign->again != REIGN_NOTHING && reign->asked == REIGN_NOTHING) {
        if (!instant_reached(reign->retry_at, now)) {
            effects_wake_at(fx, reign->retry_at);
        } else if (reign->again == REIGN_LOOK) {
            reign_look(primary, fx);
        } else {
            reign->again = REIGN_NOTHING;
            voters_on_record(primary, fx);
        }
    }
    look_pump(primary, now, fx);
    check_fenced(primary, now, fx);
}
