/* Follows from the first record there is, and holds each against the oracle's. It also tries what a
 * reader may not do. */
#include "sim/workload_parts.h"

#include "base/reader.h"
#include "base/writer.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "sim/oracle_retention.h"

void reader_begin(struct workload_client *client)
{
    const struct read_message read = {
        .request = ++client->read_request,
        .from_lsn = client->next_lsn,
        .follow = true,
        .window_bytes = prng_between(&client->dice, 1, 64) * 1024,
    };

    client->visible_lsn = 0;
    client_send(client, MESSAGE_READ, read_message_encode(&read, client->workload->memory),
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
void reader_skip(struct workload_client *client, lsn_t first_lsn)
{
    struct workload *workload = client->workload;
    const struct sim_member *member = &workload->sim->members[client->target];

    if (first_lsn > client->next_lsn && oracle_may_begin_at(workload->oracle, member, first_lsn)) {
        client->next_lsn = first_lsn;
    }
}

void reader_on_records(struct workload_client *client, const struct message *message)
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
        reader_skip(client, records.first_lsn);
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

    client_send(client, MESSAGE_CONSUMED, consumed_encode(&consumed, client->workload->memory),
                bytes_none());
}

/* A reader may not append, well-formed or not. */
void reader_trespass(struct workload_client *client)
{
    struct workload *workload = client->workload;
    const struct append append = {.request = UINT64_MAX,
                                  .producer = client->producer,
                                  .first_sequence = client->next_sequence++,
                                  .count = 1};
    struct writer tail = writer_of(workload->memory + WORKLOAD_HEAD_ROOM, WORKLOAD_TAIL_ROOM);

    writer_u32(&tail, 1);
    writer_u8(&tail, 'x');
    sim_count(workload->sim, FAULT_TRESPASS);
    client_send(client, MESSAGE_APPEND, append_encode(&append, workload->memory),
                writer_bytes(&tail));
}
