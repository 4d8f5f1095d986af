/* Messages that make no sense, or none from such a peer. */
#include "sim/workload_parts.h"

#include "base/check.h"
#include "proto/message.h"
#include "proto/ship.h"

void stranger_speak(struct workload_client *client)
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
    client_send(client, type, head, tail);
}
