/* The relay with real sockets. Lower bounds of time are exact: nothing may come early. Upper ones
 * leave room for a busy machine. */
#include "tests/unit/transport/wan_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static char room[8 << 20];

static const char *const no_distance[] = {"rtt a b 0", NULL};
static const char *const far_apart[] = {"rtt a b 60", NULL}; /* 30 ms each way */

static void expect_after(double begin, double ms)
{
    const double took = rig_ms() - begin;

    EXPECT(took >= ms - 0.01);
    EXPECT(took < ms + RIG_LATE_MS);
}

TEST(each_way_takes_half_of_the_round_trip)
{
    rig_open(&rig, far_apart);
    rig_join(&rig);
    double begin = rig_ms();

    NEED(send(rig.near, "there", 5, 0) == 5);
    EXPECT(rig_read(&rig, rig.far, room, 5, RIG_PATIENCE_MS) == RIG_GOT);
    expect_after(begin, 30);
    begin = rig_ms();
    NEED(send(rig.far, "back", 4, 0) == 4);
    EXPECT(rig_read(&rig, rig.near, room, 4, RIG_PATIENCE_MS) == RIG_GOT);
    expect_after(begin, 30);
    EXPECT(memcmp(room, "back", 4) == 0);
    rig_close(&rig);
}

TEST(the_first_byte_pays_for_the_handshake)
{
    rig_open(&rig, far_apart);
    const double begin = rig_ms();

    rig.near = rig_call(&rig);
    NEED(send(rig.near, "!", 1, 0) == 1);
    NEED(rig_accept(&rig, RIG_PATIENCE_MS));
    expect_after(begin, 30);
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_GOT);
    expect_after(begin, 90);
    rig_close(&rig);
}

TEST(jitter_adds_and_never_changes_the_order)
{
    static const char *const shaky[] = {"rtt a b 10", "jitter 30", NULL};
    unsigned char byte;

    rig_open(&rig, shaky);
    rig_join(&rig);
    for (unsigned i = 0; i < 40; i++) {
        byte = (unsigned char)i;
        NEED(send(rig.near, &byte, 1, 0) == 1);
        rig_run(&rig, 1);
    }
    EXPECT(rig_read(&rig, rig.far, room, 40, RIG_PATIENCE_MS) == RIG_GOT);
    for (unsigned i = 0; i < 40; i++) {
        EXPECT(room[i] == (char)i);
    }
    rig_close(&rig);
}

static unsigned char byte_at(size_t place)
{
    return (unsigned char)(place * 7 >> 3);
}

/* What one end has sent to the other so far. */
struct flow {
    int from, to;
    size_t size, sent, got;
    bool wrong;
};

static void flow_move(struct flow *flow)
{
    static unsigned char part[65536];
    const size_t left = flow->size - flow->sent;
    const size_t size = left < sizeof part ? left : sizeof part;

    for (size_t i = 0; i < size; i++) {
        part[i] = byte_at(flow->sent + i);
    }
    ssize_t moved = send(flow->from, part, size, MSG_DONTWAIT);

    flow->sent += moved > 0 ? (size_t)moved : 0;
    moved = recv(flow->to, part, sizeof part, MSG_DONTWAIT);
    for (ssize_t i = 0; i < moved; i++) {
        flow->wrong |= part[i] != byte_at(flow->got + (size_t)i);
    }
    flow->got += moved > 0 ? (size_t)moved : 0;
}

static void exchange(size_t there, size_t back)
{
    struct flow a = {.from = rig.near, .to = rig.far, .size = there};
    struct flow b = {.from = rig.far, .to = rig.near, .size = back};
    const double end = rig_ms() + 10 * RIG_PATIENCE_MS;

    while ((a.got < there || b.got < back) && rig_ms() < end) {
        flow_move(&a);
        flow_move(&b);
        rig_run(&rig, 0.01);
    }
    EXPECT(a.got == there && !a.wrong);
    EXPECT(b.got == back && !b.wrong);
}

TEST(both_directions_carry_the_same_bytes_at_once)
{
    rig_open(&rig, no_distance);
    rig_join(&rig);
    exchange(6 << 20, 5 << 20);
    rig_close(&rig);
}

TEST(the_wire_is_no_faster_than_its_rate)
{
    static const char *const narrow[] = {"rtt a b 4", "mbit 80", NULL}; /* 10 MB a second */

    rig_open(&rig, narrow);
    rig_join(&rig);
    const double begin = rig_ms();

    exchange(1000000, 0);
    expect_after(begin, 102); /* on the wire, and 2 ms of delay */
    rig_close(&rig);
}

