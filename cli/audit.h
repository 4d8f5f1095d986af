/* Is this WAL whole, and does it say what its writer sealed?
 *
 * Reads a data folder, however it is kept, in the order of docs/FORMAT.md ("Reading a WAL"): the
 * small files, every header, then every batch; and stops at the first damage, with its place.
 *
 * With the DEKs every seal is opened. Without them rot, gaps and splices are found, forgery is not;
 * what an unencrypted cluster wrote is always opened, which authenticates nothing. Rolling a whole
 * folder back, control file included, is not visible to any reader of that folder alone. */
#ifndef SEALIFT_CLI_AUDIT_H
#define SEALIFT_CLI_AUDIT_H

#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "seal/secret.h"
#include "wal/scan.h"

struct audit_folder {
    struct bytes descriptor;
    struct bytes control, keyring; /* empty: not there, and not looked at */
    const segment_t *segments; /* ascending */
    uint32_t segment_count;
    /* `got` < size: the file ends there. */
    enum status (*read)(void *context, segment_t segment, uint64_t offset, void *into,
                        uint64_t size, uint64_t *got);
    void *context;
};

struct audit_dek {
    struct id id;
    struct secret secret;
};

/* What was found of one segment. */
struct audit_row {
    segment_t segment;
    epoch_t epoch;
    batch_t first_batch, last_batch; /* last < first: it is empty */
    lsn_t first_lsn, end_lsn; /* last record, or the one before where there is none */
    batch_t prev_last_batch;
    lsn_t prev_end_lsn;
    struct digest prev_chain;
    struct id dek, incarnation;
    uint64_t valid_bytes; /* header included */
    uint64_t batch_count, surplus_count;
    bool closed;
    bool digested; /* a later header lists the digest of its valid bytes */
    struct digest sha256; /* of its valid bytes */
    struct digest chain; /* what a header that follows says of it */
    struct tag last_tag; /* of its last valid batch, or what stands for it */
};

struct audit_damage {
    enum status why; /* OK: none */
    const char *what; /* "control", "header", "batch" */
    segment_t segment;
    uint64_t offset;
    batch_t batch;
    bool by_statement; /* only a later batch says that it had been durable: not so on a replica */
};

struct audit {
    /* given */
    const struct audit_folder *folder; /* from audit_run on: without what retention has let go */
    const struct audit_dek *deks;
    uint32_t dek_count;
    bool keyless;
    bool of_replica; /* what its batches state as durable was so on another disk */
    /* May be NULL. Each valid batch in turn, with plaintext where there is a key. */
    void (*on_batch)(void *context, const struct audit_row *row, const struct scan_batch *found);
    void (*on_progress)(void *context, uint64_t bytes);
    void *context;

    /* found; rows belong to the audit until audit_drop */
    struct descriptor descriptor;
    struct digest descriptor_digest;
    struct control control;
    bool has_control;
    struct audit_row *rows;
    uint32_t row_count;
    uint64_t batch_count, record_count, valid_bytes, surplus_count;
    bool opens_seals; /* not only checksums were compared */
    enum scan_tail tail; /* of the newest segment */
    enum status tail_bad; /* why its first bad batch is bad */
    struct audit_damage damage;

    /* its own */
    struct audit_folder kept;
    struct scan scan;
    struct segment_header header;
    struct segment_key key;
    uint8_t *room, *plain, *raw;
    uint32_t plain_used; /* so much of `plain` has held plaintext */
};

/* Returns damage.why. audit_drop afterwards, whatever it says. */
NODISCARD enum status audit_run(struct audit *audit);
void audit_drop(struct audit *audit); /* wipes keys and plaintext */

#endif
