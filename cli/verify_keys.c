/* Each envelope of the keyring is sent to the copy's own key, and then to each of the others at its
 * own region's service, in the envelope's own context; and each answer is looked up in the audit of
 * the service that gave it.
 *
 * How it goes wrong: a service that does not answer, that has other credentials, or that nobody
 * named is no evidence: no proof is made then. Another key that opens the envelope is the opposite
 * of a proof; that is said, and nothing is written. */
#include "cli/verify_keys.h"

#include "base/check.h"
#include "base/hex.h"
#include "cli/key_proof_form.h"
#include "cli/verbs.h"
#include "host/clock.h"
#include "host/file.h"
#include "keys/arn.h"
#include "member/deks.h"
#include "transport/pem_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROOF_BYTES_MAX = 16 << 20 };

struct proving {
    const struct verify_order *order;
    const struct keyring *keyring;
    const struct folder_keys *keys;
    const struct audit *audit;
    struct key_calls *calls;
    char why[KEY_WHY_MAX + KEY_ARN_TEXT_MAX + 128];
};

static int refuse(const char *name, enum status status, const char *why)
{
    fprintf(stderr, "sealift verify: %s: %s: %s\n", name, status_name(status), why);
    return status == E_USAGE ? EXIT_USAGE : EXIT_REFUSED;
}

static int64_t now_seconds(void)
{
    return (int64_t)(clock_wall_ns() / 1000000000u);
}

static enum status check_signer(const struct key_proof_signer *signer,
                                const struct keyring *keyring)
{
    const struct certificate_validity validity = certificate_validity_of(signer->certificate.x509);
    const int64_t now = now_seconds();

    if (!id_equal(&signer->identity.lineage, &keyring->lineage)) {
        return E_LINEAGE;
    }
    if (strcmp(signer->identity.region, keyring->region) != 0) {
        return E_IDENTITY;
    }
    return now >= validity.not_before && now <= validity.not_after ? OK : E_EXPIRED;
}

int verify_keys_begin(struct key_proof_signer *signer, const struct verify_order *order,
                      const struct keyring *keyring)
{
    enum status status =
        key_proof_signer_load(signer, order->connect.certificate, order->connect.key);

    if (status == OK) {
        status = check_signer(signer, keyring);
    }
    if (status == OK) {
        return EXIT_DONE;
    }
    fprintf(stderr,
            "sealift verify: %s: %s: %s: a key proof is signed by the member whose copy this is: "
            "give --cert and --key of a primary or replica of its lineage and region (%s)\n",
            order->connect.certificate, status_name(status), status_text(status), keyring->region);
    return status == E_IDENTITY || status == E_LINEAGE ? EXIT_USAGE : EXIT_REFUSED;
}

/* ---- asking ---- */

static struct keys_request request_for(const struct proving *proving, uint32_t i, const char *key,
                                       const char *region)
{
    const struct envelope *envelope = &proving->keyring->envelopes[i];
    struct keys_request request = {.op = KEYS_UNWRAP,
                                   .context = keyring_context(proving->keyring, &envelope->dek),
                                   .blob = envelope->blob};

    snprintf(request.region, sizeof request.region, "%s", region);
    snprintf(request.key, sizeof request.key, "%s", key);
    return request;
}

/* What came out is the very key that opened every header in the verification before. */
static enum status check_plain(const struct proving *proving, uint32_t i,
                               const struct key_trial *trial)
{
    const struct envelope *envelope = &proving->keyring->envelopes[i];
    const struct digest check = dek_check(&trial->plain, &envelope->lineage, &envelope->dek);

    return secret_bytes_equal(bytes_of(check.bytes, sizeof check.bytes),
                              bytes_of(envelope->check.bytes, sizeof envelope->check.bytes))
                   && secret_equal(&trial->plain, &proving->keys->deks[i].secret)
               ? OK
               : E_KEY_MISMATCH;
}

static json_t *note_answer(struct proving *proving, const struct keys_request *request,
                           const struct key_trial *trial, const struct key_description *description)
{
    struct key_entry entry;

    key_calls_look_up(proving->calls, request->region, trial->request_id,
                      proving->order->keys.keep->access_key, &entry);
    return key_proof_answer(request, trial, description, &entry);
}

