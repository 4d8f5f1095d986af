/* The line is the WAL as whoever is the writer now holds it. An epoch begins where its writer's
 * durable WAL ended: what lies behind is dead, and nothing that was promised may be among it. A
 * promoted writer may have parted from the line earlier: then the line follows its disk. Each
 * record is looked at when it comes onto the line. */
#include "sim/oracle_line.h"

#include "base/check.h"

#include <stdlib.h>

bool oracle_unseal(struct oracle *oracle, struct oracle_segment *segment, struct bytes batch)
{
    const uint8_t *data = batch.data;
    const size_t sealed = batch.size - B_HEADER - B_TRAILER;
    uint8_t aad[4 + 32 + B_HEADER];
    struct nonce nonce = segment->base_nonce;
    struct tag tag;

    memcpy(aad, "SLB1", 4);
    memcpy(aad + 4, segment->hash.bytes, 32);
    memcpy(aad + 36, data, B_HEADER);
    memcpy(tag.bytes, data + batch.size - B_TRAILER, sizeof tag.bytes);
    nonce.bytes[0] ^= data[B_TYPE] == TYPE_FINAL ? 1 : 0;
    for (unsigned i = 0; i < 8; i++) {
        nonce.bytes[4 + i] ^= data[B_BATCH + 7 - i];
    }
    if (aead_open(&segment->aead, &nonce, bytes_of(aad, sizeof aad),
                  bytes_of(data + B_HEADER, sealed), &tag, oracle->plain)
        != OK) {
        sim_fail(oracle->sim, 24, "batch %llu does not open for the oracle",
                 (unsigned long long)oracle_get(data + B_BATCH, 8));
        return false;
    }
    return true;
}

static bool holds_record_of(const struct oracle *oracle, const struct oracle_batch *batch,
                            const struct oracle_append *append)
{
    for (lsn_t lsn = batch->first_lsn; lsn <= batch->end_lsn; lsn++) {
        const struct oracle_record *record = &oracle->records[lsn];

        if (record->producer == append->producer && record->sequence >= append->first_sequence
            && record->sequence < append->first_sequence + append->count) {
            return true;
        }
    }
    return false;
}

/* Whether a client was told that something in it is durable. From then on it is promised no more.
 * What was told below the cluster's level was promised by the writer's disk alone: it may be gone
 * where another member writes, or where that disk was harmed. */
static bool break_promises(struct oracle *oracle, const struct oracle_batch *batch)
{
    const bool alone =
        !oracle_was_promoted(oracle) && oracle->sim->members[oracle->primary].store.damage == 0;
    const bool given_up = oracle->accepts_losses && batch->first_lsn >= oracle->given_up_first
                          && batch->end_lsn <= oracle->given_up_last;
    bool promised = batch->record_count > 0 && batch->first_lsn <= oracle->committed;

    if (promised) {
        if (oracle->committed > oracle->given_up) {
            oracle->given_up = oracle->committed;
        }
        oracle->committed = batch->first_lsn - 1;
    }
    for (unsigned i = 0; i < oracle->append_count; i++) {
        struct oracle_append *append = &oracle->appends[i];

        if (append->told && holds_record_of(oracle, batch, append)) {
            append->told = append->settled = false;
            promised |= alone || oracle_protects(append->level, oracle->level);
        }
    }
    return promised && !given_up;
}

/* A new epoch begins at `start`: what was there before is cut off. */
static void cut_line(struct oracle *oracle, batch_t start)
{
    const bool damaged = oracle->sim->members[oracle->primary].store.unseen > 0;

    for (batch_t batch = start; batch <= oracle->line_end; batch++) {
        struct oracle_batch *dead = &oracle->batches[oracle->line[batch] - 1];

        if (break_promises(oracle, dead) && !damaged) {
            sim_fail(oracle->sim, 1,
                     "epoch %llu cuts batch %llu (LSN %llu to %llu), of which a client was told "
                     "that it is durable",
                     (unsigned long long)oracle->epoch, (unsigned long long)batch,
                     (unsigned long long)dead->first_lsn, (unsigned long long)dead->end_lsn);
        }
        dead->dead = true;
    }
    oracle->line_end = start == 0 ? 0 : start - 1;
    oracle->records_end = oracle->line_end == 0 ? 0 : oracle_at(oracle, oracle->line_end)->end_lsn;
}

