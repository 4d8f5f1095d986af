/* The oracle's own reader of disks: it knows every byte that was ever sealed, so reading is
 * comparing. It hops from segment to segment: a header that some writer made, then that segment's
 * batches, byte for byte, until they end; the next header says where they had to end. */
#include "base/check.h"
#include "seal/digest.h"
#include "sim/oracle_retention.h"

enum { SECRET_PART = 16, ZERO_BLOCK = 512 };

const struct oracle_segment *oracle_segment_on_disk(const struct oracle *oracle,
                                                    const struct sim_file *file)
{
    for (unsigned i = oracle->segment_count; i-- > 0;) {
        const struct oracle_segment *segment = oracle->segments[i];

        if (segment->segment == file->segment && file->size >= ORACLE_HEADER_BYTES
            && memcmp(segment->raw, file->disk, ORACLE_HEADER_BYTES) == 0) {
            return segment;
        }
    }
    return NULL;
}

bool oracle_batch_on_disk(const struct oracle *oracle, const struct sim_file *file, epoch_t epoch,
                          batch_t number)
{
    const struct oracle_batch *batch = oracle_find(oracle, epoch, number);

    return batch != NULL && oracle->segments[batch->segment]->segment == file->segment
           && batch->offset + batch->bytes <= file->size
           && memcmp(file->disk + batch->offset, batch->data, batch->bytes) == 0;
}

const struct sim_file *oracle_file_on_disk(const struct sim_member *member, segment_t segment)
{
    const struct sim_store *store = &member->store;

    for (unsigned i = store->file_count; i-- > 0;) {
        if (store->files[i]->segment == segment && store->files[i]->on_disk == SIM_IN_WAL) {
            return store->files[i];
        }
    }
    return NULL;
}

static struct oracle_disk walk(const struct oracle *oracle, const struct sim_member *member,
                               segment_t first, uint32_t mark)
{
    struct oracle_disk found = {.first = first};

    for (segment_t number = found.first;; number++) {
        const struct sim_file *file = oracle_file_on_disk(member, number);
        const struct oracle_segment *segment =
            file == NULL ? NULL : oracle_segment_on_disk(oracle, file);

        if (segment == NULL) {
            found.broken |= file != NULL;
            return found;
        }
        if (segment->prev_last_batch > found.reached.batch && number > found.first) {
            found.broken = true;
            return found;
        }
        found.segments = number + 1;
        found.reached.batch = segment->prev_last_batch;
        while (oracle_batch_on_disk(oracle, file, segment->epoch, found.reached.batch + 1)) {
            found.reached = (struct position){segment->epoch, found.reached.batch + 1};
            oracle
                ->batches[oracle_find(oracle, found.reached.epoch, found.reached.batch)
                          - oracle->batches]
                .holders |= mark;
        }
    }
}

struct oracle_disk oracle_read_disk(const struct oracle *oracle, const struct sim_member *member)
{
    return walk(oracle, member, oracle_first_segment(oracle, member), 0);
}

/* A damaged disk holds what it holds, one by one: the prefix ends at the damage, the rest does
 * not. */
static void note_each(struct oracle *oracle, const struct sim_member *member)
{
    for (unsigned i = 0; i < oracle->batch_count; i++) {
        struct oracle_batch *batch = &oracle->batches[i];
        const struct sim_file *file =
            oracle_file_on_disk(member, oracle->segments[batch->segment]->segment);

        if (file != NULL && oracle_batch_on_disk(oracle, file, batch->epoch, batch->batch)) {
            batch->holders |= 1u << member->number;
        }
    }
}

void oracle_note_disk(struct oracle *oracle, const struct sim_member *member)
{
    if (member->store.damage > 0) {
        note_each(oracle, member);
    }
    oracle->durable[member->number] =
        walk(oracle, member, oracle_first_segment(oracle, member), 1u << member->number)
            .reached.batch;
}

bool oracle_lacks(const struct oracle *oracle, const struct sim_member *member, batch_t batch)
{
    return member->store.damage == 0 && batch > oracle->durable[member->number];
}

