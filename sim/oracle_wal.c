/* Every batch that a writer hands to its disk is opened here with keys that the oracle derives by
 * itself, and kept. From then on, whoever writes that batch anywhere must write these very bytes.
 * A new epoch begins where its writer's durable WAL ended: what lies behind is dead, and nothing
 * that was promised may be among it. Offsets are those of docs/FORMAT.md, read here anew. */
#include "base/check.h"
#include "cluster/control.h"
#include "seal/digest.h"
#include "seal/segment_key.h"
#include "sim/oracle_bounds.h"
#include "sim/oracle_retention.h"

#include <stdlib.h>

enum {
    AT_SUITE = 10,
    AT_DEK = 64,
    AT_EPOCH = 80,
    AT_SEGMENT = 88,
    AT_FIRST_BATCH = 96,
    AT_INCARNATION = 112,
    AT_SALT = 136,
    AT_PREV_LAST = 200,
    AT_COMMITMENT = 2780,
    AT_MAC = 2812,
    AT_CRC = 2844,
    B_TYPE = 4,
    B_BATCH = 8,
    B_LSN = 16,
    B_RECORDS = 24,
    B_PLAIN = 28,
    B_DURABLE = 32,
    B_COMMIT = 40,
    B_PREV_TAG = 48,
    B_HEADER = 64,
    B_TRAILER = 24,
    TYPE_DATA = 1,
    TYPE_EPOCH_START = 2,
    TYPE_FINAL = 4,
    PLAIN_ROOM = 17 << 20,
};

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = bytes; i-- > 0;) {
        value = value << 8 | from[i];
    }
    return value;
}

const struct oracle_batch *oracle_find(const struct oracle *oracle, epoch_t epoch, batch_t batch)
{
    const struct oracle_batch *now = oracle_at(oracle, batch);

    if (now != NULL && now->epoch == epoch) {
        return now;
    }
    for (unsigned i = oracle->batch_count; i-- > 0;) {
        if (oracle->batches[i].batch == batch && oracle->batches[i].epoch == epoch) {
            return &oracle->batches[i];
        }
    }
    return NULL;
}

const struct oracle_batch *oracle_at(const struct oracle *oracle, batch_t batch)
{
    return batch == 0 || batch > oracle->line_end ? NULL
                                                  : &oracle->batches[oracle->line[batch] - 1];
}

