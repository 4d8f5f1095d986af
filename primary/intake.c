/* The happy path: welcomed, well-formed, new, and there is room; the records get their LSNs in
 * the open batch, whose number is the one after the last sealed (a segment begins only while the
 * open batch is empty, so nothing can take that number away). One copy, no allocation, one entry
 * in a queue.
 *
 * How it goes wrong: a message whose numbers contradict each other ends the link (PEER); records
 * or sequences that cannot be taken are refused by name and the link goes on (CALLER); where
 * there is no room the world keeps the message (line.h). */
#include "primary/intake.h"

#include "base/check.h"
#include "primary/primary_state.h"
#include "proto/message.h"

#include <stdio.h>

/* One APPEND, taken apart. */
struct intake_message {
    struct append append;
    struct bytes lengths;
    struct bytes bodies;
    struct level level;
};

size_t intake_bytes(const struct primary_settings *settings)
{
    return pending_bytes(settings->pending_max) + line_bytes(settings->member.clients_max);
}

void intake_init(struct intake *intake, struct arena *arena,
                 const struct primary_settings *settings)
{
    *intake = (struct intake){0};
    pending_init(&intake->pending, arena, settings->pending_max);
    line_init(&intake->line, arena, settings->member.clients_max);
}

static uint32_t place_of(const struct primary *primary, const struct client *client)
{
    return (uint32_t)(client - primary->member.clients.list);
}

/* ---- is this an append that can be taken? ---- */

static uint32_t length_at(struct bytes lengths, uint32_t i)
{
    const uint8_t *at = lengths.data + 4 * (size_t)i;

    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static enum status check_records(const struct intake_message *message, uint32_t bytes_max,
                                 char text[REFUSED_TEXT_MAX])
{
    const uint32_t count = message->append.count;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t length = length_at(message->lengths, i);

        if (length == 0) {
            snprintf(text, REFUSED_TEXT_MAX, "record %u of %u is empty", i + 1, count);
            return E_EMPTY;
        }
        if (length > bytes_max) {
            snprintf(text, REFUSED_TEXT_MAX, "record %u of %u has %u bytes; the limit is %u", i + 1,
                     count, length, bytes_max);
            return E_RECORD_TOO_LARGE;
        }
        sum += length;
    }
    return sum == message->bodies.size ? OK : E_MALFORMED;
}

static enum status take_apart(struct intake_message *message, struct bytes tail)
{
    const struct append *append = &message->append;
    const uint64_t lengths = 4 * (uint64_t)append->count;

    if (append->count == 0 || append->producer == 0 || append->first_sequence == 0
        || append->first_sequence > UINT64_MAX - append->count || lengths > tail.size
        || (append->has_level && !level_is_valid(append->level))) {
        return E_MALFORMED;
    }
    message->lengths = bytes_of(tail.data, lengths);
    message->bodies = bytes_of(tail.data + lengths, tail.size - lengths);
    return OK;
}

static enum status check_size(const struct intake_message *message, char text[REFUSED_TEXT_MAX])
{
    const size_t bytes = message->lengths.size + message->bodies.size;

    if (message->append.count > 1 && bytes > APPEND_BYTES_MAX) {
        snprintf(text, REFUSED_TEXT_MAX,
                 "%u records with their lengths are %zu bytes; one append of several takes %d",
                 message->append.count, bytes, APPEND_BYTES_MAX);
        return E_TOO_LARGE;
    }
    return OK;
}

static enum status check_level(const struct primary *primary, const struct intake_message *message,
                               char text[REFUSED_TEXT_MAX])
{
    char level[LEVEL_TEXT_MAX];

    if (!message->append.has_level || policy_can_meet(&primary->voters.policy, message->level)) {
        return OK;
    }
    snprintf(text, REFUSED_TEXT_MAX,
             "%s cannot be met: the cluster knows %u replicas; add some, or ask for less",
             level_format(message->level, level, sizeof level), primary->voters.policy.count);
    return E_LEVEL;
}

static enum status check_sequence(const struct producer *producer, const struct append *append,
                                  char text[REFUSED_TEXT_MAX])
{
    const uint64_t last = append->first_sequence + append->count - 1;

    if (producer == NULL || append->first_sequence > producer->last_sequence
        || last <= producer->last_sequence) {
        return OK; /* all of it new, or all of it known */
    }
    snprintf(text, REFUSED_TEXT_MAX,
             "sequences %llu to %llu overlap: this producer's last one was %llu",
             (unsigned long long)append->first_sequence, (unsigned long long)last,
             (unsigned long long)producer->last_sequence);
    return E_SEQUENCE;
}

static enum status check_state(const struct primary *primary, const struct client *client,
                               char text[REFUSED_TEXT_MAX])
{
    if (!client->welcomed) {
        return E_PROTOCOL;
    }
    if (client->peer.role != ROLE_CLIENT && client->peer.role != ROLE_OPERATOR) {
        snprintf(text, REFUSED_TEXT_MAX, "a certificate of role \"%s\" may not append",
                 role_name(client->peer.role));
        return E_IDENTITY;
    }
    if (primary->phase == PHASE_HANDOVER) {
        return E_NOT_WRITER;
    }
    if (key_loss_waits(&primary->member)) {
        key_loss_text(&primary->member, text, REFUSED_TEXT_MAX);
        return E_KEY_LOST;
    }
    return primary->phase == PHASE_SERVING ? OK : E_NOT_READY;
}

