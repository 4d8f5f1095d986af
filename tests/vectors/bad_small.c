/* The small files, rule by rule, under right checksums; the control file's copies and marks; and
 * what the folder as a whole must hold.
 *
 * Offsets are those of the good files: a descriptor of 61 bytes (of `restored` 161, with its
 * ancestor at 57), a keyring of 520 with envelopes at 161 and 348. */
#include "base/check.h"
#include "base/writer.h"
#include "cluster/control.h"
#include "seal/crc32c.h"
#include "tests/vectors/bad_edits.h"

#include <stdlib.h>

enum { DESCRIPTOR_MAX = 16384, KEYRING_MAX = 427008, SIZE_AT = 12, CRC_BYTES = 4 };

/* The byte at at[0] becomes at[1]. */
static void set_byte(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->data[bad->at[0]] = (uint8_t)bad->at[1];
    bad_fix_stamp(bad_file(copy, bad));
}

/* An identity of one byte, over and over; zeros are none. */
static void set_id(struct bad_copy *copy, const struct bad *bad)
{
    memset(bad_file(copy, bad)->data + bad->at[0], (int)bad->at[1], 16);
    bad_fix_stamp(bad_file(copy, bad));
}

static void flip_stamped(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->data[bad->at[0]] ^= 1;
    bad_fix_stamp(bad_file(copy, bad));
}

static void fix_size(struct good_bytes *file)
{
    bad_put_u32(file->data + SIZE_AT, (uint32_t)file->size);
    bad_fix_stamp(file);
}

/* The body loses its last at[0] bytes, or gets as many zeros. */
static void shorten_body(struct bad_copy *copy, const struct bad *bad)
{
    bad_file(copy, bad)->size -= bad->at[0];
    fix_size(bad_file(copy, bad));
}

static void lengthen_body(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t zeros[16];

    good_append(bad_file(copy, bad), zeros, bad->at[0]);
    fix_size(bad_file(copy, bad));
}

/* What is between at[0] and at[1] goes; the byte at at[2] becomes zero. */
static void drop_part(struct bad_copy *copy, const struct bad *bad)
{
    struct good_bytes *file = bad_file(copy, bad);

    file->data[bad->at[2]] = 0;
    memmove(file->data + bad->at[0], file->data + bad->at[1], file->size - bad->at[1]);
    file->size -= bad->at[1] - bad->at[0];
    fix_size(file);
}

/* Exactly at[0] bytes: cut, or zeros behind. */
static void resize(struct bad_copy *copy, const struct bad *bad)
{
    static const uint8_t zeros[4096];
    struct good_bytes *file = bad_file(copy, bad);

    while (file->size < bad->at[0]) {
        const size_t left = bad->at[0] - file->size;

        good_append(file, zeros, left < sizeof zeros ? left : sizeof zeros);
    }
    file->size = bad->at[0];
}

/* ---- control ---- */

static void fix_copy(uint8_t *one)
{
    bad_put_u32(one + CONTROL_COPY_BYTES - CRC_BYTES,
                crc32c(0, bytes_of(one, CONTROL_COPY_BYTES - CRC_BYTES)));
}

static uint8_t *copy_of(struct bad_copy *copy, unsigned number)
{
    return copy->folder.files[GOOD_CONTROL].data + (size_t)number * CONTROL_COPY_BYTES;
}

static void set_control(struct bad_copy *copy, const struct bad *bad)
{
    for (unsigned i = 0; i < CONTROL_COPIES; i++) {
        copy_of(copy, i)[bad->at[0]] = (uint8_t)bad->at[1];
        fix_copy(copy_of(copy, i));
    }
}

/* The durable mark: epoch at[0], batch at[1]. */
static void set_mark(struct bad_copy *copy, const struct bad *bad)
{
    for (unsigned i = 0; i < CONTROL_COPIES; i++) {
        copy_of(copy, i)[64] = (uint8_t)bad->at[0];
        copy_of(copy, i)[72] = (uint8_t)bad->at[1];
        fix_copy(copy_of(copy, i));
    }
}

/* Copy at[0] is of generation at[1] (the others are of 7) and knows of batch 13, which is not
 * there; at[2]: its checksum is wrong. */
