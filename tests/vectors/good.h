/* What do good files look like, byte for byte?
 *
 * Small data folders, made from fixed entropy by the functions that real members use:
 *
 *   encrypted/  three segments, two epochs, two DEKs; segment 1 is left open with one surplus
 *               batch, segment 2 lists the digest of segment 0 and ends in zeros
 *   plain/      two segments of an unencrypted cluster
 *   torn/       one segment after a power cut: batch 4 torn, 5 of the same write whole
 *   retained/   `encrypted` after retention: without segment 0, and control says so
 *   restored/   the first two segments of `encrypted` under their own lineage, and a third under
 *               the lineage of the WAL that was restored from them
 *
 * Beside each lies records.txt, "LSN PRODUCER SEQUENCE BYTES SHA-256" a line; deks.txt holds the
 * DEKs in the clear, "DEK_ID DEK" a line. And further files to take parts from: `fork` is another
 * segment 1 of the same WAL, `foreign` a segment 1 of another lineage under the same DEK, `group`
 * the segment of `torn` as it was meant to be. */
#ifndef SEALIFT_TESTS_VECTORS_GOOD_H
#define SEALIFT_TESTS_VECTORS_GOOD_H

#include "cli/audit.h"
#include "wal/batch.h"
#include "wal/segment.h"

enum { GOOD_NAME_MAX = 64, GOOD_SEGMENTS_MAX = 3, GOOD_DEKS = 2 };

enum good_file {
    GOOD_DESCRIPTOR,
    GOOD_KEYRING,
    GOOD_CONTROL,
    GOOD_RECORDS,
    GOOD_SEGMENT, /* the first; others follow */
    GOOD_FILES = GOOD_SEGMENT + GOOD_SEGMENTS_MAX
};

struct good_bytes {
    uint8_t *data; /* NULL: there is no such file */
    size_t size;
};

struct good_folder {
    const char *name;
    struct good_bytes files[GOOD_FILES];
};

struct good {
    struct good_folder encrypted, plain, torn, restored, retained;
    struct good_bytes deks_text, fork, foreign, group;
    struct audit_dek deks[GOOD_DEKS];
};

/* In memory that good_free frees. */
void good_make(struct good *good);
void good_free(struct good *good);

void good_append(struct good_bytes *to, const void *data, size_t size);

/* "control", "wal/00000000000000000001.seg". Returns `name`. */
const char *good_file_name(enum good_file file, char name[GOOD_NAME_MAX]);

void good_copy(struct good_folder *copy, const struct good_folder *folder);
void good_folder_free(struct good_folder *folder);

/* The folder as an audit sees it; `segments` is memory for its list. */
struct audit_folder good_audit_folder(const struct good_folder *folder,
                                      segment_t segments[GOOD_SEGMENTS_MAX]);

#endif