static void put_record(struct oracle *oracle, lsn_t lsn, uint64_t producer, uint64_t sequence,
                       struct bytes body)
{
    static _Thread_local uint8_t expected[1 << 17];
    const size_t size = oracle_content(oracle, producer, sequence, expected, sizeof expected);
    bool submitted = false;

    for (unsigned i = 0; i < oracle->append_count && !submitted; i++) {
        const struct oracle_append *append = &oracle->appends[i];

        submitted = append->producer == producer && sequence >= append->first_sequence
                    && sequence < append->first_sequence + append->count;
        if (submitted && append->refused) {
            sim_fail(oracle->sim, 10, "record %llu of producer %llu appears after a definite no",
                     (unsigned long long)sequence, (unsigned long long)producer);
        }
    }
    if (!submitted || size != body.size || memcmp(expected, body.data, size) != 0) {
        sim_fail(oracle->sim, 11, "LSN %llu is a record that no client submitted",
                 (unsigned long long)lsn);
    }
    for (lsn_t other = 1; other < lsn; other++) {
        if (oracle->records[other].producer == producer
            && oracle->records[other].sequence == sequence) {
            sim_fail(oracle->sim, 9, "record %llu of producer %llu is at LSN %llu and at %llu",
                     (unsigned long long)sequence, (unsigned long long)producer,
                     (unsigned long long)other, (unsigned long long)lsn);
        }
    }
    if (lsn >= oracle->records_room) {
        oracle->records_room = oracle->records_room * 2 + 4096;
        oracle->records = realloc(oracle->records, oracle->records_room * sizeof *oracle->records);
        CHECK(oracle->records != NULL);
    }
    oracle->records[lsn] = (struct oracle_record){producer, sequence};
    oracle->records_end = lsn;
}

static void put_data(struct oracle *oracle, const struct oracle_batch *batch, uint32_t plain_bytes)
{
    const uint8_t *runs = oracle->plain;
    const uint8_t *lengths = runs;
    uint32_t seen = 0;

    for (; seen < batch->record_count && lengths + 20 <= runs + plain_bytes; lengths += 20) {
        seen += (uint32_t)oracle_get(lengths + 16, 4);
    }
    const uint8_t *body = lengths + 4 * (size_t)batch->record_count;
    lsn_t lsn = batch->first_lsn;

    while (runs < lengths && lsn <= batch->end_lsn) {
        const uint64_t producer = oracle_get(runs, 8), first = oracle_get(runs + 8, 8),
                       count = oracle_get(runs + 16, 4);

        for (uint64_t i = 0; i < count; i++, lsn++) {
            const size_t size = oracle_get(lengths + 4 * (lsn - batch->first_lsn), 4);

            put_record(oracle, lsn, producer, first + i, bytes_of(body, size));
            body += size;
        }
        runs += 20;
        if (runs >= lengths) {
            break;
        }
    }
    if (body != oracle->plain + plain_bytes) {
        sim_fail(oracle->sim, 4, "batch %llu does not add up", (unsigned long long)batch->batch);
    }
}

static void put_on_line(struct oracle *oracle, unsigned index)
{
    const struct oracle_batch *batch = &oracle->batches[index];

    if (batch->batch != oracle->line_end + 1 || batch->first_lsn != oracle->records_end + 1) {
        sim_fail(oracle->sim, 4, "batch %llu (LSN %llu) is sealed behind batch %llu (LSN %llu)",
                 (unsigned long long)batch->batch, (unsigned long long)batch->first_lsn,
                 (unsigned long long)oracle->line_end, (unsigned long long)oracle->records_end);
        return;
    }
    if (batch->batch >= oracle->line_room) {
        oracle->line_room = oracle->line_room * 2 + 1024;
        oracle->line = realloc(oracle->line, oracle->line_room * sizeof *oracle->line);
        CHECK(oracle->line != NULL);
    }
    oracle->line[batch->batch] = index + 1;
    oracle->line_end = batch->batch;
}