/* Everything that does not depend on room. `text` is for the person at the other end. */
static enum status check(struct primary *primary, const struct client *client,
                         const struct message *from, struct intake_message *message,
                         char text[REFUSED_TEXT_MAX])
{
    struct member *member = &primary->member;

    TRY(append_decode(&message->append, from->head, &member->scratch));
    TRY(check_state(primary, client, text));
    TRY(take_apart(message, from->tail));
    TRY(check_records(message, member->settings.record_bytes_max, text));
    TRY(check_size(message, text));
    message->level = message->append.has_level ? message->append.level : member->level;
    TRY(check_level(primary, message, text));
    return check_sequence(producers_find(&member->wal.producers, message->append.producer),
                          &message->append, text);
}

/* A message that contradicts itself ends the link; anything else is between us and the caller. So
 * does a refusal that may not be one the next time (too early, a level that new members could
 * meet, a disk or a WAL that retention makes room in): were the appends behind it on this link
 * taken, and this answer lost with the link, it could never be said again, since its sequences
 * would look as if they had landed. */
static void refuse(struct primary *primary, struct client *client, const struct append *append,
                   enum status why, const char *text, struct effects *fx)
{
    const bool contradicts = why == E_MALFORMED || why == E_PROTOCOL || why == E_TRUNCATED;
    const bool may_change = why == E_LEVEL || why == E_DISK_FULL || why == E_WAL_FULL
                            || why == E_NOT_WRITER || why == E_KEY_LOST
                            || (why == E_NOT_READY && primary->phase != PHASE_DRAINING);
    const link_t link = client->link;

    clients_refuse(fx, link, contradicts ? 0 : append->request, why, "%s",
                   text[0] != '\0' ? text : status_text(why));
    if (contradicts || may_change) {
        effects_hang_up(fx, link, OK); /* a goodbye: the REFUSED must still arrive */
        clients_on_link_down(&primary->member, client);
    }
}

/* ---- taking it ---- */

static void send_appended(const struct pending_append *append, struct effects *fx)
{
    const struct appended appended = {
        .request = append->request, .first_lsn = append->first_lsn, .count = append->count};
    const size_t size = appended_bytes(&appended);

    effects_send(fx, append->link, MESSAGE_APPENDED,
                 appended_encode(&appended, effects_scratch(fx, size)));
}

/* The batch that holds `lsn`, or a later one: what has left the window is durable, and the window's
 * first batch being durable at a level says that so are those before it. */
