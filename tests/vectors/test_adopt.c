/* The good files are what a replica would store: it adopts every header and batch that counts, and
 * its disk then holds the same bytes. */
#include "tests/support/test.h"
#include "tests/unit/wal/rig.h"
#include "tests/vectors/good.h"

#include "cluster/descriptor.h"

static void know(struct rig *rig, const struct good_folder *folder)
{
    const struct good_bytes *file = &folder->files[GOOD_DESCRIPTOR];
    struct descriptor descriptor;

    NEED(descriptor_decode(&descriptor, bytes_of(file->data, file->size)) == OK);
    const struct digest digest = descriptor_digest(bytes_of(file->data, file->size));

    wal_know(&rig->wal, &descriptor.lineage, &digest, descriptor.suite);
}

static void adopt_segment(struct rig *rig, const struct good_bytes *file, size_t valid)
{
    NEED(rig_adopt_header(rig, bytes_of(file->data, SEGMENT_HEADER_BYTES)) == OK);
    rig_answer(rig);
    for (size_t at = SEGMENT_HEADER_BYTES; at < valid;) {
        struct batch_header header;
        const struct bytes rest = bytes_of(file->data + at, valid - at);

        NEED(batch_header_decode(&header, rest) == OK);
        NEED(wal_adopt_batch(&rig->wal, bytes_part(rest, 0, header.batch_bytes), &rig->fx) == OK);
        rig_answer(rig);
        at += header.batch_bytes;
    }
}

static void adopt_folder(const struct good *good, const struct good_folder *folder,
                         const size_t *valid, unsigned segments)
{
    const struct wal_settings settings = rig_tiny();
    struct rig *rig = rig_new(&settings, SUITE_NONE, 1);

    know(rig, folder);
    for (unsigned i = 0; i < segments; i++) {
        const struct good_bytes *file = &folder->files[GOOD_SEGMENT + i];

        if (folder == &good->encrypted) {
            secret_copy(&rig->dek, &good->deks[i / 2].secret);
        }
        adopt_segment(rig, file, valid[i]);
        EXPECT(bytes_equal(bytes_of(rig->disk.segments[i], rig->disk.sizes[i]),
                           bytes_of(file->data, valid[i])));
    }
    rig_free(rig);
}

TEST(a_replica_adopts_good_files)
{
    struct good good;

    good_make(&good);
    adopt_folder(&good, &good.encrypted, (const size_t[]){32768, 16384, 24576}, 3);
    adopt_folder(&good, &good.plain, (const size_t[]){32768, 16384}, 2);
    good_free(&good);
}
