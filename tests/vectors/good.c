/* Segments are written with a pen (pen.h): header, then one batch after the other, each where the
 * last one ended. Nothing here goes through the writer's own state (wal/wal.h): when batches are
 * closed may change, what they look like may not.
 *
 * Every random field is filled with one byte of its own, so that it is known again in a dump. */
#include "tests/vectors/good.h"
#include "tests/vectors/pen.h"

#include "base/check.h"
#include "base/hex.h"
#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "cluster/keyring.h"
#include "seal/dek_use.h"
#include "seal/digest.h"
#include "wal/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CREATED_NS = 1700000000, /* with nine zeros behind it */
    RECORDS_MAX = 32,
    FIRST_SEGMENT_RECORDS = 7,
    TEXT_MAX = 16384,
    BIG_RECORD_BYTES = 9000, /* its batch has three blocks */
};

static const uint64_t producers[] = {0x7001, 0x7002};

/* What a folder under way is made of. */
struct maker {
    struct good_folder *folder;
    struct descriptor descriptor;
    struct digest digest;
    struct audit_dek dek;
    epoch_t epoch;
    uint8_t incarnation;
    uint64_t sequences[COUNT_OF(producers)];
    lsn_t last_lsn[COUNT_OF(producers)];
    struct digest chain;
    struct pen pen;
};

static void id_fill(struct id *id, uint8_t byte)
{
    memset(id->bytes, byte, sizeof id->bytes);
}

