/* Is the format frozen, do good files open, and is every bad file refused by its name?
 *
 * Run in tests/: the good files are in vectors/good/. */
#include "base/check.h"
#include "base/hex.h"
#include "cli/audit.h"
#include "cluster/control.h"
#include "cluster/keyring.h"
#include "seal/dek_use.h"
#include "seal/digest.h"
#include "tests/support/test.h"
#include "tests/vectors/bad.h"
#include "wal/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char root[] = "vectors/good";

static bool is_on_disk(const char *name, struct good_bytes expected)
{
    char path[256];
    bool equal = false;
    uint8_t *const read = malloc(expected.size + 1);

    snprintf(path, sizeof path, "%s/%s", root, name);

    FILE *const file = fopen(path, "rb");

    if (file != NULL) {
        equal = fread(read, 1, expected.size + 1, file) == expected.size
                && memcmp(read, expected.data, expected.size) == 0;
        fclose(file);
    }
    free(read);
    if (!equal) {
        printf("%s is not what is made today\n", path);
    }
    return equal;
}

static bool folder_is_on_disk(const struct good_folder *folder)
{
    bool equal = true;

    for (unsigned i = 0; i < GOOD_FILES; i++) {
        char name[GOOD_NAME_MAX], path[2 * GOOD_NAME_MAX];

        snprintf(path, sizeof path, "%s/%s", folder->name, good_file_name((enum good_file)i, name));
        equal = (folder->files[i].data == NULL || is_on_disk(path, folder->files[i])) && equal;
    }
    return equal;
}

TEST(the_format_is_frozen)
{
    struct good good;

    good_make(&good);
    EXPECT(folder_is_on_disk(&good.encrypted));
    EXPECT(folder_is_on_disk(&good.plain));
    EXPECT(folder_is_on_disk(&good.torn));
    EXPECT(folder_is_on_disk(&good.restored));
    EXPECT(folder_is_on_disk(&good.retained));
    EXPECT(is_on_disk("deks.txt", good.deks_text));
    good_free(&good);
}

/* What records.txt would say of what was read. */
struct listing {
    char *text;
    size_t size, room;
};

static void list_record(struct listing *listing, lsn_t lsn, const struct run *run, uint64_t place,
                        struct bytes body)
{
    const struct digest digest = digest_of(body);
    char hex[65];

    listing->size += (size_t)snprintf(listing->text + listing->size, listing->room - listing->size,
                                      "%" PRIu64 " %" PRIu64 " %" PRIu64 " %zu %s\n", lsn,
                                      run->producer, run->first_sequence + place, body.size,
                                      hex_encode(bytes_of(digest.bytes, 32), hex));
    NEED(listing->size < listing->room);
}

static void list_batch(void *context, const struct audit_row *row, const struct scan_batch *found)
{
    struct batch_data data;
    lsn_t lsn = found->header.first_lsn;
    struct run run;

    (void)row;
    if (found->header.type != BATCH_DATA) {
        return;
    }
    NEED(batch_data_decode(&data, found->plain, found->header.record_count) == OK);
    struct reader runs = reader_of(data.runs), lengths = reader_of(data.lengths);
    struct reader bodies = reader_of(data.bodies);

    while (batch_data_next_run(&runs, &run)) {
        for (uint64_t i = 0; i < run.count; i++) {
            struct bytes body;
            uint32_t length;

            NEED(reader_u32(&lengths, &length) == OK);
            NEED(reader_view(&bodies, &body, length) == OK);
            list_record(context, lsn++, &run, i, body);
        }
    }
}

static void reads_as_written(const struct good *good, const struct good_folder *folder)
{
    static char text[16384];
    struct listing listing = {.text = text, .room = sizeof text};
    segment_t segments[GOOD_SEGMENTS_MAX];
    const struct audit_folder seen = good_audit_folder(folder, segments);
    struct audit audit = {.folder = &seen,
                          .deks = good->deks,
                          .dek_count = GOOD_DEKS,
                          .on_batch = list_batch,
                          .context = &listing};
    const struct good_bytes *records = &folder->files[GOOD_RECORDS];

    EXPECT_STATUS(audit_run(&audit), OK);
    EXPECT(audit.opens_seals);
    EXPECT(bytes_equal(bytes_of(text, listing.size), bytes_of(records->data, records->size)));
    audit_drop(&audit);
}

TEST(good_files_open_and_hold_their_records)
{
    struct good good;

    good_make(&good);
    reads_as_written(&good, &good.encrypted);
    reads_as_written(&good, &good.plain);
    reads_as_written(&good, &good.torn);
    reads_as_written(&good, &good.restored);
    reads_as_written(&good, &good.retained);
    good_free(&good);
}

