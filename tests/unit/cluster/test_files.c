/* Descriptor, keyring and control: what was written is read, at the limits too; what was cut,
 * rotten or touched is refused by its name; and no bytes whatever do harm. */
#include "base/check.h"
#include "base/prng.h"
#include "cluster/control.h"
#include "cluster/descriptor.h"
#include "cluster/keyring.h"
#include "seal/crc32c.h"
#include "tests/support/test.h"

#include <stdlib.h>

static const struct id lineage = {{1, 2, 3}};

static uint8_t memory[KEYRING_BYTES_MAX + 1], again[KEYRING_BYTES_MAX];
static struct keyring keyring, keyring_again;
static struct control control, control_again;
static struct descriptor descriptor, descriptor_again;

/* Makes the last four bytes right again, after a field was changed on purpose. */
static void restamp(uint8_t *file, size_t size)
{
    const uint32_t sum = crc32c(0, bytes_of(file, size - 4));

    for (unsigned i = 0; i < 4; i++) {
        file[size - 4 + i] = (uint8_t)(sum >> (8 * i));
    }
}

static enum status decode_descriptor(struct bytes file)
{
    return descriptor_decode(&descriptor_again, file);
}

static enum status decode_keyring(struct bytes file)
{
    return keyring_decode(&keyring_again, file);
}

static enum status decode_control(struct bytes file)
{
    return control_decode(&control_again, file, NULL);
}

typedef enum status decode_function(struct bytes file);

/* From a copy of its exact size, so that a sanitizer sees any read beyond it. */
static enum status decode_copy(struct bytes file, decode_function *decode)
{
    uint8_t *const copy = malloc(file.size + (file.size == 0));

    NEED(copy != NULL);
    if (file.size > 0) {
        memcpy(copy, file.data, file.size);
    }

    const enum status status = decode(bytes_of(copy, file.size));

    free(copy);
    return status;
}

static void every_truncation_is_refused(struct bytes file, decode_function *decode)
{
    for (size_t size = 0; size < file.size; size++) {
        EXPECT_STATUS(decode_copy(bytes_part(file, 0, size), decode), E_TRUNCATED);
    }
}

