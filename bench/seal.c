/* Sealing alone: batch_seal and batch_verify in memory, beside AES-256-GCM on the same bytes: the
 * one that this process uses, whose difference to sealing is the header, the padding and the CRC,
 * and OpenSSL's own, which is what anybody gets.
 *
 * One core, one thread, a buffer that stays in cache: the ceiling, not what a pipeline sees. */
#include "base/check.h"
#include "bench/bench.h"
#include "client/session.h"
#include "seal/aes_provider.h"
#include "wal/batch.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { TURN_BYTES = 4 << 20, KINDS = 4 };

struct sealing {
    struct batch_sealer sealer;
    struct batch_header header;
    EVP_CIPHER_CTX *stock_aes, *chosen_aes;
    uint8_t *plain, *sealed;
    size_t plain_bytes, sealed_bytes;
};

static EVP_CIPHER_CTX *plain_aes(const uint8_t *key, const char *query)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", query);

    CHECK(context != NULL && cipher != NULL);
    CHECK(EVP_EncryptInit_ex(context, cipher, NULL, key, NULL) == 1);
    EVP_CIPHER_free(cipher);
    return context;
}

static void begin(struct sealing *sealing, size_t bytes)
{
    struct segment_header header = {.suite = SUITE_AES_256_GCM, .epoch = 1, .first_batch = 1};
    const struct secret dek = {{0x5e}};
    struct segment_key key;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    uint8_t aes_key[32];

    *sealing = (struct sealing){
        .plain_bytes = bytes, .sealed_bytes = batch_bytes_for(bytes), .plain = malloc(bytes)};
    sealing->header =
        (struct batch_header){.type = BATCH_DATA, .batch = 1, .first_lsn = 1, .record_count = 1};
    sealing->sealed = aligned_alloc(BATCH_BLOCK_BYTES, sealing->sealed_bytes);
    CHECK(sealing->plain != NULL && sealing->sealed != NULL);
    CHECK(RAND_bytes(sealing->plain, (int)bytes) == 1);
    CHECK(RAND_bytes(aes_key, sizeof aes_key) == 1);
    sealing->stock_aes = plain_aes(aes_key, AES_PROVIDER_STOCK);
    sealing->chosen_aes = plain_aes(aes_key, NULL);
    segment_header_encode(&header, &dek, raw, &key);
    batch_sealer_init(&sealing->sealer);
    batch_sealer_begin(&sealing->sealer, &header, bytes_of(raw, sizeof raw), &key);
    segment_key_wipe(&key);
}

static void end(struct sealing *sealing)
{
    batch_sealer_drop(&sealing->sealer);
    EVP_CIPHER_CTX_free(sealing->stock_aes);
    EVP_CIPHER_CTX_free(sealing->chosen_aes);
    free(sealing->plain);
    free(sealing->sealed);
}

static void do_seal(struct sealing *sealing)
{
    const struct bytes part = bytes_of(sealing->plain, sealing->plain_bytes);

    batch_seal(&sealing->sealer, &sealing->header, &part, 1, sealing->sealed);
}

static void do_verify(struct sealing *sealing)
{
    const struct bytes sealed = bytes_of(sealing->sealed, sealing->sealed_bytes);
    struct batch_header header;

    CHECK(batch_parse(&sealing->sealer, &header, sealed, NULL) == OK);
    CHECK(batch_verify(&sealing->sealer, &header, sealed) == OK);
}

static void encrypt(struct sealing *sealing, EVP_CIPHER_CTX *aes)
{
    static const uint8_t nonce[12];
    uint8_t tag[16];
    int size;

    CHECK(EVP_EncryptInit_ex(aes, NULL, NULL, NULL, nonce) == 1);
    CHECK(EVP_EncryptUpdate(aes, sealing->sealed, &size, sealing->plain, (int)sealing->plain_bytes)
          == 1);
    CHECK(EVP_EncryptFinal_ex(aes, sealing->sealed, &size) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(aes, EVP_CTRL_GCM_GET_TAG, sizeof tag, tag) == 1);
}

static void do_stock(struct sealing *sealing)
{
    encrypt(sealing, sealing->stock_aes);
}

static void do_chosen(struct sealing *sealing)
{
    encrypt(sealing, sealing->chosen_aes);
}

static double speed(struct sealing *sealing, void (*work)(struct sealing *), double seconds)
{
    const struct instant began = session_now();
    const uint64_t turn = TURN_BYTES / sealing->plain_bytes + 1;
    uint64_t count = 0, ns = 0;

    while ((double)ns < seconds * 1e9) {
        for (uint64_t i = 0; i < turn; i++) {
            work(sealing);
        }
        count += turn;
        ns = instant_since(began, session_now()).ns;
    }
    return (double)(count * sealing->plain_bytes) * 1e3 / (double)ns;
}

static void measure(const struct bench_options *options, uint64_t bytes, struct report *report)
{
    static void (*const works[KINDS])(struct sealing *) = {do_seal, do_verify, do_stock, do_chosen};
    double speeds[KINDS][BENCH_ROUNDS_MAX], medians[KINDS];
    struct sealing sealing;

    begin(&sealing, bytes);
    for (unsigned round = 0; round < options->rounds; round++) {
        do_seal(&sealing); /* so that there is something to verify */
        for (unsigned kind = 0; kind < KINDS; kind++) {
            speeds[kind][round] = speed(&sealing, works[kind], options->seconds / KINDS);
            do_seal(&sealing);
        }
    }
    end(&sealing);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        medians[kind] = report_median(speeds[kind], options->rounds);
    }
    report_line(report,
                json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "bench", "seal",
                          "record_bytes", (json_int_t)bytes, "aes", aes_provider_name(), "mb_per_s",
                          report_number(medians[0]), "verify_mb_per_s", report_number(medians[1]),
                          "aes_256_gcm_mb_per_s", report_number(medians[2]), "aes_in_use_mb_per_s",
                          report_number(medians[3]), "ratio_aes_256_gcm",
                          report_number(medians[0] / medians[2]), "ratio_aes_in_use",
                          report_number(medians[3] / medians[2])));
}

bool bench_seal(const struct bench_options *options, struct report *report)
{
    static const uint64_t standard[BENCH_SIZES_MAX] = {1 << 10, 16 << 10, 128 << 10, 1 << 20};
    uint64_t sizes[BENCH_SIZES_MAX];
    const unsigned count = bench_sizes(options, standard, sizes);

    for (unsigned i = 0; i < count; i++) {
        measure(options, sizes[i], report);
    }
    return true;
}