/* Retention has let go of the first reign: the next one's parent can be compared no more. */
TEST(a_wal_may_begin_with_a_reign)
{
    static uint8_t memory[CONTROL_BYTES];
    static struct control control;
    struct good good;
    segment_t segments[GOOD_SEGMENTS_MAX];

    good_make(&good);
    struct audit_folder seen = good_audit_folder(&good.retained, segments);

    NEED(control_decode(&control, bytes_part(seen.control, 0, CONTROL_COPY_BYTES), NULL) == OK);
    control.first_segment = 2;
    seen.control = control_encode(&control, memory);
    struct audit audit = {.folder = &seen, .deks = good.deks, .dek_count = GOOD_DEKS};

    EXPECT_STATUS(audit_run(&audit), OK);
    EXPECT(audit.opens_seals && audit.row_count == 1);
    audit_drop(&audit);
    control.before_epoch = 0;
    seen.control = control_encode(&control, memory);
    EXPECT(audit_run(&audit) != OK);
    audit_drop(&audit);
    good_free(&good);
}

TEST(a_segment_ends_where_the_next_one_says_and_digests_are_of_that)
{
    struct good good;
    segment_t segments[GOOD_SEGMENTS_MAX];

    good_make(&good);
    const struct audit_folder seen = good_audit_folder(&good.encrypted, segments);
    struct audit audit = {.folder = &seen, .keyless = true};

    EXPECT_STATUS(audit_run(&audit), OK);
    EXPECT(audit.row_count == 3 && audit.batch_count == 12 && audit.surplus_count == 1);
    EXPECT(audit.rows[0].closed && !audit.rows[1].closed);
    EXPECT(audit.rows[1].last_batch == 8 && audit.rows[1].surplus_count == 1);
    EXPECT(audit.rows[1].valid_bytes == 16384 && audit.rows[2].first_batch == 9);
    EXPECT(audit.rows[0].digested && !audit.rows[1].digested);
    EXPECT(audit.tail == SCAN_TAIL_CLEAN && !audit.opens_seals);
    audit_drop(&audit);
    good_free(&good);
}

/* As a member does when a key service has answered. */
static enum status check_deks(const struct bad_copy *copy)
{
    static struct keyring keyring;
    const struct good_bytes *file = &copy->folder.files[GOOD_KEYRING];

    if (file->data == NULL) {
        return OK;
    }
    TRY(keyring_decode(&keyring, bytes_of(file->data, file->size)));
    for (uint32_t i = 0; i < keyring.count; i++) {
        const struct envelope *envelope = &keyring.envelopes[i];
        struct secret check;

        dek_use_derive(&copy->good->deks[i].secret, DEK_USE_CHECK, &envelope->lineage,
                       &envelope->dek, &check);
        if (memcmp(check.bytes, envelope->check.bytes, sizeof check.bytes) != 0) {
            return E_KEY_MISMATCH;
        }
    }
    return OK;
}

static enum status refusal(const struct bad_copy *copy, bool keyless)
{
    segment_t segments[GOOD_SEGMENTS_MAX];
    const struct audit_folder seen = good_audit_folder(&copy->folder, segments);
    struct audit audit = {
        .folder = &seen, .deks = copy->deks, .dek_count = GOOD_DEKS, .keyless = keyless};
    enum status status = audit_run(&audit);

    EXPECT(status == OK ? audit.damage.why == OK && audit.damage.what == NULL
                        : audit.damage.why == status && audit.damage.what != NULL);
    audit_drop(&audit);
    return status == OK && !keyless ? check_deks(copy) : status;
}

TEST(every_bad_file_is_refused_by_its_name)
{
    struct good good;
    struct bad_copy copy;

    good_make(&good);
    const struct bad *bad = bad_at(0);

    for (unsigned i = 0; bad != NULL; bad = bad_at(++i)) {
        for (unsigned keyless = 0; keyless < 2; keyless++) {
            const enum status expected = keyless ? bad->keyless : bad->keyed;

            bad_make(&copy, &good, bad);
            const enum status status = refusal(&copy, keyless);

            if (status != expected) {
                printf("%s %s: %s, not %s\n", bad->name, keyless ? "without keys" : "with keys",
                       status_name(status), status_name(expected));
            }
            EXPECT(status == expected);
            good_folder_free(&copy.folder);
        }
    }
    good_free(&good);
}

/* No single bit of what counts can change unseen: every field, and some bytes of the rest. */
TEST(every_flipped_bit_of_valid_bytes_is_found_without_a_key)
{
    struct good good;
    struct bad_copy copy;
    const struct {
        unsigned file;
        size_t end;
    } valid[] = {{GOOD_SEGMENT, 32768}, {GOOD_SEGMENT + 1, 16384}, {GOOD_SEGMENT + 2, 24576}};

    good_make(&good);
    copy = (struct bad_copy){.good = &good};
    good_copy(&copy.folder, &good.encrypted);
    for (unsigned i = 0; i < COUNT_OF(valid); i++) {
        for (size_t at = 0; at < valid[i].end; at += at % 4096 < 128 ? 1 : 97) {
            copy.folder.files[valid[i].file].data[at] ^= (uint8_t)(1 << at % 8);
            EXPECT(refusal(&copy, true) != OK);
            copy.folder.files[valid[i].file].data[at] ^= (uint8_t)(1 << at % 8);
        }
    }
    good_folder_free(&copy.folder);
    good_free(&good);
}
