/* A WAL with a disk of memory: what the tests of this folder play with.
 *
 * rig_answer performs the WRITEs of the last step on the disk and tells the wal that they are
 * durable; rig_perform only performs them, for those who want to be slow. */
#ifndef SEALIFT_TESTS_UNIT_WAL_RIG_H
#define SEALIFT_TESTS_UNIT_WAL_RIG_H

#include "base/check.h"
#include "base/prng.h"
#include "node/effects.h"
#include "tests/support/test.h"
#include "wal/wal.h"

#include <stdlib.h>

enum { RIG_SEGMENTS = 64, RIG_SEGMENT_ROOM = 1 << 20 };

struct rig_disk {
    uint8_t *segments[RIG_SEGMENTS];
    uint64_t sizes[RIG_SEGMENTS];
    unsigned count;
};

struct rig {
    struct wal wal;
    struct writes writes;
    struct effects fx;
    struct rig_disk disk;
    struct prng prng;
    uint64_t tickets[EFFECTS_MAX]; /* performed, not answered yet */
    unsigned ticket_count;
    void *block;
    enum suite suite;
    struct id dek_id;
    struct secret dek;
};

static const struct id rig_lineage = {{0x11}};
static const struct digest rig_descriptor = {{0x22}};

static inline struct wal_settings rig_tiny(void)
{
    return (struct wal_settings){.window_bytes = 64 << 10,
                                 .window_batches = 6,
                                 .segment_bytes = SEGMENT_BYTES_MIN,
                                 .segments_max = RIG_SEGMENTS,
                                 .batch_bytes = 8 << 10,
                                 .message_bytes_max = 20 << 10,
                                 .producers_max = 4};
}

static inline void rig_fill(void *context, void *into, size_t size)
{
    prng_fill(context, into, size);
}

static inline struct rig *rig_new(const struct wal_settings *settings, enum suite suite,
                                  uint64_t seed)
{
    enum { WRITES = 16 };
    struct rig *rig = calloc(1, sizeof *rig);
    const size_t size = wal_bytes(settings) + writes_bytes(WRITES);

    prng_seed(&rig->prng, seed);
    rig->block = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    memset(rig->block, 0, size);

    struct arena arena = arena_of(rig->block, size);

    writes_init(&rig->writes, &arena, WRITES);
    effects_clear(&rig->fx);
    wal_init(&rig->wal, &arena, settings, &(struct entropy){rig_fill, &rig->prng}, &rig->writes);
    wal_know(&rig->wal, &rig_lineage, &rig_descriptor, suite);
    rig->suite = suite;
    if (suite != SUITE_NONE) {
        rig->dek_id = (struct id){{0x33}};
        rig->dek = (struct secret){{0x44}};
    }
    return rig;
}

static inline void rig_free(struct rig *rig)
{
    wal_drop(&rig->wal);
    for (unsigned i = 0; i < RIG_SEGMENTS; i++) {
        free(rig->disk.segments[i]);
    }
    free(rig->block);
    free(rig);
}

static inline void rig_begin(struct rig *rig, epoch_t epoch)
{
    const struct epoch_start start = {.epoch = epoch,
                                      .start_batch = rig->wal.sealed + 1,
                                      .start_lsn = rig->wal.sealed_lsn + 1,
                                      .parent_epoch = rig->wal.epoch,
                                      .parent_last_batch = rig->wal.sealed,
                                      .parent_tag = rig->wal.tag};

    wal_begin_epoch(&rig->wal, &start, &rig->dek_id, &rig->dek, 1, &rig->fx);
}

static inline void rig_store(struct rig_disk *disk, const struct store_write *write)
{
    NEED(write->segment < RIG_SEGMENTS);

    uint8_t **segment = &disk->segments[write->segment];
    uint64_t *size = &disk->sizes[write->segment];

    if (write->op == STORE_CREATE) {
        NEED(*segment == NULL && write->segment == disk->count);
        *segment = calloc(1, RIG_SEGMENT_ROOM);
        disk->count++;
    }
    NEED(write->offset == *size && *size + write->size <= RIG_SEGMENT_ROOM);
    NEED(write->data.size == write->size && write->size % 4096 == 0);
    memcpy(*segment + *size, write->data.data, write->size);
    *size += write->size;
}

static inline void rig_perform(struct rig *rig)
{
    for (unsigned i = 0; i < rig->fx.count; i++) {
        NEED(rig->fx.list[i].kind == EFFECT_WRITE);
        rig_store(&rig->disk, &rig->fx.list[i].write.write);
        rig->tickets[rig->ticket_count++] = rig->fx.list[i].write.ticket;
    }
    effects_clear(&rig->fx);
}

