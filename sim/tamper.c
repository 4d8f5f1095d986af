/* A flipped bit is usually given the checksum that belongs to it, so that only the seal can tell: a
 * CRC is linear, so the difference of two checksums does not depend on the segment's own seed.
 *
 * Acks that lie name an older epoch, or a batch that was never sent. (A lie about what is durable
 * cannot be told by anybody: a quorum needs that many honest members, docs/THREATS.md.) */
#include "sim/tamper.h"

#include "base/check.h"
#include "proto/message.h"
#include "proto/ship.h"
#include "seal/crc32c.h"
#include "sim/swarm.h"

#include <stdlib.h>

enum {
    HEADER_BYTES = 4096,
    HEADER_CRC_AT = 2844, /* docs/FORMAT.md */
    BATCH_CRC_FROM_END = 8,
    BATCH_TAG_BYTES = 16,
    HEAD_ROOM = 256,
    MEMORY_BYTES = HEAD_ROOM + (17 << 20),
    LIE_BATCHES = 1000,
};

void sim_tamper_drop(struct sim_tamper *tamper)
{
    free(tamper->memory);
    tamper->memory = NULL;
}

static bool is_between_members(const struct sim_link *link)
{
    return link->ends[0].member >= 0 && link->ends[1].member >= 0;
}

static bool is_wal(const struct message *message)
{
    return message->type == MESSAGE_BATCH || message->type == MESSAGE_SEGMENT;
}

/* Done with, unless it goes on for a while. */
static void strike(struct sim *sim)
{
    struct sim_tamper *tamper = &sim->tamper;

    sim_count(sim, tamper->what);
    const bool goes_on = tamper->what == FAULT_FALSE_ACK || tamper->what == FAULT_FORGED
                         || tamper->what == FAULT_OLD_EPOCH;

    tamper->struck = true;
    tamper->wanted = goes_on && tamper->until_ns > sim->now;
}

void sim_tamper_order(struct sim *sim, struct sim_link *link, unsigned side)
{
    struct sim_way *way = &link->ways[side];
    struct sim_packet *first = way->first;
    struct sim_packet *second = first == NULL ? NULL : first->next;

    if (!sim->tamper.wanted || sim->tamper.what != FAULT_SWAPPED || second == NULL || way->kept
        || !is_between_members(link)) {
        return;
    }
    strike(sim);
    first->next = second->next;
    second->next = first;
    way->first = second;
    way->last = way->last == second ? first : way->last;
}

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16
           | (uint32_t)from[3] << 24;
}

static void put_u32(uint8_t *into, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        into[i] = (uint8_t)(value >> (8 * i));
    }
}

/* What one seal covers of a message: all of a header or batch; of the answer to a repair, which may
 * hold several batches, the first. */
static struct bytes sealed_part(struct sim *sim, const struct message *message, bool *is_header)
{
    const struct bytes tail = message->tail;
    struct repair_is is;

    *is_header = message->type == MESSAGE_SEGMENT;
    if (message->type != MESSAGE_REPAIR_IS) {
        return tail;
    }
    if (tail.size < HEADER_BYTES
        || repair_is_decode(&is, message->head, &sim->world->oracle->scratch) != OK) {
        return bytes_none();
    }
    *is_header = is.first_batch == 0;
    return *is_header ? tail : bytes_part(tail, 0, get_u32(tail.data));
}

/* Where a field begins: most bytes are not in the small ones, and each field has its own check. */
static uint64_t draw_place(struct prng *dice, bool is_header, size_t end)
{
    static const uint16_t header_fields[] = {8,   10,  16,  32,  64,  80,  88,  96,   104, 112,
                                             128, 136, 168, 200, 208, 216, 220, 2780, 2812};
    static const uint16_t batch_fields[] = {0, 4, 8, 16, 24, 28, 32, 40, 48, 64};
    const uint16_t *fields = is_header ? header_fields : batch_fields;
    const size_t count = is_header ? COUNT_OF(header_fields) : COUNT_OF(batch_fields);

    if (prng_chance(dice, 1, 2)) {
        return prng_below(dice, end);
    }
    const uint64_t field = prng_below(dice, count + !is_header);

    return field == count ? end - BATCH_TAG_BYTES : fields[field];
}

