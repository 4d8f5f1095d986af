/* What does the first block of a segment say?
 *
 * 4096 bytes, little-endian, fixed offsets (docs/FORMAT.md). The header names the WAL, the place
 * of this segment in it, and what it follows; it commits to its key and carries its own MAC. The
 * raw bytes are what is stored, sent, hashed and chained: never re-encode a received header. */
#ifndef SEALIFT_WAL_SEGMENT_H
#define SEALIFT_WAL_SEGMENT_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "seal/aead.h"
#include "seal/segment_key.h"

enum {
    SEGMENT_HEADER_BYTES = 4096,
    SEGMENT_VERSION = 1,
    SEGMENT_DIGESTS_MAX = 64, /* closed segments whose digest one header can list */
    SEGMENT_BATCHES_MAX = 1 << 20, /* per segment key: far below GCM's 2^32 */
    SEGMENT_BYTES_MAX = 1 << 30, /* per segment key */
    SEGMENT_BYTES_DEFAULT = 64 << 20,
    SEGMENT_BYTES_MIN = 64 << 10, /* tests: header, a few batches, final */
};

struct segment_digest {
    segment_t segment;
    struct digest sha256;
};

struct segment_header {
    enum suite suite;
    struct id lineage;
    struct digest descriptor;
    struct id dek; /* zeros for SUITE_NONE */
    epoch_t epoch;
    segment_t segment;
    batch_t first_batch;
    lsn_t first_lsn;
    struct id incarnation;
    uint64_t created_ns; /* advisory */
    uint8_t salt[SEGMENT_SALT_BYTES];
    struct digest prev_chain;
    batch_t prev_last_batch;
    lsn_t prev_end_lsn;
    uint32_t digest_count;
    struct segment_digest digests[SEGMENT_DIGESTS_MAX];
    struct digest commitment; /* filled in by encode and decode */
};

/* Writes all 4096 bytes, commitment, MAC and CRC included, and leaves the segment's key in
 * `key`. */
void segment_header_encode(struct segment_header *header, const struct secret *dek,
                           uint8_t raw[SEGMENT_HEADER_BYTES], struct segment_key *key);

/* Keyless. E_TRUNCATED under 4096 bytes; E_CHECKSUM where the CRC is wrong; E_VERSION for another
 * version or suite; E_MALFORMED for another magic, size, or non-zero padding. */
NODISCARD enum status segment_header_decode(struct segment_header *header, struct bytes raw);

/* Keyed. E_WRONG_KEY where the commitment differs, E_FORGED where the MAC does. */
NODISCARD enum status segment_header_open(const struct segment_header *header, struct bytes raw,
                                          const struct secret *dek, struct segment_key *key);

/* The first 16 bytes of the commitment: prev_tag of the first batch, and the "tag" of a segment
 * without batches. */
struct tag segment_first_tag(const struct segment_header *header);

/* prev_chain of the next segment: SHA-256(raw header || tag of the last valid batch). */
struct digest segment_chain(struct bytes raw_header, const struct tag *last_tag);

/* Where a segment ends: what the header behind it must repeat. */
struct segment_end {
    epoch_t epoch;
    batch_t batch;
    lsn_t end_lsn;
    struct digest chain;
    bool closed; /* its final batch is there */
};

/* E_GAP where `next` says another batch or LSN; E_CHAIN where it was chained to something else, or
 * where its writer did not close the one before: within a reign a writer closes what it began. */
NODISCARD enum status segment_check_follows(const struct segment_end *end,
                                            const struct segment_header *next);

#endif
