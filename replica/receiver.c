/* One link at a time, to one of the upstreams that were named, in turn. Before it is dialed,
 * everything that is under way to the own disk must be there: the GREET states what is durable, and
 * nothing may follow from an earlier link after it.
 *
 * How it goes wrong: nobody answers, the link is cut, the upstream is silent, or it says or does
 * what it must not: in each case the next upstream is dialed after a gap that doubles up to 16
 * times, and up to 64 times where all of them refuse: each says why once, and the status shows it.
 * A refusal that no retry can heal (a rule, a key that was not named, certificates of two clusters)
 * halts a replica that is joining. */
#include "replica/receiver.h"

#include "base/check.h"
#include "proto/message.h"
#include "replica/receiver_new_key.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    REFUSED_DOUBLINGS_MAX = 6, /* where all refuse: a person has to do something */
    RETURNS = 4, /* to a writer whose link has ended, within about four seconds */
    DRAWN_CHARACTERS = 26,
};

#define MOVE_TO(state) (1u << RECEIVER_##state)

static const unsigned allowed_moves[RECEIVER_STATES] = {
    [RECEIVER_IDLE] = MOVE_TO(DIALING),
    [RECEIVER_DIALING] = MOVE_TO(GREETING) | MOVE_TO(IDLE),
    [RECEIVER_GREETING] = MOVE_TO(KEYS) | MOVE_TO(STORING) | MOVE_TO(PROVING) | MOVE_TO(CUTTING)
                          | MOVE_TO(REPAIRING) | MOVE_TO(IDLE),
    [RECEIVER_KEYS] = MOVE_TO(UNWRAPPING) | MOVE_TO(IDLE),
    [RECEIVER_UNWRAPPING] = MOVE_TO(STORING) | MOVE_TO(IDLE),
    [RECEIVER_STORING] = MOVE_TO(PROVING) | MOVE_TO(CUTTING) | MOVE_TO(REPAIRING) | MOVE_TO(IDLE),
    [RECEIVER_PROVING] = MOVE_TO(CUTTING) | MOVE_TO(REPAIRING) | MOVE_TO(IDLE),
    [RECEIVER_REPAIRING] = MOVE_TO(IDLE),
    [RECEIVER_CUTTING] = MOVE_TO(STREAMING) | MOVE_TO(REPAIRING) | MOVE_TO(IDLE),
    [RECEIVER_STREAMING] = MOVE_TO(IDLE),
};

void receiver_move(struct receiver *receiver, enum receiver_state next, struct instant now)
{
    CHECK(allowed_moves[receiver->state] & (1u << next));
    receiver->state = next;
    receiver->started_at = now;
}

size_t receiver_bytes(void)
{
    return arena_need(GREET_BYTES_MAX, 1)
           + arena_need(sizeof(struct epoch_table), _Alignof(struct epoch_table));
}

/* As AWS draws its resource ids: "cluster-" and 26 of A-Z, 2-7. */
static void draw_cluster(struct replica *replica)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t drawn[DRAWN_CHARACTERS];
    char text[DRAWN_CHARACTERS + 1] = {0};

    entropy_fill(&replica->member.settings.entropy, drawn, sizeof drawn);
    for (size_t i = 0; i < DRAWN_CHARACTERS; i++) {
        text[i] = alphabet[drawn[i] % 32];
    }
    snprintf(replica->receiver.cluster, sizeof replica->receiver.cluster, "cluster-%s", text);
}

void receiver_init(struct replica *replica, struct arena *arena)
{
    struct receiver *receiver = &replica->receiver;

    receiver->greet = arena_take(arena, GREET_BYTES_MAX, 1);
    receiver->theirs = ARENA_ARRAY(arena, struct epoch_table, 1);
    receiver->dial_at = receiver->behind_since = INSTANT_NEVER;
    snprintf(receiver->cluster, sizeof receiver->cluster, "%s", replica->settings.member.cluster);
    entropy_fill(&replica->settings.member.entropy, receiver->folder.bytes,
                 sizeof receiver->folder.bytes);
}

/* A writer whose link has ended is, most often, back in a moment and where it was: after a cut, a
 * crash, a restart. Whoever follows another meanwhile commits nothing, and may follow in a circle.
 * So it is dialed a few times before anybody else, and then every other time. */
