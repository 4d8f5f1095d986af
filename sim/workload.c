/* Each client is a puppet on the network with a tick of its own: connect if there is no link,
 * append if there is room in its flight. Answers arrive in between. After a lost link everything in
 * flight is said again, in order; after an indefinite answer the client hangs up by itself and does
 * the same. */
#include "sim/workload_parts.h"

#include "base/check.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "sim/succession.h"

#include <stdlib.h>

enum {
    REST_THINK_S = 1, /* a client's tick while it rests, ... */
    REST_ACTS_ONE_IN = 4, /* ... of which most pass */
    VERIFY_EVERY_S = 4, /* about so often each client has a member verify all that it holds */
};

static struct workload_client *client_of(struct puppet *puppet)
{
    return (struct workload_client *)puppet;
}

void client_send(struct workload_client *client, unsigned type, struct bytes head,
                 struct bytes tail)
{
    const struct effect_send send = {
        .link = client->puppet.link, .type = type, .head = head, .tail = {tail, bytes_none()}};

    sim_net_send(
        client->workload->sim,
        (struct sim_end){.member = -1, .puppet = &client->puppet, .region = client->puppet.region},
        &send);
}

void client_hang_up(struct workload_client *client)
{
    const link_t link = client->puppet.link;

    client->ready = false;
    client->puppet.link = 0;
    sim_net_hang_up(client->workload->sim,
                    (struct sim_end){.member = -1, .puppet = &client->puppet}, link, OK);
}

/* ---- both ---- */

#define VERIFY_REQUESTS ((uint64_t)1 << 62) /* from here on, so that no append is meant */

static void ask_to_verify(struct workload_client *client)
{
    const struct verify_message verify = {
        .request = VERIFY_REQUESTS + ++client->verify_request,
        .keyless = prng_chance(&client->curiosity, 1, 3),
        .rate = (uint64_t)1 << prng_between(&client->curiosity, 20, 30),
    };

    client_send(client, MESSAGE_VERIFY, verify_message_encode(&verify, client->workload->memory),
                bytes_none());
}

/* ---- all of them ---- */

static void on_refused(struct workload_client *client, const struct message *message)
{
    static struct refused refused;

    if (refused_decode(&refused, message->head, &client->workload->oracle->scratch) != OK) {
        sim_fail(client->workload->sim, 0, "a client cannot decode a REFUSED");
        return;
    }
    if (refused.request > VERIFY_REQUESTS) {
        return; /* another time */
    }
    struct client_flight *flight = producer_flight(client, refused.request);

    if (client->kind == CLIENT_PRODUCER && flight != NULL) {
        producer_on_refused(client, flight, &refused);
    } else {
        client_hang_up(client);
    }
}

static void on_welcome(struct workload_client *client, const struct message *message)
{
    struct welcome welcome;

    client->ready = true;
    if (client->kind == CLIENT_READER
        && welcome_decode(&welcome, message->head, &client->workload->oracle->scratch) == OK) {
        reader_skip(client, welcome.first_lsn);
        reader_begin(client);
    }
    for (unsigned i = 0; i < client->flight_count; i++) {
        producer_send(client, &client->flight[i]);
    }
}

static void on_up(struct sim *sim, struct puppet *puppet)
{
    struct workload_client *client = client_of(puppet);
    const struct hello hello = {.version = PROTOCOL_VERSION};

    (void)sim;
    if (client->kind == CLIENT_STRANGER) {
        stranger_speak(client);
        return;
    }
    client_send(client, MESSAGE_HELLO, hello_encode(&hello, client->workload->memory),
                bytes_none());
}

static void on_down(struct sim *sim, struct puppet *puppet, enum status why)
{
    (void)sim, (void)why;
    client_of(puppet)->ready = false;
}

static void on_message(struct sim *sim, struct puppet *puppet, const struct message *message)
{
    struct workload_client *client = client_of(puppet);

    if (puppet->link == 0 || client->kind == CLIENT_STRANGER) {
        return;
    }
    switch (message->type) {
    case MESSAGE_WELCOME:
        on_welcome(client, message);
        return;
    case MESSAGE_APPENDED:
        producer_on_appended(client, message);
        return;
    case MESSAGE_RECORDS:
        reader_on_records(client, message);
        return;
    case MESSAGE_REFUSED:
        on_refused(client, message);
        return;
    case MESSAGE_STATUS_IS:
    case MESSAGE_READ_END:
    case MESSAGE_VERIFIED_SEGMENT:
    case MESSAGE_VERIFIED:
        return;
    default: /* number: a type from the wire */
        sim_fail(sim, 0, "a client hears a message of type %u", message->type);
    }
}

