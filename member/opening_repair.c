/* A segment that recovery cannot do without is damaged or gone. The repair gets the order; when it
 * is done, headers and scan begin anew, so that what was fetched is judged like everything else.
 * Where the segment turns out to be whole and to end before what was durable, the rest is in the
 * one after it, which then is the one that is missing.
 *
 * What is repaired at the end of the WAL reaches as far as a mark of this member, and it may have
 * acknowledged more. So that no crash makes that forgotten, it is noted before the new file takes
 * its place: a writer will ask what followed (opening_learn.c); a replica takes another folder id,
 * and counts as one that has lost what it had, until it holds all that is committed
 * (primary/voters.c).
 *
 * How it goes wrong: the disk is under suspicion: a writer refuses (opening.h). Nobody has it: the
 * member stays in this state and says so (repair_text). The
 * same segment is found wanting again and again, although what was fetched fitted: then the disk
 * does not keep what is written, and the member refuses to start. */
#include "base/check.h"
#include "member/opening_state.h"

enum { REPAIRS_MAX = 4 };

static lsn_t committed(const struct member *member)
{
    return member->is_writer ? member->control.commit_lsn : 0; /* see evidence_of */
}

/* A repair writes, and upon a disk that has failed nobody writes before somebody answers for it.
 * The refusal would come anyway, once all was whole (recover_decide): then better at once, with
 * everything as it was. */
static bool waits_for_word(const struct member *member)
{
    return member->is_writer && member->control.suspect && !member->settings.accept_suspect;
}

static void refuse_suspect(struct member *member, segment_t segment, enum status why,
                           struct effects *fx)
{
    opening_refuse(member, fx, E_SUSPECT,
                   "The last stop was an I/O failure (E_SUSPECT), and segment %llu is not all here "
                   "(%s). Nothing was changed. Look at the disk; then start with --accept-suspect, "
                   "and what is lacking is asked of the other members, or copy the folder to a "
                   "good disk first.",
                   (unsigned long long)segment, status_text(why));
}

static void forget_reads(struct member *member)
{
    struct opening *opening = member->opening;

    reads_forget(&member->reads, READ_OPENING, 0);
    opening->read = NULL;
    opening->begun = false;
    scan_forget(&opening->scan);
    segment_key_wipe(&opening->key);
}

bool opening_may_replace(struct member *member, segment_t segment, struct effects *fx)
{
    struct opening *opening = member->opening;

    if (segment + 1 >= opening_segment(opening, opening->found) && !opening->lacked) {
        opening->lacked = true;
        if (member->is_writer) {
            member->control.may_lack = true;
        } else {
            entropy_fill(&member->settings.entropy, member->control.folder.bytes,
                         sizeof member->control.folder.bytes);
        }
        saves_control(member, fx);
    }
    return saves_are_durable(&member->saves);
}

void opening_repair(struct member *member, segment_t segment, batch_t through, enum status why,
                    struct effects *fx)
{
    struct opening *opening = member->opening;
    const batch_t durable = epoch_table_clamp(&member->control.epochs, member->control.durable);
    const struct repair_order order = {.segment = segment,
                                       .through_batch = through > durable ? through : durable,
                                       .through_lsn = committed(member)};

    if (waits_for_word(member)) {
        refuse_suspect(member, segment, why, fx);
        return;
    }
    opening->repairs = segment == opening->repaired ? opening->repairs + 1 : 1;
    opening->repaired = segment;
    if (opening->repairs > REPAIRS_MAX) {
        opening_refuse(member, fx, why,
                       "Segment %llu was repaired %d times and is damaged again (%s): look at the "
                       "disk.",
                       (unsigned long long)segment, REPAIRS_MAX, status_text(why));
        return;
    }
    forget_reads(member);
    opening->learning = opening->learnt = false;
    opening->state = OPENING_REPAIR;
    member->is_repairing = true;
    repair_order(member, &order);
    effects_wake_at(fx, opening->now);
}

/* As after the keys were opened. */
void opening_look_anew(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    index_drop_from(&member->wal.index, opening->first);
    index_begin_after(&member->wal.index, member->control.before_epoch);
    producers_clear(&member->wal.producers);
    opening->count = opening->found;
    opening->asked = opening->checked = 0;
    opening->judged = opening->has_checkpoint = false;
    opening->state = OPENING_HEADERS;
    effects_wake_at(fx, opening->now);
}

void opening_judge_anew(struct member *member, struct effects *fx)
{
    CHECK(opening_state(member) == OPENING_REPAIR);
    saves_control(member, fx);
    member->opening->anew = member->saves.control.wanted;
    if (!member->repair.writing) {
        repair_abandon_order(member);
    }
}

void opening_repair_pump(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;
    bool ended;

    if (opening->anew != 0) {
        if (opening->anew <= member->saves.control.durable && !member->repair.writing) {
            opening->anew = 0;
            opening->repaired = SEGMENT_NONE;
            repair_abandon_order(member);
            opening_look_anew(member, fx);
        }
        return;
    }
    if (opening->learning) {
        opening_learn_pump(member, fx);
        return;
    }
    if (!repair_is_done(member, &ended)) {
        return;
    }
    if (opening->repaired == opening_segment(opening, opening->found)) {
        opening->found++;
    }
    if (ended && opening->repaired + 1 == opening_segment(opening, opening->found)) {
        opening_repair(member, opening->repaired + 1, 0, E_MISSING, fx);
        return;
    }
    opening_look_anew(member, fx);
}