/* One bit of what the checksum covers, and the checksum with it; or, now and then, any bit. False
 * where there is nothing to forge. */
static bool forge(struct sim *sim, struct message *message)
{
    struct prng *dice = &sim->dice;
    uint8_t *copy = sim->tamper.memory + HEAD_ROOM;
    bool is_header;
    const struct bytes part = sealed_part(sim, message, &is_header);

    if (part.size < HEADER_BYTES) {
        return false;
    }
    const size_t covered = is_header ? (size_t)HEADER_CRC_AT : part.size - BATCH_CRC_FROM_END;
    const bool mends = prng_chance(dice, 3, 4);
    const uint64_t at = mends ? draw_place(dice, is_header, covered) : prng_below(dice, part.size);
    const uint32_t before = crc32c(0, bytes_of(part.data, covered));

    CHECK(HEAD_ROOM + message->tail.size <= MEMORY_BYTES);
    memcpy(copy, message->tail.data, message->tail.size);
    copy[at] ^= (uint8_t)(1u << prng_below(dice, 8));
    if (mends) {
        put_u32(copy + covered,
                get_u32(copy + covered) ^ before ^ crc32c(0, bytes_of(copy, covered)));
    }
    message->tail.data = copy;
    return true;
}

/* As if it were from a reign before the one in which the hearer has acked: nothing else is surely
 * superseded there. */
static bool date_back(struct sim *sim, unsigned hearer, struct message *message)
{
    const epoch_t seen = sim->world->oracle->highest_epoch[hearer];
    struct proto_scratch *scratch = &sim->world->oracle->scratch;
    struct segment_message segment;
    struct batch_message batch;
    epoch_t *epoch = message->type == MESSAGE_SEGMENT ? &segment.epoch : &batch.epoch;
    const enum status status = message->type == MESSAGE_SEGMENT
                                   ? segment_message_decode(&segment, message->head, scratch)
                                   : batch_message_decode(&batch, message->head, scratch);

    if (status != OK || seen < 2) {
        return false;
    }
    *epoch = seen - 1;
    sim->tamper.epoch = *epoch;
    message->head = message->type == MESSAGE_SEGMENT
                        ? segment_message_encode(&segment, sim->tamper.memory)
                        : batch_message_encode(&batch, sim->tamper.memory);
    return true;
}

static bool lie(struct sim *sim, struct message *message)
{
    struct ack ack;

    if (ack_decode(&ack, message->head, &sim->world->oracle->scratch) != OK || ack.epoch < 2) {
        return false;
    }
    if (prng_chance(&sim->dice, 3, 4)) {
        ack.epoch--;
    } else {
        ack.batch += LIE_BATCHES;
    }
    message->head = ack_encode(&ack, sim->tamper.memory);
    return true;
}

static bool change(struct sim *sim, unsigned hearer, struct message *message)
{
    switch ((int)sim->tamper.what) {
    case FAULT_FORGED:
        return (message->type == MESSAGE_REPAIR_IS
                || message->type == (sim->tamper.header ? MESSAGE_SEGMENT : MESSAGE_BATCH))
               && forge(sim, message);
    case FAULT_OLD_EPOCH:
        return is_wal(message) && date_back(sim, hearer, message);
    case FAULT_FALSE_ACK:
        return message->type == MESSAGE_ACK && lie(sim, message);
    default: /* number: the other classes change no message */
        return false;
    }
}

bool sim_tamper_message(struct sim *sim, const struct sim_link *link, unsigned side,
                        struct message *message)
{
    struct sim_tamper *tamper = &sim->tamper;

    tamper->at_work = false;
    tamper->epoch = UINT64_MAX;
    if (!tamper->wanted || sim->world == NULL || link->ends[side].member < 0) {
        return false;
    }
    if (tamper->memory == NULL) {
        tamper->memory = malloc(MEMORY_BYTES);
        CHECK(tamper->memory != NULL);
    }
    if (tamper->what == FAULT_TWICE) {
        strike(sim);
        return true;
    }
    if (is_between_members(link) && change(sim, (unsigned)link->ends[side].member, message)) {
        strike(sim);
        tamper->at_work = true;
    }
    return false;
}
