/* Whoever is linked and proved may have it: the upstream first, then the downstreams, and before
 * all of them who gave something last. One is asked at a time. When all have been asked in vain the
 * round begins again after a while; whoever is linked anew meanwhile is asked at once. Where
 * several segments are damaged the next one has its turn instead, and after the last of them all
 * rest for that while.
 *
 * How it goes wrong: silence, no, damaged there too, or bytes that do not fit. Each is noted with
 * the member's name, for STATUS, and the next is asked. */
#include "member/repair_parts.h"
#include "proto/message.h"

#include "base/check.h"

#include <stdio.h>

void repair_forget_peers(struct repair *repair)
{
    repair->peer_count = 0;
    repair->round = repair->upstream_round = 0;
    repair->stuck = false;
    repair->retry_at = repair->now;
    election_init(&repair->heard, repair->order.members);
}

bool repair_heard_enough(const struct repair *repair)
{
    const struct repair_order *order = &repair->order;

    return order->onward
           && ((repair->asked == 0 && instant_reached(order->until, repair->now))
               || (order->members != NULL && election_knows_the_end(&repair->heard, order->level)));
}

static void hear(struct member *member, link_t link)
{
    const struct feed *feed = feeds_find(&member->feeds, link);

    if (member->repair.order.members != NULL && feed != NULL) {
        (void)election_count(
            &member->repair.heard,
            &(struct election_answer){.member = feed->peer.member, .folder = feed->folder});
    }
}

bool repair_is_in_vain(const struct repair *repair, uint64_t rounds)
{
    return repair->stuck && repair->upstream != 0
           && repair->round >= repair->upstream_round + rounds;
}

static struct repair_peer *peer_of(struct repair *repair, const char *name)
{
    for (uint32_t i = 0; i < repair->peer_count; i++) {
        if (strcmp(repair->peers[i].name, name) == 0) {
            return &repair->peers[i];
        }
    }
    return NULL;
}

void repair_note_peer(struct repair *repair, const char *name, enum status why)
{
    struct repair_peer *peer = peer_of(repair, name);

    if (peer == NULL && repair->peer_count < REPAIR_PEERS_MAX) {
        peer = &repair->peers[repair->peer_count++];
        snprintf(peer->name, sizeof peer->name, "%s", name);
    }
    if (peer != NULL) {
        peer->why = why;
        peer->round = repair->round;
    }
}

/* In this round; or ever, but for those whose link was cut: they count as new. */
static bool was_asked(struct repair *repair, const char *name, bool ever)
{
    const struct repair_peer *peer = peer_of(repair, name);

    return peer != NULL && peer->why != E_CLOSED && (ever || peer->round == repair->round);
}

static bool can_give(const struct feed *feed)
{
    return !feed->is_candidate && (feed->state == FEED_WAITING || feed->state == FEED_STREAMING);
}

struct candidate {
    link_t link;
    const char *name;
};

/* `only_new`: it has not been asked for this at all. */
static struct candidate choose(struct member *member, bool only_new)
{
    struct repair *repair = &member->repair;
    struct candidate chosen = {0};

    if (repair->upstream != 0 && !was_asked(repair, repair->upstream_name, only_new)) {
        chosen = (struct candidate){repair->upstream, repair->upstream_name};
    }
    for (uint32_t i = 0; i < member->feeds.capacity; i++) {
        const struct feed *feed = &member->feeds.list[i];

        if (can_give(feed) && !was_asked(repair, feed->peer.member, only_new)
            && (chosen.link == 0 || feed->link == repair->good)) {
            chosen = (struct candidate){feed->link, feed->peer.member};
        }
    }
    return chosen;
}

static struct repair_ask question(const struct member *member)
{
    const struct repair *repair = &member->repair;
    const struct index_row *row = index_find(&member->wal.index, repair->order.segment);
    struct repair_ask ask = {.lineage = member->descriptor.lineage,
                             .segment = repair->order.segment,
                             .epoch = row != NULL ? row->epoch : 0};

