/* A writer's newest segment was damaged or gone, and is whole again as far as its own mark and what
 * was left of it tell. But it may have acknowledged more since that mark, and lost that too: others
 * hold it. So before an epoch begins that would cut it off, the members whose acks count are asked
 * for what follows, in the newest segment and in the one after it, until enough of them have said,
 * by the rule of elections, that they never had any (repair.h). What they give is judged like
 * everything else, and then they are asked again.
 *
 * How it goes wrong: too few of them answer. The writer then waits and says for whom, as a
 * candidate would; whoever starts it with --adopt-folder goes on with what those have who call
 * within silence_max. The record is of somebody else's reign, or there is none: nothing is learned,
 * and the claim judges that (primary/reign.c); control.may_lack stays. */
#include "base/check.h"
#include "member/opening_state.h"

bool opening_must_learn(const struct member *member)
{
    return member->is_writer && member->opening->lacked && !member->opening->learnt;
}

bool opening_wants_record(const struct member *member)
{
    return member->opening->learning && !member->opening->has_record;
}

/* Onward from what is known of that segment; it may be the one after the newest. */
static void order(struct member *member, segment_t segment, struct effects *fx)
{
    struct opening *opening = member->opening;
    const struct instant until = opening->record != NULL
                                     ? INSTANT_NEVER
                                     : instant_add(opening->now, member->settings.silence_max);

    opening->repaired = segment;
    repair_order(member, &(struct repair_order){.segment = segment,
                                                .onward = true,
                                                .members = opening->record,
                                                .level = opening->level,
                                                .until = until});
    effects_wake_at(fx, opening->now);
}

void opening_learn_begin(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;

    CHECK(opening->count > 0);
    member->is_repairing = true; /* or an earlier start was */
    opening->learning = true;
    opening->state = OPENING_REPAIR;
    if (opening->has_record) {
        order(member, opening_segment(opening, opening->count - 1), fx);
    }
}

static void end_learning(struct member *member, struct effects *fx)
{
    member->opening->learning = false;
    member->opening->learnt = true;
    opening_look_anew(member, fx);
}

static bool is_ours(const struct member *member, const struct claim_record *record)
{
    return record->version > 0 && id_equal(&record->lineage, &member->descriptor.lineage)
           && id_equal(&record->folder, &member->control.folder);
}

void opening_take_record(struct member *member, const struct claim_record *record,
                         struct effects *fx)
{
    struct opening *opening = member->opening;

    CHECK(opening_wants_record(member));
    if (record != NULL
        && (!is_ours(member, record) || level_parse(&opening->level, record->level) != OK)) {
        end_learning(member, fx);
        return;
    }
    opening->has_record = true;
    opening->record = record;
    order(member, opening_segment(opening, opening->count - 1), fx);
}

void opening_learn_pump(struct member *member, struct effects *fx)
{
    struct opening *opening = member->opening;
    const segment_t after = opening_segment(opening, opening->count);
    bool ended;

    if (!opening->has_record || !repair_is_done(member, &ended)) {
        return;
    }
    const bool has_more = member->repair.fetched > 0;

    trace_event(&member->settings.trace, "learned segment=%llu more=%d",
                (unsigned long long)opening->repaired, has_more);
    if (has_more) {
        opening->found += opening->repaired == opening_segment(opening, opening->found);
        opening->learning = false;
        opening_look_anew(member, fx);
    } else if (opening->repaired < after) {
        order(member, after, fx);
    } else {
        member->control.may_lack = false; /* durable with the claim that follows */
        end_learning(member, fx);
    }
}
