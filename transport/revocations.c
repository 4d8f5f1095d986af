/* Reads, checks, extends and signs a CRL with OpenSSL.
 *
 * The signature is checked against the CA's key and the issuer against its name, so that a list of
 * another deployment is refused by name when it is read, not by failing handshakes later.
 *
 * How it goes wrong: files that are missing or hold something else, a list of another CA or out of
 * its time. OpenSSL failing to build what is well-formed is lack of memory, so CHECK. */
#include "transport/revocations.h"

#include "base/check.h"
#include "transport/pem_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { CRL_VERSION_2 = 1 };

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;

    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

struct certificate_validity revocations_validity_of(const struct X509_crl_st *crl)
{
    return (struct certificate_validity){.not_before = seconds_of(X509_CRL_get0_lastUpdate(crl)),
                                         .not_after = seconds_of(X509_CRL_get0_nextUpdate(crl))};
}

static bool is_signed_by(X509_CRL *crl, X509 *ca)
{
    const bool named = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) == 0;
    const bool good = named && X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;

    ERR_clear_error();
    return good;
}

enum status revocations_read(struct X509_crl_st **crl, const char *path,
                             const struct certificate *ca, int64_t now)
{
    BIO *file;

    *crl = NULL;
    TRY(pem_file_open(path, &file));
    *crl = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL);
    BIO_free(file);
    ERR_clear_error();
    if (*crl == NULL) {
        return E_MALFORMED;
    }
    if (!is_signed_by(*crl, ca->x509)) {
        revocations_free(*crl);
        *crl = NULL;
        return E_CRL;
    }
    /* A list without an end (RFC 5280 section 5.1.2.5 forbids it) has ended long ago. */
    const struct certificate_validity validity = revocations_validity_of(*crl);

    return now >= validity.not_before && now < validity.not_after ? OK : E_CRL;
}

void revocations_free(struct X509_crl_st *crl)
{
    X509_CRL_free(crl);
}

bool revocations_hold(struct X509_crl_st *crl, struct x509_st *certificate)
{
    X509_REVOKED *entry;

    return X509_CRL_get0_by_cert(crl, &entry, certificate) != 0;
}

unsigned revocations_count(struct X509_crl_st *crl)
{
    const int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)); /* no list at all: -1 */

    return count > 0 ? (unsigned)count : 0;
}

/* CRL numbers only rise (RFC 5280 section 5.2.3): whoever compares two knows the newer. */
static void set_number(X509_CRL *crl)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    const int place = X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1);
    const int64_t last = number == NULL ? 0 : ASN1_INTEGER_get(number);

    if (number == NULL) {
        number = ASN1_INTEGER_new();
        CHECK(number != NULL);
    }
    if (place >= 0) {
        X509_EXTENSION_free(X509_CRL_delete_ext(crl, place));
    }
    CHECK(ASN1_INTEGER_set_int64(number, last + 1) == 1);
    CHECK(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1);
    ASN1_INTEGER_free(number);
}

static void add_entry(X509_CRL *crl, X509 *certificate, int64_t now)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)now);

    CHECK(entry != NULL && when != NULL);
    CHECK(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1);
    CHECK(X509_REVOKED_set_revocationDate(entry, when) == 1);
    CHECK(X509_CRL_add0_revoked(crl, entry) == 1);
    ASN1_TIME_free(when);
}

static X509_CRL *make_first(const struct certificate *ca)
{
    X509_CRL *crl = X509_CRL_new();
    X509V3_CTX context;

    CHECK(crl != NULL);
    CHECK(X509_CRL_set_version(crl, CRL_VERSION_2) == 1);
    CHECK(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x509)) == 1);
    X509V3_set_ctx(&context, ca->x509, NULL, NULL, crl, 0);

    X509_EXTENSION *issuer =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");

    CHECK(issuer != NULL);
    CHECK(X509_CRL_add_ext(crl, issuer, -1) == 1);
    X509_EXTENSION_free(issuer);
    return crl;
}

static void sign(X509_CRL *crl, const struct certificate *ca, struct certificate_validity validity)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)validity.not_before);
    ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)validity.not_after);

    CHECK(from != NULL && to != NULL);
    CHECK(X509_CRL_set1_lastUpdate(crl, from) == 1);
    CHECK(X509_CRL_set1_nextUpdate(crl, to) == 1);
    CHECK(X509_CRL_sort(crl) == 1);
    CHECK(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
}

static enum status write_list(const char *path, X509_CRL *crl)
{
    BIO *content = BIO_new(BIO_s_mem());

    CHECK(content != NULL);
    CHECK(PEM_write_bio_X509_CRL(content, crl) == 1);

    const enum status status = pem_file_replace(path, content, 0644);

    BIO_free(content);
    return status;
}

enum status revocations_renew(const char *path, const struct certificate *ca,
                              struct x509_st *revoked, struct certificate_validity validity)
{
    X509_CRL *crl = NULL;
    enum status status;

    if (ca->key == NULL || validity.not_before >= validity.not_after
        || (revoked != NULL
            && X509_NAME_cmp(X509_get_issuer_name(revoked), X509_get_subject_name(ca->x509))
                   != 0)) {
        return E_USAGE;
    }
    status = revocations_read(&crl, path, ca, validity.not_before);
    if (status == E_MISSING) {
        crl = make_first(ca);
        status = OK;
    } else if (status == E_CRL && crl != NULL) {
        status = OK; /* only out of its time */
    }
    if (status == OK) {
        if (revoked != NULL && !revocations_hold(crl, revoked)) {
            add_entry(crl, revoked, time(NULL));
        }
        set_number(crl);
        sign(crl, ca, validity);
        status = write_list(path, crl);
    }
    revocations_free(crl);
    return status;
}
