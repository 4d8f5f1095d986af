/* The node. One event comes in, goes to the one part that it is for, then everything that is now
 * possible is done (pump), then what must hold is checked.
 *
 * A start is a line: open the folder, look at the coordinator's record, make the cluster if there
 * is none, claim the next epoch, save it, begin it, serve. How it goes wrong is in each part; the
 * end is always a HALT with a sentence, after which no event does anything. */
#include "primary/primary.h"

#include "base/check.h"
#include "primary/primary_state.h"
#include "proto/message.h"
#include "proto/promote.h"

static const char *phase_name(enum primary_phase phase)
{
    static const char *const names[PHASES] = {
        [PHASE_IDLE] = "starting",
        [PHASE_OPENING] = "opening",
        [PHASE_LOOKING] = "asking-coordinator",
        [PHASE_GENESIS] = "creating",
        [PHASE_CLAIMING] = "claiming",
        [PHASE_SAVING] = "claiming",
        [PHASE_SERVING] = "serving",
        [PHASE_DRAINING] = "draining",
        [PHASE_HANDOVER] = "handing-over",
    };

    return names[phase];
}

void primary_move(struct primary *primary, enum primary_phase phase)
{
    primary->phase = phase;
    primary->member.state = phase_name(phase);
    trace_event(&primary->settings.member.trace, "phase %s", phase_name(phase));
}

static void on_start(struct primary *primary, const struct event *event, struct effects *fx)
{
    CHECK(primary->phase == PHASE_IDLE);
    primary->member.started_at = event->now;
    primary_move(primary, PHASE_OPENING);
    opening_begin(&primary->member, &event->start, event->now, fx);
}

/* An operator's PROMOTE: nothing is left to do. */
static void on_promote(struct primary *primary, const struct client *client, struct effects *fx)
{
    const struct promoted promoted = {.epoch = primary->reign.epoch,
                                      .batch = primary->member.wal.durable,
                                      .end_lsn = primary->member.wal.durable_lsn,
                                      .was_writer = true};

    if (!client_may_operate(client)) {
        clients_refuse(fx, client->link, 0, E_IDENTITY, "Only an operator may promote.");
    } else if (primary->phase != PHASE_SERVING) {
        clients_refuse(fx, client->link, 0, E_NOT_READY, "%s is %s.",
                       primary->member.settings.self.member, primary->member.state);
    } else {
        effects_send(fx, client->link, MESSAGE_PROMOTED,
                     promoted_encode(&promoted, effects_scratch(fx, promoted_bytes(&promoted))));
    }
}

/* True where it was the primary's own to answer. */
static bool on_client_message(struct primary *primary, const struct event *event,
                              struct effects *fx)
{
    const unsigned type = event->message.message.type;
    struct client *client =
        type == MESSAGE_APPEND || type == MESSAGE_PROMOTE || type == MESSAGE_ROTATE
            ? clients_find(&primary->member.clients, event->message.link)
            : NULL;

    if (client == NULL) {
        return false;
    }
    if (type == MESSAGE_APPEND) {
        intake_on_append(primary, client, event, fx);
    } else if (type == MESSAGE_ROTATE) {
        rotation_on_order(primary, client, event->now, fx);
    } else {
        on_promote(primary, client, fx);
    }
    return true;
}

static void on_message(struct primary *primary, const struct event *event, struct effects *fx)
{
    struct member *member = &primary->member;
    const link_t link = event->message.link;
    struct feed *feed;

    if (on_client_message(primary, event, fx)) {
        return;
    }
    if (member_on_message(member, event, fx) && (feed = feeds_find(&member->feeds, link)) != NULL) {
        voters_on_feed(primary, feed, fx);
        intake_acked(primary);
    }
}

static void on_link_down(struct primary *primary, const struct event *event, struct effects *fx)
{
    struct client *client = clients_find(&primary->member.clients, event->link.link);

    if (client != NULL) {
        intake_on_link_down(primary, client);
    }
    (void)member_on_link_down(&primary->member, event, fx);
}

/* At every segment the marks of recovery move along: one small file for 64 MiB, behind the header
 * and off the way of the commits that it follows. */
static void on_written(struct primary *primary, const struct event *event, struct effects *fx)
{
    struct member *member = &primary->member;
    const struct write_asked asked = member_on_written(member, event, fx);

    if (!member->halted && asked.kind == WRITE_SEGMENT) {
        marks_save(member, fx);
    }
}

static void on_keys(struct primary *primary, const struct event *event, struct effects *fx)
{
    if (!member_on_keys(&primary->member, event, fx)) {
        genesis_on_keys(primary, event, fx);
        rotation_on_keys(primary, event, fx);
    }
    if (key_loss_is_ending(&primary->member)) {
        secret_wipe(&primary->rotation.secret); /* what is no DEK of the member yet */
    }
}

static void after_opening(struct primary *primary, struct effects *fx)
{
    const enum opening_state state = opening_state(&primary->member);

    if (state == OPENING_EMPTY && !primary->settings.create) {
        member_halt(
            &primary->member, fx, E_MISSING,
            "The data folder is empty: make a new cluster with --create, or name the folder "
            "of an existing one.");
    } else if (state == OPENING_EMPTY || state == OPENING_DONE) {
        primary_move(primary, PHASE_LOOKING);
        reign_look(primary, fx);
    }
}

