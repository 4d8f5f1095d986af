/* What a member promises or asks for in an election binds it in the next life, too. So the oracle
 * looks at the control file that a power cut at this moment would leave. */
#include "sim/oracle_election.h"

#include "cluster/control.h"
#include "proto/promote.h"

static bool read_control(const struct sim_member *member, struct control *control)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];

    return control_decode(control, bytes_of(small->disk, small->disk_size), NULL) == OK;
}

void oracle_check_promise(struct oracle *oracle, const struct sim_member *member, epoch_t epoch,
                          const char *how)
{
    static struct control control;

    if (read_control(member, &control) && control.highest_epoch < epoch) {
        sim_fail(oracle->sim, 14, "%s %s epoch %llu; its disk says %llu", member->name, how,
                 (unsigned long long)epoch, (unsigned long long)control.highest_epoch);
    }
}

void oracle_on_fenced(struct oracle *oracle, const struct sim_member *member,
                      const struct effect_send *send)
{
    struct fenced fenced;

    if (fenced_decode(&fenced, send->head, &oracle->scratch) != OK) {
        return;
    }
    oracle_check_promise(oracle, member, fenced.epoch, "promises");
    if (oracle_lacks(oracle, member, fenced.position.batch)) {
        sim_fail(oracle->sim, 2, "%s tells a candidate of batch %llu; its disk has %llu",
                 member->name, (unsigned long long)fenced.position.batch,
                 (unsigned long long)oracle->durable[member->number]);
    }
    if (fenced.epoch > oracle->highest_epoch[member->number]) {
        oracle->highest_epoch[member->number] = fenced.epoch;
    }
}

void oracle_on_claim(struct oracle *oracle, const struct sim_member *member,
                     const struct claim_record *record)
{
    static struct control control;

    if (member->kind != &sim_replica || strcmp(record->writer, member->name) != 0
        || record->asked > record->epoch /* a note of what it will ask for: no claim */
        || !read_control(member, &control)) {
        return;
    }
    if (control.claim_asked != record->epoch || control.highest_epoch < record->epoch) {
        sim_fail(oracle->sim, 14, "%s claims epoch %llu; its disk says %llu, of %llu", member->name,
                 (unsigned long long)record->epoch, (unsigned long long)control.claim_asked,
                 (unsigned long long)control.highest_epoch);
    }
}
