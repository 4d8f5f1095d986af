/* A repaired file holds what was sealed, from its header to its last byte, and never less of it
 * than the disk held before. Whoever had to refuse, since its disk lacked a batch that it had
 * marked, may go on from the moment at which the disk has it again. */
#include "sim/oracle_repair.h"
#include "sim/oracle_marks.h"

/* Its batches without a gap, as they were sealed; the end of the last. */
static uint64_t sealed_bytes(const struct oracle *oracle, const struct oracle_segment *segment,
                             const struct sim_file *file)
{
    uint64_t end = ORACLE_HEADER_BYTES;
    batch_t number = segment->first_batch;

    while (oracle_batch_on_disk(oracle, file, segment->epoch, number)) {
        const struct oracle_batch *batch = oracle_find(oracle, segment->epoch, number++);

        end = batch->offset + batch->bytes;
    }
    return end;
}

/* What the damaged file still held in one piece: in quarantine now. */
static uint64_t held_before(const struct oracle *oracle, const struct oracle_segment *segment,
                            const struct sim_member *member)
{
    const struct sim_store *store = &member->store;
    uint64_t most = 0;

    for (unsigned i = 0; i < store->file_count; i++) {
        const struct sim_file *file = store->files[i];

        if (file == store->last_replaced && oracle_segment_on_disk(oracle, file) == segment) {
            most = sealed_bytes(oracle, segment, file);
        }
    }
    return most;
}

void oracle_on_repaired(struct oracle *oracle, struct sim_member *member, segment_t number)
{
    const struct sim_file *file = oracle_file_on_disk(member, number);
    const struct oracle_segment *segment =
        file == NULL ? NULL : oracle_segment_on_disk(oracle, file);

    oracle->repairs++;
    if (segment == NULL) {
        sim_fail(oracle->sim, 19, "%s repairs segment %llu with a header that nobody sealed",
                 member->name, (unsigned long long)number);
    } else if (sealed_bytes(oracle, segment, file) != file->written) {
        sim_fail(oracle->sim, 19, "%s repairs segment %llu with bytes that nobody sealed there",
                 member->name, (unsigned long long)number);
    } else if (held_before(oracle, segment, member) > file->written) {
        sim_fail(oracle->sim, 19, "%s repairs segment %llu, and holds less of it than before",
                 member->name, (unsigned long long)number);
    }
    oracle->must_refuse[member->number] =
        oracle->must_refuse[member->number] && oracle_marks_are_broken(oracle, member);
}
