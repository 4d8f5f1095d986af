/* Who is in the list is refused by name, in both directions and on links that are up; a list that
 * does not count is refused when it is read. */
#include "tests/unit/transport/tls_pair.h"

#include "transport/revocations.h"

#include <openssl/x509v3.h>

struct party {
    struct pki pki;
    struct tls_files primary, replica;
};

static void begin(struct party *party)
{
    const struct certificate_order one = pki_order("prod", ROLE_PRIMARY, "p1");
    const struct certificate_order other = pki_order("prod", ROLE_REPLICA, "r1");

    pki_make(&party->pki, "prod");
    party->primary = pki_member(&party->pki, &one);
    party->replica = pki_member(&party->pki, &other);
}

/* Both sides shake hands; what each of them says. */
static void meet(const struct tls_files *client, const struct tls_files *server,
                 enum status *client_says, enum status *server_says)
{
    struct tls_identity *one = pki_load(client);
    struct tls_identity *other = pki_load(server);
    struct tls_pair pair;

    pair_make(&pair, one, other);
    pair_pump(&pair);
    *client_says = pair.client_status;
    *server_says = pair.server_status;
    if (*server_says == E_REVOKED) {
        EXPECT(strstr(tls_engine_why(pair.server), "replica r1 of eu-west-1") != NULL);
        EXPECT(strstr(tls_engine_why(pair.client), "revoked") != NULL); /* by the alert */
    }
    pair_free(&pair);
    tls_identity_free(one);
    tls_identity_free(other);
}

TEST(who_is_in_the_list_is_refused_by_name_whoever_dials)
{
    struct party party;
    enum status client, server;

    begin(&party);
    party.primary.crl = pki_revoke(&party.pki, NULL, pki_validity(-60, 3600));
    meet(&party.replica, &party.primary, &client, &server);
    EXPECT(client == OK && server == OK); /* or the rest would prove nothing */

    pki_revoke_files(&party.pki, &party.replica);
    meet(&party.replica, &party.primary, &client, &server);
    EXPECT_STATUS(server, E_REVOKED);
    EXPECT_STATUS(client, E_TLS);

    meet(&party.primary, &party.replica, &client, &server); /* the primary dials, in thought */
    EXPECT_STATUS(client, E_REVOKED);
    EXPECT_STATUS(server, E_TLS);

    party.primary.crl = NULL;
    meet(&party.replica, &party.primary, &client, &server);
    EXPECT(client == OK && server == OK); /* who was given no list knows of nobody */
    pki_free(&party.pki);
}

TEST(an_engine_that_is_up_is_judged_again_by_a_newer_list)
{
    struct party party;
    struct tls_pair pair;
    const char *why;

    begin(&party);
    party.primary.crl = pki_revoke(&party.pki, NULL, pki_validity(-60, 3600));

    struct tls_identity *before = pki_load(&party.primary);
    struct tls_identity *replica = pki_load(&party.replica);
    struct tls_identity *same = pki_load(&party.primary);

    pki_revoke_files(&party.pki, &party.replica);
    struct tls_identity *after = pki_load(&party.primary);

    pair_make(&pair, replica, before);
    pair_pump(&pair);
    NEED(tls_engine_is_ready(pair.server) && pair.server_status == OK);
    EXPECT_STATUS(tls_engine_recheck(pair.server, before, &why), OK);
    EXPECT_STATUS(tls_engine_recheck(pair.server, same, &why), OK);
    EXPECT_STATUS(tls_engine_recheck(pair.server, after, &why), E_REVOKED);
    EXPECT(strcmp(why, "certificate revoked") == 0);
    EXPECT_STATUS(tls_engine_recheck(pair.client, after, &why), OK); /* p1 is in no list */
    pair_free(&pair);
    tls_identity_free(before);
    tls_identity_free(same);
    tls_identity_free(after);
    tls_identity_free(replica);
    pki_free(&party.pki);
}