static enum status ask_own(struct proving *proving, uint32_t i, json_t *answers)
{
    const struct keys_request request =
        request_for(proving, i, proving->keyring->envelopes[i].key_arn, proving->keyring->region);
    struct key_trial trial;

    key_calls_decrypt(proving->calls, &request, &trial);
    const enum status status = trial.status == OK ? check_plain(proving, i, &trial) : trial.status;

    secret_wipe(&trial.plain);
    if (status != OK) {
        snprintf(proving->why, sizeof proving->why, "%s does not open this copy's envelope: %s",
                 request.key, trial.said[0] != '\0' ? trial.said : status_text(status));
        return status;
    }
    json_array_append_new(answers, note_answer(proving, &request, &trial, NULL));
    return OK;
}

static enum status judge_other(struct proving *proving, const struct keys_request *request,
                               const struct key_trial *trial)
{
    if (trial->status == OK) {
        snprintf(proving->why, sizeof proving->why,
                 "%s OPENS this copy's envelope as well: whoever may use it reads this copy",
                 request->key);
        return E_KEY_MISMATCH;
    }
    if (!key_proof_is_refusal(trial->status)) {
        snprintf(proving->why, sizeof proving->why, "%s gave no answer that shows anything: %s",
                 request->key, trial->said);
        return trial->status;
    }
    return OK;
}

static enum status ask_other(struct proving *proving, uint32_t i, const char *key, json_t *answers)
{
    struct key_description description;
    struct key_trial trial;
    struct arn arn;

    if (strcmp(key, proving->keyring->envelopes[i].key_arn) == 0) {
        snprintf(proving->why, sizeof proving->why,
                 "--other-key %s is this copy's own key: name those of other regions", key);
        return E_USAGE;
    }
    CHECK(arn_parse(&arn, key) == OK); /* so it was taken */
    const struct keys_request request = request_for(proving, i, key, arn.region);

    key_calls_decrypt(proving->calls, &request, &trial);
    secret_wipe(&trial.plain);
    TRY(judge_other(proving, &request, &trial));
    key_calls_describe(proving->calls, request.region, key, &description);
    json_array_append_new(answers, note_answer(proving, &request, &trial, &description));
    return OK;
}

static uint64_t count_segments(const struct audit *audit, const struct id *dek)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < audit->row_count; i++) {
        count += id_equal(&audit->rows[i].dek, dek);
    }
    return count;
}

static json_t *hex(const uint8_t *bytes, size_t size)
{
    char text[65];

    return json_string(hex_encode(bytes_of(bytes, size), text));
}

static enum status ask_all(struct proving *proving, json_t *envelopes)
{
    const struct verify_order *order = proving->order;

    for (uint32_t i = 0; i < proving->keyring->count; i++) {
        const struct envelope *envelope = &proving->keyring->envelopes[i];
        const struct digest sha256 = digest_of(envelope->blob);
        json_t *answers = json_array();

        json_array_append_new(envelopes,
                              json_pack("{s:o, s:o, s:I, s:o}", "dek", hex(envelope->dek.bytes, 16),
                                        "envelope_sha256", hex(sha256.bytes, sizeof sha256.bytes),
                                        "segments",
                                        (json_int_t)count_segments(proving->audit, &envelope->dek),
                                        "answers", answers));
        TRY(ask_own(proving, i, answers));
        for (unsigned k = 0; k < order->other_count; k++) {
            TRY(ask_other(proving, i, order->others[k], answers));
        }
    }
    return OK;
}

/* ---- signing ---- */

static json_t *chain_to_json(const struct audit *audit)
{
    const struct audit_row *last = &audit->rows[audit->row_count - 1];

    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "epoch", (json_int_t)last->epoch, "segment",
                     (json_int_t)last->segment, "batch", (json_int_t)last->last_batch, "lsn",
                     (json_int_t)last->end_lsn, "sha256",
                     hex(last->chain.bytes, sizeof last->chain.bytes));
}

static json_t *make_file(const struct proving *proving, const struct key_proof_signer *signer,
                         json_t *envelopes)
{
    json_t *proof = json_pack(
        "{s:s, s:i, s:I, s:o, s:s, s:s, s:s, s:o, s:O}", "type", KEY_PROOF_TYPE, "version",
        KEY_PROOF_VERSION, "made_at", (json_int_t)now_seconds(), "lineage",
        hex(proving->keyring->lineage.bytes, sizeof proving->keyring->lineage.bytes), "region",
        proving->keyring->region, "cluster", proving->keyring->cluster, "member",
        signer->identity.member, "chain", chain_to_json(proving->audit), "envelopes", envelopes);

    CHECK(proof != NULL);
    return key_proof_sign(signer, proof);
}

