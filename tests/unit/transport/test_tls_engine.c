/* Who gets in, who does not and under which name, and what a stream promises afterwards. */
#include "tests/unit/transport/tls_pair.h"

#include "base/prng.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct pki pki;
static struct tls_identity *primary;
static struct tls_identity *replica;

static void begin(void)
{
    pki_make(&pki, "prod");
    primary = pki_identity(&pki, "prod", ROLE_PRIMARY, "p1");
    replica = pki_identity(&pki, "prod", ROLE_REPLICA, "r1");
}

static void end(void)
{
    tls_identity_free(primary);
    tls_identity_free(replica);
    pki_free(&pki);
}

TEST(two_members_meet_and_know_each_other)
{
    struct tls_pair pair;
    uint8_t exporters[2][TLS_EXPORTER_BYTES];

    begin();
    pair_make(&pair, replica, primary);
    EXPECT(!tls_engine_is_ready(pair.client));
    pair_pump(&pair);
    NEED(tls_engine_is_ready(pair.client) && tls_engine_is_ready(pair.server));
    EXPECT(tls_engine_peer(pair.client)->role == ROLE_PRIMARY);
    EXPECT(tls_engine_peer(pair.server)->role == ROLE_REPLICA);
    EXPECT(strcmp(tls_engine_peer(pair.server)->member, "r1") == 0);
    tls_engine_exporter(pair.client, exporters[0]);
    tls_engine_exporter(pair.server, exporters[1]);
    EXPECT(memcmp(exporters[0], exporters[1], TLS_EXPORTER_BYTES) == 0);
    pair_free(&pair);
    end();
}

TEST(an_engine_outlives_the_identity_it_was_made_from)
{
    struct tls_pair pair;

    begin();
    pair_make(&pair, replica, primary);
    tls_identity_free(primary);
    primary = NULL;
    pair_pump(&pair);
    EXPECT(tls_engine_is_ready(pair.client) && tls_engine_is_ready(pair.server));
    pair_free(&pair);
    end();
}

/* A stranger's context, able to do everything that we refuse. */
static SSL_CTX *stranger_context(const struct certificate *certificate, const char *alpn)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    if (certificate != NULL) {
        NEED(SSL_CTX_use_certificate(context, certificate->x509) == 1);
        NEED(SSL_CTX_use_PrivateKey(context, certificate->key) == 1);
    }
    if (alpn != NULL) {
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    }
    return context;
}

static enum status meet_server(SSL_CTX *context)
{
    SSL *stranger = stranger_new(context, true);
    struct tls_engine *ours = tls_engine_new(primary, TLS_SERVER);
    const enum status status = stranger_meet(stranger, ours);

    EXPECT(status != OK || tls_engine_is_ready(ours));
    EXPECT(status == OK || !tls_engine_is_ready(ours));
    tls_engine_free(ours);
    SSL_free(stranger);
    SSL_CTX_free(context);
    return status;
}

static struct certificate issue(const struct certificate *ca, struct certificate_order order)
{
    struct certificate leaf;

    NEED(certificate_issue(&leaf, ca, &order) == OK);
    return leaf;
}

TEST(offers_that_are_too_weak_are_refused)
{
    begin();
    struct certificate good = issue(&pki.ca, pki_order("prod", ROLE_REPLICA, "r2"));
    SSL_CTX *context = stranger_context(&good, "\x09sealift/1");

    EXPECT_STATUS(meet_server(context), OK); /* or the rest would prove nothing */

    context = stranger_context(&good, "\x09sealift/1");
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    EXPECT_STATUS(meet_server(context), E_TLS);

    context = stranger_context(&good, "\x09sealift/1");
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256");
    EXPECT_STATUS(meet_server(context), E_TLS);

    context = stranger_context(&good, "\x09sealift/1");
    SSL_CTX_set1_groups_list(context, "P-521");
    EXPECT_STATUS(meet_server(context), E_TLS);

    EXPECT_STATUS(meet_server(stranger_context(&good, "\x02h2")), E_TLS);
    EXPECT_STATUS(meet_server(stranger_context(&good, NULL)), E_TLS);
    EXPECT_STATUS(meet_server(stranger_context(NULL, "\x09sealift/1")), E_CERTIFICATE);
    certificate_free(&good);
    end();
}

