/* A replica calls, and gets a place in a fixed list. What it says goes to the file that is about
 * that message; what time demands (limits, silence, heartbeats) is decided here, once a step.
 *
 * How it goes wrong: whatever a peer does that it must not ends its link, with a BYE that says why.
 * Nothing that it can do reaches beyond its own feed, but one thing: showing an epoch above ours
 * (member->fenced_by), which a primary cannot survive. */
#include "member/feed.h"

#include "base/check.h"
#include "member/feed_parts.h"
#include "proto/message.h"

#include <stdarg.h>
#include <stdio.h>

#define MOVE_TO(state) (1u << FEED_##state)

static const unsigned allowed_moves[FEED_STATES] = {
    [FEED_FREE] = MOVE_TO(GREETING),
    [FEED_GREETING] = MOVE_TO(KEYS) | MOVE_TO(PROVING) | MOVE_TO(WAITING) | MOVE_TO(FREE),
    [FEED_KEYS] = MOVE_TO(PROVING) | MOVE_TO(FREE),
    [FEED_PROVING] = MOVE_TO(WAITING) | MOVE_TO(FREE),
    [FEED_WAITING] = MOVE_TO(STREAMING) | MOVE_TO(FENCING) | MOVE_TO(FREE),
    [FEED_STREAMING] = MOVE_TO(FREE),
    [FEED_FENCING] = MOVE_TO(FENCED) | MOVE_TO(FREE),
    [FEED_FENCED] = MOVE_TO(FENCING) | MOVE_TO(FREE),
};

void feed_move(struct feed *feed, enum feed_state next, struct instant now)
{
    CHECK(allowed_moves[feed->state] & (1u << next));
    feed->state = next;
    feed->started_at = now;
}

size_t feeds_bytes(uint32_t capacity)
{
    return arena_need(sizeof(struct feed) * capacity, _Alignof(struct feed))
           + capacity
                 * (arena_need(sizeof(struct feed_flight) * FEED_FLIGHT_MAX,
                               _Alignof(struct feed_flight))
                    + arena_need(GREET_BYTES_MAX, 1));
}

void feeds_init(struct feeds *feeds, struct arena *arena, uint32_t capacity)
{
    *feeds =
        (struct feeds){.capacity = capacity, .list = ARENA_ARRAY(arena, struct feed, capacity)};
    for (uint32_t i = 0; i < capacity; i++) {
        feeds->list[i].flight = ARENA_ARRAY(arena, struct feed_flight, FEED_FLIGHT_MAX);
        feeds->list[i].greet = arena_take(arena, GREET_BYTES_MAX, 1);
    }
}

struct feed *feeds_find(const struct feeds *feeds, link_t link)
{
    for (uint32_t i = 0; i < feeds->capacity; i++) {
        if (feeds->list[i].state != FEED_FREE && feeds->list[i].link == link) {
            return &feeds->list[i];
        }
    }
    return NULL;
}

static void bye(struct member *member, link_t link, struct effects *fx, const struct bye *why)
{
    const struct bytes head = bye_encode(why, effects_scratch(fx, bye_bytes(why)));

    trace_event(&member->settings.trace, "feed_refused link=%llu why=%s text=\"%s\"",
                (unsigned long long)link, status_name(why->why), why->text);
    effects_send(fx, link, MESSAGE_BYE, head);
    effects_hang_up(fx, link, OK); /* a goodbye: the BYE must still arrive */
}

static void feed_end(struct member *member, struct feed *feed)
{
    reads_forget(&member->reads, READ_FEED, feed->link);
    pins_on_link_down(member, feed);
    repair_on_link_gone(member, feed->link);
    feed->read = NULL;
    feed->link = 0;
    feed_move(feed, FEED_FREE, feed->started_at);
}

void feed_refuse(struct member *member, struct feed *feed, struct effects *fx, enum status why,
                 const char *format, ...)
{
    struct bye message = {.why = why};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message.text, sizeof message.text, format, arguments);
    va_end(arguments);
    bye(member, feed->link, fx, &message);
    feed_end(member, feed);
}

void feed_check_commit(struct member *member, const struct feed *feed)
{
    const epoch_t epoch = member->wal.epoch;
    const struct epoch_entry *reign = epoch_table_find(&member->control.epochs, epoch);

    if (!member->is_writer || reign == NULL || feed->shown_epoch >= epoch
        || feed->shown_commit < reign->start_lsn
        || control_loss_covers(member->control.losses, member->control.loss_count, reign->start_lsn,
                               feed->shown_commit)) {
        return;
    }
    member->lost_lsn =
        feed->shown_commit > member->lost_lsn ? feed->shown_commit : member->lost_lsn;
    trace_event(&member->settings.trace,
                "ALARM member=%s knows LSN %llu as committed; found here: %llu", feed->peer.member,
                (unsigned long long)feed->shown_commit, (unsigned long long)reign->start_lsn - 1);
}

