/* Which segment is repaired next, from where on, and when no longer.
 *
 * While serving: those that somebody found damaged, in the order in which they were found. At a
 * start: the one that the opening ordered.
 *
 * How it goes wrong: too many are known: those behind are found again. A cut or retention takes a
 * segment away while it is repaired: it is put down. */
#include "base/check.h"
#include "member/repair_parts.h"

size_t repair_bytes(uint32_t feeds_max)
{
    return arena_need(BATCH_BYTES_MAX, ARENA_ALIGN_MAX)
           + arena_need(sizeof(struct repair_desk) * (feeds_max + 1), _Alignof(struct repair_desk));
}

void repair_init(struct member *member, struct arena *arena)
{
    struct repair *repair = &member->repair;
    const uint32_t desks = member->settings.feeds_max + 1;

    *repair = (struct repair){.buffer = arena_take(arena, BATCH_BYTES_MAX, ARENA_ALIGN_MAX)};
    scan_init(&repair->scan);
    member->desks = (struct repair_desks){.count = desks,
                                          .list = ARENA_ARRAY(arena, struct repair_desk, desks)};
}

void repair_drop(struct member *member)
{
    scan_drop(&member->repair.scan);
}

bool repair_is_wanted(const struct repair *repair, segment_t segment)
{
    for (uint32_t i = 0; i < repair->queue_count; i++) {
        if (repair->queue[i] == segment) {
            return true;
        }
    }
    return false;
}

/* A replica may have to mend what it will cut, before it is ready. */
bool repair_may_serve(const struct member *member)
{
    return member->ready || opening_state(member) == OPENING_DONE;
}

bool repair_want(struct member *member, segment_t segment, enum status why)
{
    struct repair *repair = &member->repair;

    if (repair_is_wanted(repair, segment)) {
        return true;
    }
    if (!repair_may_serve(member) || !wal_is_whole(&member->wal, segment)
        || repair->queue_count == REPAIR_QUEUE_MAX) {
        return false;
    }
    repair->queue[repair->queue_count++] = segment;
    repair->found++;
    repair->in_vain = 0; /* it has its turn before they all rest, and its own ALARM */
    repair->rests_until = repair->now;
    trace_event(&member->settings.trace, "damaged segment=%llu why=%s", (unsigned long long)segment,
                status_name(why));
    return true;
}

void repair_unqueue_first(struct repair *repair)
{
    repair->queue_count--;
    memmove(repair->queue, repair->queue + 1, repair->queue_count * sizeof repair->queue[0]);
}

void repair_to_the_end(struct member *member)
{
    struct repair *repair = &member->repair;
    const segment_t first = repair->queue[0];

    repair_text(member, repair->vain, sizeof repair->vain);
    repair_unqueue_first(repair);
    repair->queue[repair->queue_count++] = first;
    repair->in_vain++;
    repair->rests_until =
        repair->in_vain % repair->queue_count == 0 ? repair->retry_at : repair->now;
    repair_put_down(member);
}

void repair_begin_again(struct member *member)
{
    struct repair *repair = &member->repair;

    scan_forget(&repair->scan);
    repair->step = REPAIR_NEXT;
    repair->drops = member->wal.index.drops;
    repair->has_next = repair->has_header = repair->ended = false;
    repair->bad_here = repair->unread = false;
    repair->has_file = true;
    repair->reads_small = false;
    repair->buffered = repair->written = repair->fetched = 0;
    repair->asked = repair->good = 0;
    repair_forget_peers(repair);
}

void repair_put_down(struct member *member)
{
    struct repair *repair = &member->repair;

    reads_forget(&member->reads, READ_REPAIR, 0);
    scan_forget(&repair->scan);
    repair->read = NULL;
    repair->asked = 0;
    repair->step = REPAIR_IDLE;
    repair_forget_peers(repair);
}

void repair_order(struct member *member, const struct repair_order *order)
{
    struct repair *repair = &member->repair;

    CHECK(repair->step == REPAIR_IDLE);
    repair->order = *order;
    repair->opening = true;
    repair->distrusts = false;
    repair->found++;
    repair_begin_again(member);
    trace_event(&member->settings.trace, "repairing segment=%llu through=%llu",
                (unsigned long long)order->segment, (unsigned long long)order->through_batch);
}

void repair_abandon_order(struct member *member)
{
    CHECK(member->repair.opening && !member->repair.writing);
    if (member->repair.step != REPAIR_IDLE) {
        repair_put_down(member);
    }
}

bool repair_is_done(const struct member *member, bool *ended)
{
    *ended = member->repair.ended;
    return member->repair.step == REPAIR_IDLE;
}

void repair_end_order(struct member *member)
{
    CHECK(member->repair.step == REPAIR_IDLE);
    member->repair.opening = false;
    member->repair.order = (struct repair_order){0}; /* its members were borrowed for the start */
}

void repair_choose(struct member *member)
{
    struct repair *repair = &member->repair;

    while (repair->queue_count > 0 && !wal_is_whole(&member->wal, repair->queue[0])) {
        repair_unqueue_first(repair);
    }
    if (repair->queue_count > 0) {
        repair->order = (struct repair_order){.segment = repair->queue[0]};
        repair->opening = false;
        repair->distrusts = false;
        repair_begin_again(member);
        trace_event(&member->settings.trace, "repairing segment=%llu",
                    (unsigned long long)repair->order.segment);
    }
}

bool repair_lets_go(struct member *member, segment_t segment)
{
    const struct repair *repair = &member->repair;

    if (repair->step == REPAIR_IDLE || repair->order.segment != segment) {
        return true;
    }
    if (!repair->stuck || repair->writing || repair->step == REPAIR_DONE) {
        return false;
    }
    repair_put_down(member);
    return true;
}
