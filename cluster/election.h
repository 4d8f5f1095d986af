/* Who may lead, when the writer is gone or is to go?
 *
 * A record counts as committed once the writer and enough of the replicas in the coordinator's
 * record hold it. A candidate may claim the next epoch when those who did *not* answer it could not
 * by themselves, with the old writer, have made up a level:
 *
 *   quorum:K   fewer than K of the record's replicas are silent (n - K + 1 of n answered)
 *   region:N   the silent ones are in fewer than N regions besides the writer's
 *   local      the writer itself must answer
 *
 * At any level the answer of the writer is enough: it holds everything. Whoever answers does so
 * with its own data folder; a name with another one has lost what it had, and is silent. */
#ifndef SEALIFT_CLUSTER_ELECTION_H
#define SEALIFT_CLUSTER_ELECTION_H

#include "base/ids.h"
#include "base/level.h"
#include "node/claim.h"
#include "node/identity.h"

struct election {
    const struct claim_record *record;
    bool answered[CLAIM_MEMBERS_MAX];
    bool writer_answered;
};

struct election_answer {
    const char *member;
    struct id folder;
    epoch_t epoch; /* of the last batch that it holds */
};

/* The record is borrowed. */
void election_init(struct election *election, const struct claim_record *record);

/* False where the record does not know that member with that folder. A writer that holds nothing of
 * the record's epoch counts for nothing: its disk may have been rolled back. */
bool election_count(struct election *election, const struct election_answer *answer);

/* Whether no committed record can be unknown to all who answered. */
bool election_is_enough(const struct election *election, struct level level);

/* The same for a writer that may have lost its own last batches, and asks its members for them: it
 * counts for nothing itself. `local` promises nothing of the others, so each of them must answer:
 * any may be the only one that still has what the writer lost. */
bool election_knows_the_end(const struct election *election, struct level level);

/* Those who would be needed, as "a, b"; `text` has `room`. The second leaves out the writer. */
void election_silent(const struct election *election, char *text, size_t room);
void election_silent_members(const struct election *election, char *text, size_t room);

/* Whether the coordinator has forgotten something: a member has seen an epoch that nobody can have
 * shown it by this record. Somebody may lead whom the record does not know. */
static inline bool election_went_back(const struct claim_record *record, epoch_t seen)
{
    return seen > record->epoch && seen > record->asked;
}

/* `record` with another writer. The one before becomes a member whose acks count: what was
 * committed under it is on its disk, and the next election must find it there or elsewhere; the
 * new one is none. Where the writer stays the same member, only its folder and region are set. */
void election_become_writer(struct claim_record *record, const struct identity *self,
                            const struct id *folder);

#endif
