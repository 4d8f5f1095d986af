/* It asks the oracle, who knows every byte that was sealed and reads disks with a reader of its
 * own. */
#include "sim/atlas.h"

/* A twin will be stopped, and what it holds does not count. */
static bool belongs(const struct oracle *oracle, unsigned number)
{
    const struct sim_member *members = oracle->sim->members;

    for (unsigned i = 0; i < number; i++) {
        if (strcmp(members[i].self.member, members[number].self.member) == 0) {
            return false;
        }
    }
    return ((oracle->members & ~oracle->left) >> number & 1) != 0;
}

static bool has_header(const struct sim_member *member, const struct oracle_segment *segment)
{
    const struct sim_file *file = oracle_file_on_disk(member, segment->segment);

    return file != NULL && file->size >= ORACLE_HEADER_BYTES
           && memcmp(segment->raw, file->disk, ORACLE_HEADER_BYTES) == 0;
}

static bool others_have_header(const struct oracle *oracle, const struct sim_member *victim,
                               const struct oracle_segment *segment)
{
    for (unsigned i = 0; i < oracle->sim->member_count; i++) {
        if (i != victim->number && belongs(oracle, i)
            && has_header(&oracle->sim->members[i], segment)) {
            return true;
        }
    }
    return false;
}

static bool has_batch(const struct oracle *oracle, const struct sim_member *member,
                      const struct oracle_batch *batch)
{
    const struct oracle_segment *segment = oracle->segments[batch->segment];
    const struct sim_file *file = oracle_file_on_disk(member, segment->segment);

    return file != NULL && has_header(member, segment)
           && oracle_batch_on_disk(oracle, file, batch->epoch, batch->batch);
}

static bool others_have_batch(const struct oracle *oracle, const struct sim_member *victim,
                              const struct oracle_batch *batch)
{
    for (unsigned i = 0; i < oracle->sim->member_count; i++) {
        if (i != victim->number && belongs(oracle, i)
            && has_batch(oracle, &oracle->sim->members[i], batch)) {
            return true;
        }
    }
    return false;
}

static bool overlap(uint64_t begin, uint64_t end, uint64_t from, uint64_t to)
{
    return begin < to && from < end;
}

bool atlas_allows(const struct oracle *oracle, const struct sim_member *victim,
                  const struct sim_file *file, uint64_t begin, uint64_t end)
{
    const struct oracle_segment *header = oracle_segment_on_disk(oracle, file);

    if (begin < ORACLE_HEADER_BYTES) { /* nobody gives a batch of a segment without its header */
        end = file->size;
    }
    if (header != NULL && begin < ORACLE_HEADER_BYTES
        && !others_have_header(oracle, victim, header)) {
        return false;
    }
    for (unsigned i = 0; i < oracle->batch_count; i++) {
        const struct oracle_batch *batch = &oracle->batches[i];

        if (!batch->dead && oracle->segments[batch->segment]->segment == file->segment
            && overlap(begin, end, batch->offset, batch->offset + batch->bytes)
            && oracle_batch_on_disk(oracle, file, batch->epoch, batch->batch)
            && !others_have_batch(oracle, victim, batch)) {
            return false;
        }
    }
    return true;
}

bool atlas_allows_all(const struct oracle *oracle, const struct sim_member *victim)
{
    for (unsigned i = 0; i < victim->store.file_count; i++) {
        const struct sim_file *file = victim->store.files[i];

        if (file->on_disk == SIM_IN_WAL && !atlas_allows(oracle, victim, file, 0, file->size)) {
            return false;
        }
    }
    return true;
}
