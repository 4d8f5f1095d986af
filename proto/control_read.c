/* Reading: READ asks, RECORDS answer, CONSUMED opens the window further, READ_END ends it. Flat, as
 * RECORDS and CONSUMED come once per batch for each reader. */
#include "proto/control.h"
#include "proto/flat.h"

enum {
    READ_MESSAGE_FIELDS = 4,
    RECORDS_FIELDS = 4,
    CONSUMED_FIELDS = 2,
    READ_END_FIELDS = 2,
};

static void read_message_values(const struct read_message *message,
                                uint64_t values[READ_MESSAGE_FIELDS])
{
    values[0] = message->request;
    values[1] = message->from_lsn;
    values[2] = message->follow ? 1 : 0;
    values[3] = message->window_bytes;
}

size_t read_message_bytes(const struct read_message *message)
{
    uint64_t values[READ_MESSAGE_FIELDS];

    read_message_values(message, values);
    return flat_bytes(values, READ_MESSAGE_FIELDS);
}

struct bytes read_message_encode(const struct read_message *message, void *into)
{
    uint64_t values[READ_MESSAGE_FIELDS];

    read_message_values(message, values);
    return flat_encode(values, READ_MESSAGE_FIELDS, into);
}

enum status read_message_decode(struct read_message *message, struct bytes head,
                                struct proto_scratch *scratch)
{
    uint64_t values[READ_MESSAGE_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, READ_MESSAGE_FIELDS, head));
    if (values[2] > 1) {
        return E_MALFORMED;
    }
    message->request = values[0];
    message->from_lsn = values[1];
    message->follow = values[2] == 1;
    message->window_bytes = values[3];
    return OK;
}

static void records_values(const struct records *message, uint64_t values[RECORDS_FIELDS])
{
    values[0] = message->request;
    values[1] = message->first_lsn;
    values[2] = message->count;
    values[3] = message->visible_lsn;
}

size_t records_bytes(const struct records *message)
{
    uint64_t values[RECORDS_FIELDS];

    records_values(message, values);
    return flat_bytes(values, RECORDS_FIELDS);
}

struct bytes records_encode(const struct records *message, void *into)
{
    uint64_t values[RECORDS_FIELDS];

    records_values(message, values);
    return flat_encode(values, RECORDS_FIELDS, into);
}

enum status records_decode(struct records *message, struct bytes head,
                           struct proto_scratch *scratch)
{
    uint64_t values[RECORDS_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, RECORDS_FIELDS, head));
    if (values[2] > UINT32_MAX || values[1] > UINT64_MAX - values[2]) {
        return E_MALFORMED;
    }
    message->request = values[0];
    message->first_lsn = values[1];
    message->count = (uint32_t)values[2];
    message->visible_lsn = values[3];
    return OK;
}

static void consumed_values(const struct consumed *message, uint64_t values[CONSUMED_FIELDS])
{
    values[0] = message->request;
    values[1] = message->through_lsn;
}

size_t consumed_bytes(const struct consumed *message)
{
    uint64_t values[CONSUMED_FIELDS];

    consumed_values(message, values);
    return flat_bytes(values, CONSUMED_FIELDS);
}

struct bytes consumed_encode(const struct consumed *message, void *into)
{
    uint64_t values[CONSUMED_FIELDS];

    consumed_values(message, values);
    return flat_encode(values, CONSUMED_FIELDS, into);
}

enum status consumed_decode(struct consumed *message, struct bytes head,
                            struct proto_scratch *scratch)
{
    uint64_t values[CONSUMED_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, CONSUMED_FIELDS, head));
    message->request = values[0];
    message->through_lsn = values[1];
    return OK;
}

static void read_end_values(const struct read_end *message, uint64_t values[READ_END_FIELDS])
{
    values[0] = message->request;
    values[1] = message->next_lsn;
}

size_t read_end_bytes(const struct read_end *message)
{
    uint64_t values[READ_END_FIELDS];

    read_end_values(message, values);
    return flat_bytes(values, READ_END_FIELDS);
}

struct bytes read_end_encode(const struct read_end *message, void *into)
{
    uint64_t values[READ_END_FIELDS];

    read_end_values(message, values);
    return flat_encode(values, READ_END_FIELDS, into);
}

enum status read_end_decode(struct read_end *message, struct bytes head,
                            struct proto_scratch *scratch)
{
    uint64_t values[READ_END_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, READ_END_FIELDS, head));
    message->request = values[0];
    message->next_lsn = values[1];
    return OK;
}