static uint32_t next_upstream(struct replica *replica)
{
    struct receiver *receiver = &replica->receiver;
    const uint32_t count = replica->settings.upstream_count;

    if (receiver->follows_writer && receiver->reign >= replica->member.control.highest_epoch) {
        receiver->writer = receiver->upstream + 1;
        receiver->returns = RETURNS;
    }
    receiver->follows_writer = false;
    if (receiver->writer == 0) {
        return (receiver->upstream + 1) % count;
    }
    if (receiver->returns > 0) {
        receiver->returns--;
        return receiver->writer - 1;
    }
    if (receiver->upstream != receiver->writer - 1) {
        return receiver->writer - 1;
    }
    receiver->other = (receiver->other + 1) % count;
    if (receiver->other == receiver->writer - 1) {
        receiver->other = (receiver->other + 1) % count;
    }
    return receiver->other;
}

/* The link is over; the next upstream after a gap. */
static void leave(struct replica *replica, struct instant now)
{
    struct receiver *receiver = &replica->receiver;
    const unsigned most =
        receiver_is_refused(replica) ? REFUSED_DOUBLINGS_MAX : RETRY_DOUBLINGS_MAX;

    repair_on_link_gone(&replica->member, receiver->link);
    receiver->link = 0;
    receiver->deferred = receiver->waits_for_space = false;
    receiver_cut_forget(replica);
    if (receiver->state == RECEIVER_UNWRAPPING) {
        unwrap_forget(&replica->member);
    }
    receiver_new_key_forget(replica);
    if (receiver->state != RECEIVER_IDLE) {
        receiver_move(receiver, RECEIVER_IDLE, now);
    }
    receiver->dial_at =
        instant_add(now, span_doubled(replica->member.settings.retry_gap, receiver->tries, most));
    receiver->tries++;
    receiver->upstream = next_upstream(replica);
}

static void send_bye(struct replica *replica, struct effects *fx, const struct bye *bye)
{
    const link_t link = replica->receiver.link;

    if (receiver_note_end(replica, bye->why, bye->text)) {
        trace_event(&replica->member.settings.trace,
                    "upstream_refused link=%llu why=%s text=\"%s\"", (unsigned long long)link,
                    status_name(bye->why), bye->text);
    }
    effects_send(fx, link, MESSAGE_BYE, bye_encode(bye, effects_scratch(fx, bye_bytes(bye))));
    effects_hang_up(fx, link, OK); /* a goodbye: the BYE must still arrive */
}

void receiver_refuse(struct replica *replica, struct instant now, struct effects *fx,
                     enum status why, const char *format, ...)
{
    struct bye bye = {.why = why};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(bye.text, sizeof bye.text, format, arguments);
    va_end(arguments);
    send_bye(replica, fx, &bye);
    leave(replica, now);
}

enum status receiver_check_upstream(const struct replica *replica, const struct identity *peer)
{
    const struct identity *self = &replica->member.settings.self;

    if (strcmp(peer->deployment, self->deployment) != 0 || peer->any_lineage
        || (peer->role != ROLE_PRIMARY && peer->role != ROLE_REPLICA)) {
        return E_IDENTITY;
    }
    return id_equal(&peer->lineage, &self->lineage) ? OK : E_LINEAGE;
}

void receiver_on_link_up(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    const struct identity *self = &replica->member.settings.self;

    if (receiver->state != RECEIVER_DIALING) {
        effects_hang_up(fx, event->link.link, E_NOT_READY);
        return;
    }
    receiver->link = event->link.link;
    receiver->peer = event->link.peer;
    receiver->heard_at = receiver->said_at = event->now;
    memcpy(receiver->exporter, event->link.exporter, sizeof receiver->exporter);
    receiver_move(receiver, RECEIVER_GREETING, event->now);

    const enum status status = receiver_check_upstream(replica, &receiver->peer);

    if (status != OK) {
        receiver_refuse_stranger(replica, status, event->now, fx);
        return;
    }
    if (receiver->cluster[0] == '\0' && strcmp(receiver->peer.region, self->region) != 0) {
        draw_cluster(replica);
    }
    receiver_send_greet(replica, fx);
}

