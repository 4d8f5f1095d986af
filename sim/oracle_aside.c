/* Parts are remembered by member, segment, epoch and place. Only batches that the disk surely has
 * count, and only where nobody has damaged that disk. */
#include "sim/oracle_aside.h"

#include "base/check.h"
#include "sim/oracle_line.h"

#include <stdlib.h>

void oracle_note_aside(struct oracle *oracle, const struct sim_member *member,
                       const struct store_write *write)
{
    if (oracle->part_count == oracle->part_room) {
        oracle->part_room = oracle->part_room * 2 + 16;
        oracle->parts = realloc(oracle->parts, oracle->part_room * sizeof *oracle->parts);
        CHECK(oracle->parts != NULL);
    }
    oracle->parts[oracle->part_count++] = (struct oracle_part){.member = member->number,
                                                               .segment = write->segment,
                                                               .epoch = write->epoch,
                                                               .begin = write->offset,
                                                               .end = write->offset + write->size};
}

static bool is_kept(const struct oracle *oracle, const struct sim_member *member,
                    const struct oracle_segment *segment, const struct oracle_batch *batch)
{
    for (unsigned i = oracle->part_count; i-- > 0;) {
        const struct oracle_part *part = &oracle->parts[i];

        if (part->member == member->number && part->segment == segment->segment
            && part->epoch == segment->epoch && part->begin <= batch->offset
            && part->end >= batch->offset + batch->bytes) {
            return true;
        }
    }
    return false;
}

void oracle_check_left_out(struct oracle *oracle, const struct sim_member *member,
                           const struct store_write *write)
{
    const struct sim_file *file =
        write->segment == 0 ? NULL : oracle_file_on_disk(member, write->segment - 1);
    const struct oracle_segment *segment =
        file == NULL ? NULL : oracle_segment_on_disk(oracle, file);
    const batch_t end = oracle_get(write->data.data + AT_PREV_LAST, 8);

    for (unsigned i = 0; segment != NULL && member->store.damage == 0 && i < oracle->batch_count;
         i++) {
        const struct oracle_batch *batch = &oracle->batches[i];

        if (oracle->segments[batch->segment] == segment && batch->batch > end
            && batch->offset + batch->bytes <= file->written
            && oracle_batch_on_disk(oracle, file, batch->epoch, batch->batch)
            && !is_kept(oracle, member, segment, batch)) {
            sim_fail(oracle->sim, 45, "%s leaves batch %llu out of segment %llu, and keeps no copy",
                     member->name, (unsigned long long)batch->batch,
                     (unsigned long long)segment->segment);
        }
    }
}
