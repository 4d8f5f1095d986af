/* A hash table of slots that are also a list by last use: all links are slot numbers + 1.
 *
 * Slots are taken one after the other until there are no more; from then on the least recently used
 * one is taken out of its bucket and given to the newcomer. Nothing is ever removed otherwise. */
#include "wal/producers.h"

#include "base/check.h"
#include "base/reader.h"
#include "wal/content.h"

static uint32_t bucket_count_for(uint32_t capacity)
{
    uint32_t count = 2;

    while (count < capacity) {
        count *= 2;
    }
    return count;
}

size_t producers_bytes(uint32_t capacity)
{
    return arena_need(sizeof(struct producer) * capacity, _Alignof(struct producer))
           + arena_need(sizeof(uint32_t) * bucket_count_for(capacity), _Alignof(uint32_t));
}

void producers_init(struct producers *producers, struct arena *arena, uint32_t capacity,
                    const struct entropy *entropy)
{
    CHECK(capacity > 0 && capacity <= PRODUCERS_MAX);
    *producers = (struct producers){
        .capacity = capacity, .bucket_count = bucket_count_for(capacity), .shift = 64};
    for (uint32_t count = producers->bucket_count; count > 1; count /= 2) {
        producers->shift--;
    }
    entropy_fill(entropy, &producers->multiplier, sizeof producers->multiplier);
    producers->multiplier |= 1;
    producers->slots = ARENA_ARRAY(arena, struct producer, capacity);
    producers->buckets = ARENA_ARRAY(arena, uint32_t, producers->bucket_count);
}

void producers_clear(struct producers *producers)
{
    memset(producers->buckets, 0, sizeof producers->buckets[0] * producers->bucket_count);
    producers->count = producers->oldest = producers->newest = 0;
}

static struct producer *slot_of(const struct producers *producers, uint32_t link)
{
    CHECK(link != 0);
    return &producers->slots[link - 1];
}

static struct producer *slot_or_none(const struct producers *producers, uint32_t link)
{
    return link == 0 ? NULL : slot_of(producers, link);
}

static uint32_t *bucket_of(const struct producers *producers, uint64_t id)
{
    return &producers->buckets[id * producers->multiplier >> producers->shift];
}

static uint32_t find_link(const struct producers *producers, uint64_t id)
{
    uint32_t link = *bucket_of(producers, id);

    while (link != 0 && slot_of(producers, link)->id != id) {
        link = slot_of(producers, link)->next_in_bucket;
    }
    return link;
}

const struct producer *producers_find(const struct producers *producers, uint64_t id)
{
    return slot_or_none(producers, find_link(producers, id));
}

static void leave_list(struct producers *producers, const struct producer *slot)
{
    struct producer *older = slot_or_none(producers, slot->older);
    struct producer *newer = slot_or_none(producers, slot->newer);

    *(older == NULL ? &producers->oldest : &older->newer) = slot->newer;
    *(newer == NULL ? &producers->newest : &newer->older) = slot->older;
}

static void become_newest(struct producers *producers, uint32_t link)
{
    struct producer *slot = slot_of(producers, link);
    struct producer *newest = slot_or_none(producers, producers->newest);

    slot->older = producers->newest;
    slot->newer = 0;
    *(newest == NULL ? &producers->oldest : &newest->newer) = link;
    producers->newest = link;
}

static void leave_bucket(struct producers *producers, uint32_t link)
{
    const struct producer *slot = slot_of(producers, link);
    uint32_t *place = bucket_of(producers, slot->id);

    while (*place != link) {
        CHECK(*place != 0);
        place = &slot_of(producers, *place)->next_in_bucket;
    }
    *place = slot->next_in_bucket;
}

static uint32_t take_slot(struct producers *producers)
{
    if (producers->count < producers->capacity) {
        return ++producers->count;
    }
    const uint32_t link = producers->oldest;

    leave_bucket(producers, link);
    leave_list(producers, slot_of(producers, link));
    return link;
}

static uint32_t enter(struct producers *producers, uint64_t id)
{
    const uint32_t link = take_slot(producers);
    struct producer *slot = slot_of(producers, link);
    uint32_t *bucket = bucket_of(producers, id);

    *slot = (struct producer){.id = id, .next_in_bucket = *bucket};
    *bucket = link;
    return link;
}

void producers_note(struct producers *producers, uint64_t id, uint64_t last_sequence,
                    lsn_t last_lsn)
{
    uint32_t link = find_link(producers, id);

    if (link == 0) {
        link = enter(producers, id);
    } else if (link != producers->newest) {
        leave_list(producers, slot_of(producers, link));
    }
    if (link != producers->newest) {
        become_newest(producers, link);
    }
    slot_of(producers, link)->last_sequence = last_sequence;
    slot_of(producers, link)->last_lsn = last_lsn;
}

size_t producers_encoded_bytes(const struct producers *producers)
{
    return CHECKPOINT_HEAD_BYTES + (size_t)producers->count * CHECKPOINT_ROW_BYTES;
}

void producers_encode(const struct producers *producers, struct writer *writer)
{
    writer_u32(writer, producers->count);
    writer_zeros(writer, 4);
    for (uint32_t link = producers->oldest; link != 0; link = slot_of(producers, link)->newer) {
        const struct producer *slot = slot_of(producers, link);

        writer_u64(writer, slot->id);
        writer_u64(writer, slot->last_sequence);
        writer_u64(writer, slot->last_lsn);
    }
}

static enum status decode_row(struct producers *producers, struct reader *reader)
{
    uint64_t id, last_sequence;
    lsn_t last_lsn;

    TRY(reader_u64(reader, &id));
    TRY(reader_u64(reader, &last_sequence));
    TRY(reader_u64(reader, &last_lsn));
    if (find_link(producers, id) != 0) {
        return E_MALFORMED;
    }
    producers_note(producers, id, last_sequence, last_lsn);
    return OK;
}

enum status producers_decode(struct producers *producers, struct bytes plain)
{
    struct reader reader = reader_of(plain);
    uint32_t count;

    producers_clear(producers);
    if (plain.size < CHECKPOINT_HEAD_BYTES) {
        return E_MALFORMED;
    }
    TRY(reader_u32(&reader, &count));
    TRY(reader_zeros(&reader, 4));
    if (count > PRODUCERS_MAX || reader.left.size != (size_t)count * CHECKPOINT_ROW_BYTES) {
        return E_MALFORMED;
    }
    for (uint32_t i = 0; i < count; i++) {
        TRY(decode_row(producers, &reader));
    }
    return OK;
}
