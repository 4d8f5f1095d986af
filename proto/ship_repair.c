/* REPAIR_ASK and REPAIR_IS: what a damaged copy lacks, and whether the other has it. The bytes
 * themselves are the tail. */
#include "proto/convert.h"
#include "proto/flat.h"
#include "proto/ship.h"
#include "proto/ship.pb-c.h"

enum { REPAIR_IS_FIELDS = 4 };

static Pb__RepairAsk ask_prepare(const struct repair_ask *ask)
{
    Pb__RepairAsk message = PB__REPAIR_ASK__INIT;

    message.lineage = convert_fixed(ask->lineage.bytes, sizeof ask->lineage.bytes);
    message.segment = ask->segment;
    message.epoch = ask->epoch;
    message.start_batch = ask->start_batch;
    message.first_batch = ask->first_batch;
    message.last_batch = ask->last_batch;
    message.tag_before = convert_fixed(ask->tag_before.bytes, sizeof ask->tag_before.bytes);
    return message;
}

size_t repair_ask_bytes(const struct repair_ask *message)
{
    const Pb__RepairAsk packed = ask_prepare(message);

    return protobuf_c_message_get_packed_size(&packed.base);
}

struct bytes repair_ask_encode(const struct repair_ask *message, void *into)
{
    const Pb__RepairAsk packed = ask_prepare(message);

    return convert_pack(&packed.base, into);
}

enum status repair_ask_decode(struct repair_ask *ask, struct bytes head,
                              struct proto_scratch *scratch)
{
    const Pb__RepairAsk *const message = convert_unpack(&pb__repair_ask__descriptor, head, scratch);

    if (message == NULL || message->segment == SEGMENT_NONE
        || (message->first_batch != 0 && message->last_batch < message->first_batch)) {
        return E_MALFORMED;
    }
    ask->segment = message->segment;
    ask->epoch = message->epoch;
    ask->start_batch = message->start_batch;
    ask->first_batch = message->first_batch;
    ask->last_batch = message->last_batch;
    TRY(convert_to_fixed(ask->lineage.bytes, sizeof ask->lineage.bytes, message->lineage));
    return convert_to_fixed(ask->tag_before.bytes, sizeof ask->tag_before.bytes,
                            message->tag_before);
}

static void is_values(const struct repair_is *message, uint64_t values[REPAIR_IS_FIELDS])
{
    values[0] = message->segment;
    values[1] = message->first_batch;
    values[2] = message->answer;
    values[3] = message->end_batch;
}

size_t repair_is_bytes(const struct repair_is *message)
{
    uint64_t values[REPAIR_IS_FIELDS];

    is_values(message, values);
    return flat_bytes(values, REPAIR_IS_FIELDS);
}

struct bytes repair_is_encode(const struct repair_is *message, void *into)
{
    uint64_t values[REPAIR_IS_FIELDS];

    is_values(message, values);
    return flat_encode(values, REPAIR_IS_FIELDS, into);
}

enum status repair_is_decode(struct repair_is *message, struct bytes head,
                             struct proto_scratch *scratch)
{
    uint64_t values[REPAIR_IS_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, REPAIR_IS_FIELDS, head));
    if (values[2] >= REPAIR_ANSWERS) {
        return E_MALFORMED;
    }
    message->segment = values[0];
    message->first_batch = values[1];
    message->answer = (enum repair_answer)values[2];
    message->end_batch = values[3];
    return OK;
}
