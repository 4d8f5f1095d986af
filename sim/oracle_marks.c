/* A member's control file marks what was durable on its disk. If its newest segment lacks one of
 * those batches, or holds it otherwise than it was sealed, that is damage, whatever else is there:
 * whoever starts on such a disk writes no batch, begins no segment and moves nothing aside; until
 * it is repaired, or the mark is taken back since another reign goes on without those batches. */
#include "sim/oracle_marks.h"
#include "sim/oracle_retention.h"

#include "cluster/control.h"

static const struct sim_file *newest_file(const struct oracle *oracle,
                                          const struct sim_member *member)
{
    const segment_t first = oracle_first_segment(oracle, member);
    const struct sim_file *newest = NULL;
    const struct sim_file *file = oracle_file_on_disk(member, first);

    for (segment_t segment = first + 1; file != NULL; segment++) {
        newest = file;
        file = oracle_file_on_disk(member, segment);
    }
    return newest;
}

bool oracle_marks_are_broken(const struct oracle *oracle, const struct sim_member *member)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    const struct sim_file *file = newest_file(oracle, member);
    const struct oracle_segment *segment =
        file == NULL ? NULL : oracle_segment_on_disk(oracle, file);
    static _Thread_local struct control control;

    if (segment == NULL || member->store.damage == 0
        || control_decode(&control, bytes_of(small->cache, small->cache_size), NULL) != OK
        || control.durable.epoch != segment->epoch) {
        return false;
    }
    const batch_t mark = epoch_table_clamp(&control.epochs, control.durable);

    for (batch_t batch = segment->first_batch; batch <= mark; batch++) {
        if (!oracle_batch_on_disk(oracle, file, segment->epoch, batch)) {
            return true;
        }
    }
    return false;
}

void oracle_check_refusal(struct oracle *oracle, const struct sim_member *member,
                          const struct store_write *write)
{
    const bool changes = write->op == STORE_CREATE || write->op == STORE_APPEND
                         || write->op == STORE_QUARANTINE_PART
                         || write->op == STORE_QUARANTINE_SEGMENT;

    if (changes && oracle->must_refuse[member->number]) {
        sim_fail(oracle->sim, 12, "%s goes on (%s) though its disk lacks a batch that it marked",
                 member->name, store_op_name(write->op));
    }
}

static bool is_alive(const struct oracle *oracle, epoch_t epoch, batch_t number)
{
    const struct oracle_batch *batch = oracle_find(oracle, epoch, number);

    return batch != NULL && number <= oracle->line_end && oracle->line[number] != 0
           && &oracle->batches[oracle->line[number] - 1] == batch;
}

/* Whoever lacks what it marked may take its mark back to where the newest reign parted from it. */
static void check_lowered(struct oracle *oracle, const struct sim_member *member,
                          const struct control *now)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    static _Thread_local struct control before;

    if (!oracle->must_refuse[member->number]
        || control_decode(&before, bytes_of(small->cache, small->cache_size), NULL) != OK) {
        return;
    }
    const batch_t mark = epoch_table_clamp(&before.epochs, before.durable);

    for (batch_t batch = epoch_table_clamp(&now->epochs, now->durable) + 1; batch <= mark;
         batch++) {
        if (is_alive(oracle, before.durable.epoch, batch)) {
            sim_fail(oracle->sim, 12, "%s takes back its mark of batch %llu, which it lacks",
                     member->name, (unsigned long long)batch);
            return;
        }
    }
}

void oracle_on_marked(struct oracle *oracle, const struct sim_member *member)
{
    oracle->must_refuse[member->number] =
        oracle->must_refuse[member->number] && oracle_marks_are_broken(oracle, member);
}

/* A segment that leaves the WAL takes batches with it. What its disk still marks as durable must
 * end before them, or a crash from here on is read as damage. */
void oracle_check_aside(struct oracle *oracle, const struct sim_member *member, segment_t number)
{
    const struct sim_small *small = &member->store.smalls[STORE_CONTROL];
    const struct sim_file *file = oracle_file_on_disk(member, number);
    const struct oracle_segment *segment =
        file == NULL ? NULL : oracle_segment_on_disk(oracle, file);
    static _Thread_local struct control control;

    if (segment == NULL || member->store.damage > 0
        || control_decode(&control, bytes_of(small->disk, small->disk_size), NULL) != OK) {
        return;
    }
    const batch_t mark = epoch_table_clamp(&control.epochs, control.durable);

    if (mark >= segment->first_batch) {
        sim_fail(oracle->sim, 12,
                 "%s sets segment %llu aside, from batch %llu on, while its mark is on batch %llu",
                 member->name, (unsigned long long)number, (unsigned long long)segment->first_batch,
                 (unsigned long long)mark);
    }
}

void oracle_check_mark(struct oracle *oracle, const struct sim_member *member,
                       const struct store_write *write)
{
    static _Thread_local struct control control;

    if (write->op != STORE_REPLACE || write->file != STORE_CONTROL
        || control_decode(&control, bytes_part(write->data, 0, CONTROL_COPY_BYTES), NULL) != OK) {
        return;
    }
    oracle->marks_checked++;
    if (control.durable.epoch > control.highest_epoch) {
        sim_fail(oracle->sim, 14,
                 "%s marks a batch of epoch %llu, and has heard of epoch %llu only", member->name,
                 (unsigned long long)control.durable.epoch,
                 (unsigned long long)control.highest_epoch);
    }
    check_lowered(oracle, member, &control);
    if (oracle_lacks(oracle, member, control.durable.batch)) {
        sim_fail(oracle->sim, 2, "%s marks batch %llu as durable; its disk has %llu", member->name,
                 (unsigned long long)control.durable.batch,
                 (unsigned long long)oracle->durable[member->number]);
    }
    if (oracle->sim->members[oracle->primary].store.unseen == 0) { /* or it was, and was lost */
        oracle_check_committed(oracle, member, control.commit_lsn, "control file");
    }
}
