/* The certificate is judged as of the time that the proof states: a proof stays good when its
 * certificate has ended, as long as the CA is kept.
 *
 * How it goes wrong: that time is the signer's own word. Who has the key of an ended certificate
 * can date a proof back; a CRL names such keys, and what it names is refused whatever the time. */
#include "cli/key_proof_sign.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/hex.h"
#include "transport/pem_file.h"
#include "transport/revocations.h"
#include "transport/tls_verify.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHAIN_MAX = 4, SIGNATURE_MAX = 1024, CLOCKS_DIFFER_SECONDS = 300, VERIFY_DEPTH = 2 };

static const EVP_MD *hash_of(const EVP_PKEY *key)
{
    return EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

/* ---- signing ---- */

static json_t *pem_of(X509 *x509)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *text;

    CHECK(memory != NULL && PEM_write_bio_X509(memory, x509) == 1);
    const long size = BIO_get_mem_data(memory, &text);
    json_t *pem = json_stringn(text, (size_t)size);

    BIO_free(memory);
    return pem;
}

static enum status read_chain(json_t *chain, const char *path)
{
    BIO *file;
    X509 *x509;

    TRY(pem_file_open(path, &file));
    while (json_array_size(chain) < CHAIN_MAX
           && (x509 = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        json_array_append_new(chain, pem_of(x509));
        X509_free(x509);
    }
    BIO_free(file);
    ERR_clear_error();
    return OK;
}

enum status key_proof_signer_load(struct key_proof_signer *signer, const char *path,
                                  const char *key_path)
{
    *signer = (struct key_proof_signer){.chain = json_array()};
    TRY(certificate_read(&signer->certificate, path, key_path));
    TRY(certificate_identity(signer->certificate.x509, &signer->identity));
    TRY(read_chain(signer->chain, path));
    return signer->identity.role == ROLE_PRIMARY || signer->identity.role == ROLE_REPLICA
               ? OK
               : E_IDENTITY;
}

void key_proof_signer_free(struct key_proof_signer *signer)
{
    certificate_free(&signer->certificate);
    json_decref(signer->chain);
    signer->chain = NULL;
}

json_t *key_proof_sign(const struct key_proof_signer *signer, json_t *proof)
{
    uint8_t signature[SIGNATURE_MAX];
    char text[SIGNATURE_MAX * 2];
    size_t size, signed_size = sizeof signature;
    uint8_t *bytes = key_proof_bytes(proof, &size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *key = signer->certificate.key;

    CHECK(context != NULL);
    CHECK(EVP_DigestSignInit(context, NULL, hash_of(key), NULL, key) == 1);
    CHECK(EVP_DigestSign(context, signature, &signed_size, bytes, size) == 1);
    EVP_MD_CTX_free(context);
    free(bytes);
    return json_pack("{s:o, s:s, s:O}", "proof", proof, "signature",
                     base64_encode(bytes_of(signature, signed_size), text), "certificates",
                     signer->chain);
}

/* ---- checking ---- */

struct judged {
    X509 *leaf;
    STACK_OF(X509) * more;
    struct certificate ca;
};

static enum status say(struct key_proof_check *check, enum status status, const char *what)
{
    snprintf(check->why, sizeof check->why, "%s", what);
    return status;
}

static X509 *certificate_of(const json_t *pem)
{
    const char *text = json_string_value(pem);
    BIO *memory = text != NULL ? BIO_new_mem_buf(text, -1) : NULL;
    X509 *x509 = memory != NULL ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;

    BIO_free(memory);
    ERR_clear_error();
    return x509;
}

static enum status take_chain(struct key_proof_check *check, struct judged *judged)
{
    const json_t *list = json_object_get(check->file, "certificates");
    const size_t count = json_array_size(list);

    judged->more = sk_X509_new_null();
    CHECK(judged->more != NULL);
    for (size_t i = 0; i < count && count <= CHAIN_MAX; i++) {
        X509 *x509 = certificate_of(json_array_get(list, i));

        if (x509 == NULL) {
            return say(check, E_MALFORMED, "certificates: not all of them are in PEM");
        }
        if (i == 0) {
            judged->leaf = x509;
        } else {
            CHECK(sk_X509_push(judged->more, x509) > 0);
        }
    }
    return judged->leaf != NULL ? OK : say(check, E_MALFORMED, "certificates: one to four");
}

static void drop_judged(struct judged *judged)
{
    X509_free(judged->leaf);
    sk_X509_pop_free(judged->more, X509_free);
    certificate_free(&judged->ca);
}

/* Of that CA, for links, and in its time when the proof says that it was made. */
static enum status judge_chain(struct key_proof_check *check, const struct judged *judged)
{
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    int error = X509_V_OK;

    CHECK(trusted != NULL && store != NULL && X509_STORE_add_cert(trusted, judged->ca.x509) == 1);
    CHECK(X509_STORE_CTX_init(store, trusted, judged->leaf, judged->more) == 1);
    CHECK(X509_STORE_CTX_set_default(store, "ssl_client") == 1);
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(store);

    X509_VERIFY_PARAM_set_depth(rules, VERIFY_DEPTH);
    X509_VERIFY_PARAM_set_time(rules, (time_t)check->made_at);
    CHECK(X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT) == 1);
    if (X509_verify_cert(store) != 1) {
        error = X509_STORE_CTX_get_error(store);
    }
    X509_STORE_CTX_free(store);
    X509_STORE_free(trusted);
    ERR_clear_error();
    return error == X509_V_OK
               ? OK
               : say(check, tls_verify_status(error), X509_verify_cert_error_string(error));
}

static enum status judge_crl(struct key_proof_check *check, const struct judged *judged,
                             const struct key_proof_trust *trust)
{
    struct X509_crl_st *crl = NULL;

    if (trust->crl == NULL) {
        return OK;
    }
    enum status status = revocations_read(&crl, trust->crl, &judged->ca, trust->now);

    if (status == OK && revocations_hold(crl, judged->leaf)) {
        status = E_REVOKED;
    }
    revocations_free(crl);
    return status == OK ? OK : say(check, status, status_text(status));
}

static enum status judge_identity(struct key_proof_check *check, const struct judged *judged)
{
    const struct identity *signer = &check->signer;
    char deployment[DEPLOYMENT_TEXT_MAX], lineage[33];