static void act(struct workload_client *client)
{
    struct workload *workload = client->workload;

    if (client->kind == CLIENT_STRANGER) {
        stranger_speak(client);
        return;
    }
    if (workload->rests && !prng_chance(&client->curiosity, 1, REST_ACTS_ONE_IN)) {
        return;
    }
    if (!client->ready) {
        return;
    }
    if (client->kind == CLIENT_PRODUCER && !workload->calm && client->appends_left > 0
        && client->flight_count < client->flight_max) {
        producer_begin(client);
    }
    if (client->kind == CLIENT_READER && !workload->calm && workload->trespasses
        && prng_chance(&client->dice, 1, 64)) {
        reader_trespass(client);
        return;
    }
    if (prng_chance(&client->dice, 1, 64)) {
        client_send(client, MESSAGE_STATUS, bytes_none(), bytes_none());
    }
    if (workload->verifies
        && prng_chance(&client->curiosity, workload->think_ns, SPAN_S(VERIFY_EVERY_S).ns)) {
        ask_to_verify(client);
    }
}

/* Mostly where the coordinator's record says, as a directory would; sometimes anywhere. */
static void choose_target(struct workload_client *client)
{
    struct workload *workload = client->workload;

    if (!workload->follows_writer || client->kind != CLIENT_PRODUCER) {
        return;
    }
    client->target = prng_chance(&client->curiosity, 7, 8)
                         ? succession_writer(workload->sim->world)->number
                         : (unsigned)prng_below(&client->curiosity, workload->sim->member_count);
}

static void run_tick(struct sim *sim, const struct todo *todo)
{
    struct workload_client *client = (struct workload_client *)(uintptr_t)todo->a;
    struct workload *workload = client->workload;
    const bool silent = client->kind == CLIENT_STRANGER && workload->calm;

    if (silent && client->puppet.link != 0) {
        client_hang_up(client);
    }
    if (silent) {
        return;
    }
    if (client->puppet.link != 0) {
        act(client);
    } else if (!client->puppet.dialing) {
        choose_target(client);
        sim_net_dial_puppet(sim, &client->puppet, client->target);
    }
    const uint64_t slow = client->puppet.link != 0 ? 1 : 4;
    const uint64_t think_ns = workload->rests ? SPAN_S(REST_THINK_S).ns : workload->think_ns;

    sim_after(sim, prng_between(&client->dice, think_ns / 2, 2 * think_ns) * slow,
              (struct todo){run_tick, (uintptr_t)client, 0, 0});
}

void workload_init(struct workload *workload, struct sim *sim, struct oracle *oracle, uint64_t seed)
{
    *workload = (struct workload){.sim = sim, .oracle = oracle, .think_ns = SPAN_MS(40).ns};
    prng_seed(&workload->dice, seed);
    workload->memory = malloc(WORKLOAD_HEAD_ROOM + WORKLOAD_TAIL_ROOM);
    CHECK(workload->memory != NULL);
}

void workload_drop(struct workload *workload)
{
    free(workload->memory);
}

struct workload_client *workload_add(struct workload *workload, enum client_kind kind,
                                     unsigned target, unsigned appends)
{
    static const enum role roles[] = {ROLE_CLIENT, ROLE_READER, ROLE_CLIENT};
    struct workload_client *client = &workload->clients[workload->client_count];
    const struct sim_member *member = &workload->sim->members[target];

    CHECK(workload->client_count < WORKLOAD_CLIENTS_MAX);
    *client = (struct workload_client){.workload = workload,
                                       .kind = kind,
                                       .target = target,
                                       .next_sequence = 1,
                                       .next_lsn = 1,
                                       .appends_left = appends};
    prng_seed(&client->dice, prng_next(&workload->dice));
    prng_seed(&client->curiosity, client->dice.state[0]);
    client->flight_max = (unsigned)prng_between(&client->dice, 1, WORKLOAD_FLIGHT_MAX);
    client->producer = prng_next(&client->dice) | 1;
    client->puppet = (struct puppet){.number = workload->client_count++,
                                     .self = member->self,
                                     .region = member->region,
                                     .on_up = on_up,
                                     .on_message = on_message,
                                     .on_down = on_down};
    client->puppet.self.role =
        kind == CLIENT_STRANGER && prng_chance(&client->dice, 1, 2) ? ROLE_REPLICA : roles[kind];
    snprintf(client->puppet.self.member, sizeof client->puppet.self.member, "client-%u",
             client->puppet.number);
    sim_after(workload->sim, prng_below(&client->dice, SPAN_MS(200).ns),
              (struct todo){run_tick, (uintptr_t)client, 0, 0});
    return client;
}

const char *workload_unsettled(const struct workload *workload)
{
    static char text[SIM_FAILURE_MAX];

    for (unsigned i = 0; i < workload->client_count; i++) {
        const struct workload_client *client = &workload->clients[i];
        const char *target = workload->sim->members[client->target].name;
        const char *state = client->ready ? "welcomed" : "not welcomed";

        if (client->flight_count > 0) {
            snprintf(text, sizeof text,
                     "client %u (%s at %s) has %u appends in flight, request %llu first", i, state,
                     target, client->flight_count, (unsigned long long)client->flight[0].request);
            return text;
        }
        if (client->kind == CLIENT_READER && client->next_lsn <= workload->oracle->committed) {
            snprintf(text, sizeof text,
                     "reader %u (%s at %s) waits for LSN %llu; %llu is committed", i, state, target,
                     (unsigned long long)client->next_lsn,
                     (unsigned long long)workload->oracle->committed);
            return text;
        }
    }
    return NULL;
}