void receiver_on_link_down(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (event->link.link == 0 && receiver->state != RECEIVER_DIALING) {
        return;
    }
    const unsigned upstream = receiver->upstream;
    const bool was_up = receiver->link != 0; /* a record that was harmed on its way is no refusal */

    if (receiver_note_end(replica, was_up && event->link.why == E_TLS ? E_CUT : event->link.why,
                          status_text(event->link.why))) {
        trace_event(&replica->member.settings.trace, "upstream_down why=%s state=%s",
                    status_name(event->link.why), receiver_state_name(replica));
    }
    leave(replica, event->now);
    if (event->link.why == E_DEPLOYMENT) {
        receiver_halt_if_outcast(replica, E_DEPLOYMENT, replica->settings.upstreams[upstream],
                                 "is one of another deployment", fx);
    }
    if (event->link.why == E_AGED) { /* it was well: the same one again, at once */
        receiver->upstream = upstream;
        receiver->dial_at = event->now;
        receiver->tries = 0;
    }
}

static void on_bye(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct member *member = &replica->member;
    struct bye bye;

    if (bye_decode(&bye, event->message.message.head, &member->scratch) != OK) {
        bye = (struct bye){.why = E_PROTOCOL};
    }
    if (receiver_note_end(replica, bye.why, bye.text)) {
        trace_event(&member->settings.trace, "upstream_bye why=%s text=\"%s\"",
                    status_name(bye.why), bye.text);
    }
    effects_hang_up(fx, replica->receiver.link, OK);
    receiver_note_lost(replica, &bye);
    if (receiver_is_final(replica, bye.why)) {
        member_halt(member, fx, bye.why, "The upstream %s in %s refuses: %s",
                    replica->receiver.peer.member, replica->receiver.peer.region, bye.text);
    }
    leave(replica, event->now);
}

void receiver_may_repair(struct replica *replica)
{
    struct repair *repair = &replica->member.repair;

    repair->upstream = replica->receiver.link;
    repair->upstream_round = repair->round;
    snprintf(repair->upstream_name, sizeof repair->upstream_name, "%s",
             replica->receiver.peer.member);
}

/* Both are proved, or there is nothing to prove. */
static bool may_repair(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;

    return receiver->state == RECEIVER_CUTTING || receiver->state == RECEIVER_STREAMING
           || receiver->state == RECEIVER_REPAIRING
           || (receiver->state == RECEIVER_STORING
               && replica->member.descriptor.suite == SUITE_NONE);
}

static void on_repair(struct replica *replica, const struct event *event, struct effects *fx)
{
    const enum status status = repair_on_message(&replica->member, event, fx);

    if (status != OK) {
        receiver_refuse(replica, event->now, fx, status, "The %s is refused: %s.",
                        message_type_name(event->message.message.type), status_text(status));
    }
}

void receiver_on_message(struct replica *replica, const struct event *event, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;
    const unsigned type = event->message.message.type;
    const bool streams = receiver->state == RECEIVER_STREAMING;

    receiver->heard_at = event->now;
    if (streams && type != MESSAGE_BYE) {
        receiver_taken(replica);
    }
    if (type == MESSAGE_BYE) {
        on_bye(replica, event, fx);
    } else if (type == MESSAGE_GREET && receiver->state == RECEIVER_GREETING) {
        receiver_on_greet(replica, event, fx);
    } else if (type == MESSAGE_KEYS && receiver->state == RECEIVER_KEYS) {
        receiver_on_keys(replica, event, fx);
    } else if (type == MESSAGE_PROOF && receiver->state == RECEIVER_PROVING) {
        receiver_on_proof(replica, event, fx);
    } else if (type == MESSAGE_KEYS && streams) {
        receiver_on_new_key(replica, event, fx);
    } else if (type == MESSAGE_SEGMENT && streams) {
        receiver_on_segment(replica, event, fx);
    } else if (type == MESSAGE_BATCH && streams) {
        receiver_on_batch(replica, event, fx);
    } else if (type == MESSAGE_COMMIT && streams) {
        receiver_on_commit(replica, event, fx);
    } else if ((type == MESSAGE_REPAIR_ASK || type == MESSAGE_REPAIR_IS) && may_repair(replica)) {
        on_repair(replica, event, fx);
    } else {
        receiver_refuse(replica, event->now, fx, E_PROTOCOL, "A %s has no place here.",
                        message_type_name(type));
    }
}

void receiver_on_space(struct replica *replica, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (receiver->waits_for_space && !replica->member.disk_full) {
        receiver->waits_for_space = receiver->deferred = false;
        effects_resume(fx, receiver->link);
    }
}

