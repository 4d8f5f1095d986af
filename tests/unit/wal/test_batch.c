/* One batch, in one pass and in several: they must say the same of whatever bytes there are. */
#include "base/check.h"
#include "base/prng.h"
#include "seal/crc32c.h"
#include "seal/digest.h"
#include "tests/support/test.h"
#include "wal/batch.h"

#include <stdlib.h>

enum { ROOM = 1 << 18 };

struct bench {
    struct segment_header segment;
    struct batch_sealer sealer;
    struct segment_key key; /* kept, to forge with */
    uint8_t plain[ROOM], sealed[ROOM], taken[ROOM];
    struct batch_header header;
};

static struct bench *bench_new(enum suite suite)
{
    struct bench *bench = calloc(1, sizeof *bench);
    const struct secret dek = {{suite == SUITE_NONE ? 0 : 0x5e}};
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct prng prng;

    NEED(bench != NULL);
    bench->segment = (struct segment_header){.suite = suite, .epoch = 1, .first_batch = 1};
    segment_header_encode(&bench->segment, &dek, raw, &bench->key);
    batch_sealer_init(&bench->sealer);
    batch_sealer_begin(&bench->sealer, &bench->segment, bytes_of(raw, sizeof raw), &bench->key);
    prng_seed(&prng, 5);
    prng_fill(&prng, bench->plain, sizeof bench->plain);
    return bench;
}

static void bench_free(struct bench *bench)
{
    batch_sealer_drop(&bench->sealer);
    free(bench);
}

static struct bytes seal(struct bench *bench, size_t size)
{
    const struct bytes parts[] = {bytes_of(bench->plain, size / 3),
                                  bytes_of(bench->plain + size / 3, size - size / 3)};

    bench->header =
        (struct batch_header){.type = BATCH_DATA, .batch = 1, .first_lsn = 1, .record_count = 1};
    batch_seal(&bench->sealer, &bench->header, parts, COUNT_OF(parts), bench->sealed);
    return bytes_of(bench->sealed, bench->header.batch_bytes);
}

static enum status judge_in_passes(struct bench *bench, struct bytes sealed, struct tag *tag)
{
    struct batch_header header;

    TRY(batch_parse(&bench->sealer, &header, sealed, tag));
    return batch_verify(&bench->sealer, &header, sealed);
}

/* Both ways; what is taken is the batch itself. */
static enum status judge(struct bench *bench, struct bytes sealed)
{
    struct batch_header header;
    struct tag tags[2];
    const enum status wanted = judge_in_passes(bench, sealed, &tags[0]);

    memset(bench->taken, 0xaa, sealed.size);
    EXPECT_STATUS(batch_take(&bench->sealer, &header, sealed, &tags[1], bench->taken), wanted);
    if (wanted == OK) {
        EXPECT(memcmp(bench->taken, sealed.data, sealed.size) == 0);
        EXPECT(tag_equal(&tags[0], &tags[1]) && header.batch_bytes == sealed.size);
    }
    return wanted;
}

TEST(a_batch_is_taken_whole_wherever_its_pieces_end)
{
    static const size_t sizes[] = {25, 4008, 4009, 16384, 16385, 32768, 40000, 200000};

    for (unsigned suite = SUITE_NONE; suite <= SUITE_AES_256_GCM; suite++) {
        struct bench *bench = bench_new((enum suite)suite);

        for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
            EXPECT_STATUS(judge(bench, seal(bench, sizes[i])), OK);
        }
        bench_free(bench);
    }
}

TEST(every_flipped_bit_is_named_alike_in_one_pass_and_in_several)
{
    struct bench *bench = bench_new(SUITE_AES_256_GCM);
    const struct bytes sealed = seal(bench, 3000);

    for (size_t bit = 0; bit < 8 * sealed.size; bit++) {
        bench->sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(judge(bench, sealed) != OK);
        bench->sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < sealed.size; size += 64) {
        EXPECT_STATUS(judge(bench, bytes_part(sealed, 0, size)), E_TRUNCATED);
    }
    bench_free(bench);
}

static void write_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

/* Somebody who has the key seals `plain` bytes and says in the header that the last are padding. */
static struct bytes forge_padding(struct bench *bench, size_t said, size_t plain)
{
    const struct bytes sealed = seal(bench, said);
    const size_t body = sealed.size - BATCH_OVERHEAD_BYTES;
    const struct nonce nonce = nonce_of_place(&bench->key.base_nonce, 1, false);
    uint8_t aad[4 + 32 + BATCH_HEADER_BYTES], raw[SEGMENT_HEADER_BYTES];
    uint8_t *end = bench->sealed + sealed.size - BATCH_TRAILER_BYTES;
    const struct secret dek = {{0x5e}};
    struct segment_key unused;
    struct tag tag;

    segment_header_encode(&bench->segment, &dek, raw, &unused);

    const struct digest hash = digest_of(bytes_of(raw, sizeof raw));

    memcpy(aad, "SLB1", 4);
    memcpy(aad + 4, hash.bytes, 32);
    memcpy(aad + 36, bench->sealed, BATCH_HEADER_BYTES);
    memset(bench->taken, 0, body);
    memcpy(bench->taken, bench->plain, plain);
    aead_seal(&bench->sealer.aead, &nonce, bytes_of(aad, sizeof aad),
              &(struct bytes){bench->taken, body}, 1, bench->sealed + BATCH_HEADER_BYTES, &tag);
    memcpy(end, tag.bytes, sizeof tag.bytes);
    const uint32_t seed = crc32c(0, bytes_of(bench->segment.commitment.bytes, 4));

    write_u32(end + 16, crc32c(seed, bytes_of(bench->sealed, sealed.size - 8)));
    return sealed;
}

TEST(padding_must_be_zero_under_a_right_seal)
{
    struct bench *bench = bench_new(SUITE_AES_256_GCM);
    static const size_t sizes[] = {25, 3000, 16300, 16384, 16400, 40000};

    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
        EXPECT_STATUS(judge(bench, forge_padding(bench, sizes[i], sizes[i])), OK);
        for (size_t more = 1; more < 40; more += 13) {
            EXPECT_STATUS(judge(bench, forge_padding(bench, sizes[i], sizes[i] + more)), E_FORGED);
        }
    }
    bench_free(bench);
}
