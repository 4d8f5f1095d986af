/* Which KMS key wraps the data keys of one copy, where, and since when are they in use?
 *
 * A data folder tells all of it without any key: its keyring has an envelope for each data key
 * (DEK), and the header of each segment names the DEK that it is sealed under. A running member
 * tells its KMS key and its current DEK only. Nothing here says that the key still opens anything:
 * `sealift verify` does. */
#ifndef SEALIFT_CLI_KEYS_SEEN_H
#define SEALIFT_CLI_KEYS_SEEN_H

#include "cli/audit.h"
#include "client/sealift.h"
#include "cluster/keyring.h"
#include "proto/member_status.h"

/* One DEK, and the envelope that holds it here. */
struct keys_row {
    struct id dek;
    char key_arn[KEY_ARN_TEXT_MAX];
    uint64_t since_ns; /* UNIX time, by its first user's clock; 0: nobody can say */
    bool is_older; /* than that: what was sealed first under it has been let go */
    uint32_t segment_count; /* that are kept here under it; where there are any: */
    segment_t first, last;
};

struct keys_seen {
    const char *copy; /* as it was asked for */
    bool is_member;
    char why[SEALIFT_TEXT_MAX]; /* where it says nothing; "" */

    struct id lineage;
    bool is_encrypted;
    char region[REGION_TEXT_MAX];
    char cluster[CLUSTER_TEXT_MAX];
    char member[MEMBER_TEXT_MAX]; /* ""; a folder does not know its member */
    char key_arn[KEY_ARN_TEXT_MAX];
    uint32_t unread_count; /* segments whose header cannot be read */
    uint32_t count; /* in order of first use: the last is the current DEK */
    struct keys_row rows[KEYRING_ENVELOPES_MAX];
};

/* A status of the decoders of descriptor and keyring; E_MISSING: no keyring; E_LINEAGE: it is of
 * another WAL than the descriptor. `copy` is the caller's. */
NODISCARD enum status keys_of_folder(struct keys_seen *seen, const struct audit_folder *folder);

void keys_of_member(struct keys_seen *seen, const struct member_status *status);

#endif
