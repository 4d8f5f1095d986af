/* What was said and written, by whom, and what became of it: the oracle's own notes, from which it
 * judges. */
#ifndef SEALIFT_SIM_ORACLE_TRUTH_H
#define SEALIFT_SIM_ORACLE_TRUTH_H

#include "base/ids.h"
#include "base/level.h"
#include "seal/aead.h"
#include "seal/nonce.h"

enum { ORACLE_HEADER_BYTES = 4096 };

/* A segment that some writer began. */
struct oracle_segment {
    epoch_t epoch;
    segment_t segment;
    batch_t first_batch, prev_last_batch;
    struct id incarnation;
    uint8_t raw[ORACLE_HEADER_BYTES];
    struct digest hash;
    struct digest valid; /* of the header and the batches up to valid_to, if that is not 0 */
    batch_t valid_to;
    struct aead aead;
    struct nonce base_nonce;
    unsigned maker;
    uint64_t maker_life;
};

/* A batch that some writer sealed. */
struct oracle_batch {
    epoch_t epoch;
    batch_t batch;
    unsigned segment; /* index into segments */
    uint64_t offset;
    uint8_t *data;
    uint32_t bytes;
    unsigned type;
    lsn_t first_lsn;
    uint32_t record_count;
    lsn_t end_lsn;
    uint32_t holders; /* members that have it on their disk, one bit each */
    bool dead; /* cut off by a later epoch */
};

/* Where a record came to lie. */
struct oracle_record {
    uint64_t producer, sequence;
};

/* One append that a client submitted. */
struct oracle_append {
    unsigned client;
    uint64_t request, producer, first_sequence;
    uint32_t count;
    struct level level;
    unsigned heard_by; /* which writer has had it last, as number + 1, and in which life */
    uint64_t heard_life;
    bool excused; /* told so by a writer that had been superseded, below the cluster's level */
    bool told; /* an APPENDED was sent, and what it said was not cut off since */
    bool settled; /* the client has heard it */
    bool refused; /* a definite no, to the only attempt */
};

/* Of a segment, copied into quarantine. */
struct oracle_part {
    unsigned member;
    segment_t segment;
    epoch_t epoch;
    uint64_t begin, end;
};

#endif
