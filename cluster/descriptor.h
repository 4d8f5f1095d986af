/* The genesis of a WAL: which lineage, encrypted or not, for life.
 *
 * A small file written once, before the first segment, and never changed; its bytes travel to every
 * copy unchanged. Every segment header carries its digest inside key derivation and MAC, so an
 * edited flag is found, not believed. Layout: docs/FORMAT.md. */
#ifndef SEALIFT_CLUSTER_DESCRIPTOR_H
#define SEALIFT_CLUSTER_DESCRIPTOR_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"
#include "seal/aead.h"

enum {
    ENGINE_TEXT_MAX = 32,
    DESCRIPTOR_ANCESTORS_MAX = 64,
    DESCRIPTOR_BYTES_MAX = 16384,
};

/* A lineage that this one was restored from, up to its cut. */
struct ancestor {
    struct id lineage;
    struct digest descriptor;
    enum suite suite;
    segment_t cut_segment;
    struct position cut;
    lsn_t cut_lsn;
    struct tag cut_tag;
};

struct descriptor {
    struct id lineage;
    enum suite suite;
    char engine[ENGINE_TEXT_MAX]; /* "records" unless a source says otherwise */
    uint64_t created_ns; /* UNIX time, advisory */
    uint32_t ancestor_count; /* oldest first */
    struct ancestor ancestors[DESCRIPTOR_ANCESTORS_MAX];
};

/* `into` has room for DESCRIPTOR_BYTES_MAX. */
struct bytes descriptor_encode(const struct descriptor *descriptor, void *into);

/* E_CHECKSUM, E_VERSION, E_MALFORMED, E_TRUNCATED, E_TOO_LARGE. */
NODISCARD enum status descriptor_decode(struct descriptor *descriptor, struct bytes file);

/* SHA-256 of the file's bytes. */
struct digest descriptor_digest(struct bytes file);

#endif
