/* The pump notes when the position moved last and since when the mark lags; from these two follows
 * when the next mark is due, and until then a step costs two comparisons.
 *
 * How it goes wrong: a disk that cannot take the control file is a disk that failed: the member
 * halts (member.c), as it would with the next batch. */
#include "member/marks.h"

#include "member/greeting.h"
#include "member/member.h"

void marks_init(struct marks *marks)
{
    *marks = (struct marks){.behind_since = INSTANT_NEVER};
}

static bool same_position(const struct position *a, const struct position *b)
{
    return a->batch == b->batch && a->epoch == b->epoch;
}

void marks_save(struct member *member, struct effects *fx)
{
    member->control.durable = member->marks.marked = member_position(member);
    member->control.commit_lsn = member_held_commit(member);
    saves_control(member, fx);
}

bool marks_are_behind(const struct member *member)
{
    const struct position position = member_position(member);

    return !same_position(&position, &member->marks.marked)
           || !same_position(&position, &member->control.durable);
}

static struct instant later(struct instant a, struct instant b)
{
    return a.ns > b.ns ? a : b;
}

static struct instant earlier(struct instant a, struct instant b)
{
    return a.ns < b.ns ? a : b;
}

static struct instant due(const struct member *member)
{
    const struct marks *marks = &member->marks;
    const struct span gap = member->settings.mark_gap;
    const struct instant rested = instant_add(marks->moved_at, member->settings.mark_rest);
    const struct instant wanted =
        member->is_writer ? rested : earlier(rested, instant_add(marks->behind_since, gap));

    return later(wanted, instant_add(marks->marked_at, gap));
}

void marks_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct marks *marks = &member->marks;
    const struct position position = member_position(member);

    if (!same_position(&position, &marks->seen)) {
        marks->seen = position;
        marks->moved_at = now;
    }
    if (!marks_are_behind(member)) {
        marks->behind_since = INSTANT_NEVER;
        return;
    }
    marks->behind_since = earlier(marks->behind_since, now);
    if (!instant_reached(due(member), now)) {
        effects_wake_at(fx, due(member));
    } else if (!member->is_writer || writes_are_done(&member->writes)) {
        marks->marked_at = now;
        marks->behind_since = INSTANT_NEVER;
        marks_save(member, fx);
        trace_event(&member->settings.trace, "mark epoch=%llu batch=%llu",
                    (unsigned long long)position.epoch, (unsigned long long)position.batch);
    }
}