void receiver_on_written(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    if (receiver->deferred && !receiver->waits_for_space) {
        receiver->deferred = false;
        receiver->heard_at = now; /* it was we who did not listen */
        effects_resume(fx, receiver->link);
    }
}

/* When the present state has lasted too long. A cut takes what the disk takes; the upstream
 * waits. */
static struct instant limit_of(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;
    const struct member_settings *settings = &replica->member.settings;

    switch (receiver->state) {
    case RECEIVER_IDLE:
    case RECEIVER_DIALING: /* answered by the world, sooner or later */
    case RECEIVER_CUTTING:
        return INSTANT_NEVER;
    case RECEIVER_GREETING:
    case RECEIVER_PROVING:
        return instant_add(receiver->started_at, settings->greet_max);
    case RECEIVER_KEYS:
    case RECEIVER_UNWRAPPING:
    case RECEIVER_STORING:
        return instant_add(receiver->started_at, settings->keys_max);
    case RECEIVER_REPAIRING: /* a round of questions is shorter than this */
        return instant_add(receiver->heard_at, settings->silence_max);
    case RECEIVER_STREAMING:
        return receiver->deferred ? INSTANT_NEVER
                                  : instant_add(receiver->heard_at, settings->silence_max);
    case RECEIVER_STATES:
        break;
    }
    UNREACHABLE();
}

static bool may_dial(const struct replica *replica, struct instant now)
{
    const struct receiver *receiver = &replica->receiver;
    const struct member *member = &replica->member;

    return receiver->state == RECEIVER_IDLE && !member->stopping && receiver->cut.phase == CUT_NONE
           && candidate_may_follow(&replica->candidate) && instant_reached(receiver->dial_at, now)
           && writes_are_done(&member->writes) && saves_are_durable(&member->saves);
}

void receiver_pump(struct replica *replica, struct instant now, struct effects *fx)
{
    struct receiver *receiver = &replica->receiver;

    receiver_judge_upstream(replica, now, fx);
    if (instant_reached(limit_of(replica), now)) {
        trace_event(&replica->member.settings.trace, "upstream_silent member=%s",
                    receiver->peer.member);
        effects_hang_up(fx, receiver->link, E_SILENT);
        leave(replica, now);
    }
    receiver_keys_pump(replica, now, fx);
    receiver_cut_pump(replica, now, fx);
    receiver_new_key_pump(replica, now, fx);
    if (receiver->state == RECEIVER_STREAMING) {
        receiver_stream_pump(replica, now, fx);
    }
    if (may_dial(replica, now)) {
        receiver_move(receiver, RECEIVER_DIALING, now);
        effects_dial(fx, replica->settings.upstreams[receiver->upstream]);
    }
    effects_wake_at(fx, limit_of(replica));
    if (receiver->state == RECEIVER_IDLE && receiver->dial_at.ns > now.ns) {
        effects_wake_at(fx, receiver->dial_at); /* past: a WRITTEN is what is waited for */
    }
}

void receiver_stop(struct replica *replica, struct instant now, struct effects *fx)
{
    if (replica->receiver.link != 0) {
        receiver_refuse(replica, now, fx, E_CLOSED, "%s stops.",
                        replica->member.settings.self.member);
    }
}

const char *receiver_state_name(const struct replica *replica)
{
    const struct receiver *receiver = &replica->receiver;

    if (replica->member.stopping) {
        return "stopping";
    }
    if (!replica->opened) {
        return "opening";
    }
    if (receiver_is_lost(replica)) {
        return "lost";
    }
    if (receiver_is_refused(replica)) {
        return "refused";
    }
    switch (receiver->state) {
    case RECEIVER_IDLE:
    case RECEIVER_DIALING:
        return receiver->joined ? "disconnected" : "joining";
    case RECEIVER_GREETING:
    case RECEIVER_PROVING:
        return "greeting";
    case RECEIVER_KEYS:
    case RECEIVER_UNWRAPPING:
    case RECEIVER_STORING:
        return "keys";
    case RECEIVER_CUTTING:
        return "cutting";
    case RECEIVER_REPAIRING:
        return "repairing";
    case RECEIVER_STREAMING:
        return replica->member.upstream_lsn > replica->member.wal.durable_lsn ? "catching up"
                                                                              : "streaming";
    case RECEIVER_STATES:
        break;
    }
    UNREACHABLE();
}