static void every_flipped_bit_is_refused(size_t size, size_t bits, decode_function *decode)
{
    for (size_t bit = 0; bit < bits; bit++) {
        memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(decode(bytes_of(memory, size)) != OK);
        memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* What a malicious disk could hold: changed, then stamped right. Destroys `memory`. */
static void random_changes_do_no_harm(size_t size, decode_function *decode)
{
    struct prng prng;

    memcpy(again, memory, size);
    prng_seed(&prng, 1);
    for (unsigned round = 0; round < 3000; round++) {
        const size_t reach = prng_chance(&prng, 1, 2) && size > 128 ? 128 : size;

        memcpy(memory, again, size);
        for (uint64_t i = prng_between(&prng, 1, 4); i > 0; i--) {
            memory[prng_below(&prng, reach)] = (uint8_t)prng_next(&prng);
        }
        restamp(memory, size);
        EXPECT(decode_copy(bytes_of(memory, size), decode) < STATUSES);
    }
}

static struct bytes descriptor_example(uint32_t ancestors)
{
    descriptor = (struct descriptor){.lineage = lineage,
                                     .suite = SUITE_AES_256_GCM,
                                     .engine = "records",
                                     .created_ns = 5,
                                     .ancestor_count = ancestors};
    for (uint32_t i = 0; i < ancestors; i++) {
        descriptor.ancestors[i] = (struct ancestor){.lineage = {{(uint8_t)(i + 1)}},
                                                    .descriptor = {{7}},
                                                    .suite = SUITE_NONE,
                                                    .cut_segment = i,
                                                    .cut = {i + 1, 2 * i + 1},
                                                    .cut_lsn = 3 * i,
                                                    .cut_tag = {{9}}};
    }
    return descriptor_encode(&descriptor, memory);
}

TEST(a_descriptor_comes_back_with_any_number_of_ancestors)
{
    for (uint32_t ancestors = 0; ancestors <= DESCRIPTOR_ANCESTORS_MAX; ancestors++) {
        const struct bytes file = descriptor_example(ancestors);

        EXPECT(file.size == 16 + 28 + 2 + 7 + 4 + 100 * ancestors + 4);
        EXPECT_STATUS(descriptor_decode(&descriptor_again, file), OK);
        EXPECT(descriptor_again.ancestor_count == ancestors);
        EXPECT(descriptor_again.suite == SUITE_AES_256_GCM && descriptor_again.created_ns == 5);
        EXPECT(id_equal(&descriptor_again.lineage, &lineage));
        EXPECT(strcmp(descriptor_again.engine, "records") == 0);
        EXPECT(bytes_equal(descriptor_encode(&descriptor_again, again), file));
    }
}

TEST(a_descriptor_that_was_touched_is_refused)
{
    const struct bytes file = descriptor_example(2);

    every_truncation_is_refused(file, decode_descriptor);
    every_flipped_bit_is_refused(file.size, file.size * 8, decode_descriptor);
    EXPECT_STATUS(decode_descriptor(bytes_of(memory, DESCRIPTOR_BYTES_MAX + 1)), E_TOO_LARGE);
    EXPECT_STATUS(decode_descriptor(bytes_of(memory, file.size + 1)), E_MALFORMED);
    random_changes_do_no_harm(file.size, decode_descriptor);
}

/* Writes one byte, stamps, decodes, and puts everything back. */
static enum status with_byte(size_t size, size_t at, uint8_t value)
{
    const uint8_t before = memory[at];

    memory[at] = value;
    restamp(memory, size);

    const enum status status = decode_descriptor(bytes_of(memory, size));

    memory[at] = before;
    restamp(memory, size);
    return status;
}

TEST(each_wrong_field_of_a_descriptor_has_its_own_refusal)
{
    const size_t size = descriptor_example(1).size;

    EXPECT_STATUS(with_byte(size, 0, 'X'), E_MALFORMED); /* magic */
    EXPECT_STATUS(with_byte(size, 8, 2), E_VERSION); /* version */
    EXPECT_STATUS(with_byte(size, 10, 1), E_MALFORMED); /* zero */
    EXPECT_STATUS(with_byte(size, 16, 0), OK); /* suite: only its digest protects it */
    EXPECT_STATUS(with_byte(size, 16, 2), E_VERSION);
    EXPECT_STATUS(with_byte(size, 18, 1), E_MALFORMED); /* zero */
    EXPECT_STATUS(with_byte(size, 44, 32), E_TOO_LARGE); /* the engine's size */
    EXPECT_STATUS(with_byte(size, 46, '\n'), E_MALFORMED);
    EXPECT_STATUS(with_byte(size, 53, 65), E_TOO_LARGE); /* ancestors */
    EXPECT_STATUS(with_byte(size, 53, 0), E_MALFORMED); /* bytes are left */
    EXPECT_STATUS(with_byte(size, 53, 2), E_TRUNCATED);
    EXPECT_STATUS(with_byte(size, 57, 0), E_MALFORMED); /* an ancestor's lineage is zero */
    memory[size - 1] ^= 1;
    EXPECT_STATUS(decode_descriptor(bytes_of(memory, size)), E_CHECKSUM);
}

static struct envelope envelope_example(uint8_t number, size_t blob_bytes)
{
    static uint8_t blob[KEY_BLOB_BYTES_MAX + 1];
    struct envelope envelope = {.dek = {{number}}, .lineage = lineage, .check = {{number}}};

    memset(blob, number, sizeof blob);
    memset(envelope.region, 'r', sizeof envelope.region - 1);
    memset(envelope.key_arn, 'k', sizeof envelope.key_arn - 1);
    envelope.blob = bytes_of(blob, blob_bytes);
    return envelope;
}

static struct bytes keyring_example(uint8_t envelopes, size_t blob_bytes)
{
    memset(&keyring, 0, sizeof keyring);
    keyring.lineage = lineage;
    memset(keyring.cluster, 'c', sizeof keyring.cluster - 1);
    memset(keyring.region, 'r', sizeof keyring.region - 1);
    memset(keyring.key_arn, 'k', sizeof keyring.key_arn - 1);
    for (uint8_t i = 1; i <= envelopes; i++) {
        const struct envelope envelope = envelope_example(i, blob_bytes);

        EXPECT_STATUS(keyring_add(&keyring, &envelope), OK);
    }
    return keyring_encode(&keyring, memory);
}

TEST(a_full_keyring_of_the_largest_envelopes_comes_back)
{
    const struct bytes file = keyring_example(KEYRING_ENVELOPES_MAX, KEY_BLOB_BYTES_MAX);

    EXPECT_STATUS(keyring_decode(&keyring_again, file), OK);
    EXPECT(keyring_again.count == KEYRING_ENVELOPES_MAX);
    EXPECT(bytes_equal(keyring_encode(&keyring_again, again), file));

    const struct envelope more = envelope_example(99, 1);
    const struct envelope replaced = envelope_example(KEYRING_ENVELOPES_MAX, 3);

    EXPECT_STATUS(keyring_add(&keyring_again, &more), E_FULL);
    EXPECT_STATUS(keyring_add(&keyring_again, &replaced), OK);
    EXPECT(keyring_find(&keyring_again, &more.dek) == NULL);
    NEED(keyring_find(&keyring_again, &replaced.dek) != NULL);
    EXPECT(keyring_find(&keyring_again, &replaced.dek)->blob.size == 3);
    EXPECT(keyring_find(&keyring_again, &replaced.dek)->blob.data != replaced.blob.data);
}

TEST(an_envelope_must_have_a_blob_of_a_size_that_a_key_service_returns)
{
    const struct envelope large = envelope_example(1, KEY_BLOB_BYTES_MAX + 1);
    const struct envelope empty = envelope_example(1, 0);

    keyring_example(0, 0);
    EXPECT_STATUS(keyring_add(&keyring, &large), E_TOO_LARGE);
    EXPECT_STATUS(keyring_add(&keyring, &empty), E_MALFORMED);
    EXPECT(keyring.count == 0);
}

TEST(a_keyring_that_was_touched_is_refused)
{
    const struct bytes file = keyring_example(2, 40);

    every_truncation_is_refused(file, decode_keyring);
    every_flipped_bit_is_refused(file.size, file.size * 8, decode_keyring);
    EXPECT_STATUS(decode_keyring(bytes_of(memory, file.size + 1)), E_MALFORMED);
    EXPECT_STATUS(decode_keyring(bytes_of(memory, KEYRING_BYTES_MAX + 1)), E_TOO_LARGE);
    random_changes_do_no_harm(file.size, decode_keyring);
}

TEST(a_keyring_holds_each_dek_once_and_envelopes_only_under_a_key)
{
    const size_t size = keyring_example(2, 4).size;
    const size_t envelope_bytes = 16 + 16 + 32 + 2 + 31 + 2 + 255 + 4 + 4;

    memory[size - 4 - envelope_bytes] = 1; /* the second DEK is the first */
    restamp(memory, size);
    EXPECT_STATUS(decode_keyring(bytes_of(memory, size)), E_MALFORMED);

    keyring_example(0, 0);
    keyring.key_arn[0] = '\0';
    EXPECT_STATUS(decode_keyring(keyring_encode(&keyring, memory)), OK); /* unencrypted */
}

TEST(the_context_of_an_envelope_names_cluster_region_lineage_and_dek)
{
    const struct id dek = {{42}};

    keyring_example(0, 0);

    const struct keys_context context = keyring_context(&keyring, &dek);

    EXPECT(strcmp(context.cluster, keyring.cluster) == 0);
    EXPECT(strcmp(context.region, keyring.region) == 0);
    EXPECT(id_equal(&context.lineage, &lineage) && id_equal(&context.dek, &dek));
}

static struct bytes control_example(uint64_t generation, uint32_t epochs)
{
    memset(&control, 0, sizeof control);
    control.generation = generation;
    control.lineage = lineage;
    control.folder = (struct id){{8}};
    control.highest_epoch = epochs;
    control.durable = (struct position){epochs, 77};
    control.commit_lsn = 66;
    control.suspect = control.may_lack = true;
    control.loss_pending = 9;
    control.claim_asked = 8;
    control.key_standing = KEY_STANDING_LOST;
    control.key_lost_at = 1764000000;
    control.key_lost_ms = UINT64_C(7) * 86400 * 1000;
    for (uint32_t i = 1; i <= 2 + GREET_LOSSES_MAX && i <= epochs; i++) {
        control_add_loss(&control, &(struct epoch_loss){i, 3 * i, 3 * i + 5});
    }
    for (uint32_t i = 1; i <= epochs; i++) {
        const struct epoch_entry entry = {i, 2 * i, 3 * i};

        EXPECT_STATUS(epoch_table_add(&control.epochs, &entry), OK);
    }
    return control_encode(&control, memory);
}

TEST(a_control_file_comes_back_with_a_full_epoch_table)
{
    const struct bytes file = control_example(3, EPOCH_TABLE_MAX);
    unsigned good = 0;

    EXPECT(file.size == CONTROL_BYTES);
    EXPECT_STATUS(control_decode(&control_again, file, &good), OK);
    EXPECT(good == CONTROL_COPIES);
    EXPECT(control_again.generation == 3 && control_again.commit_lsn == 66);
    EXPECT(control_again.suspect && control_again.may_lack && control_again.durable.batch == 77);
    EXPECT(control_again.loss_pending == 9 && control_again.claim_asked == 8
           && control_again.loss_count == GREET_LOSSES_MAX);
    EXPECT(control_again.losses[0].epoch == 3); /* the oldest two made room */
    EXPECT(control_again.key_standing == KEY_STANDING_LOST
           && control_again.key_lost_at == 1764000000 && control_again.key_lost_ms == 604800000);
    EXPECT(control_again.epochs.count == EPOCH_TABLE_MAX);
    EXPECT(control_again.epochs.entries[EPOCH_TABLE_MAX - 1].start_lsn == 3 * EPOCH_TABLE_MAX);
    EXPECT(id_equal(&control_again.folder, &control.folder));
    EXPECT(bytes_equal(control_encode(&control_again, again), file));
}

TEST(a_declared_loss_covers_what_it_names_and_no_more)
{
    const struct epoch_loss losses[] = {{3, 10, 20}, {5, 30, 30}};

    EXPECT(control_loss_covers(losses, 2, 10, 20) && control_loss_covers(losses, 2, 12, 15));
    EXPECT(control_loss_covers(losses, 2, 30, 30));
    EXPECT(!control_loss_covers(losses, 2, 9, 20) && !control_loss_covers(losses, 2, 10, 21));
    EXPECT(!control_loss_covers(losses, 2, 20, 30) && !control_loss_covers(losses, 0, 10, 20));
}

TEST(any_one_good_copy_of_control_is_enough_and_none_is_not)
{
    const unsigned all = (1 << CONTROL_COPIES) - 1;
    unsigned good;

    for (unsigned broken = 0; broken <= all; broken++) {
        const struct bytes file = control_example(3, 2);

        for (unsigned i = 0; i < CONTROL_COPIES; i++) {
            memory[i * CONTROL_COPY_BYTES + 40 + i] ^= (uint8_t)(broken >> i & 1);
        }
        EXPECT_STATUS(control_decode(&control_again, file, &good), broken == all ? E_CHECKSUM : OK);
        EXPECT(good == CONTROL_COPIES - (unsigned)__builtin_popcount(broken));
        EXPECT(broken == all || control_again.commit_lsn == 66);
    }
}

TEST(the_highest_generation_of_control_counts)
{
    for (unsigned newer = 0; newer < CONTROL_COPIES; newer++) {
        memcpy(again, control_example(5, 1).data, CONTROL_COPY_BYTES);

        const struct bytes file = control_example(4, 1);

        memcpy(memory + newer * CONTROL_COPY_BYTES, again, CONTROL_COPY_BYTES);
        EXPECT_STATUS(decode_control(file), OK);
        EXPECT(control_again.generation == 5);
    }
}

TEST(a_control_file_that_was_cut_or_touched_lives_on_its_whole_copies)
{
    const struct bytes file = control_example(3, 2);

    EXPECT_STATUS(decode_control(bytes_none()), E_MISSING);
    EXPECT_STATUS(decode_control(bytes_part(file, 0, 1)), E_CHECKSUM);
    EXPECT_STATUS(decode_control(bytes_part(file, 0, CONTROL_COPY_BYTES - 1)), E_CHECKSUM);
    EXPECT_STATUS(decode_control(bytes_part(file, 0, CONTROL_COPY_BYTES)), OK);
    EXPECT_STATUS(decode_control(bytes_part(file, 1, CONTROL_BYTES)), E_CHECKSUM);
    every_flipped_bit_is_refused(CONTROL_COPY_BYTES, 2048, decode_control);

    memory[8] = 2;
    restamp(memory, CONTROL_COPY_BYTES);
    EXPECT_STATUS(decode_control(bytes_of(memory, CONTROL_COPY_BYTES)), E_VERSION);
    control_example(3, 2);
    random_changes_do_no_harm(CONTROL_COPY_BYTES, decode_control);
}
