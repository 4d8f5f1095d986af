/* A client says HELLO and is welcomed; then it may ask. What it reads is reader*.c; appends are the
 * primary's own (primary/intake.h) and never come here.
 *
 * How it goes wrong: a message that has no place, or cannot be read, gets a REFUSED for the link as
 * a whole and the link ends. A question that cannot be answered gets a REFUSED with its number, and
 * the link goes on. A client that says nothing after HELLO is kept: it may be waiting for
 * records. */
#include "member/clients.h"

#include "base/check.h"
#include "member/client_parts.h"
#include "proto/message.h"

#include <stdarg.h>
#include <stdio.h>

size_t clients_bytes(uint32_t capacity, uint64_t plain_bytes)
{
    return arena_need(sizeof(struct client) * capacity, _Alignof(struct client))
           + arena_need(plain_bytes, 64);
}

void clients_init(struct clients *clients, struct arena *arena, uint32_t capacity,
                  uint64_t plain_bytes)
{
    *clients = (struct clients){.capacity = capacity,
                                .list = ARENA_ARRAY(arena, struct client, capacity),
                                .plain = arena_take(arena, plain_bytes, 64),
                                .plain_bytes = plain_bytes};
    for (uint32_t i = 0; i < capacity; i++) {
        batch_sealer_init(&clients->list[i].reading.sealer);
    }
}

void clients_drop(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->capacity; i++) {
        batch_sealer_drop(&clients->list[i].reading.sealer);
    }
    secret_wipe_memory(clients->plain, clients->plain_touched);
}

struct client *clients_find(const struct clients *clients, link_t link)
{
    for (uint32_t i = 0; i < clients->capacity; i++) {
        if (link != 0 && clients->list[i].link == link) {
            return &clients->list[i];
        }
    }
    return NULL;
}

void clients_refuse(struct effects *fx, link_t link, uint64_t request, enum status why,
                    const char *format, ...)
{
    struct refused refused = {.request = request, .why = why};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(refused.text, sizeof refused.text, format, arguments);
    va_end(arguments);
    effects_send(fx, link, MESSAGE_REFUSED,
                 refused_encode(&refused, effects_scratch(fx, refused_bytes(&refused))));
}

bool client_may_operate(const struct client *client)
{
    return client->welcomed && (client->local || client->peer.role == ROLE_OPERATOR);
}

static void client_end(struct member *member, struct client *client)
{
    reader_stop(member, client);
    verifier_on_link_down(member, client->link);
    client->link = 0;
    member->clients.count--;
}

/* The link as a whole is refused. */
static void turn_away(struct member *member, link_t link, enum status why, struct effects *fx)
{
    trace_event(&member->settings.trace, "client_refused link=%llu why=%s",
                (unsigned long long)link, status_name(why));
    clients_refuse(fx, link, 0, why, "%s: %s.", member->settings.self.member, status_text(why));
    effects_hang_up(fx, link, OK); /* a goodbye: the REFUSED must still arrive */
}

static struct client *free_place(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->capacity; i++) {
        if (clients->list[i].link == 0) {
            return &clients->list[i];
        }
    }
    return NULL;
}

static const struct id *own_lineage(const struct member *member)
{
    return member->known ? &member->descriptor.lineage : &member->settings.self.lineage;
}

void clients_on_link_up(struct member *member, const struct event *event, struct effects *fx)
{
    const struct identity *peer = &event->link.peer;
    struct client *client = free_place(&member->clients);

    if (!peer->any_lineage && !id_equal(&peer->lineage, own_lineage(member))) {
        turn_away(member, event->link.link, E_LINEAGE, fx);
    } else if (client == NULL) {
        turn_away(member, event->link.link, E_BUSY, fx);
    } else {
        client->link = event->link.link;
        client->peer = *peer;
        client->local = event->link.local;
        client->welcomed = false;
        client->came_at = event->now;
        member->clients.count++;
    }
}

static void welcome(struct member *member, struct client *client, struct effects *fx)
{
    const struct index *index = &member->wal.index;
    struct welcome message = {.version = PROTOCOL_VERSION,
                              .lineage = *own_lineage(member),
                              .suite = member->descriptor.suite,
                              .role = member_role(member),
                              .epoch = member->control.highest_epoch,
                              .first_lsn = index->count == 0 ? 1 : index->rows[0].first_lsn,
                              .visible_lsn = member->visible_lsn};

    snprintf(message.region, sizeof message.region, "%s", member->settings.self.region);
    snprintf(message.member, sizeof message.member, "%s", member->settings.self.member);
    client->welcomed = true;
    effects_send(fx, client->link, MESSAGE_WELCOME,
                 welcome_encode(&message, effects_scratch(fx, welcome_bytes(&message))));
}

static enum status check_hello(const struct member *member, const struct hello *hello)
{
    if (hello->version != PROTOCOL_VERSION) {
        return E_VERSION;
    }
    return id_is_zero(&hello->lineage) || id_equal(&hello->lineage, own_lineage(member))
               ? OK
               : E_LINEAGE;
}

