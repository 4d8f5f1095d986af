/* Edits first, each a few lines; then the table.
 *
 * "With a right checksum" means that whoever made the file computed the CRC anew: what is then
 * refused is refused by place, chain, commitment, MAC or seal. */
#include "tests/vectors/bad_edits.h"

#include "base/check.h"
#include "base/writer.h"
#include "cluster/control.h"
#include "seal/crc32c.h"
#include "wal/content.h"

#include <stdlib.h>

enum { HEADER_CRC_AT = 2844 };

struct good_bytes *bad_file(struct bad_copy *copy, const struct bad *bad)
{
    return &copy->folder.files[bad->file];
}

void bad_put_u32(uint8_t *at, uint32_t value)
{
    struct writer writer = writer_of(at, 4);

    writer_u32(&writer, value);
}

void bad_fix_header(struct good_bytes *file)
{
    bad_put_u32(file->data + HEADER_CRC_AT, crc32c(0, bytes_of(file->data, HEADER_CRC_AT)));
}

/* Of the batch that begins there, by its own length. */
void bad_fix_batch(struct good_bytes *file, size_t at)
{
    const uint8_t *raw = file->data + at;
    const size_t size = raw[0] | (size_t)raw[1] << 8 | (size_t)raw[2] << 16;
    const uint32_t seed = crc32c(0, bytes_of(file->data + 2780, 4));

    CHECK(size >= 24 && at + size <= file->size);
    bad_put_u32(file->data + at + size - 8, crc32c(seed, bytes_of(raw, size - 8)));
}

void bad_fix_stamp(struct good_bytes *file)
{
    bad_put_u32(file->data + file->size - 4, crc32c(0, bytes_of(file->data, file->size - 4)));
}

static void flip(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->data[bad->at[0]] ^= 1;
}

/* A bit of the header, with a right checksum. */
static void forge_header(struct bad_copy *copy, const struct bad *bad)
{
    flip(copy, bad);
    bad_fix_header(bad_file(copy, bad));
}

/* A bit at at[0] of the batch at at[1], with a right checksum. */
static void forge_batch(struct bad_copy *copy, const struct bad *bad)
{
    flip(copy, bad);
    bad_fix_batch(bad_file(copy, bad), bad->at[1]);
}

static void forge_small_file(struct bad_copy *copy, const struct bad *bad)
{
    flip(copy, bad);
    bad_fix_stamp(bad_file(copy, bad));
}

/* One of the four copies, or all. */
static void flip_control(struct bad_copy *copy, const struct bad *bad)
{
    for (size_t i = 0; i < bad->at[1]; i++) {
        bad_file(copy, bad)->data[bad->at[0] + i * CONTROL_COPY_BYTES] ^= 1;
    }
}

static void forge_control(struct bad_copy *copy, const struct bad *bad)
{
    for (size_t i = 0; i < CONTROL_COPIES; i++) {
        uint8_t *one = bad_file(copy, bad)->data + i * CONTROL_COPY_BYTES;

        one[bad->at[0]] ^= 1;
        bad_put_u32(one + CONTROL_COPY_BYTES - 4, crc32c(0, bytes_of(one, CONTROL_COPY_BYTES - 4)));
    }
}

static void cut(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->size = bad->at[0];
}

static void lengthen(struct bad_copy *copy, const struct bad *bad)
{
    struct good_bytes *file = bad_file(copy, bad);

    file->data = realloc(file->data, file->size + 1);
    CHECK(file->data != NULL);
    file->data[file->size++] = 0;
}

void bad_lose(struct bad_copy *copy, const struct bad *bad)
{
    free(bad_file(copy, bad)->data);
    *bad_file(copy, bad) = (struct good_bytes){0};
}

/* One block becomes zeros. */
static void blank(struct bad_copy *copy, const struct bad *bad)
{
    memset(bad_file(copy, bad)->data + bad->at[0], 0, BATCH_BLOCK_BYTES);
}

/* The block at at[1] over the one at at[0]; the batches there are one block each. */
static void repeat_block(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t *data = bad_file(copy, bad)->data;

    memcpy(data + bad->at[0], data + bad->at[1], BATCH_BLOCK_BYTES);
}

