/* Appends, a few in flight: sent, said again after a lost link, answered, refused for good or for
 * now. */
#include "sim/workload_parts.h"

#include "base/writer.h"
#include "proto/message.h"
#include "proto/ship.h"

enum { RECORDS_PER_APPEND = 6 };

void producer_send(struct workload_client *client, struct client_flight *flight)
{
    struct workload *workload = client->workload;
    const struct append append = {.request = flight->request,
                                  .producer = client->producer,
                                  .first_sequence = flight->first_sequence,
                                  .count = flight->count,
                                  .has_level = flight->has_level,
                                  .level = flight->level};
    struct writer tail = writer_of(workload->memory + WORKLOAD_HEAD_ROOM, WORKLOAD_TAIL_ROOM);
    size_t sizes[RECORDS_PER_APPEND];
    uint8_t *bodies = tail.data + 4 * flight->count;

    for (uint32_t i = 0; i < flight->count; i++) {
        sizes[i] = oracle_content(workload->oracle, client->producer, flight->first_sequence + i,
                                  bodies, WORKLOAD_TAIL_ROOM / 2);
        writer_u32(&tail, (uint32_t)sizes[i]);
        bodies += sizes[i];
    }
    flight->attempts++;
    sim_say(workload->sim, client->puppet.self.member, "append request=%llu sequences=%llu+%u%s",
            (unsigned long long)flight->request, (unsigned long long)flight->first_sequence,
            flight->count, flight->attempts > 1 ? " again" : "");
    client_send(client, MESSAGE_APPEND, append_encode(&append, workload->memory),
                bytes_of(tail.data, (size_t)(bodies - tail.data)));
}

static struct level draw_level(struct workload_client *client, bool *given)
{
    const struct workload *workload = client->workload;
    const uint64_t drawn = prng_below(&client->dice, workload->level_count + 3);

    *given = drawn < workload->level_count;
    return *given ? workload->levels[drawn] : workload->oracle->level;
}

void producer_begin(struct workload_client *client)
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
    producer_send(client, flight);
}

struct client_flight *producer_flight(struct workload_client *client, uint64_t request)
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

void producer_on_appended(struct workload_client *client, const struct message *message)
{
    struct oracle *oracle = client->workload->oracle;
    struct appended appended;

    if (appended_decode(&appended, message->head, &oracle->scratch) != OK) {
        sim_fail(client->workload->sim, 0, "a client cannot decode an APPENDED");
        return;
    }
    struct client_flight *flight = producer_flight(client, appended.request);

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

void producer_on_refused(struct workload_client *client, struct client_flight *flight,
                         const struct refused *refused)
{
    const bool for_now = refused->why == E_INDEFINITE || refused->why == E_NOT_READY
                         || refused->why == E_FULL || refused->why == E_BUSY
                         || refused->why == E_NOT_WRITER;

    client->refused++;
    sim_say(client->workload->sim, client->puppet.self.member, "refused request=%llu why=%s",
            (unsigned long long)refused->request, status_name(refused->why));
    if (for_now && (flight->attempts > 1 || refused->why == E_INDEFINITE)) {
        client_hang_up(client); /* what it has sent after this one must not overtake it */
        return;
    }
    oracle_on_refused(client->workload->oracle, flight->append, flight->attempts == 1);
    land(client, flight);
}