void feed_fenced(struct member *member, struct feed *feed, epoch_t epoch, struct effects *fx)
{
    member->fenced_by = epoch > member->fenced_by ? epoch : member->fenced_by;
    feed_refuse(member, feed, fx, E_FENCED,
                "Epoch %llu has been seen by %s; this member is of epoch %llu.",
                (unsigned long long)epoch, feed->peer.member,
                (unsigned long long)member->control.highest_epoch);
}

static enum status check_caller(const struct member *member, const struct identity *peer)
{
    if ((!member->ready && !member->is_repairing) || member->stopping) {
        return E_NOT_READY;
    }
    if (peer->any_lineage || (peer->role != ROLE_REPLICA && peer->role != ROLE_PRIMARY)) {
        return E_IDENTITY;
    }
    return id_equal(&peer->lineage, &member->descriptor.lineage) ? OK : E_LINEAGE;
}

static void refuse_caller(struct member *member, link_t link, enum status why, struct effects *fx)
{
    struct bye message = {.why = why};

    snprintf(message.text, sizeof message.text, "%s refuses: %s.", member->settings.self.member,
             status_text(why));
    bye(member, link, fx, &message);
}

bool feed_is_alive(const struct member *member, const struct feed *feed, struct instant now)
{
    const struct span word = {2 * member->settings.heartbeat_gap.ns};

    return !instant_reached(instant_add(feed->heard_at, word), now);
}

/* Whether it may stay is decided when it has greeted (feed_greet.c). Where all places are taken, an
 * older link of the same member that has gone silent is the first to go. */
static struct feed *place_for(struct member *member, const struct identity *peer,
                              struct instant now, struct effects *fx)
{
    struct feed *silent = NULL;

    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        struct feed *feed = &member->feeds.list[i];

        if (feed->state == FEED_FREE) {
            return feed;
        }
        if (!feed->is_candidate && strcmp(feed->peer.member, peer->member) == 0
            && !feed_is_alive(member, feed, now)) {
            silent = feed;
        }
    }
    if (silent != NULL) {
        feed_refuse(member, silent, fx, E_CLOSED, "%s has called again.", peer->member);
    }
    return silent;
}

static void feed_begin(struct feed *feed, const struct event *event)
{
    struct feed_flight *flight = feed->flight;
    uint8_t *greet = feed->greet;

    *feed = (struct feed){.link = event->link.link,
                          .peer = event->link.peer,
                          .heard_at = event->now,
                          .said_at = event->now,
                          .announce_at = INSTANT_NEVER,
                          .sent_segment = SEGMENT_NONE,
                          .pin = PIN_NONE,
                          .flight_ring = ring_of(FEED_FLIGHT_MAX),
                          .flight = flight,
                          .greet = greet};
    memcpy(feed->exporter, event->link.exporter, sizeof feed->exporter);
    walk_nowhere(&feed->walk);
    feed_move(feed, FEED_GREETING, event->now);
}

void feeds_on_link_up(struct member *member, const struct event *event, struct effects *fx)
{
    const enum status refusal = check_caller(member, &event->link.peer);

    if (refusal != OK) {
        refuse_caller(member, event->link.link, refusal, fx);
        return;
    }
    struct feed *feed = place_for(member, &event->link.peer, event->now, fx);

    if (feed == NULL) {
        refuse_caller(member, event->link.link, E_BUSY, fx);
        return;
    }
    feed_begin(feed, event);
    feed_greet_send(member, feed, fx);
    trace_event(&member->settings.trace, "feed_up link=%llu member=%s region=%s",
                (unsigned long long)feed->link, feed->peer.member, feed->peer.region);
}

static void on_bye(struct member *member, struct feed *feed, struct bytes head, struct effects *fx)
{
    struct bye message = {.why = E_PROTOCOL};

    if (bye_decode(&message, head, &member->scratch) == OK) {
        trace_event(&member->settings.trace, "feed_bye member=%s why=%s text=\"%s\"",
                    feed->peer.member, status_name(message.why), message.text);
    }
    member->hands_over |= feed->state == FEED_FENCED && message.why == E_PROMOTED;
    effects_hang_up(fx, feed->link, OK);
    feed_end(member, feed);
}

static bool is_about_repair(const struct message *message)
{
    return message->type == MESSAGE_REPAIR_ASK || message->type == MESSAGE_REPAIR_IS;
}

/* Both are proved. */
static bool may_repair(const struct feed *feed)
{
    return feed->state == FEED_WAITING || feed->state == FEED_STREAMING;
}

static void on_repair(struct member *member, struct feed *feed, const struct event *event,
                      struct effects *fx)
{
    const enum status status = repair_on_message(member, event, fx);

    if (feed->state == FEED_WAITING) {
        feed->started_at = event->now; /* a replica that is being repaired says RESUME later */
    }
    if (status != OK) {
        feed_refuse(member, feed, fx, status, "The %s is refused: %s.",
                    message_type_name(event->message.message.type), status_text(status));
    }
}

void feeds_on_message(struct member *member, struct feed *feed, const struct event *event,
                      struct effects *fx)
{
    const struct message *message = &event->message.message;

