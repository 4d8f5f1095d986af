/* Makes X.509 certificates with OpenSSL: a name, a validity, a new P-256 key, extensions, a
 * signature.
 *
 * The CA is its own issuer. A leaf takes its subject from the member's name and everything that
 * matters from its extensions: one URI SAN (the identity), DNS and IP names, both EKUs.
 *
 * How it goes wrong: orders that make no certificate (E_USAGE, E_IDENTITY). OpenSSL itself
 * failing to build or sign what is well-formed is a bug or lack of memory, so CHECK. */
#include "transport/certificates.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SERIAL_BITS = 127 }; /* positive, and under the 20 bytes of RFC 5280 section 4.1.2.2 */

static void certificate_begin(struct certificate *certificate, const char *common_name,
                              struct certificate_validity validity)
{
    BIGNUM *serial = BN_new();
    X509 *x509 = X509_new();

    CHECK(serial != NULL && x509 != NULL);
    CHECK(BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
    CHECK(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509)) != NULL);
    BN_free(serial);

    CHECK(X509_set_version(x509, X509_VERSION_3) == 1);
    CHECK(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)validity.not_before) != NULL);
    CHECK(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)validity.not_after) != NULL);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                                     (const unsigned char *)common_name, -1, -1, 0)
          == 1);

    certificate->x509 = x509;
    certificate->key = EVP_EC_gen("P-256");
    CHECK(certificate->key != NULL);
    CHECK(X509_set_pubkey(x509, certificate->key) == 1);
}

static void certificate_extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

    CHECK(extension != NULL);
    CHECK(X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static bool validity_is_good(struct certificate_validity validity)
{
    return validity.not_before < validity.not_after;
}

enum status certificate_make_ca(struct certificate *ca, const char *deployment,
                                struct certificate_validity validity)
{
    char name[64]; /* ub-common-name of RFC 5280 */

    *ca = (struct certificate){0};
    if (!validity_is_good(validity) || deployment[0] == '\0'
        || strlen(deployment) >= DEPLOYMENT_TEXT_MAX) {
        return E_USAGE;
    }
    snprintf(name, sizeof name, "%.50s CA", deployment);
    certificate_begin(ca, name, validity);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(ca->x509), "O", MBSTRING_ASC,
                                     (const unsigned char *)deployment, -1, -1, 0)
          == 1);
    CHECK(X509_set_issuer_name(ca->x509, X509_get_subject_name(ca->x509)) == 1);
    certificate_extend(ca->x509, ca->x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    certificate_extend(ca->x509, ca->x509, NID_key_usage, "critical,keyCertSign,cRLSign");
    certificate_extend(ca->x509, ca->x509, NID_subject_key_identifier, "hash");
    certificate_extend(ca->x509, ca->x509, NID_authority_key_identifier, "keyid:always");
    CHECK(X509_sign(ca->x509, ca->key, EVP_sha256()) > 0);
    return OK;
}

static bool name_is_ip(const char *name)
{
    uint8_t address[16];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool name_is_dns(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    const size_t size = strlen(name);

    return size > 0 && size < 254 && strspn(name, allowed) == size;
}

/* The SAN in OpenSSL's own notation. Identity and names hold no comma, so nothing can be
 * slipped in. */
NODISCARD static enum status order_names(const struct certificate_order *order, char *text,
                                         size_t room)
{
    char uri[IDENTITY_URI_MAX];
    struct identity parsed;
    size_t used;

    identity_format(&order->identity, uri);
    TRY(identity_parse(&parsed, bytes_text(uri)));
    if (order->name_count > CERTIFICATE_NAMES_MAX) {
        return E_USAGE;
    }
    used = (size_t)snprintf(text, room, "URI:%s", uri);
    for (unsigned i = 0; i < order->name_count; i++) {
        const char *name = order->names[i];
        const bool ip = name_is_ip(name);

        if (!ip && !name_is_dns(name)) {
            return E_USAGE;
        }
        used += (size_t)snprintf(text + used, room - used, ",%s:%s", ip ? "IP" : "DNS", name);
    }
    return OK;
}

enum status certificate_issue(struct certificate *leaf, const struct certificate *ca,
                              const struct certificate_order *order)
{
    char names[IDENTITY_URI_MAX + CERTIFICATE_NAMES_MAX * 264];

    *leaf = (struct certificate){0};
    if (!validity_is_good(order->validity) || ca->key == NULL) {
        return E_USAGE;
    }
    TRY(order_names(order, names, sizeof names));
    certificate_begin(leaf, order->identity.member, order->validity);
    CHECK(X509_set_issuer_name(leaf->x509, X509_get_subject_name(ca->x509)) == 1);
    certificate_extend(leaf->x509, ca->x509, NID_basic_constraints, "critical,CA:FALSE");
    certificate_extend(leaf->x509, ca->x509, NID_key_usage, "critical,digitalSignature");
    certificate_extend(leaf->x509, ca->x509, NID_ext_key_usage, "serverAuth,clientAuth");
    certificate_extend(leaf->x509, ca->x509, NID_subject_key_identifier, "hash");
    certificate_extend(leaf->x509, ca->x509, NID_authority_key_identifier, "keyid:always");
    certificate_extend(leaf->x509, ca->x509, NID_subject_alt_name, names);
    CHECK(X509_sign(leaf->x509, ca->key, EVP_sha256()) > 0);
    return OK;
}

void certificate_free(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct certificate){0};
}

static enum status identity_of_names(const GENERAL_NAMES *names, struct identity *identity)
{
    const ASN1_IA5STRING *uri = NULL;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_URI) {
            if (uri != NULL) {
                return E_IDENTITY;
            }
            uri = name->d.uniformResourceIdentifier;
        }
    }
    if (uri == NULL) {
        return E_IDENTITY;
    }
    return identity_parse(identity,
                          bytes_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)));
}

enum status certificate_identity(const struct x509_st *x509, struct identity *identity)
{
    int critical; /* -1: no such extension, -2: several */
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, NULL);

    if (names == NULL) {
        return E_IDENTITY;
    }
    const enum status status = identity_of_names(names, identity);

    GENERAL_NAMES_free(names);
    return status;
}

bool certificate_names_a_host(const struct x509_st *x509)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const int type = sk_GENERAL_NAME_value(names, i)->type;

        found = found || type == GEN_DNS || type == GEN_IPADD;
    }
    GENERAL_NAMES_free(names);
    return found;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm parts;

    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return 0;
    }
    return timegm(&parts);
}

struct certificate_validity certificate_validity_of(const struct x509_st *x509)
{
    return (struct certificate_validity){.not_before = seconds_of(X509_get0_notBefore(x509)),
                                         .not_after = seconds_of(X509_get0_notAfter(x509))};
}

enum status certificate_deployment(struct x509_st *ca, char *deployment)
{
    const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(ca), NID_organizationName,
                                               deployment, DEPLOYMENT_TEXT_MAX);

    return size > 0 && size < DEPLOYMENT_TEXT_MAX - 1 ? OK : E_IDENTITY;
}