    if (certificate_identity(judged->leaf, &check->signer) != OK
        || (signer->role != ROLE_PRIMARY && signer->role != ROLE_REPLICA)) {
        return say(check, E_IDENTITY, "the certificate is of no primary and no replica");
    }
    if (certificate_deployment(judged->ca.x509, deployment) != OK
        || strcmp(deployment, signer->deployment) != 0) {
        return say(check, E_DEPLOYMENT, "the certificate names another deployment than the CA");
    }
    hex_encode(bytes_of(signer->lineage.bytes, sizeof signer->lineage.bytes), lineage);
    if (strcmp(json_string_value(json_object_get(check->proof, "lineage")), lineage) != 0) {
        return say(check, E_LINEAGE, "the certificate names another lineage than the proof");
    }
    if (strcmp(json_string_value(json_object_get(check->proof, "region")), signer->region) != 0) {
        return say(check, E_IDENTITY, "the certificate names another region than the proof");
    }
    if (strcmp(json_string_value(json_object_get(check->proof, "member")), signer->member) != 0) {
        return say(check, E_IDENTITY, "the certificate names another member than the proof");
    }
    return OK;
}

static enum status judge_signature(struct key_proof_check *check, const struct judged *judged)
{
    const char *text = json_string_value(json_object_get(check->file, "signature"));
    uint8_t signature[SIGNATURE_MAX];
    size_t size, signed_size;

    if (base64_decode(bytes_text(text), signature, sizeof signature, &signed_size) != OK) {
        return say(check, E_MALFORMED, "signature: no base64");
    }
    uint8_t *bytes = key_proof_bytes(check->proof, &size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(judged->leaf);

    CHECK(context != NULL);
    const bool good = key != NULL
                      && EVP_DigestVerifyInit(context, NULL, hash_of(key), NULL, key) == 1
                      && EVP_DigestVerify(context, signature, signed_size, bytes, size) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error();
    free(bytes);
    return good ? OK
                : say(check, E_FORGED,
                      "the signature does not match: the proof was changed after "
                      "it was signed, or is another's");
}

static enum status judge(struct key_proof_check *check, struct judged *judged,
                         const struct key_proof_trust *trust)
{
    const enum status read = certificate_read(&judged->ca, trust->ca, NULL);

    if (read != OK) {
        snprintf(check->why, sizeof check->why, "the CA %.300s: %s", trust->ca, status_text(read));
        return read;
    }
    TRY(take_chain(check, judged));
    TRY(judge_chain(check, judged));
    if (check->made_at > trust->now + CLOCKS_DIFFER_SECONDS) {
        return say(check, E_EXPIRED, "the time that it says lies ahead of this machine's clock");
    }
    TRY(judge_crl(check, judged, trust));
    TRY(judge_identity(check, judged));
    return judge_signature(check, judged);
}

enum status key_proof_check(struct key_proof_check *check, struct bytes file,
                            const struct key_proof_trust *trust)
{
    struct judged judged = {0};
    json_error_t error;
    json_t *proof, *certificates;
    const char *signature;

    *check = (struct key_proof_check){
        .file = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error)};
    if (check->file == NULL
        || json_unpack_ex(check->file, &error, 0, "{s:o, s:s, s:o !}", "proof", &proof, "signature",
                          &signature, "certificates", &certificates)
               != 0) {
        snprintf(check->why, sizeof check->why, "%.200s", error.text);
        return E_MALFORMED;
    }
    check->proof = proof;
    TRY(key_proof_check_form(proof, check->why));
    check->made_at = json_integer_value(json_object_get(proof, "made_at"));
    const enum status status = judge(check, &judged, trust);

    drop_judged(&judged);
    return status;
}

void key_proof_drop(struct key_proof_check *check)
{
    json_decref(check->file);
    check->file = NULL;
    check->proof = NULL;
}
