/* Was this record appended before?
 *
 * A producer numbers its records with sequences that only grow; the table remembers the last one of
 * each of the PRODUCERS_MAX least forgotten producers, so that a retried append lands once. It is
 * rebuilt at recovery from the newest checkpoint batch and the data after it.
 *
 * Clients choose their ids. The hash is drawn anew by each process (multiply-shift, Dietzfelbinger
 * et al., 1997): any two ids share a bucket with a probability of at most 2 / bucket_count, so no
 * set of ids that is chosen without seeing the multiplier makes long chains. */
#ifndef SEALIFT_WAL_PRODUCERS_H
#define SEALIFT_WAL_PRODUCERS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/entropy.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/writer.h"

enum {
    PRODUCERS_MAX = 65536, /* a checkpoint of all is 1.5 MiB: two disk writes of 1 MiB a segment */
};

struct producer {
    uint64_t id;
    uint64_t last_sequence;
    lsn_t last_lsn;
    uint32_t older, newer; /* neighbours by last use, as slots + 1; 0 = none */
    uint32_t next_in_bucket; /* as slot + 1 */
};

struct producers {
    struct producer *slots;
    uint32_t *buckets; /* slot + 1 of the first in each */
    uint32_t capacity;
    uint32_t bucket_count; /* a power of two, at least two */
    unsigned shift; /* leaves so many bits of a product as number a bucket */
    uint64_t multiplier; /* odd, drawn at init: nobody else can tell which ids share a bucket */
    uint32_t count;
    uint32_t oldest, newest; /* slot + 1 */
};

size_t producers_bytes(uint32_t capacity);
void producers_init(struct producers *producers, struct arena *arena, uint32_t capacity,
                    const struct entropy *entropy);
void producers_clear(struct producers *producers);

/* NULL where unknown. */
const struct producer *producers_find(const struct producers *producers, uint64_t id);

/* Makes it the most recent; the least recent is forgotten where the table is full. */
void producers_note(struct producers *producers, uint64_t id, uint64_t last_sequence,
                    lsn_t last_lsn);

/* The content of a checkpoint batch: {count u32, zero u32, rows oldest first}. */
size_t producers_encoded_bytes(const struct producers *producers);
void producers_encode(const struct producers *producers, struct writer *writer);
NODISCARD enum status producers_decode(struct producers *producers, struct bytes plain);

#endif