    feed->heard_at = event->now;
    if (message->type == MESSAGE_BYE) {
        on_bye(member, feed, message->head, fx);
    } else if (message->type == MESSAGE_GREET && feed->state == FEED_GREETING) {
        feed_on_greet(member, feed, event, fx);
    } else if (message->type == MESSAGE_KEYS_STORED
               && (feed->state == FEED_KEYS || feed->state == FEED_STREAMING)) {
        feed_on_keys_stored(member, feed, event, fx);
    } else if (message->type == MESSAGE_PROOF && feed->state == FEED_PROVING) {
        feed_on_proof(member, feed, event, fx);
    } else if (member->is_repairing && feed->state == FEED_WAITING
               && (message->type == MESSAGE_RESUME || message->type == MESSAGE_ACK)) {
        feed->started_at = event->now; /* it gives what it has, and greets again afterwards */
    } else if (message->type == MESSAGE_RESUME && feed->state == FEED_WAITING) {
        feed_on_resume(member, feed, event, fx);
    } else if (message->type == MESSAGE_FENCE
               && (feed->state == FEED_WAITING || feed->state == FEED_FENCED)) {
        feed_on_fence(member, feed, event, fx);
    } else if (message->type == MESSAGE_ACK && feed->state == FEED_STREAMING) {
        feed_on_ack(member, feed, event, fx);
    } else if (is_about_repair(message) && may_repair(feed)) {
        on_repair(member, feed, event, fx);
    } else {
        feed_refuse(member, feed, fx, E_PROTOCOL, "A %s has no place here.",
                    message_type_name(message->type));
    }
}

void feeds_on_link_down(struct member *member, struct feed *feed)
{
    trace_event(&member->settings.trace, "feed_down link=%llu member=%s acked=%llu",
                (unsigned long long)feed->link, feed->peer.member, (unsigned long long)feed->acked);
    feed_end(member, feed);
}

void feeds_hang_up_all(struct member *member, enum status why, struct effects *fx)
{
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        if (member->feeds.list[i].state != FEED_FREE) {
            feed_refuse(member, &member->feeds.list[i], fx, why, "%s.", status_text(why));
        }
    }
}

/* When the present state has lasted too long. A cut before RESUME, too, takes a disk's time. */
static struct instant feed_limit(const struct member *member, const struct feed *feed)
{
    const struct member_settings *settings = &member->settings;

    switch (feed->state) {
    case FEED_FREE:
        return INSTANT_NEVER;
    case FEED_GREETING:
    case FEED_PROVING:
        return instant_add(feed->started_at, settings->greet_max);
    case FEED_KEYS:
    case FEED_WAITING:
    case FEED_FENCING: /* a disk's time, again */
    case FEED_FENCED:
        return instant_add(feed->started_at, settings->keys_max);
    case FEED_STREAMING:
        return instant_add(feed->heard_at, settings->silence_max);
    case FEED_STATES:
        break;
    }
    UNREACHABLE();
}

static void feed_pump(struct member *member, struct feed *feed, struct instant now,
                      struct effects *fx)
{
    if (instant_reached(feed_limit(member, feed), now)) {
        trace_event(&member->settings.trace, "feed_silent member=%s", feed->peer.member);
        effects_hang_up(fx, feed->link, E_SILENT);
        feed_end(member, feed);
        return;
    }
    if (feed->state == FEED_KEYS) {
        feed_keys_pump(member, feed, fx);
    } else if (feed->state == FEED_FENCING) {
        feed_fence_pump(member, feed, now, fx);
    } else if (feed->state == FEED_STREAMING) {
        feed_hand_pump(member, feed, now, fx);
        feed_ship_pump(member, feed, now, fx);
        if (feed->state == FEED_STREAMING) {
            feed_announce_pump(member, feed, now, fx);
        }
    }
}

void feeds_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct feeds *feeds = &member->feeds;
    uint32_t i = 0;

    feeds->now = now;
    for (; i < feeds->capacity; i++) {
        struct feed *feed = &feeds->list[(feeds->first + i) % feeds->capacity];

        if (feed->state == FEED_FREE) {
            continue;
        }
        if (!effects_have_room(fx)) {
            effects_wake_at(fx, now);
            break;
        }
        feed_pump(member, feed, now, fx);
    }
    /* Whoever found no room comes first in the next step. */
    feeds->first = feeds->capacity == 0 ? 0 : (feeds->first + i) % feeds->capacity;
}

struct instant feeds_deadline(const struct member *member)
{
    struct instant deadline = INSTANT_NEVER;

    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        const struct feed *feed = &member->feeds.list[i];

        deadline = instant_min(deadline, feed_limit(member, feed));
        if (feed->state == FEED_STREAMING) {
            deadline = instant_min(deadline, feed->announce_at);
            deadline =
                instant_min(deadline, instant_add(feed->said_at, member->settings.heartbeat_gap));
        }
    }
    return deadline;
}

void feeds_check(const struct member *member)
{
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        const struct feed *feed = &member->feeds.list[i];

        CHECK(feed->state == FEED_FREE || feed->acked <= feed->sent);
        CHECK(feed->state != FEED_STREAMING || feed->sent <= member->ship_limit);
        CHECK(!ring_is_empty(&feed->flight_ring) || feed->flight_bytes == 0);
    }
}
