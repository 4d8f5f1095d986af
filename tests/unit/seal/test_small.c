/* CRC, secrets, nonces and derived keys: each at its edges. */
#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "seal/crc32c.h"
#include "seal/dek_use.h"
#include "seal/digest.h"
#include "seal/segment_key.h"
#include "tests/support/test.h"

TEST(crc_is_that_of_the_rfc)
{
    /* RFC 3720, appendix B.4 */
    uint8_t bytes[32];

    memset(bytes, 0, sizeof bytes);
    EXPECT(crc32c(0, bytes_of(bytes, 32)) == 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    EXPECT(crc32c(0, bytes_of(bytes, 32)) == 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    EXPECT(crc32c(0, bytes_of(bytes, 32)) == 0x46dd794e);
    EXPECT(crc32c(0, bytes_text("123456789")) == 0xe3069283);
    EXPECT(crc32c(0, bytes_none()) == 0);
}

TEST(crc_is_the_same_in_hardware_in_the_table_and_in_pieces)
{
    static uint8_t bytes[20000];
    struct prng prng;

    prng_seed(&prng, 3);
    prng_fill(&prng, bytes, sizeof bytes);
    for (unsigned i = 0; i < 2000; i++) {
        const size_t begin = prng_below(&prng, 17);
        const size_t size = prng_below(&prng, i < 1000 ? 64 : 19900);
        const struct bytes all = bytes_of(bytes + begin, size);
        const size_t cut = prng_between(&prng, 0, size);
        const uint32_t whole = crc32c(0, all);

        EXPECT(whole == crc32c_portable(0, all));
        EXPECT(whole == crc32c(crc32c(0, bytes_part(all, 0, cut)), bytes_part(all, cut, size)));
    }
}

TEST(a_nonce_is_its_place)
{
    const struct nonce base = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
    const struct nonce data = nonce_of_place(&base, 0x0102030405060708, false);
    const struct nonce last = nonce_of_place(&base, 0x0102030405060708, true);
    static const uint8_t wanted[] = {0,     1,     2,     3,     4 ^ 1,    5 ^ 2,
                                     6 ^ 3, 7 ^ 4, 8 ^ 5, 9 ^ 6, 0x0a ^ 7, 0x0b ^ 8};

    EXPECT(memcmp(data.bytes, wanted, sizeof wanted) == 0);
    EXPECT(last.bytes[0] == 1 && memcmp(last.bytes + 1, wanted + 1, 11) == 0);
}

TEST(a_secret_has_one_size_and_is_wiped)
{
    const uint8_t bytes[33] = {1};
    struct secret secret, copy;

    EXPECT_STATUS(secret_from(&secret, bytes_of(bytes, 31)), E_MALFORMED);
    EXPECT_STATUS(secret_from(&secret, bytes_of(bytes, 33)), E_MALFORMED);
    EXPECT_STATUS(secret_from(&secret, bytes_of(bytes, 32)), OK);
    secret_copy(&copy, &secret);
    EXPECT(secret_equal(&copy, &secret));
    copy.bytes[31] ^= 1;
    EXPECT(!secret_equal(&copy, &secret));
    EXPECT(!secret_is_zero(&secret));
    secret_wipe(&secret);
    EXPECT(secret_is_zero(&secret));
    EXPECT(!secret_bytes_equal(bytes_of(bytes, 4), bytes_of(bytes, 5)));
    EXPECT(secret_bytes_equal(bytes_none(), bytes_none()));
}

TEST(a_segment_key_is_cut_from_one_derivation)
{
    const struct secret dek = {{5}};
    const uint8_t salt[SEGMENT_SALT_BYTES] = {6};
    const struct digest hash = {{7}};
    uint8_t info[18 + 32], okm[108];
    struct segment_key key;

    memcpy(info, "sealift/segment/v1", 18);
    memcpy(info + 18, hash.bytes, 32);
    digest_hkdf(HKDF_SHA512, bytes_of(salt, 32), bytes_of(dek.bytes, 32), bytes_of(info, 50), okm,
                sizeof okm);
    segment_key_derive(&key, &dek, salt, &hash);
    EXPECT(memcmp(key.seal.bytes, okm, 32) == 0);
    EXPECT(memcmp(key.base_nonce.bytes, okm + 32, 12) == 0);
    EXPECT(memcmp(key.commitment.bytes, okm + 44, 32) == 0);
    EXPECT(memcmp(key.header_mac.bytes, okm + 76, 32) == 0);
    segment_key_wipe(&key);
    EXPECT(secret_is_zero(&key.seal) && secret_is_zero(&key.header_mac));
}

TEST(each_use_of_a_dek_gives_another_key)
{
    const struct secret dek = {{5}};
    const struct id lineage = {{1}}, other = {{2}}, dek_id = {{3}};
    const uint8_t salt[64] = {0};
    uint8_t info[16 + 32] = "sealift/hello/v1";
    struct secret hello, manifest, check, moved, wanted;

    dek_use_derive(&dek, DEK_USE_HELLO, &lineage, &dek_id, &hello);
    dek_use_derive(&dek, DEK_USE_MANIFEST, &lineage, &dek_id, &manifest);
    dek_use_derive(&dek, DEK_USE_CHECK, &lineage, &dek_id, &check);
    dek_use_derive(&dek, DEK_USE_CHECK, &other, &dek_id, &moved);
    EXPECT(!secret_equal(&hello, &manifest) && !secret_equal(&hello, &check));
    EXPECT(!secret_equal(&manifest, &check) && !secret_equal(&check, &moved));

    memcpy(info + 16, lineage.bytes, 16);
    memcpy(info + 32, dek_id.bytes, 16);
    digest_hkdf(HKDF_SHA512, bytes_of(salt, 64), bytes_of(dek.bytes, 32), bytes_of(info, 48),
                wanted.bytes, 32);
    EXPECT(secret_equal(&hello, &wanted));
}

TEST(a_digest_stream_serves_again)
{
    struct digest_stream stream;

    digest_stream_start(&stream);
    for (unsigned i = 0; i < 3; i++) {
        const struct bytes text = bytes_text("one digest after another");
        const struct digest whole = digest_of(text);

        digest_stream_restart(&stream);
        digest_stream_add(&stream, text);
        const struct digest digest = digest_stream_result(&stream);

        EXPECT(digest_equal(&digest, &whole));
    }
    digest_stream_drop(&stream);
}

TEST(a_digest_stream_is_the_digest_of_the_whole)
{
    const struct bytes text = bytes_text("in pieces or at once");
    struct digest_stream stream;

    digest_stream_start(&stream);
    for (size_t i = 0; i < text.size; i++) {
        digest_stream_add(&stream, bytes_part(text, i, 1));
    }
    const struct digest pieces = digest_stream_end(&stream);
    const struct digest whole = digest_of(text);

    EXPECT(stream.context == NULL);
    EXPECT(digest_equal(&pieces, &whole));
    digest_stream_start(&stream);
    digest_stream_drop(&stream);
    digest_stream_drop(&stream);
    EXPECT(stream.context == NULL);
}
