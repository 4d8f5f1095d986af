/* Links that end though both sides are well: certificates end or are revoked, links grow old. */
#include "tests/unit/transport/link_rig.h"

#include "proto/message.h"

static int64_t clock_ahead; /* of the peer that looks at certificates */

static int64_t wall_ahead(void)
{
    return time(NULL) + clock_ahead;
}

TEST(a_link_is_cut_when_the_certificate_of_its_peer_ends)
{
    static const uint8_t tail[4 << 20];

    begin();
    clock_ahead = 3600 - 2; /* certificates of tests are good for an hour */
    listen_with("127.0.0.1:0",
                (struct link_settings){.wall = wall_ahead, .socket_buffer = 64 << 10});
    dial_with(address, (struct link_settings){.socket_buffer = 64 << 10});
    TURN_UNTIL(client.ups > 0 && server.ups > 0);
    NEED(client.link != NULL && server.link != NULL);
    EXPECT(client.downs + server.downs == 0); /* not before its time */
    link_pause(client.link);
    link_send(server.link, MESSAGE_BATCH, bytes_none(), bytes_of(tail, sizeof tail), bytes_none());
    TURN_UNTIL(server.downs > 0);
    EXPECT_STATUS(server.why, E_LAPSED);
    link_resume(client.link);
    TURN_UNTIL(client.downs > 0);
    EXPECT_STATUS(client.why, E_CUT); /* and what waited to leave did not */
    EXPECT(client.messages == 0);
    end();
}

TEST(a_certificate_that_ends_during_the_handshake_makes_no_lasting_link)
{
    begin();
    clock_ahead = 3600 * 24 * 400; /* OpenSSL looked before the clock was set */
    listen_with("127.0.0.1:0", (struct link_settings){.wall = wall_ahead});
    dial_with(address, (struct link_settings){0});
    TURN_UNTIL(server.downs > 0 && client.downs > 0);
    EXPECT_STATUS(server.why, E_LAPSED);
    end();
}

TEST(a_link_that_is_old_says_goodbye_and_is_missed_by_nobody)
{
    static const uint8_t tail[1 << 20];

    begin();
    listen_with("127.0.0.1:0", (struct link_settings){0});
    dial_with(address, (struct link_settings){.age_max = SPAN_MS(100)});
    TURN_UNTIL(client.ups > 0 && server.ups > 0);
    link_send(client.link, MESSAGE_BATCH, bytes_none(), bytes_of(tail, sizeof tail), bytes_none());
    TURN_UNTIL(client.downs > 0 && server.downs > 0);
    EXPECT_STATUS(client.why, E_AGED);
    EXPECT_STATUS(server.why, E_CLOSED); /* not a cut */
    EXPECT(server.messages == 1 && server.bytes == sizeof tail);
    end();
}

/* As p1 would be loaded anew when r1, the second member that was written, is in the list. */
static struct tls_identity *load_with_replica_revoked(void)
{
    const struct certificate_order order = pki_order("prod", ROLE_PRIMARY, "p1");
    const struct tls_files revoked = {.certificate = pki_path(&pki, "m1", ".crt")};
    struct tls_files files = pki_member(&pki, &order);

    files.crl = pki_revoke_files(&pki, &revoked);
    return pki_load(&files);
}

TEST(a_reload_during_the_handshake_is_heeded_when_the_link_comes_up)
{
    struct tls_identity *fresh;

    begin();
    fresh = load_with_replica_revoked();
    server.recheck = fresh;
    listen_with("127.0.0.1:0", (struct link_settings){0}); /* still with the old one */
    dial_with(address, (struct link_settings){0});
    TURN_UNTIL(server.downs > 0 && client.downs > 0);
    EXPECT(server.ups == 1);
    EXPECT_STATUS(server.rechecked, E_REVOKED);
    EXPECT_STATUS(server.why, E_REVOKED);
    EXPECT_STATUS(client.why, E_CUT);
    tls_identity_free(fresh);
    end();
}

TEST(a_reload_cuts_who_is_revoked_and_nobody_else)
{
    struct tls_identity *fresh;

    begin();
    connect_both((struct link_settings){0});
    const struct certificate_order order = pki_order("prod", ROLE_PRIMARY, "p1");
    struct tls_files files = pki_member(&pki, &order);

    files.crl = pki_revoke(&pki, NULL, pki_validity(-60, 3600));
    fresh = pki_load(&files);
    EXPECT_STATUS(link_recheck(server.link, primary), OK);
    EXPECT_STATUS(link_recheck(server.link, fresh), OK);
    tls_identity_free(fresh);
    fresh = load_with_replica_revoked();
    EXPECT_STATUS(link_recheck(server.link, fresh), E_REVOKED);
    EXPECT(server.downs == 0); /* never from inside a call */
    EXPECT_STATUS(link_recheck(server.link, fresh), E_REVOKED);
    EXPECT_STATUS(link_recheck(client.link, fresh), OK); /* p1 is in no list */
    TURN_UNTIL(server.downs > 0 && client.downs > 0);
    EXPECT_STATUS(server.why, E_REVOKED);
    EXPECT_STATUS(client.why, E_CUT);
    tls_identity_free(fresh);
    end();
}
