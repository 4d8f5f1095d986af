/* How do records become sealed bytes, and back?
 *
 * A batch is a multiple of 4096 bytes: header (64), ciphertext, padding inside the seal, trailer
 * (tag 16, crc32c 4, batch_bytes 4). Exact layout: docs/FORMAT.md. It is sealed once; every disk
 * and every link sees these very bytes.
 *
 * Checks come in an order: batch_parse (lengths, caps, CRC: no key), then the place that the reader
 * expects (batch_check_place), then the seal (batch_open, batch_verify). Plaintext is released only
 * after the tag. */
#ifndef SEALIFT_WAL_BATCH_H
#define SEALIFT_WAL_BATCH_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "wal/segment.h"

enum {
    BATCH_BLOCK_BYTES = 4096,
    BATCH_HEADER_BYTES = 64,
    BATCH_TRAILER_BYTES = 24,
    BATCH_OVERHEAD_BYTES = BATCH_HEADER_BYTES + BATCH_TRAILER_BYTES,
    BATCH_BYTES_MAX = 16 << 20,
    BATCH_PLAIN_MAX = BATCH_BYTES_MAX - BATCH_OVERHEAD_BYTES,
    RECORD_BYTES_MAX = 8 << 20,
    BATCH_PARTS_MAX = 4,
};

enum batch_type {
    BATCH_DATA = 1,
    BATCH_EPOCH_START = 2, /* only as the first batch of an epoch's first segment */
    BATCH_CHECKPOINT = 3, /* the producer table; at each segment start */
    BATCH_FINAL = 4, /* closes a segment; its own nonce bit */
};

struct batch_header {
    uint32_t batch_bytes; /* filled in by seal */
    enum batch_type type;
    batch_t batch;
    lsn_t first_lsn; /* of a batch without records: the next LSN */
    uint32_t record_count;
    uint32_t plain_bytes; /* filled in by seal */
    batch_t durable_batch;
    lsn_t commit_lsn;
    struct tag prev_tag;
};

/* What sealing and opening need to know of a segment. Owns an aead. */
struct batch_sealer {
    struct aead aead;
    struct nonce base_nonce;
    struct digest header_hash; /* SHA-256 of the raw segment header */
    uint8_t crc_seed[4]; /* commitment[0..3] */
};

void batch_sealer_init(struct batch_sealer *sealer);
void batch_sealer_begin(struct batch_sealer *sealer, const struct segment_header *header,
                        struct bytes raw_header, const struct segment_key *key);

/* Without a key: enough for batch_parse. */
void batch_sealer_begin_keyless(struct batch_sealer *sealer, const struct segment_header *header,
                                struct bytes raw_header);
void batch_sealer_forget(struct batch_sealer *sealer); /* wipes the segment key */
void batch_sealer_drop(struct batch_sealer *sealer);

/* The size that a batch of so many plain bytes will have. */
uint32_t batch_bytes_for(uint64_t plain_bytes);

/* The last LSN in it, or the last one before it if it has no records. */
lsn_t batch_end_lsn(const struct batch_header *header);

/* Seals the concatenation of parts (at most BATCH_PARTS_MAX) into `out`, which has room for
 * batch_bytes_for(total). Fills in batch_bytes and plain_bytes; returns the tag. */
struct tag batch_seal(struct batch_sealer *sealer, struct batch_header *header,
                      const struct bytes *parts, size_t part_count, uint8_t *out);

/* The header alone, for hopping from batch to batch; checks nothing but lengths, caps, zero fields
 * and type. E_TRUNCATED under 64 bytes, E_MALFORMED, E_TOO_LARGE. All zeros is E_MALFORMED. */
NODISCARD enum status batch_header_decode(struct batch_header *header, struct bytes from);

/* Keyless: the header, that `from` holds all of the batch (E_TRUNCATED), both copies of its length
 * (E_MALFORMED) and the CRC (E_CHECKSUM). `tag` may be NULL. */
NODISCARD enum status batch_parse(const struct batch_sealer *sealer, struct batch_header *header,
                                  struct bytes from, struct tag *tag);

/* E_GAP where it is not batch `batch`, or its LSNs do not follow `end_lsn`; E_CHAIN where prev_tag
 * differs. */
NODISCARD enum status batch_check_place(const struct batch_header *header, batch_t batch,
                                        lsn_t end_lsn, const struct tag *prev_tag);

/* How a segment must begin. A reader of one file alone does not know. */
enum batch_beginning {
    BEGINNING_UNKNOWN,
    BEGINNING_EPOCH, /* the first segment of an epoch: epoch-start, then the checkpoint */
    BEGINNING_LATER, /* any other: the checkpoint */
};

/* E_ORDER where a batch of this type cannot follow so many others in its segment: behind the
 * beginning there are only data, and one final. The one rule for writers' disks, readers and
 * replicas. */
NODISCARD enum status batch_check_order(const struct batch_header *header, uint64_t before,
                                        enum batch_beginning beginning);

/* `from` is a batch that parsed. E_FORGED where the seal or the padding is wrong. `plain` has room
 * for batch_bytes - 88 bytes, of which plain_bytes are meaningful. */
NODISCARD enum status batch_open(struct batch_sealer *sealer, const struct batch_header *header,
                                 struct bytes from, uint8_t *plain);
NODISCARD enum status batch_verify(struct batch_sealer *sealer, const struct batch_header *header,
                                   struct bytes from);

/* batch_parse, batch_verify and a copy of the batch to `into` (as many bytes as `from` has), in one
 * pass. E_FORGED means that everything before it is right; `into` is not to be used unless OK. */
NODISCARD enum status batch_take(struct batch_sealer *sealer, struct batch_header *header,
                                 struct bytes from, struct tag *tag, uint8_t *into);

#endif