static void on_hello(struct member *member, struct client *client, struct bytes head,
                     struct effects *fx)
{
    struct hello hello;
    enum status status = hello_decode(&hello, head, &member->scratch);

    if (status == OK) {
        status = check_hello(member, &hello);
    }
    if (status != OK) {
        turn_away(member, client->link, status, fx);
        client_end(member, client);
        return;
    }
    welcome(member, client, fx);
}

static void on_status(struct member *member, const struct client *client, struct instant now,
                      struct effects *fx)
{
    struct member_status status;

    member_fill_status(member, now, &status);
    effects_send(fx, client->link, MESSAGE_STATUS_IS,
                 member_status_encode(&status, effects_scratch(fx, member_status_bytes(&status))));
}

void clients_on_message(struct member *member, struct client *client, const struct event *event,
                        struct effects *fx)
{
    const struct message *message = &event->message.message;

    if (message->type == MESSAGE_HELLO && !client->welcomed) {
        on_hello(member, client, message->head, fx);
    } else if (message->type == MESSAGE_STATUS && client->welcomed) {
        on_status(member, client, event->now, fx);
    } else if (message->type == MESSAGE_READ && client->welcomed) {
        reader_on_read_message(member, client, event, fx);
    } else if (message->type == MESSAGE_CONSUMED && client->welcomed) {
        reader_on_consumed(member, client, event, fx);
    } else if (message->type == MESSAGE_VERIFY && client->welcomed) {
        verifier_on_verify(member, client, event, fx);
    } else if (message->type == MESSAGE_REWRAP && client->welcomed) {
        rewrap_begin(member, client, fx);
    } else {
        const bool is_for_writer =
            message->type == MESSAGE_APPEND || message->type == MESSAGE_ROTATE;
        const bool may_ask_elsewhere = is_for_writer && client->welcomed;

        turn_away(member, client->link, may_ask_elsewhere ? E_NOT_WRITER : E_PROTOCOL, fx);
        client_end(member, client);
    }
}

void clients_on_link_down(struct member *member, struct client *client)
{
    client_end(member, client);
}

void clients_hang_up_all(struct member *member, enum status why, struct effects *fx)
{
    for (uint32_t i = 0; i < member->clients.capacity; i++) {
        struct client *client = &member->clients.list[i];

        if (client->link != 0) {
            turn_away(member, client->link, why, fx);
            client_end(member, client);
        }
    }
}

void clients_forget_first(struct member *member, struct effects *fx)
{
    for (uint32_t i = 0; i < member->clients.capacity; i++) {
        struct client *client = &member->clients.list[i];

        if (client->link != 0 && client->reading.active) {
            reader_forget_first(member, client, fx);
        }
    }
}

void clients_forget_places(struct member *member)
{
    verifier_forget_places(member);
    for (uint32_t i = 0; i < member->clients.capacity; i++) {
        struct client *client = &member->clients.list[i];
        struct reading *reading = &client->reading;

        if (client->link == 0 || !reading->active) {
            continue;
        }
        reads_forget(&member->reads, READ_READER, client->link);
        reading->read = NULL;
        reading->batch = 0;
        reading->keyed = SEGMENT_NONE;
        walk_nowhere(&reading->walk);
    }
}

void clients_on_read(struct member *member, struct read_slot *slot, struct effects *fx)
{
    struct client *client = clients_find(&member->clients, slot->value);

    CHECK(client != NULL && client->reading.read == slot);
    client->reading.read = NULL;
    reads_free(slot);
    if (member->ready) {
        reader_on_disk(member, client, slot, fx);
    }
}

/* Who was let in and has not said HELLO by now never will. */
static bool is_mute(const struct member *member, const struct client *client, struct instant now)
{
    return !client->welcomed
           && instant_reached(instant_add(client->came_at, member->settings.greet_max), now);
}

static void client_pump(struct member *member, struct client *client, struct instant now,
                        struct effects *fx)
{
    if (is_mute(member, client, now)) {
        effects_hang_up(fx, client->link, E_SILENT);
        client_end(member, client);
        return;
    }
    if (!client->welcomed) {
        effects_wake_at(fx, instant_add(client->came_at, member->settings.greet_max));
    }
    if (client->reading.active) {
        reader_pump(member, client, now, fx);
    }
}

/* Most places are empty most of the time: the search ends with the last client, not the last
 * place. */
void clients_pump(struct member *member, struct instant now, struct effects *fx)
{
    struct clients *clients = &member->clients;
    uint32_t left = clients->count;

    for (uint32_t i = 0; i < clients->capacity && left > 0; i++) {
        const uint32_t place = (clients->first + i) % clients->capacity;
        struct client *client = &clients->list[place];

        if (client->link == 0) {
            continue;
        }
        if (!effects_have_room(fx)) {
            effects_wake_at(fx, now);
            clients->first = place;
            break;
        }
        left--;
        client_pump(member, client, now, fx);
    }
    clients->plain_used = 0; /* nothing more is put there before the next step */
}
