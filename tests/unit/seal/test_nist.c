/* NIST's and the RFCs' own vectors, through our seal, open and derive functions.
 *
 * What our functions cannot be asked (nonces that are not 96 bits, tags shorter than 128 bits)
 * is counted and said, and the counts are fixed: a vector that silently stops being run is a
 * failure. */
#include "base/check.h"
#include "seal/aead.h"
#include "seal/aes_provider.h"
#include "seal/digest.h"
#include "tests/support/rsp.h"
#include "tests/support/test.h"

#include <stdlib.h>

struct gcm_case {
    unsigned iv_bits, tag_bits;
    struct rsp_bytes key, iv, sealed, aad, tag, plain;
    bool must_fail;
};

struct gcm_counts {
    unsigned ran, other_nonce, short_tag;
};

static void read_section(struct gcm_case *at, const struct rsp *rsp)
{
    const unsigned value = (unsigned)strtoul(rsp->value, NULL, 10);

    if (rsp_is(rsp, "IVlen")) {
        at->iv_bits = value;
    } else if (rsp_is(rsp, "Taglen")) {
        at->tag_bits = value;
    }
}

/* True where the case is complete. */
static bool read_line(struct gcm_case *at, const struct rsp *rsp, bool sealing)
{
    static const char *const names[] = {"Key", "IV", "CT", "AAD", "Tag", "PT"};
    struct rsp_bytes *const fields[] = {&at->key, &at->iv,  &at->sealed,
                                        &at->aad, &at->tag, &at->plain};

    at->must_fail = rsp_is(rsp, "FAIL");
    if (at->must_fail) {
        return true;
    }
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (rsp_is(rsp, names[i])) {
            rsp_hex(fields[i], rsp->value);
        }
    }
    return rsp_is(rsp, sealing ? "Tag" : "PT");
}

static struct bytes view(const struct rsp_bytes *bytes)
{
    return bytes_of(bytes->data, bytes->size);
}

static void set_up(struct aead *aead, struct nonce *nonce, const struct gcm_case *at)
{
    struct secret key;

    NEED(secret_from(&key, view(&at->key)) == OK);
    NEED(at->iv.size == NONCE_BYTES);
    memcpy(nonce->bytes, at->iv.data, NONCE_BYTES);
    aead_key(aead, SUITE_AES_256_GCM, &key);
}

static void open_one(struct aead *aead, const struct gcm_case *at)
{
    static uint8_t out[RSP_LINE_MAX];
    struct nonce nonce;
    struct tag tag;
    const enum status wanted = at->must_fail ? E_FORGED : OK;

    set_up(aead, &nonce, at);
    NEED(at->tag.size == sizeof tag.bytes);
    memcpy(tag.bytes, at->tag.data, sizeof tag.bytes);
    EXPECT_STATUS(aead_open(aead, &nonce, view(&at->aad), view(&at->sealed), &tag, out), wanted);
    aead_begin_open(aead, &nonce, view(&at->aad));
    aead_pass(aead, view(&at->sealed), out);
    EXPECT(aead_end_open(aead, &tag) == !at->must_fail);
    EXPECT(at->must_fail || memcmp(out, at->plain.data, at->plain.size) == 0);
}

static void seal_one(struct aead *aead, const struct gcm_case *at)
{
    static uint8_t out[RSP_LINE_MAX];
    struct nonce nonce;
    struct tag tag;
    const size_t half = at->plain.size / 2;
    const struct bytes parts[] = {bytes_part(view(&at->plain), 0, half),
                                  bytes_part(view(&at->plain), half, at->plain.size - half)};

    set_up(aead, &nonce, at);
    aead_seal(aead, &nonce, view(&at->aad), parts, COUNT_OF(parts), out, &tag);
    EXPECT(memcmp(out, at->sealed.data, at->sealed.size) == 0);
    EXPECT(memcmp(tag.bytes, at->tag.data, sizeof tag.bytes) == 0);
}

static struct gcm_counts run_file(const char *path, bool sealing)
{
    static struct rsp rsp;
    static struct gcm_case at;
    struct gcm_counts counts = {0};
    struct aead aead;

