/* Rules behind right keys: headers whose commitment, MAC and checksum are right and whose place is
 * not, batches with a right checksum and no right form, and content that a right seal covers. A
 * reader that trusts whatever the key opens accepts these.
 *
 * Content is tried in the newest segment, without a control file: what is wrong there is damage
 * though nothing says that it had been durable. */
#include "base/check.h"
#include "base/writer.h"
#include "seal/digest.h"
#include "tests/vectors/bad_edits.h"
#include "wal/content.h"
#include "wal/producers.h"

#include <stdlib.h>

enum {
    SUITE_AT = 10,
    DEK_AT = 64,
    EPOCH_AT = 80,
    SEGMENT_AT = 88,
    FIRST_BATCH_AT = 96,
    FIRST_LSN_AT = 104,
    INCARNATION_AT = 112,
    SALT_AT = 136,
    CHAIN_AT = 168,
    PREV_LAST_AT = 200,
    PREV_END_AT = 208,
    DIGESTS_AT = 220,
    COMMITMENT_AT = 2780,
    MAC_AT = 2812,
    MAC_END = 2848,
};

static void put_u64(uint8_t *at, uint64_t value)
{
    struct writer writer = writer_of(at, 8);

    writer_u64(&writer, value);
}

static const struct secret *dek_of(const struct bad_copy *copy, const struct bad *bad)
{
    return &copy->deks[bad->file == S2 ? 1 : 0].secret;
}

/* Whoever has the DEK can make any header right. */
static void authenticate(struct bad_copy *copy, const struct bad *bad, const struct secret *dek)
{
    uint8_t *raw = bad_file(copy, bad)->data;
    uint8_t blanked[SEGMENT_HEADER_BYTES];
    struct segment_key key;

    memcpy(blanked, raw, sizeof blanked);
    memset(blanked + SALT_AT, 0, SEGMENT_SALT_BYTES);
    memset(blanked + COMMITMENT_AT, 0, MAC_END - COMMITMENT_AT);
    const struct digest hash = digest_of(bytes_of(blanked, sizeof blanked));

    segment_key_derive(&key, dek, raw + SALT_AT, &hash);
    memcpy(raw + COMMITMENT_AT, key.commitment.bytes, sizeof key.commitment.bytes);
    const struct digest mac =
        digest_hmac(bytes_of(key.header_mac.bytes, SECRET_BYTES), bytes_of(raw, MAC_AT));

    memcpy(raw + MAC_AT, mac.bytes, sizeof mac.bytes);
    bad_fix_header(bad_file(copy, bad));
    segment_key_wipe(&key);
}

/* The eight bytes at at[0] become at[1]. */
static void set_field(struct bad_copy *copy, const struct bad *bad)
{
    put_u64(bad_file(copy, bad)->data + bad->at[0], bad->at[1]);
    authenticate(copy, bad, dek_of(copy, bad));
}

/* It begins with batch at[0] and LSN at[1], and says that the one before ends there. */
static void set_place(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t *raw = bad_file(copy, bad)->data;

    put_u64(raw + FIRST_BATCH_AT, bad->at[0]);
    put_u64(raw + FIRST_LSN_AT, bad->at[1]);
    put_u64(raw + PREV_LAST_AT, bad->at[0] - 1);
    put_u64(raw + PREV_END_AT, bad->at[1] - 1);
    authenticate(copy, bad, dek_of(copy, bad));
}

static void lose_control(struct bad_copy *copy)
{
    bad_lose(copy, &(struct bad){.file = GOOD_CONTROL});
}

/* No control file says where its epoch begins. */
static void set_place_alone(struct bad_copy *copy, const struct bad *bad)
{
    set_place(copy, bad);
    lose_control(copy);
}