static bool same_segment(const struct oracle *oracle, const struct sim_file *a,
                         const struct sim_file *b, batch_t end)
{
    const struct oracle_segment *segment = oracle_segment_on_disk(oracle, a);
    uint64_t bytes = ORACLE_HEADER_BYTES;

    for (batch_t batch = segment == NULL ? end : segment->first_batch; batch < end; batch++) {
        const struct oracle_batch *known = oracle_find(oracle, segment->epoch, batch);

        bytes = known == NULL ? bytes : known->offset + known->bytes;
    }
    return segment != NULL && a->size >= bytes && b->size >= bytes
           && memcmp(a->disk, b->disk, bytes) == 0;
}

/* From where both have it: what one has let go, nobody may be left to repair it from. */
bool oracle_same_wal(const struct oracle *oracle, const struct sim_member *a,
                     const struct sim_member *b)
{
    const segment_t first_a = oracle_first_segment(oracle, a);
    const segment_t first_b = oracle_first_segment(oracle, b);
    const segment_t first = first_a > first_b ? first_a : first_b;
    const struct oracle_disk of_a = walk(oracle, a, first, 0);
    const struct oracle_disk of_b = walk(oracle, b, first, 0);

    if (of_a.reached.batch != of_b.reached.batch || of_a.segments != of_b.segments) {
        return false;
    }
    for (segment_t number = first; number < of_a.segments; number++) {
        const struct sim_file *next = oracle_file_on_disk(a, number + 1);
        const struct oracle_segment *after =
            next == NULL ? NULL : oracle_segment_on_disk(oracle, next);
        const batch_t end = after == NULL ? of_a.reached.batch + 1 : after->prev_last_batch + 1;

        if (!same_segment(oracle, oracle_file_on_disk(a, number), oracle_file_on_disk(b, number),
                          end)) {
            return false;
        }
    }
    return true;
}

static bool contains(struct bytes haystack, const uint8_t *needle)
{
    return haystack.size >= SECRET_PART
           && memmem(haystack.data, haystack.size, needle, SECRET_PART) != NULL;
}

static bool is_zero_block(struct bytes haystack, size_t at)
{
    static const uint8_t zeros[ZERO_BLOCK];

    return at + ZERO_BLOCK <= haystack.size && memcmp(haystack.data + at, zeros, ZERO_BLOCK) == 0;
}

static bool part_has_secret(const struct oracle *oracle, struct bytes haystack)
{
    const struct sim_keys *keys = &oracle->sim->keys;

    if (contains(haystack, oracle->marker)) {
        return true;
    }
    for (unsigned i = 0; i < keys->dek_count; i++) {
        if (contains(haystack, keys->deks[i].secret.bytes)) {
            return true;
        }
    }
    for (unsigned i = 0; i < keys->key_count; i++) {
        if (contains(haystack, keys->keys[i].secret.bytes)) {
            return true;
        }
    }
    return false;
}

/* Control files and headers are zeros for the most part, where no secret lies: what is searched is
 * what lies between blocks of zeros, and a little on both sides. */
bool oracle_finds_secret(const struct oracle *oracle, struct bytes haystack)
{
    size_t at = 0;

    while (at < haystack.size) {
        const size_t begin = at < SECRET_PART ? 0 : at - SECRET_PART;

        if (is_zero_block(haystack, at)) {
            at += ZERO_BLOCK;
            continue;
        }
        while (at < haystack.size && !is_zero_block(haystack, at)) {
            at += ZERO_BLOCK;
        }
        const size_t end = at + SECRET_PART < haystack.size ? at + SECRET_PART : haystack.size;

        if (part_has_secret(oracle, bytes_of(haystack.data + begin, end - begin))) {
            return true;
        }
    }
    return false;
}

void oracle_search_disk(struct oracle *oracle, const struct sim_member *member)
{
    const struct sim_store *store = &member->store;

    for (unsigned i = 0; i < store->file_count; i++) {
        const struct sim_file *file = store->files[i];

        if (contains(bytes_of(file->disk, file->written), oracle->marker)
            || contains(bytes_of(file->cache, file->written), oracle->marker)) {
            sim_fail(oracle->sim, 23, "a record lies in clear in segment %llu of %s",
                     (unsigned long long)file->segment, member->name);
        }
    }
}
