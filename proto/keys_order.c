/* ROTATED and REWRAPPED: rows of numbers. An id travels as two of them, its first byte highest. */
#include "proto/keys_order.h"
#include "proto/flat.h"

enum {
    ROTATED_FIELDS = 5,
    REWRAPPED_FIELDS = 1,
    ID_HALF = 8,
};

static uint64_t half_of(const uint8_t *bytes)
{
    uint64_t half = 0;

    for (unsigned i = 0; i < ID_HALF; i++) {
        half = half << 8 | bytes[i];
    }
    return half;
}

static void put_half(uint64_t half, uint8_t *bytes)
{
    for (unsigned i = 0; i < ID_HALF; i++) {
        bytes[i] = (uint8_t)(half >> 8 * (ID_HALF - 1 - i));
    }
}

static void rotated_values(const struct rotated *message, uint64_t values[ROTATED_FIELDS])
{
    values[0] = half_of(message->dek.bytes);
    values[1] = half_of(message->dek.bytes + ID_HALF);
    values[2] = message->segment;
    values[3] = message->holders;
    values[4] = message->lacking;
}

size_t rotated_bytes(const struct rotated *message)
{
    uint64_t values[ROTATED_FIELDS];

    rotated_values(message, values);
    return flat_bytes(values, ROTATED_FIELDS);
}

struct bytes rotated_encode(const struct rotated *message, void *into)
{
    uint64_t values[ROTATED_FIELDS];

    rotated_values(message, values);
    return flat_encode(values, ROTATED_FIELDS, into);
}

enum status rotated_decode(struct rotated *message, struct bytes head,
                           struct proto_scratch *scratch)
{
    uint64_t values[ROTATED_FIELDS];

    (void)scratch;
    TRY(flat_decode(values, ROTATED_FIELDS, head));
    put_half(values[0], message->dek.bytes);
    put_half(values[1], message->dek.bytes + ID_HALF);
    message->segment = values[2];
    message->holders = values[3];
    message->lacking = values[4];
    return OK;
}

size_t rewrapped_bytes(const struct rewrapped *message)
{
    return flat_bytes(&message->envelopes, REWRAPPED_FIELDS);
}

struct bytes rewrapped_encode(const struct rewrapped *message, void *into)
{
    return flat_encode(&message->envelopes, REWRAPPED_FIELDS, into);
}

enum status rewrapped_decode(struct rewrapped *message, struct bytes head,
                             struct proto_scratch *scratch)
{
    (void)scratch;
    return flat_decode(&message->envelopes, REWRAPPED_FIELDS, head);
}
