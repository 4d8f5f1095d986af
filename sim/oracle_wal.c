/* Every batch that a writer hands to its disk is opened here with keys that the oracle derives by
 * itself, and kept. From then on, whoever writes that batch anywhere must write these very bytes.
 * A new epoch begins where its writer's durable WAL ended: what lies behind is dead, and nothing
 * that was promised may be among it. Offsets are those of docs/FORMAT.md, read here anew. */
#include "base/check.h"
#include "cluster/control.h"
#include "seal/digest.h"
#include "seal/segment_key.h"
#include "sim/oracle_aside.h"
#include "sim/oracle_bounds.h"
#include "sim/oracle_keys.h"
#include "sim/oracle_line.h"
#include "sim/oracle_marks.h"
#include "sim/oracle_repair.h"
#include "sim/oracle_retention.h"

#include <stdlib.h>

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
    if (oracle_get(added->raw + AT_SUITE, 2) != (oracle->encrypted ? 1u : 0u)) {
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
    added->epoch = oracle_get(added->raw + AT_EPOCH, 8);
    added->segment = oracle_get(added->raw + AT_SEGMENT, 8);
    added->first_batch = oracle_get(added->raw + AT_FIRST_BATCH, 8);
    added->prev_last_batch = oracle_get(added->raw + AT_PREV_LAST, 8);
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

    if (bytes < 4096 || bytes % 4096 != 0 || oracle_get(data, 4) != bytes
        || oracle_get(data + bytes - 4, 4) != bytes) {
        sim_fail(oracle->sim, 25, "a writer stored %u bytes that are no batch", bytes);
        return NULL;
    }
    if (!oracle_unseal(oracle, segment, write->data)) {
        return NULL;
    }
    if (oracle->batch_count == oracle->batch_room) {
        oracle->batch_room = oracle->batch_room * 2 + 1024;
        oracle->batches = realloc(oracle->batches, oracle->batch_room * sizeof *oracle->batches);
        CHECK(oracle->batches != NULL);
    }
    struct oracle_batch *added = &oracle->batches[oracle->batch_count++];

    *added = (struct oracle_batch){.epoch = segment->epoch,
                                   .batch = oracle_get(data + B_BATCH, 8),
                                   .offset = write->offset,
                                   .data = malloc(bytes),
                                   .bytes = bytes,
                                   .type = data[B_TYPE],
                                   .first_lsn = oracle_get(data + B_LSN, 8),
                                   .record_count = (uint32_t)oracle_get(data + B_RECORDS, 4)};
    CHECK(added->data != NULL);
    memcpy(added->data, data, bytes);
    added->end_lsn = added->first_lsn + added->record_count - 1;
    return added;
}

static void check_stamps(struct oracle *oracle, const struct sim_member *member,
                         const struct oracle_batch *batch)
{
    const batch_t durable = oracle_get(batch->data + B_DURABLE, 8);
    const lsn_t commit = oracle_get(batch->data + B_COMMIT, 8);

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
    if (oracle_get(added->data + B_COMMIT, 8) > oracle->committed) {
        sim_fail(oracle->sim, 17, "%s, superseded, says in batch %llu that LSN %llu is committed",
                 member->name, (unsigned long long)added->batch,
                 (unsigned long long)oracle_get(added->data + B_COMMIT, 8));
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
    const batch_t number = oracle_get(write->data.data + B_BATCH, 8);

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
        oracle->given_up_first = oracle_get(oracle->plain + 56, 8);
        oracle->given_up_last = oracle_get(oracle->plain + 64, 8);
        oracle->reigns[oracle->reign_count - 1].start = oracle->batch_count;
        oracle_line_begin(oracle, member, added->batch);
    }
    oracle_line_put(oracle, oracle->batch_count - 1);
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
            oracle_find_segment(oracle, oracle_get(write->data.data + AT_EPOCH, 8), write->segment);

        same = segment != NULL
               && bytes_equal(write->data, bytes_of(segment->raw, ORACLE_HEADER_BYTES));
    } else {
        const batch_t number = oracle_get(write->data.data + B_BATCH, 8);

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
    } else if (write->op == STORE_QUARANTINE_SEGMENT) {
        oracle_check_aside(oracle, member, write->segment);
    }
    if (write->op != STORE_CREATE && write->op != STORE_APPEND) {
        return;
    }
    if (write->op == STORE_CREATE) {
        oracle_note_created(oracle, member, write->segment);
        oracle_check_keyring(oracle, member, write->data);
        oracle_check_left_out(oracle, member, write);
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
    const batch_t number = oracle_get(write->data.data + B_BATCH, 8);

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
        oracle_on_marked(oracle, member);
    } else if (write->op != STORE_REPLACE && write->op != STORE_REPAIR_PART) {
        oracle_note_disk(oracle, member);
    }
    if (write->op == STORE_QUARANTINE_PART) {
        oracle_note_aside(oracle, member, write);
    } else if (write->op == STORE_REPAIR_DONE) {
        oracle_on_repaired(oracle, member, write->segment);
    }
}
