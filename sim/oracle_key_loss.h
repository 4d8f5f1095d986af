/* Does a member that may not use its KMS key stop, in time, and none that may (R23 to R25)?
 *
 * What key services answered, to whom, and what then is in the control file on the disk: from these
 * follows what a member may still say. Held against invariants 31 to 35. */
#ifndef SEALIFT_SIM_ORACLE_KEY_LOSS_H
#define SEALIFT_SIM_ORACLE_KEY_LOSS_H

#include "cluster/control.h"
#include "sim/sim.h"

struct oracle;

struct oracle_key_loss {
    unsigned refusals[SIM_MEMBERS_MAX]; /* in a row, of the watch, in this life */
    uint64_t confirmed_at[SIM_MEMBERS_MAX]; /* when the second came; 0: it did not */
    enum key_standing standing[SIM_MEMBERS_MAX]; /* on the disk */
    enum key_standing at_start[SIM_MEMBERS_MAX]; /* when this life began */
    bool believed[SIM_MEMBERS_MAX]; /* confirmed, in this life or before: the note may still be on
                                     * its way to the disk */
    uint64_t lost_at[SIM_MEMBERS_MAX]; /* since then */
    uint64_t hash_at_start[SIM_MEMBERS_MAX]; /* of the disk but for its control file */
    uint32_t gone; /* members, one bit each */
};

void oracle_key_loss_on_start(struct oracle *oracle, const struct sim_member *member);
void oracle_key_loss_on_answer(struct oracle *oracle, const struct sim_member *member,
                               const struct event_keys *keys);
void oracle_key_loss_on_send(struct oracle *oracle, const struct sim_member *member,
                             const struct effect_send *send);
void oracle_key_loss_on_durable(struct oracle *oracle, const struct sim_member *member,
                                const struct store_write *write);
void oracle_key_loss_on_stepped(struct oracle *oracle, const struct sim_member *member);
void oracle_key_loss_on_halt(struct oracle *oracle, const struct sim_member *member,
                             enum status why);
void oracle_key_loss_forget_disk(struct oracle *oracle, const struct sim_member *member);

/* Whether its control file may have changed in a start that came to nothing. */
bool oracle_key_loss_may_write(const struct oracle *oracle, const struct sim_member *member);

#endif
