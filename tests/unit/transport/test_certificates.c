/* What `pki` makes is what links demand; files are never replaced and keys never readable. */
#include "tests/support/pki.h"

#include <openssl/x509v3.h>
#include <sys/stat.h>

TEST(a_leaf_carries_exactly_the_identity_that_was_ordered)
{
    struct certificate ca;
    struct certificate leaf;
    struct identity identity;
    const struct certificate_order order = pki_order("prod", ROLE_REPLICA, "r1");

    NEED(certificate_make_ca(&ca, "prod", pki_validity(-10, 1000)) == OK);
    NEED(certificate_issue(&leaf, &ca, &order) == OK);
    EXPECT_STATUS(certificate_identity(leaf.x509, &identity), OK);
    EXPECT(identity.role == ROLE_REPLICA && strcmp(identity.member, "r1") == 0);
    EXPECT(id_equal(&identity.lineage, &order.identity.lineage));
    EXPECT(X509_check_host(leaf.x509, "localhost", 0, 0, NULL) == 1);
    EXPECT(X509_check_ip_asc(leaf.x509, "::1", 0) == 1);
    EXPECT(X509_check_host(leaf.x509, "elsewhere", 0, 0, NULL) == 0);
    EXPECT(certificate_validity_of(leaf.x509).not_after == order.validity.not_after);
    EXPECT_STATUS(certificate_identity(ca.x509, &identity), E_IDENTITY);
    certificate_free(&leaf);
    certificate_free(&ca);
}

TEST(an_order_that_makes_no_certificate_is_refused)
{
    struct certificate ca;
    struct certificate none;
    struct certificate_order order = pki_order("prod", ROLE_REPLICA, "r1");

    EXPECT_STATUS(certificate_make_ca(&ca, "", pki_validity(-10, 1000)), E_USAGE);
    EXPECT_STATUS(certificate_make_ca(&ca, "prod", pki_validity(10, -10)), E_USAGE);
    NEED(certificate_make_ca(&ca, "prod", pki_validity(-10, 1000)) == OK);
    order.names[0] = "a,URI:sealift://prod/*/eu/operator/root";
    EXPECT_STATUS(certificate_issue(&none, &ca, &order), E_USAGE);
    order.names[0] = "";
    EXPECT_STATUS(certificate_issue(&none, &ca, &order), E_USAGE);
    order = pki_order("prod", ROLE_REPLICA, "r,1");
    EXPECT_STATUS(certificate_issue(&none, &ca, &order), E_IDENTITY);
    order = pki_order("prod", ROLE_REPLICA, "r1");
    order.name_count = CERTIFICATE_NAMES_MAX + 1;
    EXPECT_STATUS(certificate_issue(&none, &ca, &order), E_USAGE);
    certificate_free(&ca);
}

TEST(files_are_private_never_replaced_and_come_back)
{
    struct pki pki;
    struct stat status;
    struct certificate again;

    pki_make(&pki, "prod");
    const struct certificate_order order = pki_order("prod", ROLE_PRIMARY, "p1");
    const struct tls_files files = pki_member(&pki, &order);
    const struct tls_files other = pki_member(&pki, &order);

    NEED(stat(files.key, &status) == 0);
    EXPECT((status.st_mode & 0777) == 0600);
    EXPECT_STATUS(certificate_read(&again, files.certificate, files.key), OK);
    EXPECT_STATUS(certificate_write(&again, files.certificate, NULL), E_EXISTS);
    EXPECT_STATUS(certificate_write(&again, "/tmp/no-such-folder/x.crt", NULL), E_MISSING);
    certificate_free(&again);
    EXPECT_STATUS(certificate_read(&again, files.certificate, other.key), E_USAGE);
    certificate_free(&again);
    EXPECT_STATUS(certificate_read(&again, files.key, NULL), E_MALFORMED);
    certificate_free(&again);
    EXPECT_STATUS(certificate_read(&again, "/tmp/no-such-file.crt", NULL), E_MISSING);
    pki_free(&pki);
}

TEST(our_own_mistakes_are_found_when_loading)
{
    struct pki pki;
    struct pki other;
    struct tls_identity *identity;
    char why[TRANSPORT_WHY_MAX] = "";
    struct certificate_order order = pki_order("prod", ROLE_PRIMARY, "p1");

    pki_make(&pki, "prod");
    pki_make(&other, "prod");
    struct tls_files files = pki_member(&pki, &order);

    files.ca = other.paths[0];
    EXPECT_STATUS(tls_identity_load(&identity, &files, why), E_CERTIFICATE);
    EXPECT(strstr(why, files.certificate) != NULL);
    order.validity = pki_validity(-100, -50);
    files = pki_member(&pki, &order);
    EXPECT_STATUS(tls_identity_load(&identity, &files, why), E_EXPIRED);
    EXPECT(strstr(why, files.certificate) != NULL && strstr(why, ": expired at 2") != NULL);
    EXPECT_STATUS(tls_identity_load_https(&identity, &files, why), E_EXPIRED);
    order.validity = pki_validity(50, 100);
    files = pki_member(&pki, &order);
    EXPECT_STATUS(tls_identity_load(&identity, &files, why), E_EXPIRED);
    EXPECT(strstr(why, files.certificate) != NULL && strstr(why, ": not valid before 2") != NULL);
    EXPECT(strstr(why, "(E_EXPIRED)") != NULL);
    files.certificate = "/tmp/no-such-file.crt";
    EXPECT_STATUS(tls_identity_load(&identity, &files, why), E_MISSING);
    EXPECT(identity == NULL);
    pki_free(&pki);
    pki_free(&other);
}

TEST(a_server_without_a_name_is_refused_by_itself_rather_than_by_its_clients)
{
    struct pki pki;
    struct tls_identity *identity;
    char why[TRANSPORT_WHY_MAX] = "";
    struct certificate_order order = pki_order("prod", ROLE_KEYD, "k1");

    pki_make(&pki, "prod");
    struct tls_files files = pki_member(&pki, &order);

    NEED(tls_identity_load_https(&identity, &files, why) == OK);
    EXPECT(tls_identity_self(identity)->role == ROLE_KEYD);
    tls_identity_free(identity);
    order.name_count = 0;
    files = pki_member(&pki, &order);
    EXPECT_STATUS(tls_identity_load_https(&identity, &files, why), E_CERTIFICATE);
    EXPECT(identity == NULL && strstr(why, "--host (E_CERTIFICATE)") != NULL);
    files = pki_write(&pki, &pki.ca);
    EXPECT_STATUS(tls_identity_load_https(&identity, &files, why), E_CERTIFICATE);
    EXPECT(strstr(why, "not for a TLS server") != NULL);
    pki_free(&pki);
}