void oracle_line_put(struct oracle *oracle, unsigned index)
{
    const struct oracle_batch *batch = &oracle->batches[index];

    put_on_line(oracle, index);
    if (batch->type == TYPE_DATA && !oracle->sim->failed) {
        put_data(oracle, batch, (uint32_t)oracle_get(batch->data + B_PLAIN, 4));
    }
}

/* What one writer's epoch cut off uncommitted, another one may hold, and go on from. */
static void revive(struct oracle *oracle, unsigned index)
{
    struct oracle_batch *batch = &oracle->batches[index];

    batch->dead = false;
    if (oracle_unseal(oracle, oracle->segments[batch->segment],
                      bytes_of(batch->data, batch->bytes))) {
        oracle_line_put(oracle, index);
    }
}

/* The batches of one of the writer's segments: where the line has others, those go. */
static void follow(struct oracle *oracle, const struct oracle_segment *segment, batch_t end)
{
    for (batch_t number = segment->first_batch; number <= end; number++) {
        const struct oracle_batch *batch = oracle_find(oracle, segment->epoch, number);

        if (batch == NULL || batch == oracle_at(oracle, number)) {
            continue;
        }
        cut_line(oracle, number);
        revive(oracle, (unsigned)(batch - oracle->batches));
    }
}

void oracle_line_begin(struct oracle *oracle, const struct sim_member *writer, batch_t start)
{
    const struct oracle_segment *before = NULL;

    for (segment_t number = 0; oracle_was_promoted(oracle) && number < ORACLE_SEGMENTS_MAX;
         number++) {
        const struct sim_file *file = oracle_file_on_disk(writer, number);
        const struct oracle_segment *segment =
            file == NULL ? NULL : oracle_segment_on_disk(oracle, file);

        if (segment == NULL) {
            continue;
        }
        if (before != NULL) {
            follow(oracle, before, segment->prev_last_batch);
        }
        before = segment;
    }
    if (before != NULL) {
        follow(oracle, before, start - 1);
    }
    cut_line(oracle, start);
}

/* The body of a record in a batch that was just opened; no bytes where it does not add up. */
static struct bytes body_of(const struct oracle *oracle, const struct oracle_batch *batch,
                            lsn_t lsn)
{
    const uint32_t plain_bytes = (uint32_t)oracle_get(batch->data + B_PLAIN, 4);
    const uint8_t *lengths = oracle->plain;
    uint64_t at = 0;

    for (uint64_t seen = 0; seen < batch->record_count; lengths += 20) {
        seen += oracle_get(lengths + 16, 4);
    }
    for (lsn_t before = batch->first_lsn; before < lsn; before++) {
        at += oracle_get(lengths + 4 * (before - batch->first_lsn), 4);
    }
    const uint8_t *body = lengths + 4 * (size_t)batch->record_count + at;
    const size_t size = oracle_get(lengths + 4 * (lsn - batch->first_lsn), 4);

    return body + size <= oracle->plain + plain_bytes ? bytes_of(body, size) : bytes_none();
}

bool oracle_was_given_up(struct oracle *oracle, lsn_t lsn, struct bytes record)
{
    for (unsigned i = 0; lsn <= oracle->given_up && i < oracle->batch_count; i++) {
        const struct oracle_batch *batch = &oracle->batches[i];

        if (batch->dead && batch->type == TYPE_DATA && batch->first_lsn <= lsn
            && lsn <= batch->end_lsn
            && oracle_unseal(oracle, oracle->segments[batch->segment],
                             bytes_of(batch->data, batch->bytes))
            && bytes_equal(record, body_of(oracle, batch, lsn))) {
            return true;
        }
    }
    return false;
}