void good_append(struct good_bytes *to, const void *data, size_t size)
{
    to->data = realloc(to->data, to->size + size);
    CHECK(to->data != NULL);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void put(struct good_folder *folder, enum good_file file, struct bytes bytes)
{
    folder->files[file].size = 0;
    good_append(&folder->files[file], bytes.data, bytes.size);
}

const char *good_file_name(enum good_file file, char name[GOOD_NAME_MAX])
{
    static const char *const names[] = {"descriptor", "keyring", "control", "records.txt"};

    if (file < GOOD_SEGMENT) {
        snprintf(name, GOOD_NAME_MAX, "%s", names[file]);
    } else {
        snprintf(name, GOOD_NAME_MAX, "wal/%020d.seg", (int)(file - GOOD_SEGMENT));
    }
    return name;
}

/* ---- what goes into segments ---- */

static void begin_segment(struct maker *maker, segment_t segment, uint8_t salt)
{
    const struct pen before = maker->pen;

    maker->pen = (struct pen){.header = {.suite = maker->descriptor.suite,
                                         .lineage = maker->descriptor.lineage,
                                         .descriptor = maker->digest,
                                         .dek = maker->dek.id,
                                         .epoch = maker->epoch,
                                         .segment = segment,
                                         .first_batch = before.batch + 1,
                                         .first_lsn = before.end_lsn + 1,
                                         .created_ns = CREATED_NS * 1000000000ull + segment,
                                         .prev_chain = maker->chain,
                                         .prev_last_batch = before.batch,
                                         .prev_end_lsn = before.end_lsn}};
    id_fill(&maker->pen.header.incarnation, maker->incarnation);
    memset(maker->pen.header.salt, salt, sizeof maker->pen.header.salt);
    if (segment == 2) {
        const struct good_bytes *first = &maker->folder->files[GOOD_SEGMENT];

        maker->pen.header.digest_count = 1;
        maker->pen.header.digests[0].sha256 = digest_of(bytes_of(first->data, first->size));
    }
    pen_begin(&maker->pen, &maker->dek.secret);
}

/* The next segment's header will say that this one ends here. */
static void end_segment(struct maker *maker)
{
    maker->chain = segment_chain(bytes_of(maker->pen.raw, SEGMENT_HEADER_BYTES), &maker->pen.tag);
}

static void keep_segment(struct maker *maker)
{
    maker->folder->files[GOOD_SEGMENT + maker->pen.header.segment] = maker->pen.out;
    pen_drop(&maker->pen);
}

static void seal_epoch_start(struct maker *maker, epoch_t parent, const struct tag *parent_tag)
{
    uint8_t memory[EPOCH_START_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    epoch_start_encode(&writer, &(struct epoch_start){.epoch = maker->epoch,
                                                      .start_batch = maker->pen.batch + 1,
                                                      .start_lsn = maker->pen.end_lsn + 1,
                                                      .parent_epoch = parent,
                                                      .parent_last_batch = maker->pen.batch,
                                                      .parent_tag = *parent_tag});
    pen_seal(&maker->pen, BATCH_EPOCH_START, 0, writer_bytes(&writer));
}

/* Least recently appended first: here always in the order of `producers`. */
static void seal_checkpoint(struct maker *maker)
{
    uint8_t memory[CHECKPOINT_HEAD_BYTES + COUNT_OF(producers) * CHECKPOINT_ROW_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);
    uint32_t count = 0;

    for (unsigned i = 0; i < COUNT_OF(producers); i++) {
        count += maker->last_lsn[i] > 0;
    }
    writer_u32(&writer, count);
    writer_u32(&writer, 0);
    for (unsigned i = 0; i < count; i++) {
        writer_u64(&writer, producers[i]);
        writer_u64(&writer, maker->sequences[i]);
        writer_u64(&writer, maker->last_lsn[i]);
    }
    pen_seal(&maker->pen, BATCH_CHECKPOINT, 0, writer_bytes(&writer));
}

static void note_record(struct maker *maker, unsigned producer, lsn_t lsn, struct bytes body)
{
    const struct digest digest = digest_of(body);
    char line[160], hex[65];

    maker->sequences[producer]++;
    maker->last_lsn[producer] = lsn;
    snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %zu %s\n", lsn,
             producers[producer], maker->sequences[producer], body.size,
             hex_encode(bytes_of(digest.bytes, sizeof digest.bytes), hex));
    good_append(&maker->folder->files[GOOD_RECORDS], line, strlen(line));
}

/* `counts[i]` records of producer i, of which the first has `first_bytes` bytes. A batch that does
 * not last is not noted. */
static void seal_data(struct maker *maker, const uint32_t counts[COUNT_OF(producers)],
                      uint32_t first_bytes, bool lasts)
{
    static uint8_t memory[TEXT_MAX], lengths_memory[4 * RECORDS_MAX], bodies_memory[TEXT_MAX];
    struct writer writer = writer_of(memory, sizeof memory);
    struct writer lengths = writer_of(lengths_memory, sizeof lengths_memory);
    struct writer bodies = writer_of(bodies_memory, sizeof bodies_memory);
    lsn_t lsn = maker->pen.end_lsn;

    for (unsigned p = 0; p < COUNT_OF(producers); p++) {
        const struct run run = {producers[p], maker->sequences[p] + 1, counts[p]};

        if (run.count > 0) {
            run_encode(&writer, &run);
        }
        for (uint32_t i = 0; i < run.count; i++) {
            char text[64];
            const size_t begin = bodies.size;

            snprintf(text, sizeof text, "marker record %" PRIu64 "%s\n", ++lsn,
                     lasts ? "" : ", never acknowledged");
            writer_copy(&bodies, text, lsn == 1 ? 1 : strlen(text)); /* one is a single byte */
            while (i == 0 && p == 0 && bodies.size - begin < first_bytes) {
                writer_u8(&bodies, (uint8_t)(bodies.size * 31));
            }
            writer_u32(&lengths, (uint32_t)(bodies.size - begin));
            if (lasts) {
                note_record(maker, p, lsn, bytes_of(bodies.data + begin, bodies.size - begin));
            }
        }
    }
    writer_copy(&writer, lengths.data, lengths.size);
    writer_copy(&writer, bodies.data, bodies.size);
    pen_seal(&maker->pen, BATCH_DATA, counts[0] + counts[1], writer_bytes(&writer));
}

static void seal_final(struct maker *maker)
{
    uint8_t memory[FINAL_BYTES];
    struct writer writer = writer_of(memory, sizeof memory);

    final_encode(&writer, &(struct final_content){maker->pen.batch_count + 1, maker->pen.end_lsn});
    pen_seal(&maker->pen, BATCH_FINAL, 0, writer_bytes(&writer));
}

/* ---- small files ---- */

static void make_descriptor(struct maker *maker, uint8_t lineage, enum suite suite,
                            const struct ancestor *ancestor)
{
    static uint8_t memory[DESCRIPTOR_BYTES_MAX];

    maker->descriptor = (struct descriptor){
        .suite = suite, .engine = "records", .created_ns = CREATED_NS * 1000000000ull};
    id_fill(&maker->descriptor.lineage, lineage);
    if (ancestor != NULL) {
        maker->descriptor.ancestor_count = 1;
        maker->descriptor.ancestors[0] = *ancestor;
    }
    const struct bytes file = descriptor_encode(&maker->descriptor, memory);

    maker->digest = descriptor_digest(file);
    maker->chain = maker->digest;
    put(maker->folder, GOOD_DESCRIPTOR, file);
}

static void make_keyring(struct maker *maker, const struct audit_dek *deks, unsigned count)
{
    static uint8_t memory[KEYRING_BYTES_MAX];
    static struct keyring keyring;
    static const char arn[] = "arn:aws:kms:eu-west-1:000000000000:key/"
                              "11111111-2222-3333-4444-555555555555";

    keyring = (struct keyring){.lineage = maker->descriptor.lineage,
                               .cluster = "cluster-GOODFILESOFTHEFORMATVECTORS",
                               .region = "eu-west-1"};
    if (count > 0) {
        memcpy(keyring.key_arn, arn, sizeof arn);
    }
    for (unsigned i = 0; i < count; i++) {
        struct envelope envelope = {.dek = deks[i].id, .lineage = maker->descriptor.lineage};
        struct secret check;

        if (i < maker->descriptor.ancestor_count) { /* it was made for the WAL before the cut */
            envelope.lineage = maker->descriptor.ancestors[i].lineage;
        }
        memcpy(envelope.region, keyring.region, sizeof envelope.region);
        memcpy(envelope.key_arn, arn, sizeof arn);
        dek_use_derive(&deks[i].secret, DEK_USE_CHECK, &envelope.lineage, &envelope.dek, &check);
        memcpy(envelope.check.bytes, check.bytes, sizeof envelope.check.bytes);
        envelope.blob = bytes_text(i == 0 ? "the first blob of a key service" : "another blob");
        CHECK(keyring_add(&keyring, &envelope) == OK);
    }
    put(maker->folder, GOOD_KEYRING, keyring_encode(&keyring, memory));
}

static void make_control(struct maker *maker, batch_t durable, const struct epoch_entry *epochs,
                         unsigned count)
{
    static uint8_t memory[CONTROL_BYTES];
    static struct control control;

    control = (struct control){.generation = 7,
                               .lineage = maker->descriptor.lineage,
                               .highest_epoch = maker->epoch,
                               .durable = {maker->epoch, durable},
                               .commit_lsn = maker->pen.end_lsn};
    id_fill(&control.folder, 0xf0);
    for (unsigned i = 0; i < count; i++) {
        CHECK(epoch_table_add(&control.epochs, &epochs[i]) == OK);
    }
    put(maker->folder, GOOD_CONTROL, control_encode(&control, memory));
}

/* ---- the folders ---- */

/* Segment 0: all of the first epoch's beginning, closed. */
static void make_first_segment(struct maker *maker)
{
    static const struct tag none;

    begin_segment(maker, 0, 0x50);
    seal_epoch_start(maker, 0, &none);
    seal_checkpoint(maker);
    seal_data(maker, (const uint32_t[]){3, 2}, 0, true);
    seal_data(maker, (const uint32_t[]){1, 1}, BIG_RECORD_BYTES, true);
    seal_final(maker);
    end_segment(maker);
    keep_segment(maker);
}

/* Segment 1: its writer stops after two data batches, with a third under way. */
static void make_second_segment(struct maker *maker, uint8_t salt)
{
    begin_segment(maker, 1, salt);
    seal_checkpoint(maker);
    seal_data(maker, (const uint32_t[]){2, 3}, 0, true);
    seal_data(maker, (const uint32_t[]){4, 1}, 500, true);
    end_segment(maker);
}

/* Segment 2: the next writer, under the next DEK, goes on behind batch 8. */
static void make_third_segment(struct maker *maker)
{
    static const uint8_t zeros[2 * BATCH_BLOCK_BYTES];
    const struct tag parent = maker->pen.tag;

    maker->epoch = 2;
    maker->incarnation = 0xc2;
    begin_segment(maker, 2, 0x52);
    seal_epoch_start(maker, 1, &parent);
    seal_checkpoint(maker);
    seal_data(maker, (const uint32_t[]){1, 2}, 0, true);
    seal_data(maker, (const uint32_t[]){3, 3}, 4000, true);
    good_append(&maker->pen.out, zeros, sizeof zeros);
    keep_segment(maker);
}

/* Restored from the first two segments of `encrypted`, cut where the third begins; goes on under a
 * lineage and a DEK of its own. */
static void make_restored(struct good *good, const struct maker *cut)
{
    struct maker maker = *cut;
    const struct good_bytes *files = cut->folder->files;
    const struct pen *pen = &cut->pen;
    const struct ancestor ancestor = {.lineage = cut->descriptor.lineage,
                                      .descriptor = cut->digest,
                                      .suite = cut->descriptor.suite,
                                      .cut_segment = 1,
                                      .cut = {1, pen->batch},
                                      .cut_lsn = pen->end_lsn,
                                      .cut_tag = pen->tag};

    good->restored.name = "restored";
    maker.folder = &good->restored;
    put(maker.folder, GOOD_RECORDS, bytes_of(files[GOOD_RECORDS].data, files[GOOD_RECORDS].size));
    put(maker.folder, GOOD_SEGMENT, bytes_of(files[GOOD_SEGMENT].data, files[GOOD_SEGMENT].size));
    put(maker.folder, (enum good_file)(GOOD_SEGMENT + 1), bytes_of(pen->out.data, pen->out.size));
    make_descriptor(&maker, 0xa3, SUITE_AES_256_GCM, &ancestor);
    make_keyring(&maker, good->deks, GOOD_DEKS);
    maker.chain = cut->chain;
    maker.dek = good->deks[1];
    make_third_segment(&maker);
    make_control(&maker, maker.pen.batch,
                 (const struct epoch_entry[]){{1, 1, 1}, {2, 9, pen->end_lsn + 1}}, 2);
}

/* A power cut amid one write of batches 3, 4 and 5: 3 and 5 are whole, of 4 a sector is lost. */
static void make_torn(struct good *good)
{
    enum { LOST_AT = 16384 + 512, LOST_BYTES = 512 };
    static const uint8_t zeros[BATCH_BLOCK_BYTES];
    static const struct tag none;
    struct maker maker = {.folder = &good->torn, .epoch = 1, .incarnation = 0xc1};
    struct good_bytes *file = &good->torn.files[GOOD_SEGMENT];

    good->torn.name = "torn";
    maker.dek = good->deks[0];
    make_descriptor(&maker, 0xa4, SUITE_AES_256_GCM, NULL);
    make_keyring(&maker, good->deks, GOOD_DEKS);
    begin_segment(&maker, 0, 0x54);
    seal_epoch_start(&maker, 0, &none);
    seal_checkpoint(&maker);
    maker.pen.durable = maker.pen.batch;
    seal_data(&maker, (const uint32_t[]){2, 2}, 0, true);
    seal_data(&maker, (const uint32_t[]){1, 2}, 0, false);
    seal_data(&maker, (const uint32_t[]){2, 1}, 0, false);
    good_append(&maker.pen.out, zeros, sizeof zeros);
    good_append(&good->group, maker.pen.out.data, maker.pen.out.size);
    keep_segment(&maker);
    memset(file->data + LOST_AT, 0, LOST_BYTES);
    make_control(&maker, maker.pen.durable, (const struct epoch_entry[]){{1, 1, 1}}, 1);
}

static void make_encrypted(struct good *good)
{
    struct maker maker = {.folder = &good->encrypted, .epoch = 1, .incarnation = 0xc1};

    good->encrypted.name = "encrypted";
    maker.dek = good->deks[0];
    make_descriptor(&maker, 0xa1, SUITE_AES_256_GCM, NULL);
    make_keyring(&maker, good->deks, GOOD_DEKS);
    make_first_segment(&maker);
    const struct maker before = maker;

    make_second_segment(&maker, 0x51);
    const struct maker between = maker;

    make_restored(good, &between);
    seal_data(&maker, (const uint32_t[]){0, 1}, 0, false);
    keep_segment(&maker);
    maker.pen = between.pen;
    maker.dek = good->deks[1];
    make_third_segment(&maker);
    make_control(&maker, maker.pen.batch,
                 (const struct epoch_entry[]){{1, 1, 1}, {2, 9, between.pen.end_lsn + 1}}, 2);

    struct good_folder scratch = {0};

    maker = before;
    maker.folder = &scratch;
    make_second_segment(&maker, 0x5f);
    good->fork = maker.pen.out;
    pen_drop(&maker.pen);
    good_folder_free(&scratch);
}

/* Segment 0 and its seven records have been let go. */
static void make_retained(struct good *good)
{
    static uint8_t memory[CONTROL_BYTES];
    static struct control control;
    const struct good_bytes *whole = &good->encrypted.files[GOOD_RECORDS];
    const uint8_t *records = whole->data;

    good_copy(&good->retained, &good->encrypted);
    good->retained.name = "retained";
    free(good->retained.files[GOOD_SEGMENT].data);
    good->retained.files[GOOD_SEGMENT] = (struct good_bytes){0};
    for (unsigned i = 0; i < FIRST_SEGMENT_RECORDS; i++) {
        records = (const uint8_t *)memchr(records, '\n', TEXT_MAX) + 1;
    }
    put(&good->retained, GOOD_RECORDS,
        bytes_of(records, whole->size - (size_t)(records - whole->data)));
    CHECK(control_decode(&control,
                         bytes_of(good->encrypted.files[GOOD_CONTROL].data, CONTROL_COPY_BYTES),
                         NULL)
          == OK);
    control.first_segment = 1;
    control.before_epoch = 1;
    put(&good->retained, GOOD_CONTROL, control_encode(&control, memory));
}

/* Under the DEK and at the place of segment 1, but of another WAL. */
static void make_foreign(struct good *good)
{
    struct good_folder scratch = {0};
    struct maker maker = {.folder = &scratch, .epoch = 1, .incarnation = 0xc1};

    maker.dek = good->deks[0];
    make_descriptor(&maker, 0xaf, SUITE_AES_256_GCM, NULL);
    make_first_segment(&maker);
    make_second_segment(&maker, 0x51);
    good->foreign = maker.pen.out;
    pen_drop(&maker.pen);
    good_folder_free(&scratch);
}

static void make_plain(struct good *good)
{
    struct maker maker = {.folder = &good->plain, .epoch = 1, .incarnation = 0xc1};

    good->plain.name = "plain";
    make_descriptor(&maker, 0xa2, SUITE_NONE, NULL);
    make_keyring(&maker, NULL, 0);
    make_first_segment(&maker);
    make_second_segment(&maker, 0x51);
    keep_segment(&maker);
    make_control(&maker, maker.pen.batch, (const struct epoch_entry[]){{1, 1, 1}}, 1);
}

void good_make(struct good *good)
{
    *good = (struct good){0};
    for (uint8_t i = 0; i < GOOD_DEKS; i++) {
        char id[33], secret[65], line[128];

        id_fill(&good->deks[i].id, (uint8_t)(0xd1 + i));
        memset(good->deks[i].secret.bytes, 0x11 * (i + 1), SECRET_BYTES);
        snprintf(line, sizeof line, "%s %s\n", hex_encode(bytes_of(good->deks[i].id.bytes, 16), id),
                 hex_encode(bytes_of(good->deks[i].secret.bytes, SECRET_BYTES), secret));
        good_append(&good->deks_text, line, strlen(line));
    }
    make_encrypted(good);
    make_retained(good);
    make_foreign(good);
    make_plain(good);
    make_torn(good);
}

void good_folder_free(struct good_folder *folder)
{
    for (unsigned i = 0; i < GOOD_FILES; i++) {
        free(folder->files[i].data);
        folder->files[i] = (struct good_bytes){0};
    }
}

void good_free(struct good *good)
{
    good_folder_free(&good->encrypted);
    good_folder_free(&good->plain);
    good_folder_free(&good->torn);
    good_folder_free(&good->restored);
    good_folder_free(&good->retained);
    free(good->deks_text.data);
    free(good->fork.data);
    free(good->group.data);
    free(good->foreign.data);
}

void good_copy(struct good_folder *copy, const struct good_folder *folder)
{
    *copy = (struct good_folder){.name = folder->name};
    for (unsigned i = 0; i < GOOD_FILES; i++) {
        if (folder->files[i].data != NULL) {
            good_append(&copy->files[i], folder->files[i].data, folder->files[i].size);
        }
    }
}

static enum status read_segment(void *context, segment_t segment, uint64_t offset, void *into,
                                uint64_t size, uint64_t *got)
{
    const struct good_folder *folder = context;
    const struct good_bytes *file = &folder->files[GOOD_SEGMENT + segment];
    const struct bytes part = bytes_part(bytes_of(file->data, file->size), offset, size);

    if (part.size > 0) {
        memcpy(into, part.data, part.size);
    }
    *got = part.size;
    return OK;
}

struct audit_folder good_audit_folder(const struct good_folder *folder,
                                      segment_t segments[GOOD_SEGMENTS_MAX])
{
    const struct good_bytes *files = folder->files;
    union {
        const struct good_folder *read;
        void *taken;
    } context = {.read = folder};
    struct audit_folder seen = {
        .descriptor = bytes_of(files[GOOD_DESCRIPTOR].data, files[GOOD_DESCRIPTOR].size),
        .control = bytes_of(files[GOOD_CONTROL].data, files[GOOD_CONTROL].size),
        .keyring = bytes_of(files[GOOD_KEYRING].data, files[GOOD_KEYRING].size),
        .segments = segments,
        .read = read_segment,
        .context = context.taken};

    for (segment_t i = 0; i < GOOD_SEGMENTS_MAX; i++) {
        if (files[GOOD_SEGMENT + i].data != NULL) {
            segments[seen.segment_count++] = i;
        }
    }
    return seen;
}
