/* Internal to sim/oracle_wal.c and sim/oracle_line.c: where things are in headers and batches (the
 * offsets of docs/FORMAT.md, read here anew), and the line: the WAL as it is now. */
#ifndef SEALIFT_SIM_ORACLE_LINE_H
#define SEALIFT_SIM_ORACLE_LINE_H

#include "sim/oracle.h"

enum {
    AT_SUITE = 10,
    AT_DEK = 64,
    AT_EPOCH = 80,
    AT_SEGMENT = 88,
    AT_FIRST_BATCH = 96,
    AT_INCARNATION = 112,
    AT_SALT = 136,
    AT_PREV_LAST = 200,
    AT_COMMITMENT = 2780,
    AT_MAC = 2812,
    AT_CRC = 2844,
    B_TYPE = 4,
    B_BATCH = 8,
    B_LSN = 16,
    B_RECORDS = 24,
    B_PLAIN = 28,
    B_DURABLE = 32,
    B_COMMIT = 40,
    B_PREV_TAG = 48,
    B_HEADER = 64,
    B_TRAILER = 24,
    TYPE_DATA = 1,
    TYPE_EPOCH_START = 2,
    TYPE_FINAL = 4,
    PLAIN_ROOM = 17 << 20,
};

static inline uint64_t oracle_get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = bytes; i-- > 0;) {
        value = value << 8 | from[i];
    }
    return value;
}

/* Into oracle->plain; false (and a failed run) where it does not open. */
bool oracle_unseal(struct oracle *oracle, struct oracle_segment *segment, struct bytes sealed);

/* A new epoch begins at batch `start`, on the disk of that writer: the line is what it holds. */
void oracle_line_begin(struct oracle *oracle, const struct sim_member *writer, batch_t start);

/* Whether what was given up with an operator's word is what a reader of its writer sees: the very
 * bytes of a batch that is dead now, at that LSN. */
bool oracle_was_given_up(struct oracle *oracle, lsn_t lsn, struct bytes record);

/* That batch, the last that was opened, is the next on the line. */
void oracle_line_put(struct oracle *oracle, unsigned index);

#endif
