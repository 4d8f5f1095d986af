/* What is everything called, and what is it made of?
 *
 * Numbers that count (LSN, batch, segment, epoch) are plain integers with a name; identities
 * that are drawn once (lineage, DEK, incarnation) are 16 opaque bytes. Zero of either kind
 * means "none yet". Nothing here owns memory or can fail. */
#ifndef SEALIFT_BASE_IDS_H
#define SEALIFT_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t lsn_t; /* dense record number; the first is 1, 0 = nothing yet */
typedef uint64_t batch_t; /* dense batch number along a lineage; the first is 1 */
typedef uint64_t segment_t; /* dense segment number; the first is 0 */
typedef uint64_t epoch_t; /* the reign of one writer; the first is 1, higher wins */
typedef uint64_t link_t; /* one conversation; drawn by the world, never used again; 0 = none */

#define SEGMENT_NONE UINT64_MAX /* segment numbers start at 0, so "none" needs a value */

struct id {
    uint8_t bytes[16];
};

struct digest { /* SHA-256 */
    uint8_t bytes[32];
};

struct tag { /* AES-GCM */
    uint8_t bytes[16];
};

/* A batch number within one epoch. Compare epochs first: a higher epoch may begin below. */
struct position {
    epoch_t epoch;
    batch_t batch;
};

/* A later epoch is more, whatever its batch. */
static inline bool position_is_ahead(struct position a, struct position b)
{
    return a.epoch != b.epoch ? a.epoch > b.epoch : a.batch > b.batch;
}

enum {
    REGION_TEXT_MAX = 32, /* AWS's longest region name is 14 bytes; ours may be longer */
    MEMBER_TEXT_MAX = 64, /* one path segment of a certificate's URI */
    CLUSTER_TEXT_MAX = 64, /* an AWS cluster resource id has 34 bytes */
    KEY_ARN_TEXT_MAX = 256, /* an AWS key ARN has 75 bytes, an alias ARN up to 300 less common */
    ADDRESS_TEXT_MAX = 256, /* HOST:PORT or unix:PATH */
};

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static inline bool id_is_zero(const struct id *id)
{
    static const struct id zero;

    return id_equal(id, &zero);
}

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static inline bool tag_equal(const struct tag *a, const struct tag *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

#endif
