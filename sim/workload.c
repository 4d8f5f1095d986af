/* Each client is a puppet on the network with a tick of its own: connect if there is no link,
 * append if there is room in its flight. Answers arrive in between. After a lost link everything in
 * flight is said again, in order; after an indefinite answer the client hangs up by itself and does
 * the same. */
#include "sim/workload.h"
#include "sim/oracle_retention.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/writer.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "sim/succession.h"

#include <stdlib.h>

enum {
    TAIL_ROOM = 1 << 20,
    HEAD_ROOM = 4096,
    RECORDS_PER_APPEND = 6,
    REST_THINK_S = 1, /* a client's tick while it rests, ... */
    REST_ACTS_ONE_IN = 4, /* ... of which most pass */
    VERIFY_EVERY_S = 4, /* about so often each client has a member verify all that it holds */
};

static struct workload_client *client_of(struct puppet *puppet)
{
    return (struct workload_client *)puppet;
}

static void send_message(struct workload_client *client, unsigned type, struct bytes head,
                         struct bytes tail)
{
    const struct effect_send send = {
        .link = client->puppet.link, .type = type, .head = head, .tail = {tail, bytes_none()}};

    sim_net_send(
        client->workload->sim,
        (struct sim_end){.member = -1, .puppet = &client->puppet, .region = client->puppet.region},
        &send);
}

static void hang_up(struct workload_client *client)
{
    const link_t link = client->puppet.link;

    client->ready = false;
    client->puppet.link = 0;
    sim_net_hang_up(client->workload->sim,
                    (struct sim_end){.member = -1, .puppet = &client->puppet}, link, OK);
}

/* ---- producers ---- */

static void send_append(struct workload_client *client, struct client_flight *flight)
{
    struct workload *workload = client->workload;
    const struct append append = {.request = flight->request,
                                  .producer = client->producer,
                                  .first_sequence = flight->first_sequence,
                                  .count = flight->count,
                                  .has_level = flight->has_level,
                                  .level = flight->level};
    struct writer tail = writer_of(workload->memory + HEAD_ROOM, TAIL_ROOM);
    size_t sizes[RECORDS_PER_APPEND];
    uint8_t *bodies = tail.data + 4 * flight->count;

    for (uint32_t i = 0; i < flight->count; i++) {
        sizes[i] = oracle_content(workload->oracle, client->producer, flight->first_sequence + i,
                                  bodies, TAIL_ROOM / 2);
        writer_u32(&tail, (uint32_t)sizes[i]);
        bodies += sizes[i];
    }
    flight->attempts++;
    sim_say(workload->sim, client->puppet.self.member, "append request=%llu sequences=%llu+%u%s",
            (unsigned long long)flight->request, (unsigned long long)flight->first_sequence,
            flight->count, flight->attempts > 1 ? " again" : "");
    send_message(client, MESSAGE_APPEND, append_encode(&append, workload->memory),
                 bytes_of(tail.data, (size_t)(bodies - tail.data)));
}

static struct level draw_level(struct workload_client *client, bool *given)
{
    const struct workload *workload = client->workload;
    const uint64_t drawn = prng_below(&client->dice, workload->level_count + 3);

    *given = drawn < workload->level_count;
    return *given ? workload->levels[drawn] : workload->oracle->level;
}

static void begin_append(struct workload_client *client)
{
    struct client_flight *flight = &client->flight[client->flight_count++];

    *flight = (struct client_flight){.request = ++client->next_request,
                                     .first_sequence = client->next_sequence};
    flight->count = prng_chance(&client->dice, 2, 3)
                        ? 1
                        : (uint32_t)prng_between(&client->dice, 1, RECORDS_PER_APPEND);
    flight->level = draw_level(client, &flight->has_level);
    client->next_sequence += flight->count + (prng_chance(&client->dice, 1, 16) ? 7 : 0);
    client->appends_left--;
    flight->append = oracle_on_append(
        client->workload->oracle, &(struct oracle_append){.client = client->puppet.number,
                                                          .request = flight->request,
                                                          .producer = client->producer,
                                                          .first_sequence = flight->first_sequence,
                                                          .count = flight->count,
                                                          .level = flight->level});
    send_append(client, flight);
}

static struct client_flight *find_flight(struct workload_client *client, uint64_t request)
{
    for (unsigned i = 0; i < client->flight_count; i++) {
        if (client->flight[i].request == request) {
            return &client->flight[i];
        }
    }
    return NULL;
}

