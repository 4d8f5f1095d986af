/* Sealing and opening, in parts and in place; keys that are replaced and forgotten. */
#include "base/check.h"
#include "base/prng.h"
#include "seal/aead.h"
#include "tests/support/test.h"

enum { SIZE = 50001 };

static uint8_t plain[SIZE], sealed[SIZE], opened[SIZE];
static const struct secret key = {{1, 2, 3}};
static const struct nonce nonce = {{9}};

static struct tag seal(struct aead *aead, size_t size)
{
    struct prng prng;
    struct tag tag;
    const struct bytes parts[] = {bytes_of(plain, size / 3), bytes_none(),
                                  bytes_of(plain + size / 3, size - size / 3)};

    prng_seed(&prng, 1);
    prng_fill(&prng, plain, sizeof plain);
    aead_seal(aead, &nonce, bytes_text("about"), parts, COUNT_OF(parts), sealed, &tag);
    return tag;
}

/* Opened in pieces, to nowhere. */
static enum status verify(struct aead *aead, const struct nonce *with, const char *about,
                          size_t size, const struct tag *tag)
{
    uint8_t piece[1000];

    aead_begin_open(aead, with, bytes_text(about));
    for (size_t at = 0; at < size; at += sizeof piece) {
        aead_pass(aead, bytes_part(bytes_of(sealed, size), at, sizeof piece), piece);
    }
    return aead_end_open(aead, tag) ? OK : E_FORGED;
}

static void round_trip(enum suite suite, size_t size)
{
    struct aead aead;

    aead_init(&aead);
    aead_key(&aead, suite, &key);

    const struct tag tag = seal(&aead, size);
    const struct bytes view = bytes_of(sealed, size);

    EXPECT(size < 16 || (memcmp(sealed, plain, size) == 0) == (suite == SUITE_NONE));
    EXPECT_STATUS(verify(&aead, &nonce, "about", size, &tag), OK);
    EXPECT_STATUS(aead_open(&aead, &nonce, bytes_text("about"), view, &tag, opened), OK);
    EXPECT(memcmp(opened, plain, size) == 0);
    EXPECT_STATUS(aead_open(&aead, &nonce, bytes_text("about"), view, &tag, sealed), OK);
    EXPECT(memcmp(sealed, plain, size) == 0);
    aead_drop(&aead);
}

TEST(what_is_sealed_opens_whatever_its_size_and_suite)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 16384, 16385, SIZE};

    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
        round_trip(SUITE_NONE, sizes[i]);
        round_trip(SUITE_AES_256_GCM, sizes[i]);
    }
}

static void touch_each(enum suite suite)
{
    enum { SMALL = 100 };
    struct aead aead;
    struct tag tag;

    aead_init(&aead);
    aead_key(&aead, suite, &key);
    tag = seal(&aead, SMALL);
    for (unsigned bit = 0; bit < 8 * SMALL; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(opened, 0xaa, SMALL);
        EXPECT_STATUS(verify(&aead, &nonce, "about", SMALL, &tag), E_FORGED);
        EXPECT_STATUS(
            aead_open(&aead, &nonce, bytes_text("about"), bytes_of(sealed, SMALL), &tag, opened),
            E_FORGED);
        EXPECT(opened[0] == 0 && opened[SMALL - 1] == 0);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * sizeof tag.bytes; bit++) {
        tag.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT_STATUS(verify(&aead, &nonce, "about", SMALL, &tag), E_FORGED);
        tag.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    EXPECT_STATUS(verify(&aead, &nonce, "abouT", SMALL, &tag), E_FORGED);
    EXPECT_STATUS(verify(&aead, &(struct nonce){{8}}, "about", SMALL, &tag), E_FORGED);
    aead_drop(&aead);
}

TEST(what_was_touched_does_not_open_and_leaves_nothing_behind)
{
    touch_each(SUITE_NONE);
    touch_each(SUITE_AES_256_GCM);
}

TEST(a_key_is_replaced_and_forgotten_and_set_again)
{
    const struct secret other = {{7}};
    struct aead aead;
    struct tag tag;

    aead_init(&aead);
    aead_key(&aead, SUITE_AES_256_GCM, &key);
    tag = seal(&aead, 64);
    aead_key(&aead, SUITE_AES_256_GCM, &other);
    EXPECT_STATUS(verify(&aead, &nonce, "about", 64, &tag), E_FORGED);
    aead_forget(&aead);
    EXPECT(!aead.keyed);
    aead_key(&aead, SUITE_AES_256_GCM, &key);
    EXPECT_STATUS(verify(&aead, &nonce, "about", 64, &tag), OK);
    aead_drop(&aead);
}
