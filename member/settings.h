/* What must a member be told before it starts?
 *
 * Everything that primary and replica have in common: who it is, what it demands of its cluster,
 * and every limit that bounds its memory and its patience. Plain data, copied at creation; texts
 * must fit their arrays. member_settings_default fills in all limits; the sim makes them tiny so
 * that rare paths are daily paths. */
#ifndef SEALIFT_MEMBER_SETTINGS_H
#define SEALIFT_MEMBER_SETTINGS_H

#include "base/entropy.h"
#include "base/ids.h"
#include "base/instant.h"
#include "base/level.h"
#include "base/trace.h"
#include "cluster/rules.h"
#include "node/identity.h"

struct member_settings {
    struct identity self; /* from its own certificate */
    enum wish encrypted; /* what the person asked for; unsaid: as the cluster is */
    bool accept_suspect; /* an operator says: the disk may be relied upon again */
    char key[KEY_ARN_TEXT_MAX]; /* KMS key of this region: any identifier; "" = unsaid */
    char cluster[CLUSTER_TEXT_MAX]; /* cluster resource id; "" = draw one, or join (same region) */

    uint64_t window_bytes; /* sealed batches in memory; at least two of the largest batch */
    uint32_t window_batches; /* at most so many of them */
    uint64_t segment_bytes; /* a segment is closed before it grows beyond this */
    uint32_t segments_max; /* rows of the segment index */
    uint32_t batch_bytes; /* a batch is sealed when it has grown to this */
    uint32_t record_bytes_max; /* at most RECORD_BYTES_MAX */
    uint32_t producers_max; /* at most PRODUCERS_MAX */
    uint32_t feeds_max; /* downstream replicas */
    uint32_t clients_max; /* client, reader and operator links */
    uint64_t retain_bytes; /* of files behind the oldest segment, then it may go; 0: never */
    struct span retain_age; /* since a segment was closed, then it may go; 0: never */
    struct span dek_max_age; /* a writer's data key is rotated when it is so old; 0: never */
    uint64_t dek_max_bytes; /* when it has sealed so much; 0: never */
    uint64_t pin_bytes; /* so much is kept for one downstream replica, and no more */
    struct span pin_age; /* for so long */
    struct span retain_gap; /* between two looks at what may go */
    uint64_t feed_window_bytes; /* unacknowledged bytes in flight to one replica */
    uint32_t reads_max; /* disk reads under way at once; each has a buffer */
    uint32_t read_bytes; /* the usual size of one */

    struct span greet_max; /* from link up to RESUME, keys aside */
    struct span keys_max; /* for the key exchange of a greeting */
    struct span keys_wait_max; /* at start: how long an unreachable key service is waited for */
    struct span hand_max; /* a rotation waits so long for linked replicas to store the new DEK */
    struct span silence_max; /* hang up after hearing nothing for this long */
    struct span heartbeat_gap; /* say something at least this often */
    struct span announce_gap; /* a commit is announced within this */
    struct span mark_rest; /* the WAL is at rest, and its position marked, after so long */
    struct span mark_gap; /* at most one such mark in this */
    struct span digest_gap; /* between two reads of the digester; DIGESTER_BUSY times as long
                             * while the disk has something to write */
    uint64_t scrub_rate; /* bytes a second that the scrub reads; 0: there is none */
    struct span scrub_gap; /* between two passes of it */
    struct span key_poll; /* between two looks whether the KMS key may still be used */
    struct span key_loss_window; /* refused for so long, it is lost for good */
    struct span retry_gap; /* before asking or dialing again: member_retry_gap */

    struct entropy entropy;
    struct trace trace;
};

/* Limits for production: under 256 MiB of memory. Leaves who, entropy and trace alone. */
void member_settings_default(struct member_settings *settings);

enum { RETRY_DOUBLINGS_MAX = 4 }; /* the longest gap is 16 times the first */

/* After so many tries in vain. */
static inline struct span member_retry_gap(const struct member_settings *settings, unsigned tries)
{
    return span_doubled(settings->retry_gap, tries, RETRY_DOUBLINGS_MAX);
}

/* E_USAGE where the limits contradict each other; `why` (VERDICT_TEXT_MAX) then says which. */
NODISCARD enum status member_settings_check(const struct member_settings *settings, char *why);

#endif
