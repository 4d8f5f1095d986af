/* APPEND and its answer: once per record where a client does not group them, so they are flat.
 *
 * What a client can get wrong in the numbers themselves is refused here: no producer, no sequence,
 * no record, more records than lengths fit into the tail, sequences that wrap, a level that does
 * not exist. */
#include "proto/control.h"
#include "proto/convert.h"
#include "proto/flat.h"

enum {
    APPEND_FIELDS = 6,
    APPENDED_FIELDS = 3,
};

static void append_values(const struct append *message, uint64_t values[APPEND_FIELDS])
{
    values[0] = message->request;
    values[1] = message->producer;
    values[2] = message->first_sequence;
    values[3] = message->count;
    values[4] = message->has_level ? convert_level_kind(message->level) : 0;
    values[5] = message->has_level ? message->level.count : 0;
}

size_t append_bytes(const struct append *message)
{
    uint64_t values[APPEND_FIELDS];

    append_values(message, values);
    return flat_bytes(values, APPEND_FIELDS);
}

struct bytes append_encode(const struct append *message, void *into)
{
    uint64_t values[APPEND_FIELDS];

    append_values(message, values);
    return flat_encode(values, APPEND_FIELDS, into);
}

static enum status append_check(const uint64_t values[APPEND_FIELDS])
{
    const uint64_t producer = values[1], first_sequence = values[2], count = values[3];

    if (producer == 0 || first_sequence == 0 || count == 0 || count > APPEND_RECORDS_MAX) {
        return E_MALFORMED;
    }
    return first_sequence > UINT64_MAX - (count - 1) ? E_MALFORMED : OK;
}

static enum status append_level(struct append *message, uint64_t kind, uint64_t count)
{
    message->level = (struct level){LEVEL_LOCAL, 0};
    message->has_level = kind != 0;
    if (!message->has_level) {
        return count == 0 ? OK : E_MALFORMED;
    }
    return convert_to_level(&message->level, kind, count);
}

enum status append_decode(struct append *message, struct bytes head, struct proto_scratch *scratch)
{
    uint64_t values[APPEND_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, APPEND_FIELDS, head));
    TRY(append_check(values));
    TRY(append_level(message, values[4], values[5]));
    message->request = values[0];
    message->producer = values[1];
    message->first_sequence = values[2];
    message->count = (uint32_t)values[3];
    return OK;
}

static void appended_values(const struct appended *message, uint64_t values[APPENDED_FIELDS])
{
    values[0] = message->request;
    values[1] = message->first_lsn;
    values[2] = message->count;
}

size_t appended_bytes(const struct appended *message)
{
    uint64_t values[APPENDED_FIELDS];

    appended_values(message, values);
    return flat_bytes(values, APPENDED_FIELDS);
}

struct bytes appended_encode(const struct appended *message, void *into)
{
    uint64_t values[APPENDED_FIELDS];

    appended_values(message, values);
    return flat_encode(values, APPENDED_FIELDS, into);
}

enum status appended_decode(struct appended *message, struct bytes head,
                            struct proto_scratch *scratch)
{
    uint64_t values[APPENDED_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, APPENDED_FIELDS, head));
    if (values[2] > UINT32_MAX) {
        return E_MALFORMED;
    }
    message->request = values[0];
    message->first_lsn = values[1];
    message->count = (uint32_t)values[2];
    return OK;
}
