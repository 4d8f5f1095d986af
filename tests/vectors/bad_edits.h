/* What the tables of bad files share: offsets into good files, as in the worked example of
 * docs/FORMAT.md, and checksums made right again. */
#ifndef SEALIFT_TESTS_VECTORS_BAD_EDITS_H
#define SEALIFT_TESTS_VECTORS_BAD_EDITS_H

#include "tests/vectors/bad.h"
#include "tests/vectors/pen.h"

enum {
    S0 = GOOD_SEGMENT,
    S1 = GOOD_SEGMENT + 1,
    S2 = GOOD_SEGMENT + 2,
    /* segment 0 */
    EPOCH_START_AT = 4096,
    CHECKPOINT_AT = 8192,
    DATA_AT = 12288,
    BIG_AT = 16384,
    FINAL_AT = 28672,
    S0_END = 32768,
    /* segment 1 */
    S1_CHECKPOINT_AT = 4096,
    S1_DATA_AT = 8192,
    S1_LAST_AT = 12288,
    S1_SURPLUS_AT = 16384,
    /* segment 2; it begins as segment 0 */
    S2_LAST_AT = 16384,
    S2_END = 24576,
    /* the segment of `torn`; it begins as segment 0 */
    TORN_AT = 16384,
    LATER_AT = 20480,
    LATER_END = 24576,
};

#define ANY(status) (status), (status)
#define SEALED(status) (status), OK /* only a key shows it */

struct bad_table {
    const struct bad *bads;
    unsigned count;
};

/* bad_small.c: descriptor, keyring, control, and what the folder holds; bad_sealed.c: right seals
 * and headers around what breaks a rule; bad_tails.c: what lies behind a newest segment's end. */
extern const struct bad_table bad_small_files, bad_sealed, bad_tails;

/* The file that it alters. */
struct good_bytes *bad_file(struct bad_copy *copy, const struct bad *bad);

void bad_put_u32(uint8_t *at, uint32_t value);
void bad_fix_header(struct good_bytes *file);
void bad_fix_batch(struct good_bytes *file, size_t at); /* the one that begins there */
void bad_fix_stamp(struct good_bytes *file);
void bad_replace(struct good_bytes *file, const struct good_bytes *with);

void bad_lose(struct bad_copy *copy, const struct bad *bad);

#endif