/* As set_place for segment 1, with the chain that follows from segment 0 up to byte at[2]. */
static void set_place_and_chain(struct bad_copy *copy, const struct bad *bad)
{
    const struct good_bytes *first = &copy->folder.files[S0];
    struct tag tag;

    memcpy(tag.bytes, first->data + bad->at[2] - 24, sizeof tag.bytes);
    const struct digest chain = segment_chain(bytes_of(first->data, SEGMENT_HEADER_BYTES), &tag);

    memcpy(bad_file(copy, bad)->data + CHAIN_AT, chain.bytes, sizeof chain.bytes);
    set_place(copy, bad);
}

/* The other suite, right in itself. */
static void other_suite(struct bad_copy *copy, const struct bad *bad)
{
    static const struct secret zero;
    uint8_t *raw = bad_file(copy, bad)->data;
    const bool keyed = raw[SUITE_AT] == 0;

    raw[SUITE_AT] ^= 1;
    memset(raw + DEK_AT, keyed ? 0xd1 : 0, 16);
    authenticate(copy, bad, keyed ? &copy->deks[0].secret : &zero);
}

/* No batch has a right header in its AAD then, so there is none. */
static void forge_mac_of_empty(struct bad_copy *copy, const struct bad *bad)
{
    struct good_bytes *file = bad_file(copy, bad);

    file->size = SEGMENT_HEADER_BYTES;
    file->data[MAC_AT] ^= 1;
    bad_fix_header(file);
    lose_control(copy);
}

/* ---- the form of a batch ---- */

/* The byte at at[0] of the batch at at[1] becomes at[2]. */
static void set_in_batch(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->data[bad->at[0]] = (uint8_t)bad->at[2];
    bad_fix_batch(bad_file(copy, bad), bad->at[1]);
}

static void fill_in_batch(struct bad_copy *copy, const struct bad *bad)
{
    memset(bad_file(copy, bad)->data + bad->at[0], (int)bad->at[2], 8);
    bad_fix_batch(bad_file(copy, bad), bad->at[1]);
}

/* ---- content ---- */

static void reseal(struct bad_copy *copy, const struct bad *bad, enum batch_type type,
                   uint32_t records, struct bytes content)
{
    struct good_bytes *file = bad_file(copy, bad);
    struct pen pen;

    pen_resume(&pen, *file, bad->at[0], dek_of(copy, bad));
    pen_seal(&pen, type, records, content);
    free(file->data);
    *file = pen.out;
    pen_drop(&pen);
    if (bad->file == S2) {
        lose_control(copy);
    }
}

/* Data of one run and `records` lengths of 1; at[1]: the u32 there becomes at[2]. */
static void reseal_data(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[20 + 5 * 4 + 5] = {
        [0] = 1, [8] = 1, [16] = 5, [20] = 1, [24] = 1, [28] = 1, [32] = 1, [36] = 1};
    uint8_t wrong[sizeof content];

    memcpy(wrong, content, sizeof wrong);
    bad_put_u32(wrong + bad->at[1], (uint32_t)bad->at[2]);
    reseal(copy, bad, BATCH_DATA, 5, bytes_of(wrong, sizeof wrong));
}

/* One record is empty and another has its byte: the sum is right. */
static void reseal_empty_record(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[20 + 5 * 4 + 5] = {
        [0] = 1, [8] = 1, [16] = 5, [20] = 0, [24] = 2, [28] = 1, [32] = 1, [36] = 1};

    reseal(copy, bad, BATCH_DATA, 5, bytes_of(content, sizeof content));
}

/* One record of a byte more than the most. */
static void reseal_large_record(struct bad_copy *copy, const struct bad *bad)
{
    const uint32_t size = RECORD_BYTES_MAX + 1;
    uint8_t *content = calloc(1, 24 + size);
    struct writer writer = writer_of(content, 24);
    const struct run run = {1, 1, 1};

    CHECK(content != NULL);
    run_encode(&writer, &run);
    writer_u32(&writer, size);
    reseal(copy, bad, BATCH_DATA, 1, bytes_of(content, 24 + size));
    free(content);
}