static void land(struct workload_client *client, struct client_flight *flight)
{
    const unsigned place = (unsigned)(flight - client->flight);

    client->flight_count--;
    memmove(flight, flight + 1, (client->flight_count - place) * sizeof *flight);
}

static void on_appended(struct workload_client *client, const struct message *message)
{
    struct oracle *oracle = client->workload->oracle;
    struct appended appended;

    if (appended_decode(&appended, message->head, &oracle->scratch) != OK) {
        sim_fail(client->workload->sim, 0, "a client cannot decode an APPENDED");
        return;
    }
    struct client_flight *flight = find_flight(client, appended.request);

    if (client->kind != CLIENT_PRODUCER) {
        sim_fail(client->workload->sim, 37, "a %s may append", role_name(client->puppet.self.role));
    }
    if (flight != NULL) {
        client->appended++;
        sim_say(client->workload->sim, client->puppet.self.member, "appended request=%llu lsn=%llu",
                (unsigned long long)appended.request, (unsigned long long)appended.first_lsn);
        oracle_on_appended(oracle, flight->append, appended.first_lsn);
        land(client, flight);
    }
}

static void on_append_refused(struct workload_client *client, struct client_flight *flight,
                              const struct refused *refused)
{
    const bool for_now = refused->why == E_INDEFINITE || refused->why == E_NOT_READY
                         || refused->why == E_FULL || refused->why == E_BUSY
                         || refused->why == E_NOT_WRITER;

    client->refused++;
    sim_say(client->workload->sim, client->puppet.self.member, "refused request=%llu why=%s",
            (unsigned long long)refused->request, status_name(refused->why));
    if (for_now && (flight->attempts > 1 || refused->why == E_INDEFINITE)) {
        hang_up(client); /* what it has sent after this one must not overtake it */
        return;
    }
    oracle_on_refused(client->workload->oracle, flight->append, flight->attempts == 1);
    land(client, flight);
}

/* ---- readers ---- */

static void begin_read(struct workload_client *client)
{
    const struct read_message read = {
        .request = ++client->read_request,
        .from_lsn = client->next_lsn,
        .follow = true,
        .window_bytes = prng_between(&client->dice, 1, 64) * 1024,
    };

    client->visible_lsn = 0;
    send_message(client, MESSAGE_READ, read_message_encode(&read, client->workload->memory),
                 bytes_none());
}

static bool take_records(struct workload_client *client, const struct records *records,
                         struct bytes tail)
{
    struct reader lengths = reader_of(tail);
    struct reader bodies = reader_of(bytes_part(tail, 4 * (size_t)records->count, tail.size));
    struct bytes body;
    uint32_t length;

    for (uint32_t i = 0; i < records->count; i++) {
        if (reader_u32(&lengths, &length) != OK || reader_view(&bodies, &body, length) != OK) {
            return false;
        }
        oracle_on_record(client->workload->oracle, records->first_lsn + i, body);
    }
    return reader_end(&bodies) == OK;
}

/* A WAL may begin later than it did: where retention was allowed to shorten it. */
static void skip_what_is_not_kept(struct workload_client *client, lsn_t first_lsn)
{
    struct workload *workload = client->workload;
    const struct sim_member *member = &workload->sim->members[client->target];

    if (first_lsn > client->next_lsn && oracle_may_begin_at(workload->oracle, member, first_lsn)) {
        client->next_lsn = first_lsn;
    }
}

static void on_records(struct workload_client *client, const struct message *message)
{
    struct sim *sim = client->workload->sim;
    struct records records;

    if (records_decode(&records, message->head, &client->workload->oracle->scratch) != OK) {
        sim_fail(sim, 0, "a reader cannot decode RECORDS");
        return;
    }
    if (records.request != client->read_request) {
        return;
    }
    if (client->next_lsn == 1) { /* "the first there is" */
        skip_what_is_not_kept(client, records.first_lsn);
    }
    if (records.first_lsn != client->next_lsn || records.visible_lsn < client->visible_lsn
        || !take_records(client, &records, message->tail)) {
        sim_fail(sim, 8, "reader %u waits for LSN %llu and gets %llu (visible %llu)",
                 client->puppet.number, (unsigned long long)client->next_lsn,
                 (unsigned long long)records.first_lsn, (unsigned long long)records.visible_lsn);
        return;
    }
    client->next_lsn += records.count;
    client->records_read += records.count;
    client->visible_lsn = records.visible_lsn;

    const struct consumed consumed = {client->read_request, client->next_lsn - 1};

    send_message(client, MESSAGE_CONSUMED, consumed_encode(&consumed, client->workload->memory),
                 bytes_none());
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

    send_message(client, MESSAGE_VERIFY, verify_message_encode(&verify, client->workload->memory),
                 bytes_none());
}

