/* Project Wycheproof's vectors through our own functions, where the folder with them is present.
 *
 * Vectors that our functions cannot express (other key, nonce and tag sizes; HKDF outputs beyond
 * what the RFC allows, which are a bug for us and not a status) are counted and said. */
#include "base/check.h"
#include "seal/aead.h"
#include "seal/aes_provider.h"
#include "seal/digest.h"
#include "tests/support/rsp.h"
#include "tests/support/test.h"

#include <jansson.h>

#define FOLDER "../../shared/data/wycheproof/" /* tests run in tests/ */

struct counts {
    unsigned ran, inexpressible;
};

/* NULL where the folder is not present. */
static json_t *load(const char *name)
{
    char path[256];
    json_error_t error;

    snprintf(path, sizeof path, FOLDER "%s", name);

    json_t *root = json_load_file(path, 0, &error);

    if (root == NULL) {
        printf("\n    Wycheproof not run: %s is not present (%s) ...", path, error.text);
    }
    return root;
}

static struct bytes hex_field(const json_t *object, const char *name, struct rsp_bytes *into)
{
    rsp_hex(into, json_string_value(json_object_get(object, name)));
    return bytes_of(into->data, into->size);
}

static size_t number_field(const json_t *object, const char *name)
{
    return (size_t)json_integer_value(json_object_get(object, name));
}

static bool is_valid(const json_t *test)
{
    const char *result = json_string_value(json_object_get(test, "result"));

    NEED(strcmp(result, "valid") == 0 || strcmp(result, "invalid") == 0);
    return result[0] == 'v';
}

typedef bool run_one(const json_t *group, const json_t *test); /* false: inexpressible */

static struct counts run_all(const json_t *root, run_one *run)
{
    struct counts counts = {0};
    size_t i, j;
    json_t *group, *test;

    json_array_foreach(json_object_get(root, "testGroups"), i, group)
    {
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            *(run(group, test) ? &counts.ran : &counts.inexpressible) += 1;
        }
    }
    EXPECT(counts.ran + counts.inexpressible == number_field(root, "numberOfTests"));
    return counts;
}

static void run_file(const char *name, run_one *run, unsigned ran)
{
    json_t *root = load(name);

    if (root == NULL) {
        return;
    }
    const struct counts counts = run_all(root, run);

    printf("\n    Wycheproof %s: %u run, %u not expressible ...", name, counts.ran,
           counts.inexpressible);
    EXPECT(counts.ran == ran);
    json_decref(root);
}

static void check_gcm(const json_t *test, bool valid)
{
    static struct rsp_bytes key_bytes, iv_bytes, aad_bytes, plain_bytes, sealed_bytes, tag_bytes;
    static uint8_t out[RSP_LINE_MAX];
    const struct bytes iv = hex_field(test, "iv", &iv_bytes);
    const struct bytes aad = hex_field(test, "aad", &aad_bytes);
    const struct bytes plain = hex_field(test, "msg", &plain_bytes);
    const struct bytes sealed = hex_field(test, "ct", &sealed_bytes);
    struct secret key;
    struct nonce nonce;
    struct tag tag, own;
    struct aead aead;

    NEED(secret_from(&key, hex_field(test, "key", &key_bytes)) == OK);
    memcpy(nonce.bytes, iv.data, sizeof nonce.bytes);
    memcpy(tag.bytes, hex_field(test, "tag", &tag_bytes).data, sizeof tag.bytes);
    aead_init(&aead);
    aead_key(&aead, SUITE_AES_256_GCM, &key);
    EXPECT_STATUS(aead_open(&aead, &nonce, aad, sealed, &tag, out), valid ? OK : E_FORGED);
    EXPECT(!valid || bytes_equal(bytes_of(out, plain.size), plain));
    aead_seal(&aead, &nonce, aad, &plain, 1, out, &own);
    EXPECT(tag_equal(&own, &tag) == valid);
    EXPECT(!valid || bytes_equal(bytes_of(out, sealed.size), sealed));
    aead_drop(&aead);
}

static bool run_gcm(const json_t *group, const json_t *test)
{
    if (number_field(group, "keySize") != 256 || number_field(group, "ivSize") != 96
        || number_field(group, "tagSize") != 128) {
        return false;
    }
    check_gcm(test, is_valid(test));
    return true;
}

static bool run_hkdf(enum hkdf_hash hash, const json_t *test)
{
    static struct rsp_bytes key, salt, info, wanted;
    static uint8_t out[RSP_LINE_MAX];
    const size_t size = number_field(test, "size");

    if (!is_valid(test)) {
        EXPECT(size > (hash == HKDF_SHA256 ? 255u * 32 : 255u * 64));
        return false;
    }
    const struct bytes okm = hex_field(test, "okm", &wanted);

    NEED(okm.size == size);
    digest_hkdf(hash, hex_field(test, "salt", &salt), hex_field(test, "ikm", &key),
                hex_field(test, "info", &info), out, size);
    EXPECT(bytes_equal(bytes_of(out, size), okm));
    return true;
}

static bool run_hkdf_sha256(const json_t *group, const json_t *test)
{
    (void)group;
    return run_hkdf(HKDF_SHA256, test);
}

static bool run_hkdf_sha512(const json_t *group, const json_t *test)
{
    (void)group;
    return run_hkdf(HKDF_SHA512, test);
}

/* Truncated tags are compared as far as they go: what an invalid one differs in is there. */
static bool run_hmac(const json_t *group, const json_t *test)
{
    static struct rsp_bytes key, message, wanted;
    const struct digest own =
        digest_hmac(hex_field(test, "key", &key), hex_field(test, "msg", &message));
    const struct bytes tag = hex_field(test, "tag", &wanted);

    NEED(tag.size == number_field(group, "tagSize") / 8);
    EXPECT(secret_bytes_equal(bytes_of(own.bytes, tag.size), tag) == is_valid(test));
    return true;
}

TEST(wycheproof_aes_gcm)
{
    run_file("aes_gcm_test.json", run_gcm, 66);
}

TEST(wycheproof_aes_gcm_through_libipsec_mb)
{
    if (aes_provider_choose(AES_IPSEC_MB)) {
        run_file("aes_gcm_test.json", run_gcm, 66);
        aes_provider_leave();
    }
}

TEST(wycheproof_hkdf)
{
    run_file("hkdf_sha256_test.json", run_hkdf_sha256, 83);
    run_file("hkdf_sha512_test.json", run_hkdf_sha512, 80);
}

TEST(wycheproof_hmac)
{
    run_file("hmac_sha256_test.json", run_hmac, 174);
}