static inline void rig_answer(struct rig *rig)
{
    rig_perform(rig);
    for (unsigned i = 0; i < rig->ticket_count; i++) {
        const struct write_asked asked = writes_answered(&rig->writes, rig->tickets[i]);

        if (asked.kind == WRITE_SEGMENT) {
            wal_on_segment_written(&rig->wal, asked.value);
        } else {
            wal_on_batch_written(&rig->wal, asked.value);
        }
    }
    rig->ticket_count = 0;
    wal_check(&rig->wal);
}

/* The byte that fills the body of the record with this LSN, and its size. */
static inline uint8_t rig_body_byte(lsn_t lsn)
{
    return (uint8_t)(lsn * 7 + 1);
}

static inline uint32_t rig_body_size(lsn_t lsn)
{
    return (uint32_t)(lsn * 977 % 3001 + 1);
}

/* Appends one message of `count` records of `producer`; false where the wal has no room now. */
static inline bool rig_append(struct rig *rig, uint64_t producer, uint32_t count)
{
    uint8_t lengths[64];
    static uint8_t bodies[64 << 10];
    struct writer length_writer = writer_of(lengths, sizeof lengths);
    size_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        const lsn_t lsn = rig->wal.appended_lsn + 1 + i;

        writer_u32(&length_writer, rig_body_size(lsn));
        memset(bodies + size, rig_body_byte(lsn), rig_body_size(lsn));
        size += rig_body_size(lsn);
    }
    if (wal_make_room(&rig->wal, length_writer.size + size, 1, &rig->fx) != OK) {
        return false;
    }
    const struct run run = {producer, rig->wal.appended_lsn + 1, count};
    const lsn_t expected = rig->wal.appended_lsn + 1;

    EXPECT(wal_append(&rig->wal, &run, writer_bytes(&length_writer), bytes_of(bodies, size))
           == expected);
    return true;
}

/* Appends and answers until so many segments exist; then seals and answers what is left. */
static inline void rig_write_segments(struct rig *rig, unsigned segments)
{
    while (rig->disk.count < segments) {
        NEED(rig_append(rig, prng_below(&rig->prng, 9), (uint32_t)prng_between(&rig->prng, 1, 5)));
        rig_answer(rig);
    }
    if (wal_has_open(&rig->wal)) {
        NEED(wal_seal(&rig->wal, &rig->fx) == OK);
        rig_answer(rig);
    }
}

/* What follows in the source's disk after what the replica has: one header or one batch. */
struct rig_next {
    bool is_header;
    struct bytes bytes;
};

static inline enum status rig_adopt_header(struct rig *replica, struct bytes raw)
{
    struct segment_header header;
    const enum status status = segment_header_decode(&header, raw);

    return status != OK
               ? status
               : wal_adopt_segment(&replica->wal, &header, raw, &replica->dek, &replica->fx);
}

static inline struct rig_next rig_next_of(const struct rig_disk *source, const struct rig *replica)
{
    const struct wal *wal = &replica->wal;
    struct rig_next next = {0};
    struct batch_header header;

    if (wal->segment != SEGMENT_NONE && wal->offset < source->sizes[wal->segment]) {
        next.bytes = bytes_of(source->segments[wal->segment] + wal->offset,
                              source->sizes[wal->segment] - wal->offset);
        NEED(batch_header_decode(&header, next.bytes) == OK);
        next.bytes.size = header.batch_bytes;
        return next;
    }
    const segment_t segment = wal->segment == SEGMENT_NONE ? 0 : wal->segment + 1;

    if (segment < source->count) {
        next.is_header = true;
        next.bytes = bytes_of(source->segments[segment], SEGMENT_HEADER_BYTES);
    }
    return next;
}

static inline enum status rig_adopt(struct rig *replica, struct rig_next next)
{
    return next.is_header ? rig_adopt_header(replica, next.bytes)
                          : wal_adopt_batch(&replica->wal, next.bytes, &replica->fx);
}

/* All that the source has, answering now and then. */
static inline void rig_follow(struct rig *replica, const struct rig_disk *source)
{
    for (;;) {
        const struct rig_next next = rig_next_of(source, replica);

        if (next.bytes.size == 0) {
            break;
        }
        enum status status = rig_adopt(replica, next);

        if (status == E_FULL || prng_chance(&replica->prng, 1, 4)) {
            rig_answer(replica);
        }
        NEED(status == OK || status == E_FULL);
    }
    rig_answer(replica);
}

static inline bool rig_disks_are_equal(const struct rig_disk *a, const struct rig_disk *b)
{
    bool equal = a->count == b->count;

    for (unsigned i = 0; equal && i < a->count; i++) {
        equal =
            a->sizes[i] == b->sizes[i] && memcmp(a->segments[i], b->segments[i], a->sizes[i]) == 0;
    }
    return equal;
}

#endif