/* Its sequences go from 2^64 - 4 on: the fifth is too many. */
static void reseal_last_sequences(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t content[20 + 5 * 4 + 5] = {
        [0] = 1, [16] = 5, [20] = 1, [24] = 1, [28] = 1, [32] = 1, [36] = 1};

    put_u64(content + 8, UINT64_MAX - 3);
    reseal(copy, bad, BATCH_DATA, 5, bytes_of(content, sizeof content));
}

/* One record a run: the third run is not all there. */
static void reseal_runs_beyond(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[20 + 5 * 4 + 5] = {[0] = 1, [8] = 1, [16] = 1, [36] = 1};

    reseal(copy, bad, BATCH_DATA, 5, bytes_of(content, sizeof content));
}

/* All five records are in the second run. */
static void reseal_empty_run(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[2 * 20 + 5 * 4 + 5] = {
        [0] = 1,  [8] = 1,  [20] = 1, [28] = 1, [36] = 5,
        [40] = 1, [44] = 1, [48] = 1, [52] = 1, [56] = 1};

    reseal(copy, bad, BATCH_DATA, 5, bytes_of(content, sizeof content));
}

/* A record and padding that is not zero, under a right seal. */
static void reseal_padding(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t body[4096 - BATCH_OVERHEAD_BYTES] = {
        [0] = 1, [8] = 1, [16] = 1, [20] = 1, [24] = 'x', [4000] = 1};
    struct good_bytes *file = bad_file(copy, bad);
    struct pen pen;

    pen_resume(&pen, *file, bad->at[0], dek_of(copy, bad));
    pen_seal_body(&pen, bytes_of(body, sizeof body), 25);
    free(file->data);
    *file = pen.out;
    pen_drop(&pen);
}

/* Rows of the checkpoint: producer and last_lsn, the sequence is 1. */
struct row {
    uint64_t producer, last_lsn;
};

