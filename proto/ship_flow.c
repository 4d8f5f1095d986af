/* What flows once the greeting is over: positions and epochs, nothing but numbers.
 *
 * Each message is a row of numbers in the order of its fields in ship.proto. Any number is a
 * possible position; whether it is a sensible one is for the node to say. */
#include "proto/flat.h"
#include "proto/ship.h"

enum {
    RESUME_FIELDS = 3,
    SEGMENT_MESSAGE_FIELDS = 1,
    BATCH_MESSAGE_FIELDS = 1,
    ACK_FIELDS = 2,
    COMMIT_FIELDS = 5,
};

static void resume_values(const struct resume *message, uint64_t values[RESUME_FIELDS])
{
    values[0] = message->position.epoch;
    values[1] = message->position.batch;
    values[2] = message->segment;
}

size_t resume_bytes(const struct resume *message)
{
    uint64_t values[RESUME_FIELDS];

    resume_values(message, values);
    return flat_bytes(values, RESUME_FIELDS);
}

struct bytes resume_encode(const struct resume *message, void *into)
{
    uint64_t values[RESUME_FIELDS];

    resume_values(message, values);
    return flat_encode(values, RESUME_FIELDS, into);
}

enum status resume_decode(struct resume *message, struct bytes head, struct proto_scratch *scratch)
{
    uint64_t values[RESUME_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, RESUME_FIELDS, head));
    message->position.epoch = values[0];
    message->position.batch = values[1];
    message->segment = values[2];
    return OK;
}

static void segment_message_values(const struct segment_message *message,
                                   uint64_t values[SEGMENT_MESSAGE_FIELDS])
{
    values[0] = message->epoch;
}

size_t segment_message_bytes(const struct segment_message *message)
{
    uint64_t values[SEGMENT_MESSAGE_FIELDS];

    segment_message_values(message, values);
    return flat_bytes(values, SEGMENT_MESSAGE_FIELDS);
}

struct bytes segment_message_encode(const struct segment_message *message, void *into)
{
    uint64_t values[SEGMENT_MESSAGE_FIELDS];

    segment_message_values(message, values);
    return flat_encode(values, SEGMENT_MESSAGE_FIELDS, into);
}

enum status segment_message_decode(struct segment_message *message, struct bytes head,
                                   struct proto_scratch *scratch)
{
    uint64_t values[SEGMENT_MESSAGE_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, SEGMENT_MESSAGE_FIELDS, head));
    message->epoch = values[0];
    return OK;
}

static void batch_message_values(const struct batch_message *message,
                                 uint64_t values[BATCH_MESSAGE_FIELDS])
{
    values[0] = message->epoch;
}

size_t batch_message_bytes(const struct batch_message *message)
{
    uint64_t values[BATCH_MESSAGE_FIELDS];

    batch_message_values(message, values);
    return flat_bytes(values, BATCH_MESSAGE_FIELDS);
}

struct bytes batch_message_encode(const struct batch_message *message, void *into)
{
    uint64_t values[BATCH_MESSAGE_FIELDS];

    batch_message_values(message, values);
    return flat_encode(values, BATCH_MESSAGE_FIELDS, into);
}

enum status batch_message_decode(struct batch_message *message, struct bytes head,
                                 struct proto_scratch *scratch)
{
    uint64_t values[BATCH_MESSAGE_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, BATCH_MESSAGE_FIELDS, head));
    message->epoch = values[0];
    return OK;
}

static void ack_values(const struct ack *message, uint64_t values[ACK_FIELDS])
{
    values[0] = message->epoch;
    values[1] = message->batch;
}

size_t ack_bytes(const struct ack *message)
{
    uint64_t values[ACK_FIELDS];

    ack_values(message, values);
    return flat_bytes(values, ACK_FIELDS);
}

struct bytes ack_encode(const struct ack *message, void *into)
{
    uint64_t values[ACK_FIELDS];

    ack_values(message, values);
    return flat_encode(values, ACK_FIELDS, into);
}

enum status ack_decode(struct ack *message, struct bytes head, struct proto_scratch *scratch)
{
    uint64_t values[ACK_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, ACK_FIELDS, head));
    message->epoch = values[0];
    message->batch = values[1];
    return OK;
}

static void commit_values(const struct commit *message, uint64_t values[COMMIT_FIELDS])
{
    values[0] = message->epoch;
    values[1] = message->lsn;
    values[2] = message->batch;
    values[3] = message->end_lsn;
    values[4] = message->age_us;
}

size_t commit_bytes(const struct commit *message)
{
    uint64_t values[COMMIT_FIELDS];

    commit_values(message, values);
    return flat_bytes(values, COMMIT_FIELDS);
}

struct bytes commit_encode(const struct commit *message, void *into)
{
    uint64_t values[COMMIT_FIELDS];

    commit_values(message, values);
    return flat_encode(values, COMMIT_FIELDS, into);
}

enum status commit_decode(struct commit *message, struct bytes head, struct proto_scratch *scratch)
{
    uint64_t values[COMMIT_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, COMMIT_FIELDS, head));
    message->epoch = values[0];
    message->lsn = values[1];
    message->batch = values[2];
    message->end_lsn = values[3];
    message->age_us = values[4];
    return OK;
}
