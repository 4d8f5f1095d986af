/* A level is met when a writer's disk and those of enough others hold a batch, and the writer has
 * heard so in its own epoch: what they hold is read from their disks, what they said from the wire.
 */
#include "sim/oracle_reigns.h"

#include "base/check.h"
#include "sim/oracle.h"

#define EVERYBODY UINT32_MAX

void oracle_begin_reign(struct oracle *oracle, const struct oracle_segment *first)
{
    if (oracle->reign_count == ORACLE_REIGNS) {
        oracle->reign_count--;
        memmove(oracle->reigns, oracle->reigns + 1, oracle->reign_count * sizeof oracle->reigns[0]);
    }
    oracle->reigns[oracle->reign_count++] =
        (struct oracle_reign){.epoch = first->epoch, .primary = first->maker};
    oracle->epoch = first->epoch;
    oracle->primary = first->maker;
}

bool oracle_was_promoted(const struct oracle *oracle)
{
    const unsigned count = oracle->reign_count;

    return count > 1 && oracle->reigns[count - 2].primary != oracle->reigns[count - 1].primary;
}

/* The acks of others are no votes, however much they hold. */
static uint32_t recorded_now(const struct oracle *oracle, const struct oracle_reign *reign)
{
    const struct claim_record *record = &oracle->sim->claim.record;
    uint32_t mask = 0;

    for (uint32_t i = 0; i < record->member_count && record->epoch == reign->epoch; i++) {
        for (unsigned who = 0; who < oracle->sim->member_count; who++) { /* twins have one name */
            const char *name = oracle->sim->members[who].self.member;

            mask |= (uint32_t)(strcmp(name, record->members[i].name) == 0) << who;
        }
    }
    return mask;
}

void oracle_on_acked(struct oracle *oracle, unsigned writer, unsigned from, epoch_t epoch,
                     batch_t batch)
{
    for (unsigned i = 0; i < oracle->reign_count; i++) {
        struct oracle_reign *reign = &oracle->reigns[i];

        reign->recorded |= recorded_now(oracle, reign);
        if (reign->epoch == epoch && reign->primary == writer && batch > reign->acked[from]) {
            reign->acked[from] = batch;
            oracle_note_committed(oracle);
        }
    }
}

static bool in_same_region(const struct sim *sim, unsigned a, unsigned b)
{
    return sim->members[a].region == sim->members[b].region;
}

/* Regions other than the primary's that have one of these members. */
static unsigned regions_of(const struct oracle *oracle, unsigned primary, uint32_t holders)
{
    const struct sim *sim = oracle->sim;
    unsigned regions = 0;

    for (unsigned i = 0; i < sim->member_count; i++) {
        bool first = (holders >> i & 1) != 0 && !in_same_region(sim, i, primary);

        for (unsigned before = 0; before < i && first; before++) {
            first = (holders >> before & 1) == 0 || !in_same_region(sim, i, before);
        }
        regions += first;
    }
    return regions;
}

/* Members whose disk was made to rot, or was lost: what they hold now may be less than what they
 * held when they acked it, and that is the fault's doing (scrub and repair are not there yet). */
static uint32_t rotten(const struct oracle *oracle)
{
    uint32_t mask = 0;

    for (unsigned i = 0; i < oracle->sim->member_count; i++) {
        const struct sim_store *store = &oracle->sim->members[i].store;

        mask |= store->unseen + store->losses > 0 ? (uint32_t)1 << i : 0;
    }
    return mask;
}

/* Members from which the writer has heard, in its own epoch, that they hold that batch. */
static uint32_t ackers(const struct oracle_reign *reign, batch_t batch)
{
    uint32_t mask = 0;

    for (unsigned i = 0; i < SIM_MEMBERS_MAX; i++) {
        mask |= reign->acked[i] >= batch ? (uint32_t)1 << i : 0;
    }
    return mask;
}

/* Durable on the primary and on enough voters, who hold the batch and the start of the epoch in
 * which they acked it: what they hold is read from their disks, what they said from the wire. */
static bool is_held(const struct oracle *oracle, const struct oracle_reign *reign,
                    const struct oracle_batch *batch, struct level level, uint32_t among)
{
    if (batch == NULL || reign->start == 0 || batch->epoch > reign->epoch) {
        return false;
    }
    const struct oracle_batch *start = &oracle->batches[reign->start - 1];
    const uint32_t both = batch->holders & start->holders;
    const batch_t acked = batch->batch > start->batch ? batch->batch : start->batch;
    const uint32_t may_vote = oracle->succession
                                  ? reign->recorded | recorded_now(oracle, reign)
                                  : oracle->voters & ~((uint32_t)1 << reign->primary);
    const uint32_t voters = (both | rotten(oracle)) & ackers(reign, acked) & may_vote & among;

    if ((both >> reign->primary & 1) == 0) {
        return false;
    }
    switch (level.kind) {
    case LEVEL_LOCAL:
        return true;
    case LEVEL_QUORUM:
        return (unsigned)__builtin_popcount(voters) >= level.count;
    case LEVEL_REGION:
        return regions_of(oracle, reign->primary, voters) >= level.count;
    case LEVEL_KINDS:
        break;
    }
    UNREACHABLE();
}

/* In whichever reign: what an older writer was told in its time is true, though it may say so late.
 */
static bool is_held_ever(const struct oracle *oracle, const struct oracle_batch *batch,
                         struct level level)
{
    for (unsigned i = oracle->reign_count; i-- > 0;) {
        if (is_held(oracle, &oracle->reigns[i], batch, level, EVERYBODY)) {
            return true;
        }
    }
    return false;
}

bool oracle_level_is_met(const struct oracle *oracle, lsn_t lsn, struct level level)
{
    return lsn == 0 || is_held_ever(oracle, oracle_of_lsn(oracle, lsn), level);
}

bool oracle_writer_has_heard(const struct oracle *oracle, unsigned member, lsn_t lsn,
                             struct level level, uint32_t among)
{
    const struct oracle_reign *newest =
        oracle->reign_count == 0 ? NULL : &oracle->reigns[oracle->reign_count - 1];

    return newest != NULL && newest->primary == member
           && oracle->sim->claim.record.epoch == newest->epoch
           && is_held(oracle, newest, oracle_of_lsn(oracle, lsn), level, among);
}

void oracle_note_committed(struct oracle *oracle)
{
    const struct oracle_batch *next = oracle_of_lsn(oracle, oracle->committed + 1);

    while (next != NULL && is_held_ever(oracle, next, oracle->level)) {
        oracle->committed = next->end_lsn;
        next = oracle_of_lsn(oracle, oracle->committed + 1);
    }
}

bool oracle_protects(struct level level, struct level cluster)
{
    switch (cluster.kind) {
    case LEVEL_LOCAL:
    case LEVEL_KINDS:
        return true;
    case LEVEL_QUORUM:
        return level.kind != LEVEL_LOCAL && level.count >= cluster.count;
    case LEVEL_REGION:
        return level.kind == LEVEL_REGION && level.count >= cluster.count;
    }
    UNREACHABLE();
}