/* The start, step by step: each may end in the very step in which it began. */
static void pump_start(struct primary *primary, struct instant now, struct effects *fx)
{
    struct member *member = &primary->member;

    if (primary->phase == PHASE_OPENING) {
        opening_pump(member, now, fx);
        reign_pump_opening(primary, fx);
        after_opening(primary, fx);
    }
    if (primary->phase == PHASE_GENESIS) {
        if (primary->genesis.step == GENESIS_NONE) {
            genesis_begin(primary, now, fx);
        }
        genesis_pump(primary, now, fx);
        if (primary->genesis.step == GENESIS_DONE) {
            primary_move(primary, PHASE_CLAIMING);
            reign_claim(primary, fx);
        }
    }
    if (primary->phase == PHASE_SAVING && saves_are_durable(&member->saves)) {
        reign_begin(primary, fx);
        rotation_begin_reign(primary, now);
    }
}

static void pump_serving(struct primary *primary, struct instant now, struct effects *fx)
{
    intake_seal(primary, fx);
    if (primary->phase == PHASE_SERVING) {
        rotation_pump(primary, now, fx);
    }
    primary->member.ship_limit = primary->member.wal.sealed;
    if (primary->intake.may_release) {
        voters_commit(primary);
    }
    intake_release(primary, fx);
    if (primary->intake.may_release) {
        effects_wake_at(fx, now); /* more answers than one step can hold */
    }
    marks_pump(&primary->member, now, fx);
    if (primary->phase == PHASE_DRAINING) {
        drain_pump(primary, now, fx);
    }
}

static void pump(struct primary *primary, struct instant now, struct effects *fx)
{
    reign_pump(primary, now, fx);
    if (primary->phase != PHASE_SERVING && primary->phase != PHASE_DRAINING) {
        pump_start(primary, now, fx);
    }
    if (primary->phase == PHASE_SERVING || primary->phase == PHASE_DRAINING) {
        pump_serving(primary, now, fx);
    }
    if (primary->phase == PHASE_HANDOVER) {
        handover_pump(primary, now, fx);
    }
    member_pump(&primary->member, now, fx);
}

static void step(struct node *node, const struct event *event, struct effects *fx)
{
    struct primary *primary = (struct primary *)node;
    struct member *member = &primary->member;

    if (member->halted) {
        return;
    }
    if (key_loss_is_ending(member)) {
        key_loss_end(member, event, fx);
        return;
    }
    primary->wall_ns = event->wall_ns;
    member->disk_full = event->disk_full;
    retention_on_clock(member, event->now, event->wall_ns);
    switch (event->kind) {
    case EVENT_START:
        on_start(primary, event, fx);
        break;
    case EVENT_TIMER:
        break;
    case EVENT_STOP:
        drain_begin(primary, event->now, fx);
        break;
    case EVENT_LINK_UP:
        member_on_link_up(member, event, fx);
        break;
    case EVENT_LINK_DOWN:
        on_link_down(primary, event, fx);
        break;
    case EVENT_MESSAGE:
        on_message(primary, event, fx);
        break;
    case EVENT_WRITTEN:
        on_written(primary, event, fx);
        break;
    case EVENT_READ:
        (void)member_on_read(member, event, fx);
        break;
    case EVENT_KEYS:
        on_keys(primary, event, fx);
        break;
    case EVENT_CLAIMED:
        reign_on_claimed(primary, event, fx);
        intake_acked(primary);
        break;
    case EVENT_SPACE:
        member_on_space(member, event);
        break;
    case EVENT_SAVED:
    case EVENT_KINDS:
        UNREACHABLE();
    }
    if (!member->halted && !key_loss_is_ending(member)) {
        pump(primary, event->now, fx);
        member_check(member);
    }
}

void primary_settings_default(struct primary_settings *settings)
{
    member_settings_default(&settings->member);
    settings->level = (struct level){.kind = LEVEL_LOCAL};
    settings->pending_max = 65536; /* 3 MiB; at 500,000 a second the answers of 130 ms */
    settings->groups_max = 4; /* measured: fewer make an arrival wait for a whole commit */
    settings->drain_max = SPAN_S(10);
}

size_t primary_memory_bytes(const struct primary_settings *settings)
{
    return arena_need(sizeof(struct primary), ARENA_ALIGN_MAX) + member_bytes(&settings->member)
           + intake_bytes(settings);
}

struct node *primary_create(const struct primary_settings *settings, struct arena *arena)
{
    struct primary *primary = arena_take(arena, sizeof *primary, _Alignof(struct primary));

    *primary = (struct primary){.node = {.step = step}, .settings = *settings};
    member_init(&primary->member, arena, &settings->member, true);
    primary->member.level = settings->level;
    intake_init(&primary->intake, arena, settings);
    return &primary->node;
}

void primary_destroy(struct node *node)
{
    secret_wipe(&((struct primary *)node)->rotation.secret);
    member_drop(&((struct primary *)node)->member);
}

void primary_status(const struct node *node, struct instant now, struct member_status *status)
{
    member_fill_status(&((const struct primary *)node)->member, now, status);
}