static void reseal_rows(struct bad_copy *copy, const struct bad *bad, const struct row *rows)
{
    uint8_t memory[CHECKPOINT_HEAD_BYTES + 2 * CHECKPOINT_ROW_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    writer_u32(&writer, 2);
    writer_u32(&writer, 0);
    for (unsigned i = 0; i < 2; i++) {
        writer_u64(&writer, rows[i].producer);
        writer_u64(&writer, 1);
        writer_u64(&writer, rows[i].last_lsn);
    }
    reseal(copy, bad, BATCH_CHECKPOINT, 0, writer_bytes(&writer));
}

/* at[1], at[2]: the two last_lsn */
static void reseal_lsns(struct bad_copy *copy, const struct bad *bad)
{
    reseal_rows(copy, bad, (const struct row[]){{1, bad->at[1]}, {2, bad->at[2]}});
}

static void reseal_twins(struct bad_copy *copy, const struct bad *bad)
{
    reseal_rows(copy, bad, (const struct row[]){{1, 3}, {1, 4}});
}

/* at[1] bytes, of which the one at at[2] is 1. */
static void reseal_checkpoint(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t memory[64] = {0};

    memory[bad->at[2]] = 1;
    reseal(copy, bad, BATCH_CHECKPOINT, 0, bytes_of(memory, bad->at[1]));
}

/* As many as there are LSNs: so the table is made of what the rows say, not of what is true. */
static void reseal_too_many(struct bad_copy *copy, const struct bad *bad)
{
    const size_t size = CHECKPOINT_HEAD_BYTES + (PRODUCERS_MAX + 1) * (size_t)CHECKPOINT_ROW_BYTES;
    uint8_t *memory = malloc(size);
    struct writer writer = writer_of(memory, size);

    CHECK(memory != NULL);
    writer_u32(&writer, PRODUCERS_MAX + 1);
    writer_u32(&writer, 0);
    for (uint64_t i = 1; i <= PRODUCERS_MAX + 1; i++) {
        writer_u64(&writer, i);
        writer_u64(&writer, 1);
        writer_u64(&writer, i);
    }
    reseal(copy, bad, BATCH_CHECKPOINT, 0, writer_bytes(&writer));
    free(memory);
}

/* The epoch-start that is there says what its header and its parent do; the u64 at at[1] of its
 * content becomes at[2]. at[1] = 72: it is a byte short. */
static void reseal_epoch_start(struct bad_copy *copy, const struct bad *bad)
{
    struct good_bytes *file = bad_file(copy, bad);
    const struct batch_header header = {.type = BATCH_EPOCH_START};
    uint8_t plain[BATCH_BLOCK_BYTES];
    struct batch_header found = header;
    struct pen pen;

    pen_resume(&pen, *file, EPOCH_START_AT, dek_of(copy, bad));
    const struct bytes from = bytes_of(file->data + EPOCH_START_AT, BATCH_BLOCK_BYTES);

    CHECK(batch_header_decode(&found, from) == OK);
    CHECK(batch_open(&pen.sealer, &found, from, plain) == OK);
    free(pen.out.data);
    pen_drop(&pen);
    if (bad->at[1] < EPOCH_START_BYTES) {
        put_u64(plain + bad->at[1], bad->at[2]);
    }
    reseal(copy, bad, BATCH_EPOCH_START, 0,
           bytes_of(plain, EPOCH_START_BYTES - (bad->at[1] == EPOCH_START_BYTES)));
}

static void reseal_loss(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t memory[EPOCH_START_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);
    struct epoch_start start = {.epoch = 2,
                                .start_batch = 9,
                                .start_lsn = 18,
                                .parent_epoch = 1,
                                .parent_last_batch = 8,
                                .loss_first_lsn = bad->at[1],
                                .loss_last_lsn = bad->at[2]};

    /* behind surplus in segment 1 lies the tag of batch 8 */
    memcpy(start.parent_tag.bytes, copy->folder.files[S1].data + S1_SURPLUS_AT - 24, 16);
    epoch_start_encode(&writer, &start);
    reseal(copy, bad, BATCH_EPOCH_START, 0, writer_bytes(&writer));
}

/* ---- order ---- */

static void reseal_final_here(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t memory[FINAL_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    final_encode(&writer, &(struct final_content){bad->at[1], bad->at[2]});
    reseal(copy, bad, BATCH_FINAL, 0, writer_bytes(&writer));
}

static void reseal_good_data(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[] = {[0] = 1, [8] = 1, [16] = 1, [20] = 1, [24] = 'x'};

    reseal(copy, bad, BATCH_DATA, 1, bytes_of(content, sizeof content));
}

/* A record behind the final batch of segment 0, and segment 1 says that it counts. */
static void seal_behind_final(struct bad_copy *copy, const struct bad *bad)
{
    reseal_good_data(copy, &(struct bad){.file = S0, .at = {S0_END}});
    set_place_and_chain(copy, bad);
}

static const struct bad bads[] = {
    /* headers */
    {"header-epoch-none", set_field, S0, {EPOCH_AT, 0}, ANY(E_MALFORMED), 0},
    {"header-epoch-stale", set_field, S0, {EPOCH_AT, 3}, ANY(E_STALE_EPOCH), 0},
    {"header-first-of-all-batch", set_place, S0, {2, 1}, ANY(E_GAP), 0},
    {"header-first-of-all-lsn", set_place, S0, {1, 2}, ANY(E_GAP), 0},
    {"header-first-of-all-chain", set_field, S0, {CHAIN_AT, 1}, ANY(E_CHAIN), 0},
    {"header-batches-go-back", set_place_alone, S2, {5, 18}, ANY(E_GAP), 0},
    {"header-lsns-go-back", set_place, S2, {9, 7}, ANY(E_GAP), 0},
    {"header-another-incarnation", set_field, S1, {INCARNATION_AT, 1}, ANY(E_CHAIN), 0},
    {"header-another-end-lsn", set_place, S1, {6, 9}, ANY(E_GAP), 0},
    {"header-another-chain", set_field, S1, {CHAIN_AT, 1}, ANY(E_CHAIN), 0},
    {"header-plain-in-an-encrypted-wal", other_suite, S0, {0}, ANY(E_DESCRIPTOR), 0},
    {"header-encrypted-in-a-plain-wal", other_suite, S0, {0}, ANY(E_DESCRIPTOR), BAD_PLAIN},
    {"header-digest-wrong", set_field, S2, {DIGESTS_AT + 8, 1}, ANY(E_CHECKSUM), 0},
    {"header-digest-of-itself", set_field, S2, {DIGESTS_AT, 2}, ANY(E_MALFORMED), 0},
    {"header-segment-of-another-owner", set_field, S1, {SEGMENT_AT, 2}, ANY(E_GAP), BAD_RESTORED},
    {"header-mac-of-an-empty-segment", forge_mac_of_empty, S2, {0}, SEALED(E_FORGED), 0},
    {"final-not-reached", set_place_and_chain, S1, {5, 8, FINAL_AT}, ANY(E_CHAIN), 0},
    /* the form of a batch */
    {"batch-type-none",
     set_in_batch,
     S0,
     {CHECKPOINT_AT + 4, CHECKPOINT_AT, 0},
     ANY(E_MALFORMED),
     0},
    {"batch-type-unknown",
     set_in_batch,
     S0,
     {CHECKPOINT_AT + 4, CHECKPOINT_AT, 5},
     ANY(E_MALFORMED),
     0},
    {"batch-plain-bytes-too-large",
     set_in_batch,
     S0,
     {DATA_AT + 31, DATA_AT, 2},
     ANY(E_TOO_LARGE),
     0},
    {"batch-larger-than-needed", set_in_batch, S0, {BIG_AT + 29, BIG_AT, 0}, ANY(E_MALFORMED), 0},
    {"batch-number-none", set_in_batch, S0, {DATA_AT + 8, DATA_AT, 0}, ANY(E_MALFORMED), 0},
    {"batch-first-lsn-none", set_in_batch, S0, {DATA_AT + 16, DATA_AT, 0}, ANY(E_MALFORMED), 0},
    {"batch-first-lsn-the-last-of-all",
     fill_in_batch,
     S0,
     {DATA_AT + 16, DATA_AT, 0xff},
     ANY(E_MALFORMED),
     0},
    {"batch-without-records", set_in_batch, S0, {DATA_AT + 24, DATA_AT, 0}, ANY(E_MALFORMED), 0},
    {"checkpoint-with-a-record",
     set_in_batch,
     S0,
     {CHECKPOINT_AT + 24, CHECKPOINT_AT, 1},
     ANY(E_MALFORMED),
     0},
    /* order */
    {"checkpoint-twice", reseal_checkpoint, S1, {S1_DATA_AT, 8, 8}, ANY(E_ORDER), 0},
    {"checkpoint-missing", reseal_good_data, S0, {CHECKPOINT_AT}, ANY(E_ORDER), 0},
    {"final-as-the-first", reseal_final_here, S1, {S1_CHECKPOINT_AT, 1, 7}, ANY(E_ORDER), 0},
    {"epoch-start-amid-an-epoch", reseal_loss, S1, {S1_CHECKPOINT_AT, 0, 0}, ANY(E_ORDER), 0},
    {"batch-behind-a-final", seal_behind_final, S1, {7, 9, S0_END + 4096}, ANY(E_TRUNCATED), 0},
    /* content */
    {"padding-sealed", reseal_padding, S2, {S2_LAST_AT}, SEALED(E_FORGED), 0},
    {"records-empty", reseal_empty_record, S2, {DATA_AT}, SEALED(E_MALFORMED), 0},
    {"records-too-large", reseal_large_record, S2, {DATA_AT}, SEALED(E_MALFORMED), 0},
    {"records-of-sequences-beyond-the-last",
     reseal_last_sequences,
     S2,
     {DATA_AT},
     SEALED(E_MALFORMED),
     0},
    {"records-in-runs-beyond-the-end", reseal_runs_beyond, S2, {DATA_AT}, SEALED(E_MALFORMED), 0},
    {"records-in-an-empty-run", reseal_data, S2, {DATA_AT, 16, 0}, SEALED(E_MALFORMED), 0},
    {"records-behind-an-empty-run", reseal_empty_run, S2, {DATA_AT}, SEALED(E_MALFORMED), 0},
    {"records-too-many-in-a-run", reseal_data, S2, {DATA_AT, 16, 6}, SEALED(E_MALFORMED), 0},
    {"records-short-of-bodies", reseal_data, S2, {DATA_AT, 36, 2}, SEALED(E_MALFORMED), 0},
    {"checkpoint-short", reseal_checkpoint, S2, {CHECKPOINT_AT, 4, 8}, SEALED(E_MALFORMED), 0},
    {"checkpoint-zero", reseal_checkpoint, S2, {CHECKPOINT_AT, 8, 4}, SEALED(E_MALFORMED), 0},
    {"checkpoint-rows-missing",
     reseal_checkpoint,
     S2,
     {CHECKPOINT_AT, 31, 0},
     SEALED(E_MALFORMED),
     0},
    {"checkpoint-rows-more", reseal_checkpoint, S2, {CHECKPOINT_AT, 32, 8}, SEALED(E_MALFORMED), 0},
    {"checkpoint-rows-too-many", reseal_too_many, S2, {CHECKPOINT_AT}, SEALED(E_MALFORMED), 0},
    {"checkpoint-producer-twice", reseal_twins, S2, {CHECKPOINT_AT}, SEALED(E_MALFORMED), 0},
    {"checkpoint-lsns-fall", reseal_lsns, S2, {CHECKPOINT_AT, 4, 3}, SEALED(E_MALFORMED), 0},
    {"checkpoint-lsns-equal", reseal_lsns, S2, {CHECKPOINT_AT, 4, 4}, SEALED(E_MALFORMED), 0},
    {"checkpoint-lsn-none", reseal_lsns, S2, {CHECKPOINT_AT, 0, 4}, SEALED(E_MALFORMED), 0},
    {"checkpoint-lsn-to-come", reseal_lsns, S2, {CHECKPOINT_AT, 4, 18}, SEALED(E_MALFORMED), 0},
    {"epoch-start-short", reseal_epoch_start, S2, {4096, 72}, SEALED(E_MALFORMED), 0},
    {"epoch-start-epoch", reseal_epoch_start, S2, {4096, 0, 3}, SEALED(E_MALFORMED), 0},
    {"epoch-start-batch", reseal_epoch_start, S2, {4096, 8, 10}, SEALED(E_MALFORMED), 0},
    {"epoch-start-lsn", reseal_epoch_start, S2, {4096, 16, 19}, SEALED(E_MALFORMED), 0},
    {"epoch-start-parent-epoch", reseal_epoch_start, S2, {4096, 24, 0}, SEALED(E_MALFORMED), 0},
    {"epoch-start-parent-batch", reseal_epoch_start, S2, {4096, 32, 7}, SEALED(E_MALFORMED), 0},
    {"epoch-start-parent-tag", reseal_epoch_start, S2, {4096, 40, 7}, SEALED(E_MALFORMED), 0},
    {"epoch-start-parent-of-the-first",
     reseal_epoch_start,
     S0,
     {4096, 40, 7},
     E_MALFORMED,
     E_TRUNCATED,
     0},
    {"epoch-start-loss-from-none", reseal_loss, S2, {4096, 0, 20}, SEALED(E_MALFORMED), 0},
    {"epoch-start-loss-backwards", reseal_loss, S2, {4096, 20, 19}, SEALED(E_MALFORMED), 0},
    {"final-of-the-newest-wrong",
     reseal_final_here,
     S2,
     {S2_LAST_AT, 9, 20},
     SEALED(E_MALFORMED),
     0},
};
const struct bad_table bad_sealed = {bads, COUNT_OF(bads)};