    aead_init(&aead);
    NEED(rsp_open(&rsp, path));
    while (rsp_next(&rsp)) {
        if (rsp.bracketed) {
            read_section(&at, &rsp);
        } else if (read_line(&at, &rsp, sealing)) {
            if (at.iv_bits != 96) {
                counts.other_nonce++;
            } else if (at.tag_bits != 128) {
                counts.short_tag++;
            } else {
                counts.ran++;
                sealing ? seal_one(&aead, &at) : open_one(&aead, &at);
            }
        }
    }
    rsp_close(&rsp);
    aead_drop(&aead);
    printf(
        "\n    %s: %u run; cannot be asked of our functions: %u with a nonce that is not 96 bits, "
        "%u with a tag that is not 128 bits ...",
        path, counts.ran, counts.other_nonce, counts.short_tag);
    return counts;
}

static void expect_all_ran(struct gcm_counts counts)
{
    EXPECT(counts.ran == 375);
    EXPECT(counts.short_tag == 2250);
    EXPECT(counts.other_nonce == 5250);
}

TEST(opens_what_nist_sealed_and_refuses_what_nist_forged)
{
    expect_all_ran(run_file("ciphers/AES/GCM/gcmDecrypt256.rsp", false));
}

TEST(seals_as_nist_seals)
{
    expect_all_ran(run_file("ciphers/AES/GCM/gcmEncryptExtIV256.rsp", true));
}

TEST(libipsec_mb_opens_and_seals_as_nist_does)
{
    if (aes_provider_choose(AES_IPSEC_MB)) {
        expect_all_ran(run_file("ciphers/AES/GCM/gcmDecrypt256.rsp", false));
        expect_all_ran(run_file("ciphers/AES/GCM/gcmEncryptExtIV256.rsp", true));
        aes_provider_leave();
    }
}

struct hkdf_case {
    struct rsp_bytes key, salt, info, wanted;
};

static unsigned run_hkdf(const char *path)
{
    static struct rsp rsp;
    static struct hkdf_case at;
    static uint8_t out[RSP_LINE_MAX];
    unsigned ran = 0;

    NEED(rsp_open(&rsp, path));
    while (rsp_next(&rsp)) {
        if (rsp_is(&rsp, "IKM")) {
            rsp_hex(&at.key, rsp.value);
        } else if (rsp_is(&rsp, "salt")) {
            rsp_hex(&at.salt, rsp.value);
        } else if (rsp_is(&rsp, "info")) {
            rsp_hex(&at.info, rsp.value);
        } else if (rsp_is(&rsp, "OKM")) {
            rsp_hex(&at.wanted, rsp.value);
            digest_hkdf(HKDF_SHA256, view(&at.salt), view(&at.key), view(&at.info), out,
                        at.wanted.size);
            EXPECT(memcmp(out, at.wanted.data, at.wanted.size) == 0);
            ran++;
        }
    }
    rsp_close(&rsp);
    return ran;
}

TEST(derives_as_rfc_5869_derives)
{
    EXPECT(run_hkdf("KDF/rfc-5869-HKDF-SHA256.txt") == 3);
    EXPECT(run_hkdf("KDF/hkdf-generated.txt") == 1);
}

static unsigned run_sha256(const char *path)
{
    static struct rsp rsp;
    static struct rsp_bytes message, wanted;
    unsigned ran = 0;
    unsigned long bits = 0;

    NEED(rsp_open(&rsp, path));
    while (rsp_next(&rsp)) {
        if (rsp_is(&rsp, "Len")) {
            bits = strtoul(rsp.value, NULL, 10);
        } else if (rsp_is(&rsp, "Msg")) {
            rsp_hex(&message, rsp.value);
        } else if (rsp_is(&rsp, "MD")) {
            rsp_hex(&wanted, rsp.value);
            message.size = bits / 8; /* an empty message is written as 00 */

            const struct digest digest = digest_of(view(&message));
            const struct digest parted = digest_of_two(bytes_part(view(&message), 0, 5),
                                                       bytes_part(view(&message), 5, SIZE_MAX));

            EXPECT(memcmp(digest.bytes, wanted.data, sizeof digest.bytes) == 0);
            EXPECT(digest_equal(&digest, &parted));
            ran++;
        }
    }
    rsp_close(&rsp);
    return ran;
}

TEST(hashes_as_nist_hashes)
{
    EXPECT(run_sha256("hashes/SHA2/SHA256ShortMsg.rsp") == 65);
    EXPECT(run_sha256("hashes/SHA2/SHA256LongMsg.rsp") == 64);
}
