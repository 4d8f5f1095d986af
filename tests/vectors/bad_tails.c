/* What lies behind the newest segment's end, and what it proves. The folder is `torn`: a power cut
 * amid one write of batches 3, 4 and 5 left 3 and 5 whole and of 4 a part; batch 2 is all that
 * anybody knew to be durable. So it ends at 3, unless something is there that knows of 4. */
#include "base/check.h"
#include "cluster/control.h"
#include "seal/crc32c.h"
#include "tests/vectors/bad_edits.h"

#include <stdlib.h>

enum { LOST_AT = TORN_AT + 512, LOST_BYTES = 512 };

static void lose_control(struct bad_copy *copy)
{
    bad_lose(copy, &(struct bad){.file = GOOD_CONTROL});
}

static void set_mark(struct bad_copy *copy, const struct bad *bad)
{
    for (size_t i = 0; i < CONTROL_COPIES; i++) {
        uint8_t *one = copy->folder.files[GOOD_CONTROL].data + i * CONTROL_COPY_BYTES;

        one[72] = (uint8_t)bad->at[0];
        bad_put_u32(one + CONTROL_COPY_BYTES - 4, crc32c(0, bytes_of(one, CONTROL_COPY_BYTES - 4)));
    }
}

static void tear(struct good_bytes *file)
{
    memset(file->data + LOST_AT, 0, LOST_BYTES);
}

/* Batch 5 was sealed when batch at[0] was durable. */
static void seal_later(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t content[] = {[0] = 1, [8] = 1, [16] = 1, [20] = 1, [24] = 'x'};
    struct good_bytes *file = bad_file(copy, bad);
    struct pen pen;

    pen_resume(&pen, copy->good->group, LATER_AT, &copy->deks[0].secret);
    pen.durable = bad->at[0];
    pen_seal(&pen, BATCH_DATA, 1, bytes_of(content, sizeof content));
    free(file->data);
    *file = pen.out;
    pen_drop(&pen);
    tear(file);
}

static void seal_later_without_control(struct bad_copy *copy, const struct bad *bad)
{
    seal_later(copy, bad);
    lose_control(copy);
}

/* ... and a bit of it at at[1] is flipped; at[2]: the checksum is right again. */
static void seal_later_and_flip(struct bad_copy *copy, const struct bad *bad)
{
    seal_later(copy, bad);
    bad_file(copy, bad)->data[LATER_AT + bad->at[1]] ^= 1;
    if (bad->at[2] != 0) {
        bad_fix_batch(bad_file(copy, bad), LATER_AT);
    }
}

/* The block that is torn, all of it. */
static void blank_torn(struct bad_copy *copy, const struct bad *bad)
{
    memset(bad_file(copy, bad)->data + TORN_AT, 0, BATCH_BLOCK_BYTES);
}

static void seal_later_and_blank(struct bad_copy *copy, const struct bad *bad)
{
    seal_later(copy, bad);
    blank_torn(copy, bad);
}

/* A batch of another segment that knows of everything: what a recycled file holds. */
static void leave_foreign(struct bad_copy *copy, const struct bad *bad)
{
    const struct good_bytes *other = &copy->good->encrypted.files[S2];

    memcpy(bad_file(copy, bad)->data + LATER_AT, other->data + DATA_AT, BATCH_BLOCK_BYTES);
}

/* Batch 4 is whole, and does not follow batch 3. */
static void chain_torn_elsewhere(struct bad_copy *copy, const struct bad *bad)
{
    bad_replace(bad_file(copy, bad), &copy->good->group);
    bad_file(copy, bad)->data[TORN_AT + 48] ^= 1;
    bad_fix_batch(bad_file(copy, bad), TORN_AT);
}

static void cut_file(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->size = bad->at[0];
}

static void mark_and_cut(struct bad_copy *copy, const struct bad *bad)
{
    set_mark(copy, bad);
    bad_file(copy, bad)->size = TORN_AT;
}

static void lose_control_alone(struct bad_copy *copy, const struct bad *bad)
{
    (void)bad;
    lose_control(copy);
}

/* Batch 5 in the place of batch 4. */
static void move_later_up(struct bad_copy *copy, const struct bad *bad)
{
    struct good_bytes *file = bad_file(copy, bad);

    seal_later(copy, bad);
    memcpy(file->data + TORN_AT, file->data + LATER_AT, BATCH_BLOCK_BYTES);
    file->size = LATER_AT;
}

static const struct bad bads[] = {
    {"torn-without-control", lose_control_alone, S0, {0}, ANY(OK), BAD_TORN},
    {"torn-mark-before-it", set_mark, S0, {3}, ANY(OK), BAD_TORN},
    {"torn-mark-at-it", set_mark, S0, {4}, ANY(E_CHECKSUM), BAD_TORN},
    {"torn-mark-at-it-and-cut", mark_and_cut, S0, {4}, ANY(E_TRUNCATED), BAD_TORN},
    {"torn-cut-before-it", cut_file, S0, {TORN_AT}, ANY(OK), BAD_TORN},
    {"torn-cut-in-it", cut_file, S0, {TORN_AT + 63}, ANY(OK), BAD_TORN},
    {"torn-blank", blank_torn, S0, {0}, ANY(OK), BAD_TORN},
    {"torn-chained-elsewhere", chain_torn_elsewhere, S0, {0}, ANY(OK), BAD_TORN},
    {"torn-batch-of-another-segment-behind", leave_foreign, S0, {0}, ANY(OK), BAD_TORN},
    {"torn-later-knows-less", seal_later, S0, {3}, ANY(OK), BAD_TORN},
    {"torn-later-knows-of-it", seal_later, S0, {4}, ANY(E_CHECKSUM), BAD_TORN},
    {"torn-later-knows-of-it-without-control",
     seal_later_without_control,
     S0,
     {4},
     ANY(E_CHECKSUM),
     BAD_TORN},
    {"torn-blank-and-later-knows-of-it", seal_later_and_blank, S0, {4}, ANY(E_MALFORMED), BAD_TORN},
    {"torn-later-knows-of-it-in-its-place", move_later_up, S0, {4}, ANY(E_GAP), BAD_TORN},
    {"torn-later-knows-of-it-and-is-rotten",
     seal_later_and_flip,
     S0,
     {4, 100, 0},
     ANY(OK),
     BAD_TORN},
    {"torn-later-knows-of-it-and-is-forged",
     seal_later_and_flip,
     S0,
     {4, 100, 1},
     OK,
     E_CHECKSUM,
     BAD_TORN},
    {"torn-later-is-made-to-know", seal_later_and_flip, S0, {3, 33, 1}, OK, E_CHECKSUM, BAD_TORN},
};
const struct bad_table bad_tails = {bads, COUNT_OF(bads)};
