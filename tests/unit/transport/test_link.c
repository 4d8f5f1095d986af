/* Links over real sockets: whole messages in both directions whatever the sizes, back-pressure,
 * goodbyes and cuts, and peers that are silent, slow or strangers. */
#include "tests/unit/transport/link_rig.h"

#include "base/check.h"
#include "base/prng.h"
#include "proto/message.h"
#include "transport/socket.h"

#include <sys/socket.h>

TEST(a_link_comes_up_with_both_names_and_one_exporter)
{
    begin();
    connect_both((struct link_settings){0});
    EXPECT(client.peer.identity.role == ROLE_PRIMARY && client.peer.dialed);
    EXPECT(server.peer.identity.role == ROLE_REPLICA && !server.peer.dialed);
    EXPECT(memcmp(client.peer.exporter, server.peer.exporter, TLS_EXPORTER_BYTES) == 0);
    EXPECT(strncmp(server.peer.address, "127.0.0.1:", 10) == 0);
    link_close(client.link, LINK_FLUSH);
    client.link = NULL;
    TURN_UNTIL(server.downs > 0);
    EXPECT_STATUS(server.why, E_CLOSED);
    EXPECT(client.downs == 0);
    end();
}

/* Random sizes from nothing to 16 MiB, mostly small. */
static size_t random_size(struct prng *dice)
{
    switch (prng_below(dice, 8)) {
    case 0:
        return prng_below(dice, 16 << 20);
    case 1:
    case 2:
        return prng_below(dice, 1 << 20);
    case 3:
        return 16360 + prng_below(dice, 40);
    default: /* number: dice */
        return prng_below(dice, 3000);
    }
}

struct traffic {
    uint8_t *data;
    struct prng dice;
    unsigned count;
    uint32_t sum;
};

static void send_random(struct traffic *traffic, struct link *link)
{
    const size_t size = random_size(&traffic->dice);
    const size_t cut = prng_below(&traffic->dice, size + 1);
    const struct bytes head = bytes_of(traffic->data, prng_below(&traffic->dice, 300));
    const struct bytes tail = bytes_of(traffic->data + prng_below(&traffic->dice, 4096), size);

    link_send(link, MESSAGE_BATCH, head, bytes_part(tail, 0, cut), bytes_part(tail, cut, size));
    traffic->sum = sum_next(sum_next(traffic->sum, head), tail);
    traffic->count++;
}

static void exchange(unsigned rounds, struct link_settings settings, uint64_t seed)
{
    struct traffic up = {.data = malloc((16 << 20) + 8192)};
    struct traffic down;

    NEED(up.data != NULL);
    prng_seed(&up.dice, seed);
    prng_fill(&up.dice, up.data, (16 << 20) + 8192);
    down = up;
    prng_seed(&down.dice, seed + 1);
    connect_both(settings);
    for (unsigned i = 0; i < rounds; i++) {
        /* Both at the same time: neither may wait for the other to read first. */
        send_random(&up, client.link);
        send_random(&down, server.link);
        if (prng_chance(&up.dice, 1, 2)) {
            event_base_loop(base, EVLOOP_NONBLOCK);
        }
        TURN_UNTIL(client.link == NULL || server.link == NULL
                   || link_output_bytes(client.link) + link_output_bytes(server.link) < 32 << 20);
        NEED(client.link != NULL && server.link != NULL);
    }
    TURN_UNTIL(server.messages == up.count && client.messages == down.count);
    EXPECT(server.sum == up.sum && client.sum == down.sum);
    EXPECT(client.downs + server.downs == 0);
    free(up.data);
}

TEST(messages_of_any_size_pass_both_ways_at_once)
{
    begin();
    exchange(40, (struct link_settings){0}, 11);
    end();
}

TEST(small_socket_buffers_cut_writes_anywhere_and_nothing_is_lost)
{
    for (uint64_t seed = 20; seed < 23; seed++) {
        begin();
        /* Under twice the segment size of loopback the kernel itself would wait for timers. */
        exchange(10, (struct link_settings){.socket_buffer = (int)(70001 + 50001 * (seed - 20))},
                 seed);
        end();
    }
}

