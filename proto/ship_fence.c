/* FENCE and FENCED: an election's question, and the answer to it.
 *
 * Rows of numbers, as in ship_flow.c. What a position is worth is for the candidate to say. */
#include "proto/flat.h"
#include "proto/ship.h"

enum {
    FENCE_FIELDS = 1,
    FENCED_FIELDS = 5,
};

static void fence_values(const struct fence *message, uint64_t values[FENCE_FIELDS])
{
    values[0] = message->epoch;
}

size_t fence_bytes(const struct fence *message)
{
    uint64_t values[FENCE_FIELDS];

    fence_values(message, values);
    return flat_bytes(values, FENCE_FIELDS);
}

struct bytes fence_encode(const struct fence *message, void *into)
{
    uint64_t values[FENCE_FIELDS];

    fence_values(message, values);
    return flat_encode(values, FENCE_FIELDS, into);
}

enum status fence_decode(struct fence *message, struct bytes head, struct proto_scratch *scratch)
{
    uint64_t values[FENCE_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, FENCE_FIELDS, head));
    message->epoch = values[0];
    return OK;
}

static void fenced_values(const struct fenced *message, uint64_t values[FENCED_FIELDS])
{
    values[0] = message->epoch;
    values[1] = message->position.epoch;
    values[2] = message->position.batch;
    values[3] = message->end_lsn;
    values[4] = message->commit_lsn;
}

size_t fenced_bytes(const struct fenced *message)
{
    uint64_t values[FENCED_FIELDS];

    fenced_values(message, values);
    return flat_bytes(values, FENCED_FIELDS);
}

struct bytes fenced_encode(const struct fenced *message, void *into)
{
    uint64_t values[FENCED_FIELDS];

    fenced_values(message, values);
    return flat_encode(values, FENCED_FIELDS, into);
}

enum status fenced_decode(struct fenced *message, struct bytes head, struct proto_scratch *scratch)
{
    uint64_t values[FENCED_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, FENCED_FIELDS, head));
    message->epoch = values[0];
    message->position.epoch = values[1];
    message->position.batch = values[2];
    message->end_lsn = values[3];
    message->commit_lsn = values[4];
    return OK;
}
