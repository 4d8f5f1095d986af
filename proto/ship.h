/* The messages between a replica and its upstream, as plain structs.
 *
 * Each has three functions: x_bytes (the encoded size), x_encode (into exactly that many bytes, and
 * returns them), x_decode (E_MALFORMED for what protobuf refuses or a field outside its limits;
 * views borrow from the scratch until the next decode). Order of a link's life: GREET both ways,
 * KEYS and KEYS_STORED (encrypted clusters), PROOF both ways (likewise), RESUME, then SEGMENT and
 * BATCH down, ACK up, COMMIT down, BYE at any time. A candidate says FENCE where a replica says
 * RESUME, and hears FENCED. Once both are proved, either may say REPAIR_ASK, and hears
 * REPAIR_IS. */
#ifndef SEALIFT_PROTO_SHIP_H
#define SEALIFT_PROTO_SHIP_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "proto/scratch.h"

enum {
    GREET_EPOCHS_MAX = 1024, /* the newest entries; older divergence means `lost` */
    GREET_DEKS_MAX = 64, /* as many as a keyring holds */
    GREET_SUITE_UNSAID = 255, /* from an empty replica that takes whatever the cluster is */
    GREET_DESCRIPTOR_MAX = 16384, /* the largest descriptor (cluster/descriptor.h) */
    ENVELOPE_BLOB_MAX = 6144, /* KEY_BLOB_BYTES_MAX of node/keys.h, which proto does not see */
    SUITE_NUMBER_MAX = 1, /* the last of enum suite (seal/aead.h), likewise */
    BYE_TEXT_MAX = 1280, /* a sentence that names a key and a principal by their whole ARNs */
    GREET_LOSSES_MAX = 16, /* the newest declared losses; members that missed older ones re-seed */
    REPAIR_BYTES_MAX = 1 << 20, /* of batches in one answer, unless the first alone is larger */
};

/* One row of the epoch table: this epoch's first batch, and the LSN before its first record. */
struct epoch_entry {
    epoch_t epoch;
    batch_t start_batch;
    lsn_t start_lsn; /* the next LSN when it began */
};

/* Records that an operator has given up at a promotion: what a member holds of them beyond this
 * history may be cut, committed or not. Declared in the epoch-start batch of that epoch. */
struct epoch_loss {
    epoch_t epoch;
    lsn_t first_lsn, last_lsn;
};

struct greet {
    uint32_t version;
    struct id lineage;
    uint32_t suite;
    struct digest descriptor; /* zeros: the sender has none yet */
    char region[REGION_TEXT_MAX];
    char cluster[CLUSTER_TEXT_MAX]; /* "": join the upstream's (same region only) */
    char key_arn[KEY_ARN_TEXT_MAX]; /* "" for unencrypted clusters, or: the upstream's */
    uint32_t dek_count;
    struct id deks[GREET_DEKS_MAX]; /* in order of first use */
    epoch_t highest_epoch; /* the highest ever seen */
    struct position position; /* the last batch that is durable here */
    struct tag tag; /* of that batch, or the first tag of its segment */
    lsn_t commit_lsn;
    uint32_t epoch_count;
    struct epoch_entry epochs[GREET_EPOCHS_MAX]; /* ascending */
    struct bytes descriptor_bytes; /* from the upstream only */
    lsn_t end_lsn; /* the last LSN up to `position` */
    struct id folder; /* the data folder's own id: a name that comes back empty is another one */
    bool is_candidate; /* the caller wants to be promoted: it asks, and follows nobody */
    uint32_t loss_count;
    struct epoch_loss losses[GREET_LOSSES_MAX]; /* ascending by epoch */
};

/* A DEK wrapped for one region and cluster. */
struct envelope {
    struct id dek;
    struct id lineage; /* that the DEK was made for */
    char region[REGION_TEXT_MAX];
    char key_arn[KEY_ARN_TEXT_MAX];
    struct digest check; /* the DEK's check value */
    struct bytes blob; /* what the key service returned */
};

struct keys_message {
    uint32_t count;
    struct envelope envelopes[GREET_DEKS_MAX];
};

struct keys_stored {
    uint32_t dek_count;
    struct id deks[GREET_DEKS_MAX];
};

struct proof {
    struct digest mac;
};

/* The downstream is ready: send what follows this position. */
struct resume {
    struct position position;
    segment_t segment; /* the last segment whose header is stored; SEGMENT_NONE */
};

struct segment_message { /* tail: the raw header */
    epoch_t epoch; /* the highest that the sender has seen: its reign, not the segment's */
};

struct batch_message { /* tail: the sealed batch */
    epoch_t epoch; /* as above */
};

struct ack {
    epoch_t epoch; /* the highest that the replica has seen: the reign in which it acks */
    batch_t batch;
};

struct commit {
    epoch_t epoch;
    lsn_t lsn; /* committed at the cluster's level */
    batch_t batch; /* the newest that the upstream has, for showing lag */
    lsn_t end_lsn; /* its last LSN */
    uint64_t age_us; /* since the writer itself was heard of, along the way; 0 from the writer */
};

/* An election (replica/candidate.h): from a candidate, once it has proved itself. Whoever gets it
 * refuses every lower epoch from then on, in this life and the next, and only then answers. */
struct fence {
    epoch_t epoch;
};

struct fenced {
    epoch_t epoch; /* as asked */
    struct position position; /* the last batch that is durable here */
    lsn_t end_lsn; /* its last LSN */
    lsn_t commit_lsn; /* known as committed, held or not */
};

/* A part of the sender's copy is damaged or gone: please. One at a time on a link. */
struct repair_ask {
    struct id lineage;
    segment_t segment;
    epoch_t epoch; /* that the segment is of; 0: not known, with its header */
    batch_t start_batch; /* where that epoch begins, by the asker's epoch table; 0: not known */
    batch_t first_batch; /* wanted from there on; 0: the segment's header */
    batch_t last_batch; /* as far as this; not for a header */
    struct tag tag_before; /* of the batch before the first; zeros: not known */
};

enum repair_answer {
    REPAIR_HAVE, /* the tail is the header, or batches from first_batch on, one or more */
    REPAIR_NEVER_HAD, /* it is no part of what the answerer has ever held */
    REPAIR_UNREADABLE, /* it is not readable there (now): damaged too, let go of, or busy */
    REPAIR_ANSWERS
};

struct repair_is { /* tail: see above */
    segment_t segment;
    batch_t first_batch; /* as asked */
    enum repair_answer answer;
    batch_t end_batch; /* the first that is no longer in this segment; 0: not known, or open */
};

struct bye {
    enum status why;
    char text[BYE_TEXT_MAX];
};

#define SHIP_CODEC(name, type) \
    size_t name##_bytes(const struct type *message); \
    struct bytes name##_encode(const struct type *message, void *into); \
    NODISCARD enum status name##_decode(struct type *message, struct bytes head, \
                                        struct proto_scratch *scratch)

SHIP_CODEC(greet, greet);
SHIP_CODEC(keys_message, keys_message);
SHIP_CODEC(keys_stored, keys_stored);
SHIP_CODEC(proof, proof);
SHIP_CODEC(resume, resume);
SHIP_CODEC(segment_message, segment_message);
SHIP_CODEC(batch_message, batch_message);
SHIP_CODEC(ack, ack);
SHIP_CODEC(commit, commit);
SHIP_CODEC(fence, fence);
SHIP_CODEC(fenced, fenced);
SHIP_CODEC(repair_ask, repair_ask);
SHIP_CODEC(repair_is, repair_is);
SHIP_CODEC(bye, bye);

#endif
