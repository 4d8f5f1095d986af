/* Open the folder, follow an upstream, serve readers and further replicas.
 *
 * Everything that a replica shares with a primary is in `member`; everything that it has of its own
 * is the receiver. The node only passes events to the two and positions between them: what is
 * durable here may be fed to others, and what is known committed and durable here may be read.
 *
 * How it goes wrong: a folder that cannot be opened, a disk that fails, or a demand that
 * contradicts the cluster HALTs. A peer's faults never do, but one: a history that would cut what
 * was committed. */
#include "replica/replica.h"

#include "base/check.h"
#include "member/greeting.h"
#include "proto/message.h"
#include "replica/receiver.h"

static struct replica *replica_of(struct node *node)
{
    return (struct replica *)node; /* its first member */
}

static const struct replica *const_replica_of(const struct node *node)
{
    return (const struct replica *)node;
}

size_t replica_memory_bytes(const struct replica_settings *settings)
{
    return arena_need(sizeof(struct replica), _Alignof(struct replica)) + receiver_bytes()
           + member_bytes(&settings->member);
}

/* The folder is a member of its WAL: its positions are known. */
static void on_opened(struct replica *replica, struct instant now, struct effects *fx)
{
    struct member *member = &replica->member;

    replica->opened = true;
    replica->receiver.joined = opening_state(member) == OPENING_DONE;
    replica->receiver.dial_at = now;
    member->ready = replica->receiver.joined;
    if (member->control.commit_lsn > member->commit_lsn) {
        member->commit_lsn = member->control.commit_lsn;
    }
    candidate_recall(replica, now, fx);
}

static void move_positions(struct member *member)
{
    const lsn_t seen = member_held_commit(member);

    member->ship_limit = member->wal.durable;
    if (seen > member->visible_lsn) {
        member->visible_lsn = seen;
    }
}

static bool is_opened(const struct member *member)
{
    const enum opening_state state = opening_state(member);

    return state == OPENING_DONE || state == OPENING_EMPTY;
}

/* While a cut is under way the mark is the cut's to lower. */
static bool may_mark(const struct replica *replica)
{
    return replica->opened && replica->receiver.joined && replica->receiver.cut.phase == CUT_NONE;
}

/* What was under way when the stop came is durable by then, and the last mark says so. */
static void stop_pump(struct replica *replica, struct effects *fx)
{
    struct member *member = &replica->member;

    if (!writes_are_done(&member->writes) || !saves_are_durable(&member->saves)) {
        return;
    }
    if (may_mark(replica) && marks_are_behind(member)) {
        marks_save(member, fx);
    } else {
        member_halt(member, fx, OK, "Stopped: batch %llu is durable.%s%s",
                    (unsigned long long)member->wal.durable,
                    receiver_is_lost(replica) ? " This replica is lost: " : "",
                    receiver_is_lost(replica) ? member->notice : "");
    }
}

static void replica_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct member *member = &replica->member;

    if (!replica->opened && is_opened(member)) {
        on_opened(replica, now, fx);
    }
    if (member->is_repairing && !replica->receiver.joined) {
        replica->receiver.joined = true; /* the folder is a member's, though not whole */
        replica->receiver.dial_at = now;
    }
    if (replica->opened || member->is_repairing) {
        receiver_pump(replica, now, fx);
        move_positions(member);
    }
    candidate_pump(replica, now, fx);
    if (may_mark(replica) && !member->halted) {
        marks_pump(member, now, fx);
    }
    if (member->stopping && !member->halted) {
        stop_pump(replica, fx);
    }
    member->repair.paused = member->retention.paused = replica->receiver.cut.phase != CUT_NONE;
    member->age_us = instant_since(replica->receiver.writer_heard_at, now).ns / 1000 + 1;
    member->state =
        candidate_is_running(&replica->candidate) ? "promoting" : receiver_state_name(replica);
}

static void on_stop(struct replica *replica, struct instant now, struct effects *fx)
{
    struct member *member = &replica->member;

    member->stopping = true;
    candidate_stop(replica, fx);
    receiver_stop(replica, now, fx);
    feeds_hang_up_all(member, E_NOT_READY, fx);
    clients_hang_up_all(member, E_NOT_READY, fx);
    if (may_mark(replica)) {
        marks_save(member, fx);
    }
}

static void on_link_up(struct replica *replica, const struct event *event, struct effects *fx)
{
    if (replica->member.stopping) {
        effects_hang_up(fx, event->link.link, E_NOT_READY);
    } else if (event->link.dialed) {
        if (!candidate_on_link_up(replica, event, fx)) {
            receiver_on_link_up(replica, event, fx);
        }
    } else {
        member_on_link_up(&replica->member, event, fx);
    }
}