TEST(a_deferred_message_comes_again_and_the_order_holds)
{
    uint32_t sum = 0;
    uint8_t *tail = calloc(1, 300000);

    NEED(tail != NULL);
    begin();
    connect_both((struct link_settings){0});
    server.defer_every = 3;
    for (unsigned i = 0; i < 60; i++) {
        const struct bytes part = bytes_of(tail, i * 4999 % 300000);

        memset(tail, (int)i, 300000);
        link_send(client.link, MESSAGE_BATCH, bytes_none(), part, bytes_none());
        sum = sum_next(sum_next(sum, bytes_none()), part);
    }
    while (server.messages < 60 && !timed_out) {
        const unsigned deferrals = server.deferrals;

        TURN_UNTIL(server.deferrals > deferrals || server.messages == 60);
        if (server.link != NULL) {
            link_resume(server.link);
        }
    }
    EXPECT(server.messages == 60 && server.sum == sum);
    EXPECT(server.deferrals >= 20);
    free(tail);
    end();
}

TEST(a_paused_link_reads_nothing_and_holds_back_the_sender)
{
    static const uint8_t tail[1 << 20];

    begin();
    connect_both((struct link_settings){.output_soft = 2 << 20, .socket_buffer = 64 << 10});
    link_pause(server.link);
    for (int i = 0; i < 8; i++) {
        link_send(client.link, MESSAGE_BATCH, bytes_none(), bytes_of(tail, sizeof tail),
                  bytes_none());
    }
    EXPECT(link_is_full(client.link));
    for (int i = 0; i < 20; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    EXPECT(server.messages == 0 && client.drains == 0);
    link_resume(server.link);
    TURN_UNTIL(server.messages == 8);
    EXPECT(client.drains == 1);
    EXPECT(!link_is_full(client.link));
    end();
}

TEST(a_peer_that_does_not_take_what_it_is_sent_is_slow)
{
    static const uint8_t tail[1 << 20];

    begin();
    connect_both((struct link_settings){.output_hard = 4 << 20, .socket_buffer = 64 << 10});
    link_pause(server.link);
    for (int i = 0; i < 8; i++) {
        link_send(client.link, MESSAGE_BATCH, bytes_none(), bytes_of(tail, sizeof tail),
                  bytes_none());
    }
    EXPECT(client.downs == 0); /* never from inside a call */
    TURN_UNTIL(client.downs > 0);
    EXPECT_STATUS(client.why, E_SLOW);
    end();
}

TEST(waiting_output_that_does_not_move_is_slow)
{
    static const uint8_t tail[4 << 20];

    begin();
    connect_both((struct link_settings){.progress_span = SPAN_MS(60), .socket_buffer = 64 << 10});
    link_pause(server.link);
    link_send(client.link, MESSAGE_BATCH, bytes_none(), bytes_of(tail, sizeof tail), bytes_none());
    TURN_UNTIL(client.downs > 0);
    EXPECT_STATUS(client.why, E_SLOW);
    end();
}

TEST(a_goodbye_lets_everything_leave_first)
{
    static const uint8_t tail[8 << 20];

    begin();
    connect_both((struct link_settings){.socket_buffer = 64 << 10});
    link_send(client.link, MESSAGE_BATCH, bytes_none(), bytes_of(tail, sizeof tail), bytes_none());
    link_close(client.link, LINK_FLUSH);
    client.link = NULL;
    TURN_UNTIL(server.downs > 0);
    EXPECT(server.messages == 1 && server.bytes == sizeof tail);
    EXPECT_STATUS(server.why, E_CLOSED);
    end();
}

TEST(an_end_without_goodbye_is_a_cut)
{
    begin();
    connect_both((struct link_settings){0});
    link_close(client.link, LINK_AT_ONCE);
    client.link = NULL;
    TURN_UNTIL(server.downs > 0);
    EXPECT_STATUS(server.why, E_CUT);
    end();
}

TEST(a_link_may_be_closed_from_its_own_callback)
{
    begin();
    connect_both((struct link_settings){0});
    server.end_on_message = true;
    link_send(client.link, MESSAGE_ACK, bytes_text("x"), bytes_none(), bytes_none());
    link_send(client.link, MESSAGE_ACK, bytes_text("y"), bytes_none(), bytes_none());
    TURN_UNTIL(client.downs > 0);
    EXPECT_STATUS(client.why, E_CLOSED);
    EXPECT(server.messages == 1 && server.downs == 0);
    end();
}

TEST(a_stranger_gets_no_link)
{
    struct pki other;

    begin();
    pki_make(&other, "prod");
    tls_identity_free(replica);
    replica = pki_identity(&other, "prod", ROLE_REPLICA, "r1");
    listen_with("127.0.0.1:0", (struct link_settings){0});
    dial_with(address, (struct link_settings){0});
    TURN_UNTIL(client.downs > 0 && server.downs > 0);
    EXPECT(client.ups + server.ups == 0);
    EXPECT_STATUS(client.why, E_CERTIFICATE);
    EXPECT_STATUS(server.why, E_TLS); /* the alert arrived before the end */
    pki_free(&other);
    end();
}

static int raw_connect(void)
{
    struct address parsed;
    struct addrinfo *list;

    NEED(address_parse(&parsed, address) == OK);
    NEED(address_numeric(&parsed, false, &list) == OK);
    const int file = socket(AF_INET, SOCK_STREAM, 0);

    NEED(connect(file, list->ai_addr, list->ai_addrlen) == 0);
    freeaddrinfo(list);
    return file;
}

TEST(a_silent_handshake_and_a_nonsense_one_are_ended)
{
    begin();
    listen_with("127.0.0.1:0", (struct link_settings){.handshake_max = SPAN_MS(50)});
    const int silent = raw_connect();

    TURN_UNTIL(server.downs == 1);
    EXPECT_STATUS(server.why, E_SILENT);
    const int nonsense = raw_connect();

    NEED(write(nonsense, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
    TURN_UNTIL(server.downs == 2);
    EXPECT_STATUS(server.why, E_TLS);
    EXPECT(server.ups == 0);
    close(silent);
    close(nonsense);
    end();
}

TEST(a_loop_may_end_while_a_link_says_its_last_words)
{
    begin();
    listen_with("127.0.0.1:0", (struct link_settings){0});
    const int nonsense = raw_connect();

    NEED(write(nonsense, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
    TURN_UNTIL(server.downs == 1);
    EXPECT_STATUS(server.why, E_TLS);
    end();
    close(nonsense);
}

static void flood(int *files, unsigned count, struct span grace, struct span handshake_max)
{
    char why[TRANSPORT_WHY_MAX] = "";

    begin();
    const struct listener_settings with = {.loop = loop,
                                           .address = "127.0.0.1:0",
                                           .identity = primary,
                                           .handshakes_max = 4,
                                           .handshake_grace = grace,
                                           .link = {.handshake_max = handshake_max},
                                           .callbacks = callbacks,
                                           .context = &server};

    NEED(listener_open(&listener, &with, why) == OK);
    snprintf(address, sizeof address, "127.0.0.1:%u", listener_port(listener));
    for (unsigned i = 0; i < count; i++) {
        files[i] = raw_connect();
    }
}

static void ebb(const int *files, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        close(files[i]);
    }
    end();
}

TEST(a_flood_of_handshakes_waits_its_turn)
{
    int files[20];

    flood(files, COUNT_OF(files), SPAN_S(60), SPAN_MS(100));
    TURN_UNTIL(server.downs >= 1);
    EXPECT(server.downs <= 4);
    TURN_UNTIL(server.downs == COUNT_OF(files));
    dial_with(address, (struct link_settings){0});
    TURN_UNTIL(client.ups == 1 && server.ups == 1);
    ebb(files, COUNT_OF(files));
}

TEST(strangers_that_say_nothing_give_way_to_a_member)
{
    int files[40];

    flood(files, COUNT_OF(files), SPAN_MS(20), SPAN_S(60));
    dial_with(address, (struct link_settings){0});
    TURN_UNTIL(client.ups == 1 && server.ups == 1);
    EXPECT(server.downs > 0 && server.why == E_SILENT);
    ebb(files, COUNT_OF(files));
}

TEST(nobody_there_is_unreachable_and_nonsense_is_usage)
{
    begin();
    listen_with("127.0.0.1:0", (struct link_settings){0});
    listener_close(listener);
    listener = NULL;
    dial_with(address, (struct link_settings){0});
    EXPECT(client.downs == 0);
    TURN_UNTIL(client.downs == 1);
    EXPECT_STATUS(client.why, E_UNREACHABLE);
    dial_with("nonsense", (struct link_settings){0});
    TURN_UNTIL(client.downs == 2);
    EXPECT_STATUS(client.why, E_USAGE);
    dial_with("unix:/tmp/sealift-nobody-is-there", (struct link_settings){0});
    TURN_UNTIL(client.downs == 3);
    EXPECT_STATUS(client.why, E_UNREACHABLE);
    dial_with("no-such-name.invalid:1", (struct link_settings){.handshake_max = SPAN_S(3)});
    TURN_UNTIL(client.downs == 4);
    EXPECT_STATUS(client.why, E_UNREACHABLE);
    struct link *given_up = dial_with("no-such-name.invalid:1", (struct link_settings){0});

    link_close(given_up, LINK_AT_ONCE);
    EXPECT(client.downs == 4);
    end();
}

TEST(names_are_found_on_a_thread_or_by_heart)
{
    char name[64];

    begin();
    listen_with("127.0.0.1:0", (struct link_settings){0});
    snprintf(name, sizeof name, "localhost:%u", listener_port(listener));
    dial_with(name, (struct link_settings){0});
    TURN_UNTIL(client.ups + client.downs == 1 && server.ups == 1);
    EXPECT(client.ups == 1);
    end();
}

TEST(a_unix_socket_is_in_clear_and_knows_its_user)
{
    struct link_settings settings = {0};
    char path[128];
    char why[TRANSPORT_WHY_MAX] = "";
    struct listener *second;

    begin();
    settings.unix_identity.role = ROLE_OPERATOR;
    snprintf(path, sizeof path, "unix:%s", pki_path(&pki, "socket", ""));
    listen_with(path, settings);
    const struct listener_settings again = {
        .loop = loop, .address = path, .callbacks = callbacks, .context = &server};

    EXPECT_STATUS(listener_open(&second, &again, why), E_USAGE); /* somebody is there */
    dial_with(path, (struct link_settings){0});
    TURN_UNTIL(client.ups == 1 && server.ups >= 1);
    TURN_UNTIL(server.downs == 1); /* the one who looked whether somebody is there */
    server.link = NULL;
    server.ups = 0;
    EXPECT(server.peer.unix_socket && server.peer.identity.role == ROLE_OPERATOR);
    link_send(client.link, MESSAGE_ACK, bytes_text("hello"), bytes_none(), bytes_none());
    TURN_UNTIL(server.messages == 1);
    EXPECT(server.bytes == 5);
    link_close(client.link, LINK_FLUSH);
    client.link = NULL;
    TURN_UNTIL(server.downs == 2);
    EXPECT_STATUS(server.why, E_CLOSED);
    end();
}

TEST(a_started_message_must_go_on)
{
    char path[128];

    begin();
    snprintf(path, sizeof path, "unix:%s", pki_path(&pki, "socket", ""));
    listen_with(path, (struct link_settings){.progress_span = SPAN_MS(60)});
    struct address parsed;

    NEED(address_parse(&parsed, path) == OK);
    const struct sockaddr_un name = address_unix(&parsed);
    const int file = socket(AF_UNIX, SOCK_STREAM, 0);

    NEED(connect(file, (const struct sockaddr *)&name, sizeof name) == 0);
    NEED(write(file, "\x08", 1) == 1);
    TURN_UNTIL(server.downs == 1);
    EXPECT_STATUS(server.why, E_SILENT);
    close(file);
    end();
}

TEST(addresses_are_taken_apart_strictly)
{
    static const char *const bad[] = {"",      "host",    "host:", ":x",     "host:65536",
                                      "::1:1", "host:1 ", "unix:", "host:-1"};
    struct address parsed;

    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        EXPECT_STATUS(address_parse(&parsed, bad[i]), E_USAGE);
    }
    EXPECT_STATUS(address_parse(&parsed, "[::1]:80"), OK);
    EXPECT(strcmp(parsed.host, "::1") == 0 && strcmp(parsed.port, "80") == 0);
    EXPECT_STATUS(address_parse(&parsed, ":0"), OK);
    EXPECT_STATUS(address_parse(&parsed, "unix:/a/b"), OK);
    EXPECT(parsed.is_unix && strcmp(parsed.host, "/a/b") == 0);
}