TEST(a_server_without_our_protocol_is_refused_by_the_client)
{
    begin();
    struct certificate good = issue(&pki.ca, pki_order("prod", ROLE_PRIMARY, "p2"));
    SSL_CTX *context = stranger_context(&good, NULL);
    SSL *stranger = stranger_new(context, false);
    struct tls_engine *ours = tls_engine_new(replica, TLS_CLIENT);

    EXPECT_STATUS(stranger_meet(stranger, ours), E_TLS);
    tls_engine_free(ours);
    SSL_free(stranger);
    SSL_CTX_free(context);
    certificate_free(&good);
    end();
}

static enum status meet_with(struct certificate leaf)
{
    const enum status status = meet_server(stranger_context(&leaf, "\x09sealift/1"));

    certificate_free(&leaf);
    return status;
}

/* Changes a leaf's extension and signs it again: the CA itself has gone astray. */
static struct certificate issue_with(int nid, const char *value)
{
    struct certificate leaf = issue(&pki.ca, pki_order("prod", ROLE_REPLICA, "r2"));
    X509V3_CTX context;
    const int place = X509_get_ext_by_NID(leaf.x509, nid, -1);

    X509V3_set_ctx(&context, pki.ca.x509, leaf.x509, NULL, NULL, 0);
    X509_EXTENSION_free(X509_delete_ext(leaf.x509, place));
    if (value != NULL) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

        NEED(extension != NULL);
        X509_add_ext(leaf.x509, extension, -1);
        X509_EXTENSION_free(extension);
    }
    NEED(X509_sign(leaf.x509, pki.ca.key, EVP_sha256()) > 0);
    return leaf;
}

#define URI_1 "URI:sealift://prod/abababababababababababababababab/eu-west-1/replica/r1"
#define URI_2 "URI:sealift://prod/abababababababababababababababab/eu-west-1/primary/p1"

TEST(certificates_that_are_not_good_for_links_are_refused_by_name)
{
    struct pki other;
    struct certificate_order order = pki_order("prod", ROLE_REPLICA, "r2");

    begin();
    pki_make(&other, "prod");
    EXPECT_STATUS(meet_with(issue(&pki.ca, order)), OK);
    EXPECT_STATUS(meet_with(issue(&other.ca, order)), E_CERTIFICATE);
    order.validity = pki_validity(-100, -50);
    EXPECT_STATUS(meet_with(issue(&pki.ca, order)), E_EXPIRED);
    order.validity = pki_validity(50, 100);
    EXPECT_STATUS(meet_with(issue(&pki.ca, order)), E_EXPIRED);
    EXPECT_STATUS(meet_with(issue(&pki.ca, pki_order("test", ROLE_REPLICA, "r2"))), E_DEPLOYMENT);
    EXPECT_STATUS(meet_with(issue_with(NID_subject_alt_name, URI_1)), OK);
    EXPECT_STATUS(meet_with(issue_with(NID_subject_alt_name, NULL)), E_IDENTITY);
    EXPECT_STATUS(meet_with(issue_with(NID_subject_alt_name, "DNS:localhost")), E_IDENTITY);
    EXPECT_STATUS(meet_with(issue_with(NID_subject_alt_name, URI_1 "," URI_2)), E_IDENTITY);
    EXPECT_STATUS(meet_with(issue_with(NID_subject_alt_name, URI_1 "," URI_1)), E_IDENTITY);
    EXPECT_STATUS(meet_with(issue_with(NID_subject_alt_name, URI_1 "/x")), E_IDENTITY);
    EXPECT_STATUS(meet_with(issue_with(NID_ext_key_usage, "serverAuth")), E_CERTIFICATE);
    EXPECT_STATUS(meet_with(issue_with(NID_ext_key_usage, NULL)), E_CERTIFICATE);
    EXPECT_STATUS(meet_with(issue_with(NID_basic_constraints, "critical,CA:TRUE")), E_CERTIFICATE);
    pki_free(&other);
    end();
}