static int write_file(const struct verify_order *order, struct bytes text)
{
    BIO *content = BIO_new_mem_buf(text.data, (int)text.size);

    CHECK(content != NULL);
    const enum status status = pem_file_create(order->out, content, 0644);

    BIO_free(content);
    return status == OK ? EXIT_DONE : refuse(order->out, status, status_text(status));
}

/* As any reader will check it: what is not good for others is not written. */
static int publish(const struct verify_order *order, struct bytes text)
{
    const struct key_proof_trust trust = {
        .ca = order->connect.ca, .crl = order->connect.crl, .now = now_seconds()};
    struct key_proof_check check;
    const enum status status = key_proof_check(&check, text, &trust);
    int code = EXIT_DONE;

    if (status != OK) {
        code = refuse(order->connect.certificate, status, check.why);
    } else if (order->out != NULL) {
        code = write_file(order, text);
    }
    if (code == EXIT_DONE && !order->json) {
        key_proof_print(stdout, order->out, &check);
    } else if (code == EXIT_DONE) {
        printf("%.*s\n", (int)text.size, (const char *)text.data);
    }
    key_proof_drop(&check);
    return code;
}

static int sign_and_publish(const struct proving *proving, const struct key_proof_signer *signer,
                            json_t *envelopes)
{
    json_t *file = make_file(proving, signer, envelopes);
    const size_t size = json_dumpb(file, NULL, 0, JSON_COMPACT | JSON_SORT_KEYS);
    char *text = malloc(size);

    CHECK(text != NULL && size > 0);
    CHECK(json_dumpb(file, text, size, JSON_COMPACT | JSON_SORT_KEYS) == size);
    const int code = publish(proving->order, bytes_of(text, size));

    free(text);
    json_decref(file);
    return code;
}

int verify_keys_prove(const struct key_proof_signer *signer, const struct verify_order *order,
                      const struct verify_report *report, const struct folder_keys *keys)
{
    struct proving proving = {
        .order = order, .keyring = report->keyring, .keys = keys, .audit = report->copy->audit};
    int code = EXIT_REFUSED;

    if (!id_equal(&proving.audit->descriptor.lineage, &report->keyring->lineage)) {
        return refuse(order->path, E_LINEAGE, "its keyring is of another WAL than its descriptor");
    }
    if (proving.audit->row_count == 0 || !proving.audit->opens_seals) {
        return refuse(order->path, E_NOT_READY, "it has no segment yet that a key could open");
    }
    enum status status = key_calls_open(&proving.calls, &order->keys, proving.why);

    if (status != OK) {
        return refuse(order->path, status, proving.why);
    }
    json_t *envelopes = json_array();

    status = ask_all(&proving, envelopes);
    if (status == OK) {
        code = sign_and_publish(&proving, signer, envelopes);
    } else {
        code = refuse(order->path, status, proving.why);
    }
    json_decref(envelopes);
    key_calls_close(proving.calls);
    return code;
}

/* ---- checking ---- */

static void print_report(const struct verify_order *order, const struct key_proof_check *check,
                         enum status status)
{
    json_t *report = key_proof_report(order->proof, check, status);

    json_dumpf(report, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(report);
}

int verify_proof(const struct verify_order *order)
{
    const struct key_proof_trust trust = {
        .ca = order->connect.ca, .crl = order->connect.crl, .now = now_seconds()};
    struct key_proof_check check;
    uint8_t *text = NULL;
    size_t size;
    enum status status = file_load(AT_FDCWD, order->proof, PROOF_BYTES_MAX, &text, &size);

    if (status != OK) {
        return refuse(order->proof, status, status_text(status));
    }
    status = key_proof_check(&check, bytes_of(text, size), &trust);
    if (order->json) {
        print_report(order, &check, status);
    } else if (status == OK) {
        key_proof_print(stdout, order->proof, &check);
    }
    if (status != OK) {
        refuse(order->proof, status, check.why);
    }
    key_proof_drop(&check);
    free(text);
    return status == OK ? EXIT_DONE : EXIT_REFUSED;
}
