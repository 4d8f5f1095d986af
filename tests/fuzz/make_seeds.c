/* Writes small good examples for the fuzz targets, one file each.
 *
 *     make_seeds CORPUS      writes CORPUS/<what>/<name>; makes the folders */
#include "tests/fuzz/make_seeds.h"
#include "base/check.h"
#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "cluster/keyring.h"
#include "proto/message.h"
#include "tests/unit/proto/samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SEED_BYTES_MAX = 8192 };

static const char *corpus;
static uint8_t memory[SAMPLE_BYTES_MAX];

void seed_write(const char *what, const char *name, struct bytes seed)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", corpus, what);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    snprintf(path, sizeof path, "%s/%s/%s", corpus, what, name);

    FILE *const file = fopen(path, "wb");

    if (file == NULL || fwrite(seed.data, 1, seed.size, file) != seed.size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void seed_message(const struct sample_kind *kind, bool full)
{
    static union sample_message message;
    char name[64];

    memset(&message, 0, sizeof message);
    kind->fill(&message, full);

    const size_t size = kind->bytes(&message);

    if (size + FRAME_PREFIX_BYTES > SEED_BYTES_MAX) {
        return; /* the fuzzer grows what it needs */
    }
    frame_encode(&(struct frame){(uint16_t)kind->type, (uint32_t)size, 0}, memory);
    kind->encode(&message, memory + FRAME_PREFIX_BYTES);
    snprintf(name, sizeof name, "%s_%s", kind->name, full ? "full" : "empty");
    seed_write("message", name, bytes_of(memory, FRAME_PREFIX_BYTES + size));
}

static void seed_descriptors(void)
{
    static struct descriptor descriptor = {.lineage = {{1}}, .engine = "records"};

    seed_write("descriptor", "plain", descriptor_encode(&descriptor, memory));
    descriptor.suite = SUITE_AES_256_GCM;
    descriptor.ancestor_count = 2;
    descriptor.ancestors[0].lineage.bytes[0] = 2;
    descriptor.ancestors[1].lineage.bytes[0] = 3;
    seed_write("descriptor", "restored", descriptor_encode(&descriptor, memory));
}

static void seed_keyrings(void)
{
    static struct keyring keyring = {.lineage = {{1}}, .cluster = "c", .region = "r"};
    struct envelope envelope = {.lineage = {{1}}, .region = "r", .key_arn = "k"};

    seed_write("keyring", "plain", keyring_encode(&keyring, memory));
    keyring.key_arn[0] = 'k';
    envelope.blob = bytes_text("blob");
    for (uint8_t i = 1; i <= 2; i++) {
        envelope.dek.bytes[0] = i;
        CHECK(keyring_add(&keyring, &envelope) == OK);
    }
    seed_write("keyring", "encrypted", keyring_encode(&keyring, memory));
}

static void seed_controls(void)
{
    static struct control control = {.generation = 1, .lineage = {{1}}};
    const struct epoch_entry first = {1, 1, 1}, second = {2, 9, 8};

    seed_write("control", "new", bytes_part(control_encode(&control, memory), 0, 104));
    CHECK(epoch_table_add(&control.epochs, &first) == OK);
    CHECK(epoch_table_add(&control.epochs, &second) == OK);
    control.suspect = true;
    seed_write("control", "used", bytes_part(control_encode(&control, memory), 0, 152));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_seeds CORPUS\n");
        return 2;
    }
    corpus = argv[1];
    for (unsigned i = 0; i < SAMPLES; i++) {
        seed_message(&sample_kinds[i], true);
        seed_message(&sample_kinds[i], false);
    }
    seed_descriptors();
    seed_keyrings();
    seed_controls();
    make_text_seeds();
    return EXIT_SUCCESS;
}