TEST(a_uri_with_a_nul_is_refused)
{
    static const char uri[] =
        "sealift://prod/abababababababababababababababab/eu-west-1/replica/r1\0x";

    begin();
    struct certificate leaf = issue_with(NID_subject_alt_name, NULL);
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    ASN1_STRING_set(text, uri, sizeof uri - 1);
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    sk_GENERAL_NAME_push(names, name);
    NEED(X509_add1_ext_i2d(leaf.x509, NID_subject_alt_name, names, 0, 0) == 1);
    NEED(X509_sign(leaf.x509, pki.ca.key, EVP_sha256()) > 0);
    GENERAL_NAMES_free(names);
    EXPECT_STATUS(meet_with(leaf), E_IDENTITY);
    end();
}

TEST(the_dialing_side_is_as_strict)
{
    struct tls_pair pair;

    begin();
    struct tls_identity *foreign = pki_identity(&pki, "test", ROLE_PRIMARY, "p1");

    pair_make(&pair, replica, foreign);
    pair_pump(&pair);
    EXPECT_STATUS(pair.client_status, E_DEPLOYMENT);
    EXPECT_STATUS(pair.server_status, E_TLS); /* it got the alert */
    pair_free(&pair);
    tls_identity_free(foreign);
    end();
}

/* Flips one bit of the n-th byte that crosses; false where so many never did. */
static bool flip_refused(size_t place, bool *reached)
{
    static uint8_t wire[PAIR_WIRE_MAX];
    struct tls_pair pair;
    size_t crossed = 0;
    bool moved = true;

    *reached = false;
    pair_make(&pair, replica, primary);
    pair.client_status = engine_eat(pair.client, bytes_none(), &pair.client_plain);
    for (bool up = true; moved || up; up = !up) {
        struct tls_engine *from = up ? pair.client : pair.server;
        struct tls_engine *to = up ? pair.server : pair.client;
        enum status *status = up ? &pair.server_status : &pair.client_status;
        const size_t size = wire_take(tls_engine_outbox(from), wire);

        moved = size > 0;
        if (place >= crossed && place < crossed + size) {
            wire[place - crossed] ^= 0x10;
            *reached = true;
        }
        crossed += size;
        if (*status == OK) {
            *status = engine_eat(to, bytes_of(wire, size), &pair.server_plain);
        }
    }
    const bool both = tls_engine_is_ready(pair.client) && pair.client_status == OK
                      && tls_engine_is_ready(pair.server) && pair.server_status == OK;

    pair_free(&pair);
    return !both;
}

TEST(no_flipped_byte_of_a_handshake_passes)
{
    bool reached = true;
    unsigned flips = 0;

    begin();
    /* Bytes 1 and 2 are the version of a first record, which RFC 8446 tells everybody to ignore. */
    for (size_t place = 3; reached; place += 29) {
        EXPECT(flip_refused(place, &reached) || !reached);
        flips += reached;
    }
    EXPECT(flips > 50);
    end();
}

