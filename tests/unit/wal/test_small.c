/* The window, the producers and the header of a segment, each by itself and at its edges. */
#include "seal/crc32c.h"
#include "tests/unit/wal/rig.h"

static _Alignas(4096) uint8_t block[128 << 10];

static bool push(struct window *window, batch_t batch, uint32_t blocks)
{
    uint8_t *memory = window_reserve(window, blocks * 4096);

    if (memory == NULL) {
        return false;
    }
    memset(memory, (int)batch, blocks * 4096);
    window_push(window, &(struct window_batch){.batch = batch, .bytes = blocks * 4096});
    return true;
}

static void expect_intact(const struct window *window, batch_t newest)
{
    for (batch_t batch = window_first(window); batch != 0 && batch <= newest; batch++) {
        const struct window_batch *found = window_find(window, batch);

        NEED(found != NULL && found->batch == batch);
        EXPECT(found->data[0] == (uint8_t)batch && found->data[found->bytes - 1] == (uint8_t)batch);
        EXPECT(found->data >= window->memory
               && found->data + found->bytes <= window->memory + window->memory_bytes);
    }
}

TEST(a_window_wraps_and_never_lets_go_of_what_is_not_durable)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct arena arena = arena_of(block, sizeof block);
        struct window window;
        struct prng prng;
        batch_t newest = 0, durable = 0;

        prng_seed(&prng, seed);
        window_init(&window, &arena, 10 * 4096, 4);
        for (unsigned i = 0; i < 500; i++) {
            if (push(&window, newest + 1, (uint32_t)prng_between(&prng, 1, 10))) {
                newest++;
            } else {
                EXPECT(newest > durable);
            }
            if (newest > durable && prng_chance(&prng, 2, 3)) {
                durable = prng_between(&prng, durable + 1, newest);
                window_persisted(&window, durable);
            }
            EXPECT(newest == durable || window_first(&window) <= durable + 1);
            EXPECT(window_slots(&window) == 4 - (newest - durable));
            expect_intact(&window, newest);
        }
        EXPECT(newest > 100);
    }
}

TEST(a_refused_reservation_lets_go_of_nothing)
{
    struct arena arena = arena_of(block, sizeof block);
    struct window window;

    window_init(&window, &arena, 8 * 4096, 8);
    NEED(push(&window, 1, 2) && push(&window, 2, 2));
    window_persisted(&window, 1);
    EXPECT(window_reserve(&window, 7 * 4096) == NULL); /* batch 2 must stay */
    EXPECT(window_first(&window) == 1);
    EXPECT(window_reserve(&window, 9 * 4096) == NULL);
    window_persisted(&window, 2);
    EXPECT(window_reserve(&window, 8 * 4096) == window.memory);
    window_clear(&window, 7);
    EXPECT(window_first(&window) == 0 && window_find(&window, 8) == NULL);
    EXPECT(push(&window, 8, 8));
}

static void fill_with_seed(void *context, void *into, size_t size)
{
    prng_fill(context, into, size);
}

static struct producers producers_seeded(uint32_t capacity, uint64_t seed)
{
    struct prng prng;
    struct arena arena;
    struct producers producers;

    memset(block, 0, sizeof block);
    arena = arena_of(block, sizeof block);
    prng_seed(&prng, seed);
    producers_init(&producers, &arena, capacity, &(struct entropy){fill_with_seed, &prng});
    return producers;
}

static struct producers producers_of(uint32_t capacity)
{
    return producers_seeded(capacity, 1);
}