static void set_generation(struct bad_copy *copy, const struct bad *bad)
{
    uint8_t *one = copy_of(copy, (unsigned)bad->at[0]);

    one[16] = (uint8_t)bad->at[1];
    one[72] = 13;
    fix_copy(one);
    one[200] = (uint8_t)bad->at[2];
}

/* One copy is whole, and of another version. */
static void rot_all_but_another_version(struct bad_copy *copy, const struct bad *bad)
{
    (void)bad;
    for (unsigned i = 0; i < CONTROL_COPIES; i++) {
        copy_of(copy, i)[8] = 2;
        if (i == 2) {
            fix_copy(copy_of(copy, i));
        }
    }
}

/* The first segment that is kept: at[0], behind one of epoch at[1]. The file of segment 0 is there
 * again where at[2] says so. */
static void set_first(struct bad_copy *copy, const struct bad *bad)
{
    static uint8_t memory[CONTROL_BYTES];
    static struct control control;
    struct good_bytes *file = &copy->folder.files[GOOD_CONTROL];

    CHECK(control_decode(&control, bytes_of(file->data, CONTROL_COPY_BYTES), NULL) == OK);
    control.first_segment = bad->at[0];
    control.before_epoch = bad->at[1];
    (void)control_encode(&control, memory);
    bad_replace(file, &(struct good_bytes){memory, sizeof memory});
    if (bad->at[2] != 0) {
        good_append(&copy->folder.files[S0], copy->good->encrypted.files[S0].data, bad->at[2]);
    }
}

/* ---- the folder ---- */

static void lose_segments(struct bad_copy *copy, const struct bad *bad)
{
    for (size_t i = bad->at[0]; i < GOOD_SEGMENTS_MAX; i++) {
        bad_lose(copy, &(struct bad){.file = (int)(GOOD_SEGMENT + i)});
    }
}

/* Two faults, of which one is found first. */
static void rot_header_and_lose_newest(struct bad_copy *copy, const struct bad *bad)
{
    copy->folder.files[S0].data[100] ^= 1;
    bad_lose(copy, bad);
}

static void foreign_keyring_and_rotten_control(struct bad_copy *copy, const struct bad *bad)
{
    (void)bad;
    bad_replace(&copy->folder.files[GOOD_KEYRING], &copy->good->plain.files[GOOD_KEYRING]);
    copy->folder.files[GOOD_CONTROL].size = 100;
}

static void rot_keyring_and_descriptor(struct bad_copy *copy, const struct bad *bad)
{
    (void)bad;
    copy->folder.files[GOOD_DESCRIPTOR].data[8] ^= 1;
    bad_fix_stamp(&copy->folder.files[GOOD_DESCRIPTOR]);
    copy->folder.files[GOOD_KEYRING].data[20] ^= 1;
}

enum { D = GOOD_DESCRIPTOR, K = GOOD_KEYRING, C = GOOD_CONTROL };