TEST(a_ca_that_is_trusted_no_more_takes_its_peers_along)
{
    struct party party, other;
    struct tls_pair pair;
    const char *why;

    begin(&party);
    begin(&other);

    struct tls_identity *primary = pki_load(&party.primary);
    struct tls_identity *replica = pki_load(&party.replica);
    struct tls_identity *strangers = pki_load(&other.primary);

    pair_make(&pair, replica, primary);
    pair_pump(&pair);
    NEED(tls_engine_is_ready(pair.server));
    EXPECT_STATUS(tls_engine_recheck(pair.server, strangers, &why), E_CERTIFICATE);
    pair_free(&pair);
    tls_identity_free(primary);
    tls_identity_free(replica);
    tls_identity_free(strangers);
    pki_free(&party.pki);
    pki_free(&other.pki);
}

TEST(the_end_of_a_chain_is_the_first_end_in_it)
{
    struct party party;
    struct tls_pair pair;
    struct certificate_order order = pki_order("prod", ROLE_REPLICA, "r2");

    begin(&party);
    struct tls_identity *primary = pki_load(&party.primary);

    for (unsigned i = 0; i < 2; i++) {
        /* The CA of a test ends after a day: once the leaf is first, once the CA. */
        order.validity = pki_validity(-60, i == 0 ? 500 : 3600 * 24 * 9);

        const struct tls_files files = pki_member(&party.pki, &order);
        struct tls_identity *replica = pki_load(&files);
        const int64_t first = i == 0 ? order.validity.not_after
                                     : certificate_validity_of(party.pki.ca.x509).not_after;

        pair_make(&pair, replica, primary);
        pair_pump(&pair);
        NEED(tls_engine_is_ready(pair.server));
        EXPECT(tls_engine_peer_expires_at(pair.server) == first);
        pair_free(&pair);
        tls_identity_free(replica);
    }
    tls_identity_free(primary);
    pki_free(&party.pki);
}

static void expect_refused(struct party *party, const char *crl, enum status status,
                           const char *text)
{
    struct tls_identity *identity;
    struct tls_files files = party->primary;
    char why[TRANSPORT_WHY_MAX] = "";

    files.crl = crl;
    EXPECT_STATUS(tls_identity_load(&identity, &files, why), status);
    EXPECT(identity == NULL);
    EXPECT(strstr(why, crl) != NULL && strstr(why, text) != NULL);
    EXPECT(strstr(why, status_name(status)) != NULL);
}

TEST(a_list_that_does_not_count_is_refused_when_it_is_read)
{
    struct party party, other;

    begin(&party);
    begin(&other);
    expect_refused(&party, "/tmp/no-such-file.crl", E_MISSING, "missing");
    expect_refused(&party, party.primary.certificate, E_MALFORMED, "form");
    expect_refused(&party, pki_revoke(&other.pki, NULL, pki_validity(-60, 60)), E_CRL,
                   "not a list of the CA");
    expect_refused(&party, pki_revoke(&party.pki, NULL, pki_validity(-60, -5)), E_CRL,
                   "expired at ");
    expect_refused(&party, pki_revoke(&party.pki, NULL, pki_validity(60, 90)), E_CRL,
                   "not valid before ");
    pki_free(&party.pki);
    pki_free(&other.pki);
}

/* A list with our CA's name that our CA did not sign: whoever can write the file cannot forge. */
TEST(a_list_that_was_changed_is_refused)
{
    struct party party, other;

    begin(&party);
    begin(&other);
    /* The same name, another key: both deployments are called prod. */
    EXPECT(X509_NAME_cmp(X509_get_subject_name(party.pki.ca.x509),
                         X509_get_subject_name(other.pki.ca.x509))
           == 0);
    expect_refused(&party, pki_revoke_files(&other.pki, &party.replica), E_CRL,
                   "not a list of the CA");
    pki_free(&party.pki);
    pki_free(&other.pki);
}

