/* Does this folder write, by what the coordinator's record says?
 *
 * The record names the first segment of the newest reign and what that follows. If this folder's
 * newest reign is the same, its header must say the same. If the record is one reign ahead, an
 * earlier start of ours claimed and then stopped before its header: the segment is the one that
 * comes next here, and follows what is here. Anything else was written by this lineage's writer
 * somewhere else: this folder was copied, or rolled back. (A folder rolled back to exactly such a
 * moment looks the same as a stop there; replicas that are ahead of it find that out.)
 *
 * How it goes wrong: always with a HALT whose sentence says what to do instead. */
#include "primary/reign.h"

#include "cluster/election.h"
#include "primary/primary_state.h"

/* The control file was saved after that claim and says where its reign begins: here, and nothing
 * of it is here. What it was to follow may have been an empty segment of a still earlier reign,
 * which is surplus by that very entry, and was set aside. */
static bool was_claimed_here(const struct primary *primary)
{
    const struct claim_record *record = &primary->reign.record;
    const struct member *member = &primary->member;
    const struct epoch_entry *entry = epoch_table_find(&member->control.epochs, record->epoch);

    return entry != NULL && entry->start_batch == member->wal.durable + 1
           && record->segment >= wal_next_segment(&member->wal);
}

/* Whether what the record says of the newest reign is so in this folder. */
static bool agrees(const struct primary *primary)
{
    const struct claim_record *record = &primary->reign.record;
    const struct digest next_chain = wal_chain(&primary->member.wal);
    struct digest chain = {{0}};
    segment_t segment = SEGMENT_NONE;
    epoch_t epoch = 0;

    if (primary->genesis.step == GENESIS_NONE) {
        opening_reign(&primary->member, &segment, &chain, &epoch);
    }
    if (record->epoch == epoch && segment == SEGMENT_NONE && epoch > 0) {
        return record->segment < primary->member.wal.index.rows[0].segment; /* retention */
    }
    if (record->epoch == epoch) {
        return record->segment == segment && digest_equal(&record->chain, &chain);
    }
    return was_claimed_here(primary)
           || (record->segment == wal_next_segment(&primary->member.wal)
               && digest_equal(&record->chain, &next_chain));
}

bool reign_is_of_ours(struct primary *primary, const struct id *ours, struct effects *fx)
{
    const struct claim_record *record = &primary->reign.record;

    if (record->version == 0 || id_equal(&record->lineage, ours)) {
        return true;
    }
    member_halt(&primary->member, fx, E_COORDINATOR,
                "The coordinator's record is of another lineage (its writer is %s): name this "
                "cluster's own coordinator.",
                record->writer);
    return false;
}

/* A new cluster's, or one that was lost. */
static bool goes_without_record(struct primary *primary, struct effects *fx)
{
    struct member *member = &primary->member;

    if (member->control.may_lack) {
        member_halt(member, fx, E_COORDINATOR,
                    "The newest segment of this folder was repaired up to LSN %llu, and the "
                    "coordinator has no record that tells who may hold more. Promote the replica "
                    "that is furthest, or go on without what may be lacking with --adopt-folder.",
                    (unsigned long long)member->wal.durable_lsn);
        return false;
    }
    if (member->control.highest_epoch > 0 && !primary->settings.level_given) {
        member_halt(member, fx, E_COORDINATOR,
                    "The coordinator has no record of this lineage, though this folder has written "
                    "epoch %llu: it has lost it, and with it the durability level. Name that level "
                    "with --durability, or the coordinator that knows.",
                    (unsigned long long)member->control.highest_epoch);
        return false;
    }
    return true;
}

static bool is_the_writers_folder(struct primary *primary, struct effects *fx)
{
    const struct claim_record *record = &primary->reign.record;
    struct member *member = &primary->member;

    if (!id_equal(&record->folder, &member->control.folder)) {
        member_halt(
            member, fx, E_COPIED_FOLDER,
            "The coordinator knows another data folder as the writer's (that of %s, epoch "
            "%llu). To follow it, start sealift-replica on this folder with --upstream; or take "
            "over with --adopt-folder if that one is gone for good.",
            record->writer, (unsigned long long)record->epoch);
        return false;
    }
    if (!agrees(primary)) {
        member_halt(
            member, fx, E_COPIED_FOLDER,
            "The coordinator knows of epoch %llu in segment %llu, which this data folder does "
            "not hold: it was copied or rolled back. Start the newest copy, or give up what "
            "is missing here with --adopt-folder.",
            (unsigned long long)record->epoch, (unsigned long long)record->segment);
        return false;
    }
    return true;
}

bool reign_may_write(struct primary *primary, struct effects *fx)
{
    const struct claim_record *record = &primary->reign.record;
    struct member *member = &primary->member;

    if (record->version == 0 && !goes_without_record(primary, fx)) {
        return false;
    }
    if (!primary->settings.adopt_folder
        && election_went_back(record, member->control.highest_epoch)) {
        member_halt(member, fx, E_WENT_BACK,
                    "The coordinator knows of epoch %llu, and this folder has seen epoch %llu: its "
                    "record was lost or restored, and another member may have been promoted "
                    "since. Start the one that has served last, with --adopt-folder.",
                    (unsigned long long)record->epoch,
                    (unsigned long long)member->control.highest_epoch);
        return false;
    }
    if (record->version == 0) {
        return true;
    }
    if (!reign_is_of_ours(primary, &member->descriptor.lineage, fx)) {
        return false;
    }
    if (primary->settings.adopt_folder) {
        trace_event(&member->settings.trace, "adopted writer=%s epoch=%llu", record->writer,
                    (unsigned long long)record->epoch);
        return true;
    }
    return is_the_writers_folder(primary, fx);
}