static void swap_blocks(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t *data = bad_file(copy, bad)->data;
    uint8_t block[BATCH_BLOCK_BYTES];

    memcpy(block, data + bad->at[0], sizeof block);
    memcpy(data + bad->at[0], data + bad->at[1], sizeof block);
    memcpy(data + bad->at[1], block, sizeof block);
}

/* What is between at[0] and at[1] goes, and the rest moves up. */
static void drop_bytes(struct bad_copy *copy, const struct bad *bad)
{
    struct good_bytes *file = bad_file(copy, bad);

    memmove(file->data + bad->at[0], file->data + bad->at[1], file->size - bad->at[1]);
    file->size -= bad->at[1] - bad->at[0];
}

/* Segment files change places. */
static void swap_segments(struct bad_copy *copy, const struct bad *bad)
{
    const struct good_bytes first = *bad_file(copy, bad);

    *bad_file(copy, bad) = copy->folder.files[bad->at[0]];
    copy->folder.files[bad->at[0]] = first;
}

void bad_replace(struct good_bytes *file, const struct good_bytes *with)
{
    file->data = realloc(file->data, with->size);
    CHECK(file->data != NULL);
    memcpy(file->data, with->data, with->size);
    file->size = with->size;
}

static void take_fork(struct bad_copy *copy, const struct bad *bad)
{
    bad_replace(bad_file(copy, bad), &copy->good->fork);
}

static void take_foreign(struct bad_copy *copy, const struct bad *bad)
{
    bad_replace(bad_file(copy, bad), &copy->good->foreign);
}

static void take_plain(struct bad_copy *copy, const struct bad *bad)
{
    bad_replace(bad_file(copy, bad), &copy->good->plain.files[bad->file]);
}

/* The block of another file, into the same place; at[1]: 0 as it is, 1 with a right checksum, 2
 * with the right prev_tag as well. */
static void splice(struct bad_copy *copy, const struct bad *bad, const struct good_bytes *from)
{
    struct good_bytes *file = bad_file(copy, bad);
    uint8_t *at = file->data + bad->at[0];
    uint8_t prev_tag[16];

    memcpy(prev_tag, at + 48, sizeof prev_tag);
    memcpy(at, from->data + bad->at[0], BATCH_BLOCK_BYTES);
    if (bad->at[1] == 2) {
        memcpy(at + 48, prev_tag, sizeof prev_tag);
    }
    if (bad->at[1] > 0) {
        bad_fix_batch(file, bad->at[0]);
    }
}

static void splice_fork(struct bad_copy *copy, const struct bad *bad)
{
    splice(copy, bad, &copy->good->fork);
}

static void splice_segment(struct bad_copy *copy, const struct bad *bad)
{
    splice(copy, bad, &copy->good->encrypted.files[S0]);
}

static void splice_epoch(struct bad_copy *copy, const struct bad *bad)
{
    splice(copy, bad, &copy->good->encrypted.files[S1]);
}

/* ---- sealed by somebody who has the key and a bug ---- */

static void reseal(struct bad_copy *copy, const struct bad *bad, enum batch_type type,
                   struct bytes content)
{
    struct good_bytes *file = bad_file(copy, bad);
    struct pen pen;

    pen_resume(&pen, *file, bad->at[0], &copy->deks[0].secret);
    pen_seal(&pen, type, type == BATCH_DATA ? 5 : 0, content);
    free(file->data);
    *file = pen.out;
    pen_drop(&pen);
}