TEST(a_list_that_ends_while_we_run_lets_nobody_in)
{
    struct party party;
    enum status client, server;
    struct tls_pair pair;

    begin(&party);
    party.primary.crl = pki_revoke(&party.pki, NULL, pki_validity(-60, 2));

    struct tls_identity *primary = pki_load(&party.primary);
    struct tls_identity *replica = pki_load(&party.replica);

    EXPECT(tls_identity_crl_expires_at(primary) <= time(NULL) + 2);
    while (time(NULL) <= tls_identity_crl_expires_at(primary)) {
        usleep(20000);
    }
    pair_make(&pair, replica, primary);
    pair_pump(&pair);
    client = pair.client_status;
    server = pair.server_status;
    EXPECT_STATUS(server, E_CRL);
    EXPECT_STATUS(client, E_TLS);
    pair_free(&pair);
    tls_identity_free(primary);
    tls_identity_free(replica);
    pki_free(&party.pki);
}

TEST(our_own_certificate_in_the_list_is_known)
{
    struct party party;

    begin(&party);
    party.primary.crl = pki_revoke_files(&party.pki, &party.replica);

    struct tls_identity *identity = pki_load(&party.primary);

    EXPECT(!tls_identity_is_revoked(identity) && tls_identity_crl_count(identity) == 1);
    tls_identity_free(identity);
    pki_revoke_files(&party.pki, &party.primary);
    identity = pki_load(&party.primary);
    EXPECT(tls_identity_is_revoked(identity) && tls_identity_crl_count(identity) == 2);
    tls_identity_free(identity);
    pki_free(&party.pki);
}

TEST(a_list_grows_keeps_what_it_has_and_outlives_its_own_end)
{
    struct party party;
    struct certificate_order order = pki_order("prod", ROLE_REPLICA, "r1");
    struct certificate leaf[3];
    X509_CRL *crl;
    const char *path = NULL;

    begin(&party);
    for (unsigned i = 0; i < 3; i++) {
        NEED(certificate_issue(&leaf[i], &party.pki.ca, &order) == OK);
        /* The second was made so long ago that it has ended since. */
        path = pki_revoke(&party.pki, leaf[i].x509, pki_validity(-60, i == 1 ? -5 : 3600));
        path = pki_revoke(&party.pki, leaf[i].x509, pki_validity(-60, i == 1 ? -5 : 3600));
    }
    NEED(revocations_read(&crl, path, &party.pki.ca, time(NULL)) == OK);
    EXPECT(revocations_count(crl) == 3); /* nobody twice */
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(revocations_hold(crl, leaf[i].x509));
        certificate_free(&leaf[i]);
    }
    EXPECT(!revocations_hold(crl, party.pki.ca.x509));

    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);

    EXPECT(ASN1_INTEGER_get(number) == 6);
    ASN1_INTEGER_free(number);
    revocations_free(crl);
    pki_free(&party.pki);
}

TEST(a_list_is_not_made_of_what_is_not_ours_nor_over_what_is_no_list)
{
    struct party party;
    struct pki other;
    struct certificate leaf;
    const struct certificate_order order = pki_order("test", ROLE_REPLICA, "r1");

    begin(&party);
    pki_make(&other, "test");
    NEED(certificate_issue(&leaf, &other.ca, &order) == OK);
    const char *path = pki_revoke(&party.pki, NULL, pki_validity(-60, 60));

    EXPECT_STATUS(revocations_renew(path, &party.pki.ca, leaf.x509, pki_validity(-60, 60)),
                  E_USAGE);
    EXPECT_STATUS(revocations_renew(path, &party.pki.ca, NULL, pki_validity(60, -60)), E_USAGE);
    EXPECT_STATUS(revocations_renew(path, &leaf, NULL, pki_validity(-60, 60)), E_CRL);
    EXPECT_STATUS(
        revocations_renew(party.primary.certificate, &party.pki.ca, NULL, pki_validity(-60, 60)),
        E_MALFORMED);
    EXPECT_STATUS(
        revocations_renew("/tmp/no-such-folder/ca.crl", &party.pki.ca, NULL, pki_validity(-60, 60)),
        E_MISSING);
    certificate_free(&leaf);
    pki_free(&other);
    pki_free(&party.pki);
}