static batch_t batch_of_lsn(const struct wal *wal, lsn_t lsn)
{
    batch_t begin = window_first(&wal->window);
    batch_t end = wal->sealed + 1;

    if (lsn > wal->sealed_lsn || begin == 0) {
        return lsn > wal->sealed_lsn ? wal->sealed + 1 : wal->sealed;
    }
    while (begin < end) {
        const batch_t middle = begin + (end - begin) / 2;

        if (window_find(&wal->window, middle)->end_lsn < lsn) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

/* Its last record is the producer's last: then its place is known. An append is retried as it was:
 * the same records in one message. */
static struct pending_append known_append(const struct wal *wal, const struct producer *producer,
                                          const struct append *append)
{
    const bool is_last = append->first_sequence + append->count - 1 == producer->last_sequence
                         && append->count <= producer->last_lsn;

    return (struct pending_append){.first_lsn =
                                       is_last ? producer->last_lsn - append->count + 1 : 0,
                                   .batch = batch_of_lsn(wal, producer->last_lsn)};
}

static struct pending_append new_append(struct member *member, const struct intake_message *message)
{
    const struct append *append = &message->append;
    const struct run run = {.producer = append->producer,
                            .first_sequence = append->first_sequence,
                            .count = append->count};
    const lsn_t first = wal_append(&member->wal, &run, message->lengths, message->bodies);

    member->appended_records += append->count;
    member->appended_bytes += message->bodies.size;
    return (struct pending_append){.first_lsn = first, .batch = member->wal.sealed + 1};
}

/* OK, E_FULL (not now), E_DISK_FULL or E_WAL_FULL. */
static enum status make_room(struct primary *primary, const struct intake_message *message,
                             struct effects *fx)
{
    if (pending_is_full(&primary->intake.pending)) {
        return E_FULL;
    }
    if (retention_is_full(&primary->member)) {
        return E_DISK_FULL;
    }
    return wal_make_room(&primary->member.wal, message->lengths.size + message->bodies.size,
                         primary->wall_ns, fx);
}

static enum status take(struct primary *primary, const struct client *client,
                        const struct intake_message *message, struct effects *fx)
{
    struct wal *wal = &primary->member.wal;
    const struct append *append = &message->append;
    const struct producer *producer = producers_find(&wal->producers, append->producer);
    struct pending_append pending;

    if (producer != NULL && append->first_sequence <= producer->last_sequence) {
        if (pending_is_full(&primary->intake.pending)) {
            return E_FULL;
        }
        pending = known_append(wal, producer, append);
        primary->intake.may_release = true;
    } else {
        TRY(make_room(primary, message, fx));
        pending = new_append(&primary->member, message);
    }
    pending.link = client->link;
    pending.client = place_of(primary, client);
    pending.count = append->count;
    pending.request = append->request;
    pending_add(&primary->intake.pending, message->level, &pending);
    return OK;
}

static void explain_full(const struct primary *primary, enum status why,
                         char text[REFUSED_TEXT_MAX])
{
    if (why == E_DISK_FULL) {
        snprintf(text, REFUSED_TEXT_MAX,
                 "the disk of primary %s is full: free some space there, and it takes appends "
                 "again; nothing was appended",
                 primary->member.settings.self.member);
        return;
    }
    snprintf(text, REFUSED_TEXT_MAX,
             "the WAL has %u segments, and %u is the limit: start the primary with a larger "
             "--segments-max; nothing was appended",
             primary->member.wal.index.count, primary->member.settings.segments_max);
}

void intake_on_append(struct primary *primary, struct client *client, const struct event *event,
                      struct effects *fx)
{
    struct line *line = &primary->intake.line;
    const uint32_t place = place_of(primary, client);
    struct intake_message message = {0};
    char text[REFUSED_TEXT_MAX];

    text[0] = '\0';
    enum status status = check(primary, client, &event->message.message, &message, text);

    if (status == OK) {
        status = line_must_wait(line, place) ? E_FULL : take(primary, client, &message, fx);
    }
    if (status == E_FULL) {
        line_wait(line, place, client->link, fx);
        return;
    }
    line_leave(line, place);
    if (status == E_WAL_FULL || status == E_DISK_FULL) {
        explain_full(primary, status, text);
    }
    if (status != OK) {
        refuse(primary, client, &message.append, status, text, fx);
    }
}

void intake_on_link_down(struct primary *primary, const struct client *client)
{
    line_leave(&primary->intake.line, place_of(primary, client));
}

/* ---- sealing and releasing ---- */

/* No timer: the disk's own pace gathers records. Few batches under way: seal what there is, for the
 * sake of whoever waits; many: let the open one grow. */
void intake_seal(struct primary *primary, struct effects *fx)
{
    struct wal *wal = &primary->member.wal;

    if (wal_has_open(wal) && wal->sealed - wal->durable < primary->settings.groups_max) {
        const enum status status = wal_seal(wal, fx);

        CHECK(status == OK || status == E_FULL); /* full: the next WRITTEN makes room */
    }
    if (wal->durable != primary->intake.seen_durable) {
        primary->intake.seen_durable = wal->durable;
        intake_acked(primary);
    }
}

void intake_acked(struct primary *primary)
{
    primary->intake.may_release = true;
    line_progress(&primary->intake.line);
}

static bool is_there(const struct primary *primary, const struct pending_append *append)
{
    return primary->member.clients.list[append->client].link == append->link;
}

/* False where the step has no room for more answers. */
static bool release_queue(struct primary *primary, unsigned queue, batch_t reached,
                          struct effects *fx)
{
    struct pending *pending = &primary->intake.pending;
    const struct pending_append *append = pending_first(pending, queue);

    for (; append != NULL && append->batch <= reached; append = pending_first(pending, queue)) {
        if (!effects_have_room(fx)) {
            return false;
        }
        if (is_there(primary, append)) {
            send_appended(append, fx);
        }
        pending_pop(pending, queue);
    }
    return true;
}

static bool release_all(struct primary *primary, struct effects *fx)
{
    for (unsigned queue = 0; queue < PENDING_LEVELS; queue++) {
        if (pending_first(&primary->intake.pending, queue) == NULL) {
            continue;
        }
        const batch_t reached = voters_reached(primary, pending_level(queue));

        if (!release_queue(primary, queue, reached, fx)) {
            return false;
        }
    }
    return true;
}

void intake_release(struct primary *primary, struct effects *fx)
{
    struct intake *intake = &primary->intake;
    const bool was_full = pending_is_full(&intake->pending);

    if (intake->may_release) {
        intake->may_release = !release_all(primary, fx);
    }
    if (was_full && !pending_is_full(&intake->pending)) {
        line_progress(&intake->line);
    }
    line_call(&intake->line, fx);
}

void intake_give_up(struct primary *primary, struct effects *fx)
{
    struct pending *pending = &primary->intake.pending;

    for (unsigned queue = 0; queue < PENDING_LEVELS; queue++) {
        const struct pending_append *append = pending_first(pending, queue);

        for (; append != NULL && effects_have_room(fx); append = pending_first(pending, queue)) {
            if (is_there(primary, append)) {
                clients_refuse(fx, append->link, append->request, E_INDEFINITE,
                               "the primary stops before the level was met; %s",
                               status_text(E_INDEFINITE));
            }
            pending_pop(pending, queue);
        }
    }
}