/* at[1]: 0 the count is wrong, 1 the LSN, 2 the size */
static void reseal_final(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t memory[FINAL_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    final_encode(&writer,
                 &(struct final_content){bad->at[1] == 0 ? 6 : 5, bad->at[1] == 1 ? 8 : 7});
    reseal(copy, bad, BATCH_FINAL, bytes_of(memory, bad->at[1] == 2 ? 8 : writer.size));
}

static void reseal_epoch_start(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t memory[EPOCH_START_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    epoch_start_encode(&writer,
                       &(struct epoch_start){.epoch = 9, .start_batch = 1, .start_lsn = 1});
    reseal(copy, bad, BATCH_EPOCH_START, writer_bytes(&writer));
}

/* The first batch of the first epoch is a checkpoint: its epoch-start is left out. */
static void omit_epoch_start(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t empty[CHECKPOINT_HEAD_BYTES];

    reseal(copy, bad, BATCH_CHECKPOINT, bytes_of(empty, sizeof empty));
}

/* at[1]: the byte of the content that is wrong: 16 run count, 40 first length, 24 beyond zero */
static void reseal_data(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[20 + 5 * 4 + 5] = {
        [0] = 1, [8] = 1, [16] = 5, [20] = 1, [24] = 1, [28] = 1, [32] = 1, [36] = 1};
    uint8_t wrong[sizeof content];

    memcpy(wrong, content, sizeof wrong);
    wrong[bad->at[1]] ^= 1;
    reseal(copy, bad, BATCH_DATA, bytes_of(wrong, sizeof wrong));
}

static void wrong_key(struct bad_copy *copy, const struct bad *bad)
{
    copy->deks[bad->at[0]].secret.bytes[31] ^= 1;
}

static void swapped_keys(struct bad_copy *copy, const struct bad *bad)
{
    struct secret first;

    (void)bad;
    secret_copy(&first, &copy->deks[0].secret);
    secret_copy(&copy->deks[0].secret, &copy->deks[1].secret);
    secret_copy(&copy->deks[1].secret, &first);
}

static void missing_key(struct bad_copy *copy, const struct bad *bad)
{
    copy->deks[bad->at[0]].id.bytes[0] ^= 1;
}

static void wrong_check(struct bad_copy *copy, const struct bad *bad)
{
    flip(copy, bad);
    bad_fix_stamp(bad_file(copy, bad));
}

static const struct bad bads[] = {
    /* the small files */
    {"descriptor-setting-edited", flip, GOOD_DESCRIPTOR, {16}, ANY(E_CHECKSUM), 0},
    {"descriptor-setting-forged", forge_small_file, GOOD_DESCRIPTOR, {16}, ANY(E_DESCRIPTOR), 0},
    {"plain-descriptor-setting-forged",
     forge_small_file,
     GOOD_DESCRIPTOR,
     {16},
     ANY(E_DESCRIPTOR),
     1},
    {"descriptor-suite-unknown", forge_small_file, GOOD_DESCRIPTOR, {17}, ANY(E_VERSION), 0},
    {"descriptor-engine-forged", forge_small_file, GOOD_DESCRIPTOR, {46}, ANY(E_DESCRIPTOR), 0},
    {"descriptor-created-forged", forge_small_file, GOOD_DESCRIPTOR, {36}, ANY(E_DESCRIPTOR), 0},
    {"descriptor-version", forge_small_file, GOOD_DESCRIPTOR, {8}, ANY(E_VERSION), 0},
    {"descriptor-magic", flip, GOOD_DESCRIPTOR, {0}, ANY(E_MALFORMED), 0},
    {"descriptor-cut", cut, GOOD_DESCRIPTOR, {30}, ANY(E_TRUNCATED), 0},
    {"descriptor-empty", cut, GOOD_DESCRIPTOR, {0}, ANY(E_TRUNCATED), 0},
    {"descriptor-longer", lengthen, GOOD_DESCRIPTOR, {0}, ANY(E_MALFORMED), 0},
    {"descriptor-of-another-wal", take_plain, GOOD_DESCRIPTOR, {0}, ANY(E_LINEAGE), 0},
    {"keyring-rot", flip, GOOD_KEYRING, {20}, ANY(E_CHECKSUM), 0},
    {"keyring-of-another-wal", take_plain, GOOD_KEYRING, {0}, ANY(E_LINEAGE), 0},
    {"keyring-cut", cut, GOOD_KEYRING, {100}, ANY(E_TRUNCATED), 0},
    {"keyring-check-forged", wrong_check, GOOD_KEYRING, {223}, SEALED(E_KEY_MISMATCH), 0},
    {"control-one-copy-rotten", flip_control, GOOD_CONTROL, {90, 1}, ANY(OK), 0},
    {"control-all-copies-rotten", flip_control, GOOD_CONTROL, {90, 4}, ANY(E_CHECKSUM), 0},
    {"control-version", forge_control, GOOD_CONTROL, {8}, ANY(E_VERSION), 0},
    {"control-of-another-wal", forge_control, GOOD_CONTROL, {24}, ANY(E_LINEAGE), 0},
    {"control-epoch-begins-elsewhere", forge_control, GOOD_CONTROL, {136}, ANY(E_GAP), 0},
    {"control-knows-of-more", forge_control, GOOD_CONTROL, {72}, ANY(E_MALFORMED), 0},
    /* the header: rot, field by field */
    {"header-cut", cut, S0, {4095}, ANY(E_TRUNCATED), 0},
    {"header-empty-file", cut, S0, {0}, ANY(E_TRUNCATED), 0},
    {"header-rot-magic", flip, S0, {0}, ANY(E_CHECKSUM), 0},
    {"header-rot-suite", flip, S0, {10}, ANY(E_CHECKSUM), 0},
    {"header-rot-lineage", flip, S0, {16}, ANY(E_CHECKSUM), 0},
    {"header-rot-epoch", flip, S0, {80}, ANY(E_CHECKSUM), 0},
    {"header-rot-salt", flip, S0, {136}, ANY(E_CHECKSUM), 0},
    {"header-rot-digest-slot", flip, S0, {2000}, ANY(E_CHECKSUM), 0},
    {"header-rot-commitment", flip, S0, {2780}, ANY(E_CHECKSUM), 0},
    {"header-rot-mac", flip, S0, {2812}, ANY(E_CHECKSUM), 0},
    {"header-rot-crc", flip, S0, {2844}, ANY(E_CHECKSUM), 0},
    {"header-rot-padding", flip, S0, {4095}, ANY(E_MALFORMED), 0},
    {"header-blank", blank, S0, {0}, ANY(E_CHECKSUM), 0},
    /* the header: forged, field by field, with a right checksum */
    {"header-magic", forge_header, S0, {0}, ANY(E_MALFORMED), 0},
    {"header-version", forge_header, S0, {8}, ANY(E_VERSION), 0},
    {"header-suite", forge_header, S0, {10}, ANY(E_MALFORMED), 0},
    {"header-suite-unknown", forge_header, S0, {11}, ANY(E_VERSION), 0},
    {"header-bytes", forge_header, S0, {12}, ANY(E_MALFORMED), 0},
    {"header-lineage", forge_header, S0, {16}, ANY(E_LINEAGE), 0},
    {"header-descriptor", forge_header, S0, {32}, ANY(E_DESCRIPTOR), 0},
    {"header-dek", forge_header, S0, {64}, E_WRONG_KEY, E_CHAIN, 0},
    {"header-epoch", forge_header, S1, {81}, E_WRONG_KEY, E_STALE_EPOCH, 0},
    {"header-segment", forge_header, S0, {88}, E_WRONG_KEY, E_GAP, 0},
    {"header-first-batch", forge_header, S1, {96}, ANY(E_MALFORMED), 0},
    {"header-first-lsn", forge_header, S1, {104}, ANY(E_MALFORMED), 0},
    {"header-incarnation", forge_header, S1, {112}, E_WRONG_KEY, E_CHAIN, 0},
    {"header-created", forge_header, S0, {128}, E_WRONG_KEY, E_CHAIN, 0},
    {"header-created-of-the-newest", forge_header, S2, {128}, SEALED(E_WRONG_KEY), 0},
    {"header-salt", forge_header, S2, {136}, SEALED(E_WRONG_KEY), 0},
    {"header-prev-chain", forge_header, S2, {168}, E_WRONG_KEY, E_CHAIN, 0},
    {"header-prev-last-batch", forge_header, S1, {200}, ANY(E_MALFORMED), 0},
    {"header-prev-end-lsn", forge_header, S1, {208}, ANY(E_MALFORMED), 0},
    {"header-digest-count", forge_header, S0, {216}, E_WRONG_KEY, E_MALFORMED, 0},
    {"header-digest-count-too-large", forge_header, S0, {217}, ANY(E_MALFORMED), 0},
    {"header-digest", forge_header, S2, {228}, E_WRONG_KEY, E_CHECKSUM, 0},
    {"header-unused-digest", forge_header, S2, {300}, ANY(E_MALFORMED), 0},
    {"header-commitment", forge_header, S2, {2800}, SEALED(E_WRONG_KEY), 0},
    {"header-mac", forge_header, S2, {2812}, SEALED(E_FORGED), 0},
    /* a batch: rot, field by field */
    {"batch-rot-length", flip, S0, {DATA_AT}, ANY(E_MALFORMED), 0},
    {"batch-rot-length-larger", flip, S0, {DATA_AT + 3}, ANY(E_TOO_LARGE), 0},
    {"batch-rot-type", flip, S0, {EPOCH_START_AT + 4}, ANY(E_CHECKSUM), 0},
    {"batch-rot-flags", flip, S0, {DATA_AT + 5}, ANY(E_MALFORMED), 0},
    {"batch-rot-reserved", flip, S0, {DATA_AT + 6}, ANY(E_MALFORMED), 0},
    {"batch-rot-number", flip, S0, {DATA_AT + 8}, ANY(E_CHECKSUM), 0},
    {"batch-rot-ciphertext", flip, S0, {DATA_AT + 64}, ANY(E_CHECKSUM), 0},
    {"batch-rot-padding", flip, S0, {DATA_AT + 4000}, ANY(E_CHECKSUM), 0},
    {"batch-rot-tag", flip, S0, {BIG_AT - 24}, ANY(E_CHECKSUM), 0},
    {"batch-rot-crc", flip, S0, {BIG_AT - 8}, ANY(E_CHECKSUM), 0},
    {"batch-rot-second-length", flip, S0, {BIG_AT - 4}, ANY(E_MALFORMED), 0},
    {"batch-blank", blank, S0, {DATA_AT}, ANY(E_MALFORMED), 0},
    {"batch-blank-inside", blank, S0, {BIG_AT + 4096}, ANY(E_CHECKSUM), 0},
    {"batch-rot-in-the-newest", flip, S2, {S2_LAST_AT + 100}, ANY(E_CHECKSUM), 0},
    {"batch-blank-in-the-newest", blank, S2, {S2_LAST_AT}, ANY(E_MALFORMED), 0},
    {"batch-blank-before-later-ones", blank, S2, {12288}, ANY(E_MALFORMED), 0},
    {"batch-rot-in-surplus", flip, S1, {S1_SURPLUS_AT + 100}, ANY(OK), 0},
    /* a batch: forged, field by field, with a right checksum */
    {"batch-type", forge_batch, S0, {EPOCH_START_AT + 4, EPOCH_START_AT}, ANY(E_ORDER), 0},
    {"batch-number", forge_batch, S0, {DATA_AT + 8, DATA_AT}, ANY(E_GAP), 0},
    {"batch-first-lsn", forge_batch, S0, {DATA_AT + 17, DATA_AT}, ANY(E_GAP), 0},
    {"batch-record-count", forge_batch, S0, {DATA_AT + 24, DATA_AT}, E_FORGED, E_GAP, 0},
    {"batch-flags", forge_batch, S0, {CHECKPOINT_AT + 5, CHECKPOINT_AT}, ANY(E_MALFORMED), 0},
    {"batch-record-count-impossible",
     forge_batch,
     S0,
     {DATA_AT + 27, DATA_AT},
     ANY(E_MALFORMED),
     0},
    {"batch-plain-bytes", forge_batch, S0, {DATA_AT + 28, DATA_AT}, E_FORGED, E_CHECKSUM, 0},
    {"batch-durable", forge_batch, S0, {DATA_AT + 32, DATA_AT}, E_FORGED, E_CHECKSUM, 0},
    {"batch-commit-lsn", forge_batch, S0, {DATA_AT + 40, DATA_AT}, E_FORGED, E_CHECKSUM, 0},
    {"batch-prev-tag", forge_batch, S0, {DATA_AT + 48, DATA_AT}, ANY(E_CHAIN), 0},
    {"batch-ciphertext", forge_batch, S2, {S2_LAST_AT + 64, S2_LAST_AT}, SEALED(E_FORGED), 0},
    {"batch-padding", forge_batch, S2, {S2_LAST_AT + 8000, S2_LAST_AT}, SEALED(E_FORGED), 0},
    {"batch-tag", forge_batch, S0, {BIG_AT - 24, DATA_AT}, E_FORGED, E_CHAIN, 0},
    {"batch-tag-of-the-last", forge_batch, S0, {S0_END - 24, FINAL_AT}, E_FORGED, E_CHAIN, 0},
    {"plain-batch-record", forge_batch, S1, {S1_LAST_AT + 200, S1_LAST_AT}, ANY(E_FORGED), 1},
    {"plain-batch-tag", forge_batch, S1, {S1_SURPLUS_AT - 24, S1_LAST_AT}, ANY(E_FORGED), 1},
    /* cut, lost, swapped, repeated */
    {"cut-in-a-batch", cut, S0, {DATA_AT + 100}, ANY(E_TRUNCATED), 0},
    {"cut-in-a-batch-header", cut, S0, {DATA_AT + 63}, ANY(E_TRUNCATED), 0},
    {"cut-between-blocks-of-a-batch", cut, S0, {BIG_AT + 4096}, ANY(E_TRUNCATED), 0},
    {"cut-before-the-final", cut, S0, {FINAL_AT}, ANY(E_TRUNCATED), 0},
    {"cut-behind-the-header", cut, S0, {4096}, ANY(E_TRUNCATED), 0},
    {"cut-between-batches", cut, S1, {S1_LAST_AT}, ANY(E_TRUNCATED), 0},
    {"cut-surplus", cut, S1, {S1_SURPLUS_AT}, ANY(OK), 0},
    {"cut-in-surplus", cut, S1, {S1_SURPLUS_AT + 777}, ANY(OK), 0},
    {"cut-zeros", cut, S2, {S2_END}, ANY(OK), 0},
    {"cut-the-newest-in-a-batch", cut, S2, {S2_LAST_AT + 100}, ANY(E_TRUNCATED), 0},
    {"cut-the-newest-between-batches", cut, S2, {S2_LAST_AT}, ANY(E_TRUNCATED), 0},
    {"segment-lost-first", bad_lose, S0, {0}, ANY(E_MISSING), 0},
    {"segment-lost-between", bad_lose, S1, {0}, ANY(E_MISSING), 0},
    {"segment-lost-newest", bad_lose, S2, {0}, ANY(E_MISSING), 0},
    {"segments-swapped", swap_segments, S0, {S1}, ANY(E_GAP), 0},
    {"batch-dropped", drop_bytes, S0, {DATA_AT, BIG_AT}, ANY(E_GAP), 0},
    {"batch-repeated", repeat_block, S1, {S1_LAST_AT, S1_DATA_AT}, ANY(E_GAP), 0},
    {"batches-swapped", swap_blocks, S1, {S1_DATA_AT, S1_LAST_AT}, ANY(E_GAP), 0},
    {"checkpoint-before-epoch-start",
     swap_blocks,
     S0,
     {EPOCH_START_AT, CHECKPOINT_AT},
     ANY(E_GAP),
     0},
    {"plain-batches-swapped", swap_blocks, S1, {S1_DATA_AT, S1_LAST_AT}, ANY(E_GAP), 1},
    {"plain-segment-lost", bad_lose, S0, {0}, ANY(E_MISSING), 1},
    /* spliced */
    {"segment-of-another-history", take_fork, S1, {0}, ANY(E_CHAIN), 0},
    {"segment-of-another-lineage", take_foreign, S1, {0}, ANY(E_LINEAGE), 0},
    {"segment-of-a-plain-wal", take_plain, S1, {0}, ANY(E_LINEAGE), 0},
    {"batch-of-another-segment", splice_segment, S1, {S1_LAST_AT, 0}, ANY(E_CHECKSUM), 0},
    {"batch-of-another-segment-forged", splice_segment, S1, {S1_LAST_AT, 1}, ANY(E_GAP), 0},
    {"batch-of-another-epoch", splice_epoch, S2, {S1_LAST_AT, 0}, ANY(E_CHECKSUM), 0},
    {"batch-of-another-epoch-forged", splice_epoch, S2, {S1_LAST_AT, 1}, ANY(E_GAP), 0},
    {"batch-of-another-history", splice_fork, S1, {S1_LAST_AT, 0}, ANY(E_CHECKSUM), 0},
    {"batch-of-another-history-forged", splice_fork, S1, {S1_LAST_AT, 1}, ANY(E_CHAIN), 0},
    {"batch-of-another-history-chained", splice_fork, S1, {S1_LAST_AT, 2}, E_FORGED, E_CHAIN, 0},
    /* keys */
    {"key-wrong", wrong_key, S0, {0}, SEALED(E_WRONG_KEY), 0},
    {"key-wrong-after-rotation", wrong_key, S0, {1}, SEALED(E_WRONG_KEY), 0},
    {"keys-swapped", swapped_keys, S0, {0}, SEALED(E_WRONG_KEY), 0},
    {"key-missing", missing_key, S0, {1}, SEALED(E_WRONG_KEY), 0},
    /* sealed with the right key by a writer with a bug */
    {"final-count-wrong", reseal_final, S0, {FINAL_AT, 0}, E_MALFORMED, E_CHAIN, 0},
    {"final-lsn-wrong", reseal_final, S0, {FINAL_AT, 1}, E_MALFORMED, E_CHAIN, 0},
    {"final-short", reseal_final, S0, {FINAL_AT, 2}, E_MALFORMED, E_CHAIN, 0},
    {"epoch-start-of-another-epoch",
     reseal_epoch_start,
     S0,
     {EPOCH_START_AT, 0},
     E_MALFORMED,
     E_TRUNCATED,
     0},
    {"epoch-start-twice", reseal_epoch_start, S0, {CHECKPOINT_AT, 0}, ANY(E_ORDER), 0},
    {"epoch-start-missing", omit_epoch_start, S0, {EPOCH_START_AT, 0}, ANY(E_ORDER), 0},
    {"data-before-checkpoint", reseal_data, S1, {S1_CHECKPOINT_AT, 0}, ANY(E_ORDER), 0},
    {"data-runs-too-many", reseal_data, S0, {DATA_AT, 16}, E_MALFORMED, E_TRUNCATED, 0},
    {"data-run-incomplete", reseal_data, S0, {DATA_AT, 17}, E_MALFORMED, E_TRUNCATED, 0},
    {"data-record-empty", reseal_data, S0, {DATA_AT, 20}, E_MALFORMED, E_TRUNCATED, 0},
    {"data-record-too-large", reseal_data, S0, {DATA_AT, 23}, E_MALFORMED, E_TRUNCATED, 0},
    {"data-bodies-short", reseal_data, S0, {DATA_AT, 25}, E_MALFORMED, E_TRUNCATED, 0},
};

const struct bad *bad_at(unsigned at)
{
    const struct bad_table tables[] = {
        {bads, COUNT_OF(bads)}, bad_small_files, bad_sealed, bad_tails};

    for (unsigned i = 0; i < COUNT_OF(tables); i++) {
        if (at < tables[i].count) {
            return &tables[i].bads[at];
        }
        at -= tables[i].count;
    }
    return NULL;
}

const struct good_folder *bad_base(const struct good *good, const struct bad *bad)
{
    const struct good_folder *const bases[] = {[BAD_ENCRYPTED] = &good->encrypted,
                                               [BAD_PLAIN] = &good->plain,
                                               [BAD_TORN] = &good->torn,
                                               [BAD_RESTORED] = &good->restored,
                                               [BAD_RETAINED] = &good->retained};

    return bases[bad->base];
}

void bad_make(struct bad_copy *copy, const struct good *good, const struct bad *bad)
{
    *copy = (struct bad_copy){.good = good};
    memcpy(copy->deks, good->deks, sizeof copy->deks);
    good_copy(&copy->folder, bad_base(good, bad));
    bad->edit(copy, bad);
}