static const struct bad bads[] = {
    {"descriptor-lost", bad_lose, D, {0}, ANY(E_MISSING), 0},
    {"descriptor-over-its-limit", resize, D, {DESCRIPTOR_MAX + 1}, ANY(E_TOO_LARGE), 0},
    {"descriptor-zero-in-the-frame", set_byte, D, {10, 1}, ANY(E_MALFORMED), 0},
    {"descriptor-zero-in-the-body", set_byte, D, {18, 1}, ANY(E_MALFORMED), 0},
    {"descriptor-lineage-none", set_id, D, {20, 0}, ANY(E_MALFORMED), 0},
    {"descriptor-engine-none", set_byte, D, {44, 0}, ANY(E_MALFORMED), 0},
    {"descriptor-engine-too-long", set_byte, D, {44, 32}, ANY(E_TOO_LARGE), 0},
    {"descriptor-engine-too-long-for-the-body", set_byte, D, {45, 1}, ANY(E_TOO_LARGE), 0},
    {"descriptor-engine-blank", set_byte, D, {47, 0x20}, ANY(E_MALFORMED), 0},
    {"descriptor-engine-del", set_byte, D, {47, 0x7f}, ANY(E_MALFORMED), 0},
    {"descriptor-engine-nul", set_byte, D, {47, 0}, ANY(E_MALFORMED), 0},
    {"descriptor-ancestors-too-many", set_byte, D, {53, 65}, ANY(E_TOO_LARGE), 0},
    {"descriptor-ancestors-not-there", set_byte, D, {53, 1}, ANY(E_TRUNCATED), 0},
    {"descriptor-body-short", shorten_body, D, {2}, ANY(E_TRUNCATED), 0},
    {"descriptor-body-long", lengthen_body, D, {4}, ANY(E_MALFORMED), 0},
    {"ancestor-lineage", flip_stamped, D, {57}, ANY(E_LINEAGE), BAD_RESTORED},
    {"ancestor-lineage-none", set_id, D, {57, 0}, ANY(E_MALFORMED), BAD_RESTORED},
    {"ancestor-digest", flip_stamped, D, {73}, ANY(E_DESCRIPTOR), BAD_RESTORED},
    {"ancestor-suite", flip_stamped, D, {105}, ANY(E_DESCRIPTOR), BAD_RESTORED},
    {"ancestor-suite-unknown", set_byte, D, {106, 1}, ANY(E_VERSION), BAD_RESTORED},
    {"ancestor-zero", set_byte, D, {107, 1}, ANY(E_MALFORMED), BAD_RESTORED},
    {"ancestor-cut-earlier", set_byte, D, {109, 0}, ANY(E_LINEAGE), BAD_RESTORED},
    {"ancestor-cut-later", set_byte, D, {109, 2}, ANY(E_LINEAGE), BAD_RESTORED},
    {"ancestor-cut-tag", flip_stamped, D, {141}, ANY(E_DESCRIPTOR), BAD_RESTORED},
    {"ancestor-forgotten", drop_part, D, {57, 157, 53}, ANY(E_LINEAGE), BAD_RESTORED},
    {"keyring-lost", bad_lose, K, {0}, ANY(OK), 0},
    {"keyring-empty", resize, K, {0}, ANY(E_TRUNCATED), 0},
    {"keyring-over-its-limit", resize, K, {KEYRING_MAX + 1}, ANY(E_TOO_LARGE), 0},
    {"keyring-lineage-none", set_id, K, {16, 0}, ANY(E_MALFORMED), 0},
    {"keyring-cluster-too-long", set_byte, K, {32, 64}, ANY(E_TOO_LARGE), 0},
    {"keyring-cluster-nul", set_byte, K, {40, 0}, ANY(E_MALFORMED), 0},
    {"keyring-region-too-long", set_byte, K, {69, 32}, ANY(E_TOO_LARGE), 0},
    {"keyring-key-none", drop_part, K, {82, 157, 80}, ANY(E_MALFORMED), 0},
    {"keyring-envelopes-too-many", set_byte, K, {157, 65}, ANY(E_TOO_LARGE), 0},
    {"keyring-dek-none", set_id, K, {161, 0}, ANY(E_MALFORMED), 0},
    {"keyring-dek-twice", set_id, K, {348, 0xd1}, ANY(E_MALFORMED), 0},
    {"keyring-dek-lineage-none", set_id, K, {177, 0}, ANY(E_MALFORMED), 0},
    {"keyring-blob-empty", set_byte, K, {313, 0}, ANY(E_MALFORMED), 0},
    {"keyring-blob-too-large", set_byte, K, {314, 0x20}, ANY(E_TOO_LARGE), 0},
    {"keyring-body-short", shorten_body, K, {4}, ANY(E_TRUNCATED), 0},
    {"keyring-body-long", lengthen_body, K, {1}, ANY(E_MALFORMED), 0},
    {"control-lost", bad_lose, C, {0}, ANY(OK), 0},
    {"control-empty", resize, C, {0}, ANY(E_CHECKSUM), 0},
    {"control-cut-in-the-first-copy", resize, C, {CONTROL_COPY_BYTES - 1}, ANY(E_CHECKSUM), 0},
    {"control-cut-behind-the-first-copy", resize, C, {CONTROL_COPY_BYTES}, ANY(OK), 0},
    {"control-longer", resize, C, {CONTROL_BYTES + 5}, ANY(OK), 0},
    {"control-doubt-unknown", set_control, C, {88, 4}, ANY(E_CHECKSUM), 0},
    {"control-epochs-too-many", set_control, C, {93, 5}, ANY(E_CHECKSUM), 0},
    {"control-epoch-none", set_control, C, {96, 0}, ANY(E_CHECKSUM), 0},
    {"control-epoch-twice", set_control, C, {120, 1}, ANY(E_CHECKSUM), 0},
    {"control-start-batch-none", set_control, C, {104, 0}, ANY(E_CHECKSUM), 0},
    {"control-start-batch-falls", set_control, C, {104, 10}, ANY(E_CHECKSUM), 0},
    {"control-start-lsn-falls", set_control, C, {112, 19}, ANY(E_CHECKSUM), 0},
    {"control-key-standing-unknown", set_control, C, {184, 3}, ANY(E_CHECKSUM), 0},
    {"control-key-lost-and-usable", set_control, C, {188, 1}, ANY(E_CHECKSUM), 0},
    {"control-zeros", set_control, C, {210, 1}, ANY(E_CHECKSUM), 0},
    {"control-whole-copy-of-another-version",
     rot_all_but_another_version,
     C,
     {0},
     ANY(E_VERSION),
     0},
    {"control-mark-beyond-the-newest", set_mark, C, {2, 13}, ANY(E_MALFORMED), 0},
    {"control-mark-clamped", set_mark, C, {1, 99}, ANY(OK), 0},
    {"control-mark-of-no-epoch", set_mark, C, {9, 99}, ANY(OK), 0},
    {"control-newer-copy-knows-of-more", set_generation, C, {2, 8, 0}, ANY(E_MALFORMED), 0},
    {"control-newer-copy-rotten", set_generation, C, {2, 8, 1}, ANY(OK), 0},
    {"control-older-copy-knows-of-more", set_generation, C, {0, 6, 0}, ANY(OK), 0},
    {"retained-first-lost", bad_lose, S1, {0}, ANY(E_MISSING), BAD_RETAINED},
    {"retained-all-lost", lose_segments, S0, {1}, ANY(E_MISSING), BAD_RETAINED},
    {"retained-newest-lost", bad_lose, S2, {0}, ANY(E_MISSING), BAD_RETAINED},
    {"retained-first-without-its-header", resize, S1, {0}, ANY(E_TRUNCATED), BAD_RETAINED},
    {"retained-control-lost", bad_lose, C, {0}, ANY(E_MISSING), BAD_RETAINED},
    {"retained-starts-later", set_first, C, {2, 2, 0}, ANY(E_ORDER), BAD_RETAINED},
    {"retained-starts-later-than-all", set_first, C, {3, 2, 0}, ANY(E_MISSING), BAD_RETAINED},
    {"retained-starts-earlier", set_first, C, {0, 0, 0}, ANY(E_MISSING), BAD_RETAINED},
    {"retained-with-a-gap", set_first, C, {0, 0, 100}, ANY(E_TRUNCATED), BAD_RETAINED},
    {"retained-deletion-under-way", set_first, C, {1, 1, 100}, ANY(OK), BAD_RETAINED},
    {"retained-behind-a-later-epoch", set_first, C, {1, 2, 0}, ANY(E_STALE_EPOCH), BAD_RETAINED},
    {"retained-behind-no-epoch", set_first, C, {1, 0, 0}, ANY(E_CHECKSUM), BAD_RETAINED},
    {"retained-nothing-behind-an-epoch", set_first, C, {0, 1, 0}, ANY(E_CHECKSUM), BAD_RETAINED},
    {"segments-lost", lose_segments, S0, {0}, ANY(E_MISSING), 0},
    {"segments-lost-behind-a-closed-one", lose_segments, S0, {1}, ANY(E_MISSING), BAD_PLAIN},
    {"segment-lost-and-header-rotten", rot_header_and_lose_newest, S1, {0}, ANY(E_MISSING), 0},
    {"keyring-foreign-and-control-cut",
     foreign_keyring_and_rotten_control,
     K,
     {0},
     ANY(E_LINEAGE),
     0},
    {"descriptor-version-and-keyring-rot", rot_keyring_and_descriptor, K, {0}, ANY(E_VERSION), 0},
};
const struct bad_table bad_small_files = {bads, COUNT_OF(bads)};