static uint32_t longest_chain(const struct producers *producers)
{
    uint32_t longest = 0;

    for (uint32_t i = 0; i < producers->bucket_count; i++) {
        uint32_t length = 0;

        for (uint32_t link = producers->buckets[i]; link != 0;
             link = producers->slots[link - 1].next_in_bucket) {
            length++;
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

TEST(ids_that_share_a_bucket_in_one_process_do_not_in_the_next)
{
    enum { CAPACITY = 256, IDS = 100 };
    struct producers producers = producers_seeded(CAPACITY, 1);
    uint64_t ids[IDS], multiplier = producers.multiplier;

    for (uint64_t id = 1, count = 0; count < IDS; id++) {
        if (id * multiplier >> producers.shift == 7) {
            ids[count++] = id;
        }
    }
    for (uint64_t seed = 1; seed < 20; seed++) {
        producers = producers_seeded(CAPACITY, seed);
        for (unsigned i = 0; i < IDS; i++) {
            producers_note(&producers, ids[i], 1, i + 1);
            EXPECT(producers_find(&producers, ids[i])->last_lsn == i + 1);
        }
        EXPECT((producers.multiplier == multiplier) == (seed == 1));
        EXPECT(seed == 1 ? longest_chain(&producers) == IDS : longest_chain(&producers) < IDS / 2);
    }
}

TEST(the_least_recent_producer_is_forgotten_first)
{
    struct producers producers = producers_of(3);

    producers_note(&producers, 10, 1, 1);
    producers_note(&producers, 20, 1, 2);
    producers_note(&producers, 30, 1, 3);
    producers_note(&producers, 10, 2, 4); /* 20 is the oldest now */
    producers_note(&producers, 40, 1, 5);
    EXPECT(producers_find(&producers, 20) == NULL);
    EXPECT(producers_find(&producers, 10)->last_sequence == 2);
    EXPECT(producers_find(&producers, 10)->last_lsn == 4);
    producers_note(&producers, 50, 1, 6);
    EXPECT(producers_find(&producers, 30) == NULL && producers_find(&producers, 10) != NULL);
    EXPECT(producers.count == 3);
}

/* Against a model that is a plain list, oldest first. */
TEST(the_table_is_what_a_list_would_be_and_comes_back_from_a_checkpoint)
{
    enum { CAPACITY = 50 };
    struct producers producers = producers_of(CAPACITY);
    uint64_t list[CAPACITY], count = 0;
    uint8_t memory[8 + 24 * CAPACITY];
    struct prng prng;

    prng_seed(&prng, 1);
    for (uint64_t lsn = 1; lsn <= 5000; lsn++) {
        const uint64_t id = prng_below(&prng, 70);
        uint64_t at = 0;

        while (at < count && list[at] != id) {
            at++;
        }
        if (at == count && count == CAPACITY) {
            at = 0;
        } else if (at == count) {
            count++;
        }
        memmove(list + at, list + at + 1, (count - at - 1) * sizeof *list);
        list[count - 1] = id;
        producers_note(&producers, id, 2 * lsn, lsn);
    }
    struct writer writer = writer_of(memory, sizeof memory);

    producers_encode(&producers, &writer);
    EXPECT(writer.size == producers_encoded_bytes(&producers) && producers.count == count);
    EXPECT_STATUS(producers_decode(&producers, writer_bytes(&writer)), OK);
    for (uint64_t i = 0; i < count; i++) {
        EXPECT(memory[8 + 24 * i] == list[i]);
        NEED(producers_find(&producers, list[i]) != NULL);
    }
    EXPECT(producers_find(&producers, list[count - 1])->last_lsn == 5000);
    EXPECT_STATUS(producers_decode(&producers, bytes_of(memory, writer.size - 1)), E_MALFORMED);
    EXPECT_STATUS(producers_decode(&producers, bytes_of(memory, 7)), E_MALFORMED);
    memory[4] = 1;
    EXPECT_STATUS(producers_decode(&producers, writer_bytes(&writer)), E_MALFORMED);
}

static void fix_header_crc(uint8_t *raw)
{
    struct writer writer = writer_of(raw + 2844, 4);

    writer_u32(&writer, crc32c(0, bytes_of(raw, 2844)));
}

static enum status decode_and_open(const uint8_t *raw, const struct secret *dek)
{
    struct segment_header header;
    struct segment_key key;
    const enum status status = segment_header_decode(&header, bytes_of(raw, SEGMENT_HEADER_BYTES));

    return status != OK
               ? status
               : segment_header_open(&header, bytes_of(raw, SEGMENT_HEADER_BYTES), dek, &key);
}

TEST(an_edited_header_with_a_right_checksum_is_refused_in_every_bit)
{
    struct segment_header header = {.suite = SUITE_AES_256_GCM,
                                    .lineage = rig_lineage,
                                    .descriptor = rig_descriptor,
                                    .dek = {{3}},
                                    .epoch = 5,
                                    .segment = 2,
                                    .first_batch = 9,
                                    .first_lsn = 4,
                                    .prev_last_batch = 8,
                                    .prev_end_lsn = 3,
                                    .digest_count = 1,
                                    .digests = {{.segment = 1, .sha256 = {{8}}}}};
    const struct secret dek = {{1}};
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct segment_key key;

    segment_header_encode(&header, &dek, raw, &key);
    EXPECT_STATUS(decode_and_open(raw, &dek), OK);
    for (unsigned bit = 0; bit < 8 * 2844; bit += 5) {
        const unsigned byte = bit / 8;

        raw[byte] ^= (uint8_t)(1 << bit % 8);
        fix_header_crc(raw);
        const enum status status = decode_and_open(raw, &dek);

        EXPECT(byte < 2812 ? status == E_WRONG_KEY || status == E_MALFORMED || status == E_VERSION
                           : status == E_FORGED);
        EXPECT(byte < 16 || byte >= 64 || status == E_WRONG_KEY);
        raw[byte] ^= (uint8_t)(1 << bit % 8);
    }
    fix_header_crc(raw);
    EXPECT_STATUS(decode_and_open(raw, &(struct secret){{2}}), E_WRONG_KEY);
    struct segment_header again;

    EXPECT_STATUS(segment_header_decode(&again, bytes_of(raw, 4095)), E_TRUNCATED);
    EXPECT_STATUS(segment_header_decode(&again, bytes_of(raw, 4096)), OK);
    EXPECT(again.epoch == 5 && again.segment == 2 && again.first_batch == 9
           && again.first_lsn == 4);
    EXPECT(again.digest_count == 1 && again.digests[0].segment == 1);
    EXPECT(digest_equal(&again.commitment, &key.commitment));
}

TEST(the_header_behind_repeats_where_a_segment_ended)
{
    const struct segment_end end = {.epoch = 3, .batch = 9, .end_lsn = 20, .chain = {{7}}};
    const struct segment_header good = {
        .epoch = 4, .prev_last_batch = 9, .prev_end_lsn = 20, .prev_chain = {{7}}};
    struct segment_header next = good;
    struct segment_end closed = end;

    EXPECT_STATUS(segment_check_follows(&end, &next), OK); /* another reign cuts what was open */
    next.epoch = 3;
    EXPECT_STATUS(segment_check_follows(&end, &next), E_CHAIN);
    closed.closed = true;
    EXPECT_STATUS(segment_check_follows(&closed, &next), OK);
    next.prev_chain.bytes[31] ^= 1;
    EXPECT_STATUS(segment_check_follows(&closed, &next), E_CHAIN);
    next = good;
    next.prev_last_batch = 10;
    EXPECT_STATUS(segment_check_follows(&closed, &next), E_GAP);
    next.prev_last_batch = 8;
    EXPECT_STATUS(segment_check_follows(&closed, &next), E_GAP);
    next = good;
    next.prev_end_lsn = 21;
    EXPECT_STATUS(segment_check_follows(&closed, &next), E_GAP);
}
