/* PROMOTE and PROMOTED: what an operator asks of a replica, and what has become of it.
 *
 * Rows of numbers; a yes or no is 1 or 0, and nothing else. */
#include "proto/promote.h"
#include "proto/flat.h"

enum {
    PROMOTE_FIELDS = 2,
    PROMOTED_FIELDS = 6,
};

static void promote_values(const struct promote *message, uint64_t values[PROMOTE_FIELDS])
{
    values[0] = message->accepts_loss;
    values[1] = message->loss_last_lsn;
}

size_t promote_bytes(const struct promote *message)
{
    uint64_t values[PROMOTE_FIELDS];

    promote_values(message, values);
    return flat_bytes(values, PROMOTE_FIELDS);
}

struct bytes promote_encode(const struct promote *message, void *into)
{
    uint64_t values[PROMOTE_FIELDS];

    promote_values(message, values);
    return flat_encode(values, PROMOTE_FIELDS, into);
}

enum status promote_decode(struct promote *message, struct bytes head,
                           struct proto_scratch *scratch)
{
    uint64_t values[PROMOTE_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, PROMOTE_FIELDS, head));
    if (values[0] > 1) {
        return E_MALFORMED;
    }
    message->accepts_loss = values[0] != 0;
    message->loss_last_lsn = values[1];
    return OK;
}

static void promoted_values(const struct promoted *message, uint64_t values[PROMOTED_FIELDS])
{
    values[0] = message->epoch;
    values[1] = message->batch;
    values[2] = message->end_lsn;
    values[3] = message->loss_first_lsn;
    values[4] = message->loss_last_lsn;
    values[5] = message->was_writer;
}

size_t promoted_bytes(const struct promoted *message)
{
    uint64_t values[PROMOTED_FIELDS];

    promoted_values(message, values);
    return flat_bytes(values, PROMOTED_FIELDS);
}

struct bytes promoted_encode(const struct promoted *message, void *into)
{
    uint64_t values[PROMOTED_FIELDS];

    promoted_values(message, values);
    return flat_encode(values, PROMOTED_FIELDS, into);
}

enum status promoted_decode(struct promoted *message, struct bytes head,
                            struct proto_scratch *scratch)
{
    uint64_t values[PROMOTED_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, PROMOTED_FIELDS, head));
    if (values[5] > 1) {
        return E_MALFORMED;
    }
    message->epoch = values[0];
    message->batch = values[1];
    message->end_lsn = values[2];
    message->loss_first_lsn = values[3];
    message->loss_last_lsn = values[4];
    message->was_writer = values[5] != 0;
    return OK;
}
