/* The messages between a client (producer, reader, operator) and a member, as plain structs.
 *
 * Codecs as in ship.h. A client says HELLO and hears WELCOME; then it may APPEND (answered by
 * APPENDED or REFUSED with the same request number), READ (answered by RECORDS until READ_END or
 * REFUSED), VERIFY (answered by VERIFIED_SEGMENT until VERIFIED or REFUSED) and ask for STATUS, all
 * at once and in any number up to the member's limits. What only an operator asks: promote.h. */
#ifndef SEALIFT_PROTO_CONTROL_H
#define SEALIFT_PROTO_CONTROL_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/level.h"
#include "base/status.h"
#include "proto/member_status.h"
#include "proto/scratch.h"

enum {
    APPEND_BYTES_MAX = 1 << 20, /* lengths and bodies of one APPEND of several records */
    APPEND_RECORDS_MAX = APPEND_BYTES_MAX / 5, /* a length and at least one byte each */
    ROLE_NUMBER_MAX = 7, /* the last of enum role (node/identity.h, which proto does not see) */
    REFUSED_TEXT_MAX = 512,
    VERIFY_DIGESTS_MAX = 64, /* as many as one segment header can list */
};

struct hello {
    uint32_t version;
    struct id lineage; /* zeros: whichever this member serves */
};

struct welcome {
    uint32_t version;
    struct id lineage;
    uint32_t suite;
    uint32_t role; /* enum role of node/identity.h */
    char region[REGION_TEXT_MAX];
    char member[MEMBER_TEXT_MAX];
    epoch_t epoch;
    lsn_t first_lsn; /* the first that can be read here */
    lsn_t visible_lsn; /* the last that can be read now */
};

/* `count` records, numbered first_sequence .. first_sequence + count - 1 by their producer. Retried
 * with the same producer and sequences it lands once. */
struct append {
    uint64_t request;
    uint64_t producer; /* drawn at random by the client, not 0 */
    uint64_t first_sequence; /* 1 or more; grows, and may leave gaps; spent once REFUSED */
    uint32_t count;
    bool has_level; /* else the cluster's level */
    struct level level;
};

struct appended {
    uint64_t request;
    lsn_t first_lsn; /* 0: it was there already, and its place is no longer known */
    uint32_t count;
};

struct refused {
    uint64_t request; /* 0: the link as a whole */
    enum status why;
    char text[REFUSED_TEXT_MAX];
};

struct read_message {
    uint64_t request;
    lsn_t from_lsn; /* 0 or 1: the first there is */
    bool follow; /* wait for more at the end instead of READ_END */
    uint64_t window_bytes; /* how far the member may run ahead of CONSUMED */
};

struct records {
    uint64_t request;
    lsn_t first_lsn;
    uint32_t count;
    lsn_t visible_lsn;
};

struct consumed {
    uint64_t request;
    lsn_t through_lsn;
};

struct read_end {
    uint64_t request;
    lsn_t next_lsn;
};

/* The member reads its own copy again, past the page cache, and says what it found: never the bytes
 * themselves. One at a time on each member. */
struct verify_message {
    uint64_t request;
    segment_t from_segment; /* what lies before it is not read */
    batch_t through_batch; /* the last to be read; 0: whatever is durable there now */
    bool keyless; /* checksums, chain and places only, as one without a key would */
    uint64_t rate; /* at most so many bytes a second; 0: the member's own idea */
};

/* One segment whose valid bytes, up to `last_batch`, are good. */
struct verified_segment {
    uint64_t request;
    segment_t segment;
    epoch_t epoch;
    batch_t first_batch, last_batch; /* last < first: it is empty */
    lsn_t end_lsn;
    uint64_t batches, records, bytes;
    batch_t through_batch; /* where all of it will end */
    bool closed; /* its final batch is among them */
    struct digest sha256; /* of these bytes */
    struct digest chain; /* what the header of a segment after them must say */
    uint32_t digest_count; /* that its header lists, of segments before it */
    struct listed_digest {
        segment_t segment;
        struct digest sha256;
    } digests[VERIFY_DIGESTS_MAX];
};

enum verified_what { VERIFIED_ALL, VERIFIED_FILE, VERIFIED_HEADER, VERIFIED_BATCH, VERIFIED_WHATS };

/* The end: all is good, or the first damage. */
struct verified {
    uint64_t request;
    enum status why; /* OK: no damage */
    enum verified_what what; /* is damaged */
    segment_t segment;
    uint64_t offset;
    batch_t batch;
    uint64_t segments; /* that were good */
    bool seals_opened;
};

#define CONTROL_CODEC(name, type) \
    size_t name##_bytes(const struct type *message); \
    struct bytes name##_encode(const struct type *message, void *into); \
    NODISCARD enum status name##_decode(struct type *message, struct bytes head, \
                                        struct proto_scratch *scratch)

CONTROL_CODEC(hello, hello);
CONTROL_CODEC(welcome, welcome);
CONTROL_CODEC(append, append);
CONTROL_CODEC(appended, appended);
CONTROL_CODEC(refused, refused);
CONTROL_CODEC(read_message, read_message);
CONTROL_CODEC(records, records);
CONTROL_CODEC(consumed, consumed);
CONTROL_CODEC(read_end, read_end);
CONTROL_CODEC(member_status, member_status);
CONTROL_CODEC(verify_message, verify_message);
CONTROL_CODEC(verified_segment, verified_segment);
CONTROL_CODEC(verified, verified);

#endif