TEST(what_waits_for_a_receiver_that_does_not_read_is_bounded)
{
    static const char *const paths[] = {"rtt a b 10", "mbit 800", NULL};
    const size_t window = 100000 * 15 + WAN_RECEIVER_BYTES; /* 5 ms, and the backlog */
    size_t sent = 0, before;

    rig_open(&rig, paths);
    rig_join(&rig);
    do { /* until nothing has moved for 50 ms */
        before = sent;
        for (ssize_t more; (more = send(rig.near, room, sizeof room, MSG_DONTWAIT)) > 0;) {
            sent += (size_t)more;
        }
        rig_run(&rig, 50);
    } while (sent > before);
    EXPECT(wan_queued_peak(rig.wan) > WAN_RECEIVER_BYTES);
    EXPECT(wan_queued_peak(rig.wan) <= window + 2 * WAN_CHUNK_BYTES);
    for (size_t got = 0; got < sent; got += sizeof room) {
        const size_t size = sent - got < sizeof room ? sent - got : sizeof room;

        EXPECT(rig_read(&rig, rig.far, room, size, RIG_PATIENCE_MS) == RIG_GOT);
    }
    rig_close(&rig);
}

TEST(small_messages_under_way_cost_about_what_they_weigh)
{
    rig_open(&rig, (const char *const[]){"rtt a b 800", NULL});
    rig.near = rig_call(&rig);
    rig_run(&rig, 850);
    for (unsigned i = 0; i < 100; i++) {
        NEED(send(rig.near, "small", 5, 0) == 5);
        rig_run(&rig, 0.5);
    }
    EXPECT(wan_queued_peak(rig.wan) > 500);
    EXPECT(wan_queued_peak(rig.wan) < 100 * 256);
    rig_close(&rig);
}

TEST(during_a_cut_nothing_passes_and_after_the_heal_everything_does)
{
    rig_open(&rig, far_apart);
    rig_join(&rig);
    NEED(send(rig.near, "under way, ", 11, 0) == 11);
    rig_run(&rig, 5);
    rig_say(&rig, "cut a b");
    NEED(send(rig.near, "then silence", 12, 0) == 12);
    NEED(send(rig.far, "here as well", 12, 0) == 12);
    EXPECT(rig_read(&rig, rig.far, room, 1, 100) == RIG_NOTHING);
    EXPECT(rig_read(&rig, rig.near, room, 1, 1) == RIG_NOTHING);
    const double begin = rig_ms();

    rig_say(&rig, "heal b a");
    EXPECT(rig_read(&rig, rig.far, room, 23, RIG_PATIENCE_MS) == RIG_GOT);
    EXPECT(memcmp(room, "under way, then silence", 23) == 0);
    expect_after(begin, 30);
    EXPECT(rig_read(&rig, rig.near, room, 12, RIG_PATIENCE_MS) == RIG_GOT);
    rig_close(&rig);
}

TEST(a_one_way_cut_lets_the_other_way_pass)
{
    rig_open(&rig, no_distance);
    rig_join(&rig);
    rig_say(&rig, "cut a * one-way");
    NEED(send(rig.near, "x", 1, 0) == 1 && send(rig.far, "y", 1, 0) == 1);
    EXPECT(rig_read(&rig, rig.near, room, 1, RIG_PATIENCE_MS) == RIG_GOT);
    EXPECT(rig_read(&rig, rig.far, room, 1, 30) == RIG_NOTHING);
    rig_close(&rig);
}

TEST(who_calls_during_a_cut_meets_nobody_until_it_heals)
{
    rig_open(&rig, no_distance);
    rig_say(&rig, "cut * *");
    rig.near = rig_call(&rig);
    NEED(send(rig.near, "x", 1, 0) == 1);
    EXPECT(!rig_accept(&rig, 50));
    rig_say(&rig, "heal * *");
    NEED(rig_accept(&rig, RIG_PATIENCE_MS));
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_GOT);
    rig_close(&rig);
}