TEST(a_flipped_byte_of_a_record_is_refused_and_none_of_it_is_seen)
{
    static uint8_t wire[PAIR_WIRE_MAX];
    struct tls_pair pair;

    begin();
    for (size_t place = 0; place < 1000 + TLS_RECORD_OVERHEAD; place += 73) {
        static uint8_t plain[1000];

        pair_make(&pair, replica, primary);
        pair_pump(&pair);
        NEED(tls_engine_write(pair.client, bytes_of(plain, sizeof plain)) == OK);
        const size_t size = wire_take(tls_engine_outbox(pair.client), wire);

        NEED(size == 1000 + TLS_RECORD_OVERHEAD);
        if (place != 1 && place != 2) {
            wire[place] ^= 1;
            pair.server_status = engine_eat(pair.server, bytes_of(wire, size), &pair.server_plain);
            if (pair.server_status == OK) { /* a longer length: it waits, and then the end comes */
                tls_engine_feed_end(pair.server);
                pair.server_status = engine_eat(pair.server, bytes_none(), &pair.server_plain);
            }
            EXPECT(pair.server_status == E_TLS || pair.server_status == E_CUT);
            EXPECT(pair.server_plain == 0);
        }
        pair_free(&pair);
    }
    end();
}

TEST(a_goodbye_is_closed_and_a_cut_is_cut)
{
    struct tls_pair pair;
    size_t plain = 0;

    begin();
    pair_make(&pair, replica, primary);
    pair_pump(&pair);
    tls_engine_close(pair.client);
    pair_pump(&pair);
    EXPECT_STATUS(pair.server_status, E_CLOSED);
    pair_free(&pair);

    pair_make(&pair, replica, primary);
    pair_pump(&pair);
    tls_engine_feed_end(pair.server);
    EXPECT_STATUS(engine_eat(pair.server, bytes_none(), &plain), E_CUT);
    EXPECT_STATUS(engine_eat(pair.server, bytes_none(), &plain), E_CUT);
    pair_free(&pair);

    pair_make(&pair, replica, primary); /* in the middle of the handshake */
    tls_engine_feed_end(pair.server);
    EXPECT_STATUS(engine_eat(pair.server, bytes_none(), &plain), E_CUT);
    pair_free(&pair);
    end();
}

TEST(keys_change_in_time_and_nobody_notices)
{
    static const uint8_t plain[3 * TLS_RECORD_PLAIN_MAX];
    const struct tls_limits limits = {
        .records_per_key = 4, .bytes_per_key = 1 << 20, .peer_updates_max = 1000};
    struct tls_pair pair;

    begin();
    pair_make(&pair, replica, primary);
    tls_engine_set_limits(pair.client, &limits);
    tls_engine_set_limits(pair.server, &limits);
    pair_pump(&pair);
    for (int i = 0; i < 20; i++) {
        EXPECT_STATUS(tls_engine_write(pair.client, bytes_of(plain, sizeof plain)), OK);
        EXPECT_STATUS(tls_engine_write(pair.server, bytes_of(plain, 1000)), OK);
        pair_pump(&pair);
    }
    EXPECT_STATUS(pair.client_status, OK);
    EXPECT_STATUS(pair.server_status, OK);
    EXPECT(pair.server_plain == 20 * sizeof plain && pair.client_plain == 20 * 1000);
    EXPECT(tls_engine_counters(pair.client).key_updates_out >= 14);
    EXPECT(tls_engine_counters(pair.server).key_updates_in
           == tls_engine_counters(pair.client).key_updates_out);
    EXPECT(tls_engine_counters(pair.server).key_updates_out >= 4);
    pair_free(&pair);
    end();
}

TEST(a_peer_that_only_changes_keys_is_refused)
{
    const struct tls_limits eager = {
        .records_per_key = 1, .bytes_per_key = 1 << 20, .peer_updates_max = 32};
    struct tls_pair pair;
    int writes = 0;

    begin();
    pair_make(&pair, replica, primary);
    tls_engine_set_limits(pair.client, &eager);
    pair_pump(&pair);
    for (; writes < 100 && pair.server_status == OK; writes++) {
        NEED(tls_engine_write(pair.client, bytes_text("x")) == OK);
        pair_pump(&pair);
    }
    EXPECT_STATUS(pair.server_status, E_TLS);
    EXPECT(writes > 30 && writes < 40);
    pair_free(&pair);
    end();
}