/* A reader may not append, well-formed or not. */
static void trespass(struct workload_client *client)
{
    struct workload *workload = client->workload;
    const struct append append = {.request = UINT64_MAX,
                                  .producer = client->producer,
                                  .first_sequence = client->next_sequence++,
                                  .count = 1};
    struct writer tail = writer_of(workload->memory + HEAD_ROOM, TAIL_ROOM);

    writer_u32(&tail, 1);
    writer_u8(&tail, 'x');
    sim_count(workload->sim, FAULT_TRESPASS);
    send_message(client, MESSAGE_APPEND, append_encode(&append, workload->memory),
                 writer_bytes(&tail));
}

/* ---- strangers ---- */

static void say_nonsense(struct workload_client *client)
{
    static const unsigned types[] = {
        MESSAGE_GREET, MESSAGE_KEYS,    MESSAGE_PROOF,  MESSAGE_RESUME, MESSAGE_BATCH,
        MESSAGE_ACK,   MESSAGE_COMMIT,  MESSAGE_APPEND, MESSAGE_READ,   MESSAGE_STATUS,
        MESSAGE_HELLO, MESSAGE_SEGMENT, MESSAGE_RECORDS};
    struct workload *workload = client->workload;
    const struct ack ack = {1u << prng_below(&client->dice, 8), prng_below(&client->dice, 100000)};
    const unsigned type = types[prng_below(&client->dice, COUNT_OF(types))];
    const size_t size = prng_below(&client->dice, 200);
    struct bytes head = bytes_of(workload->memory, size);
    struct bytes tail = bytes_none();

    prng_fill(&client->dice, workload->memory, 512);
    if (type == MESSAGE_BATCH || type == MESSAGE_APPEND || type == MESSAGE_RECORDS
        || type == MESSAGE_SEGMENT) {
        tail = bytes_of(workload->memory + 256, prng_below(&client->dice, 256));
    }
    if (type == MESSAGE_ACK) {
        head = ack_encode(&ack, workload->memory);
    }
    sim_count(workload->sim, FAULT_NONSENSE);
    send_message(client, type, head, tail);
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
    struct client_flight *flight = find_flight(client, refused.request);

    if (client->kind == CLIENT_PRODUCER && flight != NULL) {
        on_append_refused(client, flight, &refused);
    } else {
        hang_up(client);
    }
}

static void on_welcome(struct workload_client *client, const struct message *message)
{
    struct welcome welcome;

    client->ready = true;
    if (client->kind == CLIENT_READER
        && welcome_decode(&welcome, message->head, &client->workload->oracle->scratch) == OK) {
        skip_what_is_not_kept(client, welcome.first_lsn);
        begin_read(client);
    }
    for (unsigned i = 0; i < client->flight_count; i++) {
        send_append(client, &client->flight[i]);
    }
}

static void on_up(struct sim *sim, struct puppet *puppet)
{
    struct workload_client *client = client_of(puppet);
    const struct hello hello = {.version = PROTOCOL_VERSION};

    (void)sim;
    if (client->kind == CLIENT_STRANGER) {
        say_nonsense(client);
        return;
    }
    send_message(client, MESSAGE_HELLO, hello_encode(&hello, client->workload->memory),
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
        on_appended(client, message);
        return;
    case MESSAGE_RECORDS:
        on_records(client, message);
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
        say_nonsense(client);
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
        begin_append(client);
    }
    if (client->kind == CLIENT_READER && !workload->calm && workload->trespasses
        && prng_chance(&client->dice, 1, 64)) {
        trespass(client);
        return;
    }
    if (prng_chance(&client->dice, 1, 64)) {
        send_message(client, MESSAGE_STATUS, bytes_none(), bytes_none());
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
        hang_up(client);
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
    workload->memory = malloc(HEAD_ROOM + TAIL_ROOM);
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