static void on_link_down(struct replica *replica, const struct event *event, struct effects *fx)
{
    const link_t link = event->link.link;

    if (candidate_on_link_down(replica, event)) {
        return;
    }
    if (link == 0 || link == replica->receiver.link) {
        receiver_on_link_down(replica, event, fx);
    } else {
        (void)member_on_link_down(&replica->member, event, fx);
    }
}

static void on_message(struct replica *replica, const struct event *event, struct effects *fx)
{
    const link_t link = event->message.link;

    if (link == replica->receiver.link) {
        receiver_on_message(replica, event, fx);
    } else if (event->message.message.type == MESSAGE_PROMOTE
               && clients_find(&replica->member.clients, link) != NULL) {
        candidate_on_promote(replica, event, fx);
    } else if (!candidate_on_message(replica, event, fx)) {
        (void)member_on_message(&replica->member, event, fx); /* else: of a link that was left */
    }
}

static void on_read(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct read_slot *slot = member_on_read(&replica->member, event, fx);

    if (slot != NULL) {
        receiver_cut_on_read(replica, slot, event->now, fx);
    }
}

/* At every segment, and at every save for another reason, the marks of recovery move along. */
static void on_written(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct member *member = &replica->member;
    const struct write_asked asked = member_on_written(member, event, fx);

    if (member->halted) {
        return;
    }
    if (asked.kind == WRITE_SEGMENT && replica->receiver.cut.phase == CUT_NONE) {
        marks_save(member, fx);
    }
    receiver_on_written(replica, event->now, fx);
}

static void handle(struct replica *replica, const struct event *event, struct effects *fx)
{
    switch (event->kind) {
    case EVENT_START:
        replica->member.started_at = event->now;
        opening_begin(&replica->member, &event->start, event->now, fx);
        break;
    case EVENT_STOP:
        on_stop(replica, event->now, fx);
        break;
    case EVENT_LINK_UP:
        on_link_up(replica, event, fx);
        break;
    case EVENT_LINK_DOWN:
        on_link_down(replica, event, fx);
        break;
    case EVENT_MESSAGE:
        on_message(replica, event, fx);
        break;
    case EVENT_WRITTEN:
        on_written(replica, event, fx);
        break;
    case EVENT_READ:
        on_read(replica, event, fx);
        break;
    case EVENT_KEYS:
        (void)member_on_keys(&replica->member, event, fx);
        break;
    case EVENT_TIMER:
        break; /* the pumps look at the time */
    case EVENT_SPACE:
        member_on_space(&replica->member, event);
        receiver_on_space(replica, fx);
        break;
    case EVENT_CLAIMED:
        candidate_on_claimed(replica, event, fx);
        break;
    case EVENT_SAVED:
    case EVENT_KINDS:
        UNREACHABLE(); /* a member has no catalog */
    }
}

static void replica_step(struct node *node, const struct event *event, struct effects *fx)
{
    struct replica *replica = replica_of(node);

    if (replica->member.halted) {
        return;
    }
    if (key_loss_is_ending(&replica->member)) {
        key_loss_end(&replica->member, event, fx);
        return;
    }
    replica->member.disk_full = event->disk_full;
    retention_on_clock(&replica->member, event->now, event->wall_ns);
    handle(replica, event, fx);
    if (!replica->member.halted && !key_loss_is_ending(&replica->member)) {
        replica_pump(replica, event->now, fx);
        member_pump(&replica->member, event->now, fx);
        member_check(&replica->member);
    }
}

struct node *replica_create(const struct replica_settings *settings, struct arena *arena)
{
    struct replica *replica = ARENA_ARRAY(arena, struct replica, 1);

    replica->node.step = replica_step;
    replica->settings = *settings;
    member_init(&replica->member, arena, &settings->member, false);
    receiver_init(replica, arena);
    replica->candidate.dialing = CANDIDATE_NOBODY;
    return &replica->node;
}

void replica_destroy(struct node *node)
{
    member_drop(&replica_of(node)->member);
}

void replica_status(const struct node *node, struct instant now, struct member_status *status)
{
    member_fill_status(&const_replica_of(node)->member, now, status);
}

void replica_settings_default(struct replica_settings *settings)
{
    member_settings_default(&settings->member);
    settings->upstream_count = 0;
    settings->has_coordinator = false;
}