const struct oracle_batch *oracle_of_lsn(const struct oracle *oracle, lsn_t lsn)
{
    batch_t first = 1, last = oracle->line_end;

    while (first < last) {
        const batch_t middle = first + (last - first) / 2;

        if (oracle_at(oracle, middle)->end_lsn < lsn) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return last == 0 || oracle_at(oracle, first)->end_lsn < lsn ? NULL : oracle_at(oracle, first);
}

struct oracle_segment *oracle_find_segment(const struct oracle *oracle, epoch_t epoch,
                                           segment_t segment)
{
    for (unsigned i = oracle->segment_count; i-- > 0;) {
        if (oracle->segments[i]->segment == segment && oracle->segments[i]->epoch == epoch) {
            return oracle->segments[i];
        }
    }
    return NULL;
}

static const struct sim_dek *find_dek(const struct sim_keys *keys, const uint8_t *id)
{
    for (unsigned i = 0; i < keys->dek_count; i++) {
        if (memcmp(keys->deks[i].context.dek.bytes, id, sizeof(struct id)) == 0) {
            return &keys->deks[i];
        }
    }
    return NULL;
}

/* The segment's key, derived from the header as docs/FORMAT.md says. */
static bool derive(const struct oracle *oracle, struct oracle_segment *segment)
{
    static const struct secret zero;
    uint8_t bare[ORACLE_HEADER_BYTES];
    const struct sim_dek *dek = find_dek(&oracle->sim->keys, segment->raw + AT_DEK);
    struct segment_key key;
    struct digest hash;

    if (oracle->encrypted && dek == NULL) {
        return false;
    }
    memcpy(bare, segment->raw, sizeof bare);
    memset(bare + AT_SALT, 0, SEGMENT_SALT_BYTES);
    memset(bare + AT_COMMITMENT, 0, 32);
    memset(bare + AT_MAC, 0, 32);
    memset(bare + AT_CRC, 0, 4);
    hash = digest_of(bytes_of(bare, sizeof bare));
    segment_key_derive(&key, oracle->encrypted ? &dek->secret : &zero, segment->raw + AT_SALT,
                       &hash);

    const bool commits = memcmp(key.commitment.bytes, segment->raw + AT_COMMITMENT, 32) == 0;

    segment->base_nonce = key.base_nonce;
    segment->hash = digest_of(bytes_of(segment->raw, sizeof segment->raw));
    aead_init(&segment->aead);
    aead_key(&segment->aead, oracle->encrypted ? SUITE_AES_256_GCM : SUITE_NONE, &key.seal);
    segment_key_wipe(&key);
    return commits;
}

static void check_new_segment(struct oracle *oracle, const struct oracle_segment *added)
{
    struct sim *sim = oracle->sim;

    for (unsigned i = 0; i < oracle->segment_count; i++) {
        const struct oracle_segment *old = oracle->segments[i];
        const bool same_life = old->maker == added->maker && old->maker_life == added->maker_life;

        if (memcmp(old->raw + AT_SALT, added->raw + AT_SALT, SEGMENT_SALT_BYTES) == 0) {
            sim_fail(sim, 21, "two segments have the same salt");
        }
        if (old->epoch == added->epoch && !same_life) {
            sim_fail(sim, 13, "epoch %llu has two writers", (unsigned long long)added->epoch);
        }
        if (id_equal(&old->incarnation, &added->incarnation) != same_life) {
            sim_fail(sim, 21, "incarnations and lives of a writer do not agree");
        }
    }
    if (get(added->raw + AT_SUITE, 2) != (oracle->encrypted ? 1u : 0u)) {
        sim_fail(sim, 29, "segment %llu has another at-rest suite than its cluster",
                 (unsigned long long)added->segment);
    }
}

static void on_writer_create(struct oracle *oracle, struct sim_member *member,
                             const struct store_write *write)
{
    struct oracle_segment *added = calloc(1, sizeof *added);

    CHECK(added != NULL && write->data.size == ORACLE_HEADER_BYTES);
    memcpy(added->raw, write->data.data, ORACLE_HEADER_BYTES);
    added->epoch = get(added->raw + AT_EPOCH, 8);
    added->segment = get(added->raw + AT_SEGMENT, 8);
    added->first_batch = get(added->raw + AT_FIRST_BATCH, 8);
    added->prev_last_batch = get(added->raw + AT_PREV_LAST, 8);
    memcpy(added->incarnation.bytes, added->raw + AT_INCARNATION, 16);
    added->maker = member->number;
    added->maker_life = member->life;
    if (!derive(oracle, added)) {
        sim_fail(oracle->sim, 26, "segment %llu is sealed under a key that no key service made",
                 (unsigned long long)added->segment);
    }
    check_new_segment(oracle, added);
    oracle_check_digests(oracle, added);
    if (oracle->segment_count == oracle->segment_room) {
        oracle->segment_room = oracle->segment_room * 2 + 64;
        oracle->segments =
            realloc(oracle->segments, oracle->segment_room * sizeof(struct oracle_segment *));
        CHECK(oracle->segments != NULL);
    }
    oracle->segments[oracle->segment_count++] = added;
    if (added->epoch > oracle->epoch) {
        oracle_begin_reign(oracle, added);
    }
}

static struct oracle_batch *open_batch(struct oracle *oracle, struct oracle_segment *segment,
                                       const struct store_write *write)
{
    const uint8_t *data = write->data.data;
    const uint32_t bytes = (uint32_t)write->data.size;
    const uint32_t sealed = bytes - B_HEADER - B_TRAILER;
    uint8_t aad[4 + 32 + B_HEADER];
    struct nonce nonce = segment->base_nonce;
    struct tag tag;

    if (bytes < 4096 || bytes % 4096 != 0 || get(data, 4) != bytes
        || get(data + bytes - 4, 4) != bytes) {
        sim_fail(oracle->sim, 25, "a writer stored %u bytes that are no batch", bytes);
        return NULL;
    }
    memcpy(aad, "SLB1", 4);
    memcpy(aad + 4, segment->hash.bytes, 32);
    memcpy(aad + 36, data, B_HEADER);
    memcpy(tag.bytes, data + bytes - B_TRAILER, sizeof tag.bytes);
    nonce.bytes[0] ^= data[B_TYPE] == TYPE_FINAL ? 1 : 0;
    for (unsigned i = 0; i < 8; i++) {
        nonce.bytes[4 + i] ^= data[B_BATCH + 7 - i];
    }
    if (aead_open(&segment->aead, &nonce, bytes_of(aad, sizeof aad),
                  bytes_of(data + B_HEADER, sealed), &tag, oracle->plain)
        != OK) {
        sim_fail(oracle->sim, 24, "batch %llu does not open for the oracle",
                 (unsigned long long)get(data + B_BATCH, 8));
        return NULL;
    }
    if (oracle->batch_count == oracle->batch_room) {
        oracle->batch_room = oracle->batch_room * 2 + 1024;
        oracle->batches = realloc(oracle->batches, oracle->batch_room * sizeof *oracle->batches);
        CHECK(oracle->batches != NULL);
    }
    struct oracle_batch *added = &oracle->batches[oracle->batch_count++];

    *added = (struct oracle_batch){.epoch = segment->epoch,
                                   .batch = get(data + B_BATCH, 8),
                                   .offset = write->offset,
                                   .data = malloc(bytes),
                                   .bytes = bytes,
                                   .type = data[B_TYPE],
                                   .first_lsn = get(data + B_LSN, 8),
                                   .record_count = (uint32_t)get(data + B_RECORDS, 4)};
    CHECK(added->data != NULL);
    memcpy(added->data, data, bytes);
    added->end_lsn = added->first_lsn + added->record_count - 1;
    return added;
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

/* Whether a client was told that something in it is durable. From then on it is promised no more:
 * only a writer whose own disk was damaged gets that far, and it promised nothing against that. */
static bool break_promises(struct oracle *oracle, const struct oracle_batch *batch)
{
    const bool promoted = oracle_was_promoted(oracle);
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

        if (append->settled && holds_record_of(oracle, batch, append)) {
            append->settled = false;
            promised |= !promoted || oracle_protects(append->level, oracle->level);
        }
    }
    return promised && !given_up;
}

/* A new epoch begins at `start`: what was there before is cut off. */
static void cut_line(struct oracle *oracle, batch_t start)
{
    const struct sim_store *store = &oracle->sim->members[oracle->primary].store;
    /* one flipped bit under a mark is always found; more may hide each other */
    const bool damaged = store->damage > 1 || store->damage > store->flips;

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
        seen += (uint32_t)get(lengths + 16, 4);
    }
    const uint8_t *body = lengths + 4 * (size_t)batch->record_count;
    lsn_t lsn = batch->first_lsn;

    while (runs < lengths && lsn <= batch->end_lsn) {
        const uint64_t producer = get(runs, 8), first = get(runs + 8, 8), count = get(runs + 16, 4);

        for (uint64_t i = 0; i < count; i++, lsn++) {
            const size_t size = get(lengths + 4 * (lsn - batch->first_lsn), 4);

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

static void check_stamps(struct oracle *oracle, const struct sim_member *member,
                         const struct oracle_batch *batch)
{
    const batch_t durable = get(batch->data + B_DURABLE, 8);
    const lsn_t commit = get(batch->data + B_COMMIT, 8);

    if (oracle_lacks(oracle, member, durable)) {
        sim_fail(oracle->sim, 2, "batch %llu says that %llu is durable; the disk has %llu",
                 (unsigned long long)batch->batch, (unsigned long long)durable,
                 (unsigned long long)oracle->durable[member->number]);
    }
    if (commit > oracle->committed && !oracle_level_is_met(oracle, commit, oracle->level)) {
        sim_fail(oracle->sim, 6, "batch %llu says that LSN %llu is committed; it is not",
                 (unsigned long long)batch->batch, (unsigned long long)commit);
    }
    oracle->committed = commit > oracle->committed ? commit : oracle->committed;
}

/* In this life, that is. */
static struct oracle_segment *find_made(const struct oracle *oracle,
                                        const struct sim_member *member, segment_t number)
{
    for (unsigned i = oracle->segment_count; i-- > 0;) {
        struct oracle_segment *segment = oracle->segments[i];

        if (segment->maker == member->number && segment->maker_life == member->life
            && segment->segment == number) {
            return segment;
        }
    }
    return NULL;
}

/* A writer that does not know yet that it was superseded: what it seals is dead from the start. */
static void put_aside(struct oracle *oracle, const struct sim_member *member,
                      struct oracle_batch *added)
{
    added->dead = true;
    if (get(added->data + B_COMMIT, 8) > oracle->committed) {
        sim_fail(oracle->sim, 17, "%s, superseded, says in batch %llu that LSN %llu is committed",
                 member->name, (unsigned long long)added->batch,
                 (unsigned long long)get(added->data + B_COMMIT, 8));
    }
}

static void on_writer_append(struct oracle *oracle, struct sim_member *member,
                             const struct store_write *write)
{
    struct oracle_segment *segment = find_made(oracle, member, write->segment);
    struct oracle_batch *added;

    if (segment == NULL) {
        sim_fail(oracle->sim, 21, "a writer seals into segment %llu, which it did not make",
                 (unsigned long long)write->segment);
        return;
    }
    const batch_t number = get(write->data.data + B_BATCH, 8);

    if (oracle_find(oracle, segment->epoch, number) != NULL) {
        sim_fail(oracle->sim, 20, "batch %llu of epoch %llu is sealed twice",
                 (unsigned long long)number, (unsigned long long)segment->epoch);
        return;
    }
    added = open_batch(oracle, segment, write);
    if (added == NULL) {
        return;
    }
    while (oracle->segments[added->segment] != segment) {
        added->segment++;
    }
    oracle->batches_checked++;
    if (segment->epoch < oracle->epoch) {
        put_aside(oracle, member, added);
        return;
    }
    if (added->type == TYPE_EPOCH_START) {
        oracle->given_up_first = get(oracle->plain + 56, 8);
        oracle->given_up_last = get(oracle->plain + 64, 8);
        oracle->reigns[oracle->reign_count - 1].start = oracle->batch_count;
        cut_line(oracle, added->batch);
    }
    put_on_line(oracle, oracle->batch_count - 1);
    if (added->type == TYPE_DATA && !oracle->sim->failed) {
        put_data(oracle, added, (uint32_t)get(added->data + B_PLAIN, 4));
    }
    check_stamps(oracle, member, added);
    oracle_check_segment(oracle, member, added);
}

/* A replica stores what the writer sealed, byte for byte. */
static void on_replica_write(struct oracle *oracle, struct sim_member *member,
                             const struct store_write *write)
{
    bool same = false;

    if (write->op == STORE_CREATE) {
        const struct oracle_segment *segment =
            oracle_find_segment(oracle, get(write->data.data + AT_EPOCH, 8), write->segment);

        same = segment != NULL
               && bytes_equal(write->data, bytes_of(segment->raw, ORACLE_HEADER_BYTES));
    } else {
        const batch_t number = get(write->data.data + B_BATCH, 8);

        for (unsigned i = oracle->batch_count; i-- > 0 && !same;) {
            const struct oracle_batch *batch = &oracle->batches[i];

            same = batch->batch == number && batch->offset == write->offset
                   && oracle->segments[batch->segment]->segment == write->segment
                   && bytes_equal(write->data, bytes_of(batch->data, batch->bytes));
        }
    }
    if (!same) {
        sim_fail(oracle->sim, 25,
                 "%s stores bytes in segment %llu at %llu that nobody sealed there", member->name,
                 (unsigned long long)write->segment, (unsigned long long)write->offset);
    }
}

/* A replica stores WAL only in answer to a message; so this one must have been believed. */
static void check_forged(struct oracle *oracle, const struct sim_member *member)
{
    const struct sim_tamper *tamper = &oracle->sim->tamper;
    const bool is_old = tamper->epoch < oracle->highest_epoch[member->number];

    if (tamper->at_work && member->kind != &sim_primary
        && (tamper->epoch == UINT64_MAX || is_old)) {
        sim_fail(oracle->sim, is_old ? 14 : 24, "%s stores what came in a message that was %s",
                 member->name, is_old ? "of an old epoch" : "forged");
    }
}

/* A control file is the same block several times. */
static struct bytes without_copies(const struct store_write *write)
{
    const struct bytes all = write->data;

    return all.size == CONTROL_BYTES
                   && memcmp(all.data, all.data + CONTROL_COPY_BYTES, all.size - CONTROL_COPY_BYTES)
                          == 0
               ? bytes_part(all, 0, CONTROL_COPY_BYTES)
               : all;
}

void oracle_on_write(struct oracle *oracle, struct sim_member *member,
                     const struct store_write *write)
{
    if (oracle->encrypted && write->op != STORE_APPEND
        && oracle_finds_secret(oracle, without_copies(write))) {
        sim_fail(oracle->sim, 23, "%s writes a record or a key in clear (%s)", member->name,
                 store_op_name(write->op));
    }
    oracle_check_refusal(oracle, member, write);
    oracle_check_mark(oracle, member, write);
    if (write->op == STORE_DELETE) {
        oracle_on_delete(oracle, member, write->segment);
    }
    if (write->op != STORE_CREATE && write->op != STORE_APPEND) {
        return;
    }
    if (write->op == STORE_CREATE) {
        oracle_note_created(oracle, member, write->segment);
    }
    check_forged(oracle, member);
    if (member->kind != &sim_primary) {
        on_replica_write(oracle, member, write);
    } else if (write->op == STORE_CREATE) {
        on_writer_create(oracle, member, write);
    } else {
        on_writer_append(oracle, member, write);
    }
}

static void on_batch_durable(struct oracle *oracle, const struct sim_member *member,
                             const struct store_write *write)
{
    const batch_t number = get(write->data.data + B_BATCH, 8);

    for (unsigned i = oracle->batch_count; i-- > 0;) {
        struct oracle_batch *batch = &oracle->batches[i];

        if (batch->batch == number && batch->offset == write->offset
            && bytes_equal(write->data, bytes_of(batch->data, batch->bytes))) {
            batch->holders |= 1u << member->number;
            oracle->durable[member->number] = number;
            oracle_note_committed(oracle);
            return;
        }
    }
}

void oracle_on_durable(struct oracle *oracle, struct sim_member *member,
                       const struct store_write *write)
{
    if (write->op == STORE_APPEND) {
        on_batch_durable(oracle, member, write);
    } else if (write->op == STORE_REPLACE && write->file == STORE_CONTROL) {
        oracle_note_pins(oracle, member, write->data);
    } else if (write->op != STORE_REPLACE) {
        oracle_note_disk(oracle, member);
    }
}