    if (repair->has_header) {
        ask.epoch = repair->header.epoch;
        ask.first_batch = repair->scan.place.batch + 1;
        ask.last_batch = repair_last_wanted(member);
        ask.tag_before = repair->scan.place.tag;
    }
    const struct epoch_entry *entry = epoch_table_find(&member->control.epochs, ask.epoch);

    ask.start_batch = entry == NULL ? 0 : entry->start_batch;
    return ask;
}

static void ask_one(struct member *member, const struct candidate *whom, struct effects *fx)
{
    struct repair *repair = &member->repair;
    const struct repair_ask ask = question(member);

    repair->asked = whom->link;
    snprintf(repair->asked_name, sizeof repair->asked_name, "%s", whom->name);
    repair->asked_at = repair->now;
    effects_send(fx, whom->link, MESSAGE_REPAIR_ASK,
                 repair_ask_encode(&ask, effects_scratch(fx, repair_ask_bytes(&ask))));
    effects_wake_at(fx, instant_add(repair->now, member->settings.silence_max));
}

/* All were asked, or nobody is there. Before the next round the disk is asked again, if it was the
 * disk that failed: such failures pass, and then only it has what nobody else ever had. */
static void end_round(struct member *member, struct effects *fx)
{
    struct repair *repair = &member->repair;

    if (!repair->stuck) {
        char text[REPAIR_TEXT_MAX];

        repair->stuck = true;
        repair_text(member, text, sizeof text);
        if (repair->in_vain < repair->queue_count || repair->opening) { /* else it was said */
            trace_event(&member->settings.trace, "ALARM repair_stuck text=\"%s\"", text);
        }
    }
    repair->round++;
    repair->retry_at =
        instant_add(repair->now, member_retry_gap(&member->settings, RETRY_DOUBLINGS_MAX));
    if (!repair->opening && repair->queue_count > 1) {
        repair_to_the_end(member);
        effects_wake_at(fx, repair->rests_until);
        return;
    }
    if (repair->unread && !repair->distrusts) {
        repair->bad_here = false;
        effects_wake_at(fx, repair->now);
    }
    effects_wake_at(fx, repair->retry_at);
}

void repair_ask_peers(struct member *member, struct effects *fx)
{
    struct repair *repair = &member->repair;
    const struct instant silent = instant_add(repair->asked_at, member->settings.silence_max);

    if (repair->asked != 0 && !instant_reached(silent, repair->now)) {
        effects_wake_at(fx, silent);
        return;
    }
    if (repair->asked != 0) {
        repair_note_peer(repair, repair->asked_name, E_SILENT);
        repair->asked = 0;
    }
    if (!effects_have_room(fx)) {
        effects_wake_at(fx, repair->now);
        return;
    }
    const bool rests = !instant_reached(repair->retry_at, repair->now);
    const struct candidate whom = choose(member, rests);

    if (whom.link == 0 && rests) {
        effects_wake_at(fx, repair->retry_at);
    } else if (whom.link == 0) {
        end_round(member, fx);
    } else {
        ask_one(member, &whom, fx);
    }
}

static enum status take(struct member *member, struct bytes tail)
{
    struct repair *repair = &member->repair;

    if (repair->has_header) {
        return repair_take_batches(member, tail);
    }
    if (tail.size != SEGMENT_HEADER_BYTES) {
        return E_MALFORMED;
    }
    TRY(repair_take_header(member, tail));
    repair->fetched++;
    return OK;
}

/* A late answer, to what is not asked any more, is nothing. */
static bool is_awaited(const struct repair *repair, link_t link, const struct repair_is *is)
{
    return repair->asked == link && is->segment == repair->order.segment
           && is->first_batch == (repair->has_header ? repair->scan.place.batch + 1 : 0);
}