TEST(after_a_long_cut_and_at_a_word_both_ends_are_reset)
{
    rig_open(&rig, (const char *const[]){"rtt a b 0", "reset-after 0.03", NULL});
    rig_join(&rig);
    rig_say(&rig, "cut a b");
    rig_run(&rig, 50);
    rig_say(&rig, "heal a b");
    EXPECT(rig_read(&rig, rig.near, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    close(rig.near);
    close(rig.far);
    rig_join(&rig);
    rig_say(&rig, "reset b a");
    EXPECT(rig_read(&rig, rig.near, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    rig_close(&rig);
}

TEST(a_stall_ends_by_itself)
{
    rig_open(&rig, no_distance);
    rig_join(&rig);
    const double begin = rig_ms();

    rig_say(&rig, "stall a b 60");
    NEED(send(rig.near, "x", 1, 0) == 1);
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_GOT);
    expect_after(begin, 60);
    rig_close(&rig);
}

TEST(a_link_is_slowed_while_it_runs)
{
    rig_open(&rig, no_distance);
    rig_join(&rig);
    rig_say(&rig, "slow a b rtt 80 jitter 0 mbit 100");
    const double begin = rig_ms();

    NEED(send(rig.near, "x", 1, 0) == 1);
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_GOT);
    expect_after(begin, 40);
    rig_say(&rig, "show");
    EXPECT(strstr(rig.answer, "\"one_way_ms\": 40.000") != NULL);
    EXPECT(strstr(rig.answer, "\"mbit\": 100.000") != NULL);
    rig_close(&rig);
}

TEST(a_half_close_travels_behind_the_bytes_and_the_answer_comes_back)
{
    rig_open(&rig, far_apart);
    rig_join(&rig);
    NEED(send(rig.near, "question", 8, 0) == 8 && shutdown(rig.near, SHUT_WR) == 0);
    EXPECT(rig_read(&rig, rig.far, room, 9, RIG_PATIENCE_MS) == RIG_ENDED);
    EXPECT(memcmp(room, "question", 8) == 0);
    NEED(send(rig.far, "answer", 6, 0) == 6 && shutdown(rig.far, SHUT_WR) == 0);
    EXPECT(rig_read(&rig, rig.near, room, 7, RIG_PATIENCE_MS) == RIG_ENDED);
    EXPECT(memcmp(room, "answer", 6) == 0);
    rig_run(&rig, 5);
    rig_say(&rig, "show");
    EXPECT(strstr(rig.answer, "\"connections\": 0") != NULL);
    rig_close(&rig);
}

TEST(a_reset_travels_behind_the_bytes)
{
    rig_open(&rig, far_apart);
    rig_join(&rig);
    NEED(send(rig.near, "last words", 10, 0) == 10);
    rig_run(&rig, 5);
    rig_hang_up_hard(&rig.near);
    EXPECT(rig_read(&rig, rig.far, room, 10, RIG_PATIENCE_MS) == RIG_GOT);
    EXPECT(rig_read(&rig, rig.far, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    rig_close(&rig);
}

TEST(a_receiver_that_is_gone_resets_the_sender)
{
    rig_open(&rig, far_apart);
    rig_join(&rig);
    rig_hang_up_hard(&rig.far);
    const double begin = rig_ms();

    EXPECT(rig_read(&rig, rig.near, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    expect_after(begin, 30);
    rig_close(&rig);
}

TEST(where_nobody_listens_the_refusal_travels_back)
{
    rig_open(&rig, far_apart);
    close(rig.listener);
    rig.listener = -1;
    const double begin = rig_ms();

    rig.near = rig_call(&rig);
    EXPECT(rig_read(&rig, rig.near, room, 1, RIG_PATIENCE_MS) == RIG_RESET);
    expect_after(begin, 60);
    rig_close(&rig);
}

TEST(an_order_that_is_none_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {
        "",
        "cut a",
        "cut a nowhere",
        "cut a b one-way twice",
        "stall a b",
        "stall a b soon",
        "slow a b",
        "slow a b rtt",
        "slow a b rtt 5 speed 9",
        "sink a b",
        "show me",
        "1 2 3 4 5 6 7 8 9 10 11 12 13",
    };
    char line[128];

    rig_open(&rig, far_apart);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(line, sizeof line, "%s", bad[i]);
        EXPECT_STATUS(wan_command(rig.wan, line, rig.answer), E_USAGE);
        EXPECT(strstr(rig.answer, "say cut, heal") != NULL);
    }
    rig_say(&rig, "show");
    EXPECT(strstr(rig.answer, "\"one_way_ms\": 30.000") != NULL);
    EXPECT(strstr(rig.answer, "\"cut\": false") != NULL);
    rig_close(&rig);
}