void repair_on_is(struct member *member, const struct event *event, const struct repair_is *is)
{
    struct repair *repair = &member->repair;
    enum status status = is->answer == REPAIR_NEVER_HAD ? E_MISSING : E_DAMAGED;

    if (!is_awaited(repair, event->message.link, is)) {
        return;
    }
    repair->now = event->now;
    repair->asked = 0;
    if (is->answer == REPAIR_NEVER_HAD) {
        hear(member, event->message.link);
    }
    if (is->answer == REPAIR_HAVE) {
        status = take(member, event->message.message.tail);
    } else if (is->answer == REPAIR_NEVER_HAD && repair->has_header
               && is->end_batch == is->first_batch && repair_end(member) == BATCH_OPEN_END) {
        repair->ended = true; /* what is wanted is in the segment after this one */
        status = OK;
    }
    if (status == OK) {
        repair->good = event->message.link;
    } else {
        repair_note_peer(repair, repair->asked_name, status);
    }
}

void repair_on_link_gone(struct member *member, link_t link)
{
    struct repair *repair = &member->repair;

    if (link == 0) {
        return;
    }
    repair_desk_on_link_gone(member, link);
    if (repair->upstream == link) {
        repair->upstream = 0;
    }
    if (repair->asked == link) {
        repair_note_peer(repair, repair->asked_name, E_CLOSED);
        repair->asked = 0;
    }
    repair->good = repair->good == link ? 0 : repair->good;
}

enum status repair_on_message(struct member *member, const struct event *event, struct effects *fx)
{
    const struct message *message = &event->message.message;
    struct repair_ask ask;
    struct repair_is is;

    if (message->type == MESSAGE_REPAIR_ASK) {
        TRY(repair_ask_decode(&ask, message->head, &member->scratch));
        return repair_on_ask(member, event->message.link, &ask, fx);
    }
    CHECK(message->type == MESSAGE_REPAIR_IS);
    TRY(repair_is_decode(&is, message->head, &member->scratch));
    repair_on_is(member, event, &is);
    return OK;
}

/* ---- for a person ---- */

static const char *said(enum status why)
{
    return why == E_MISSING   ? "never had it"
           : why == E_DAMAGED ? "not readable there either"
                              : status_text(why);
}

static size_t text_of_range(const struct member *member, char *text, size_t room)
{
    const struct repair *repair = &member->repair;
    const unsigned long long segment = repair->order.segment;
    const unsigned long long first = repair->scan.place.batch + 1;
    const batch_t end = repair_end(member);
    int size;

    if (repair->order.onward && repair->order.members != NULL) {
        char silent[REPAIR_TEXT_MAX / 2];

        election_silent_members(&repair->heard, silent, sizeof silent);
        size = snprintf(text, room,
                        "the newest segment was damaged, so records after LSN %llu may be lacking: "
                        "waits until %s can be asked (--adopt-folder goes on without them)",
                        (unsigned long long)repair->scan.place.end_lsn, silent);
    } else if (!repair->has_header) {
        size = snprintf(text, room, "segment %llu lacks its header", segment);
    } else if (end == BATCH_OPEN_END) {
        size = snprintf(text, room, "segment %llu lacks batch %llu (LSN %llu on)", segment, first,
                        (unsigned long long)repair->scan.place.end_lsn + 1);
    } else {
        size = snprintf(text, room, "segment %llu lacks batch %llu (LSN %llu on) of %llu", segment,
                        first, (unsigned long long)repair->scan.place.end_lsn + 1,
                        (unsigned long long)end);
    }
    return size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

void repair_text(const struct member *member, char *text, size_t room)
{
    const struct repair *repair = &member->repair;
    size_t used;

    snprintf(text, room, "%s", repair->queue_count > 0 ? repair->vain : "");
    if (repair->step == REPAIR_IDLE || !repair->stuck) {
        return;
    }
    used = text_of_range(member, text, room);
    for (uint32_t i = 0; i < repair->peer_count && used + 1 < room; i++) {
        const int size = snprintf(text + used, room - used, "; %s: %s", repair->peers[i].name,
                                  said(repair->peers[i].why));

        used += size < 0 ? 0 : (size_t)size;
    }
    if (repair->peer_count == 0) {
        snprintf(text + used, room - used, "; nobody is linked who could be asked");
    }
}
