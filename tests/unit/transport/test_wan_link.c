/* One direction between two regions, as arithmetic: exact, no clock. */
#include "tests/support/test.h"
#include "transport/wan_link.h"

#define AT_MS(n) ((struct instant){SPAN_MS(n).ns})

static struct wan_link link_of(struct span delay, uint64_t rate)
{
    return (struct wan_link){.path = {.delay = delay, .rate = rate}};
}

TEST(bytes_arrive_after_their_time_on_the_wire_and_the_delay)
{
    struct wan_link link = link_of(SPAN_MS(40), 1000000); /* 1 byte a microsecond */

    EXPECT(wan_link_send(&link, AT_MS(1000), 2000, SPAN_MS(0)).ns == AT_MS(1042).ns);
    EXPECT(wan_link_send(&link, AT_MS(1000), 3000, SPAN_MS(0)).ns == AT_MS(1045).ns);
    EXPECT(wan_link_send(&link, AT_MS(2000), 1000, SPAN_MS(7)).ns == AT_MS(2048).ns);
    EXPECT(link.bytes == 6000);
}

TEST(without_a_rate_only_the_delay_counts)
{
    struct wan_link link = link_of(SPAN_MS(40), 0);

    EXPECT(wan_link_send(&link, AT_MS(5), 1 << 30, SPAN_MS(0)).ns == AT_MS(45).ns);
    EXPECT(wan_link_send_at(&link).ns == 0);
    EXPECT(wan_link_quantum(&link) == WAN_CHUNK_BYTES);
}

TEST(the_sender_waits_while_more_than_the_backlog_waits_for_the_wire)
{
    struct wan_link link = link_of(SPAN_MS(40), 1000000);

    (void)wan_link_send(&link, AT_MS(1000), 25000, SPAN_MS(0)); /* 25 ms of wire */
    EXPECT(wan_link_send_at(&link).ns == AT_MS(1025 - WAN_BACKLOG_MS).ns);
}

TEST(a_turn_is_a_millisecond_of_wire_within_bounds)
{
    EXPECT(wan_link_quantum(&(struct wan_link){.path.rate = 10000000}) == 10000);
    EXPECT(wan_link_quantum(&(struct wan_link){.path.rate = 1000}) == WAN_QUANTUM_BYTES_MIN);
    EXPECT(wan_link_quantum(&(struct wan_link){.path.rate = 1u << 31}) == WAN_CHUNK_BYTES);
}

TEST(the_window_is_rate_times_delay_and_a_receive_buffer)
{
    const struct wan_link link = link_of(SPAN_MS(90), 1000000);

    EXPECT(wan_link_window(&link) == 100000 + WAN_RECEIVER_BYTES);
}

TEST(nothing_arrives_during_a_cut_and_what_was_under_way_one_delay_after_it)
{
    struct wan_link link = link_of(SPAN_MS(40), 0);
    const struct instant due = wan_link_send(&link, AT_MS(1000), 10, SPAN_MS(0));

    EXPECT(wan_link_arrival(&link, due).ns == due.ns);
    wan_link_cut(&link, AT_MS(1010));
    wan_link_cut(&link, AT_MS(1500)); /* it began at 1010 all the same */
    EXPECT(wan_link_is_cut(&link));
    EXPECT(wan_link_arrival(&link, due).ns == INSTANT_NEVER.ns);
    EXPECT(wan_link_send_at(&link).ns == INSTANT_NEVER.ns);
    EXPECT(wan_link_heal(&link, AT_MS(2010)).ns == SPAN_MS(1000).ns);
    EXPECT(!wan_link_is_cut(&link));
    EXPECT(wan_link_arrival(&link, due).ns == AT_MS(2050).ns);
    EXPECT(wan_link_heal(&link, AT_MS(3000)).ns == 0); /* nothing to heal */
}

TEST(a_stall_ends_by_itself_and_never_shortens_a_block)
{
    struct wan_link link = link_of(SPAN_MS(40), 0);

    wan_link_stall(&link, AT_MS(1000), SPAN_MS(200));
    wan_link_stall(&link, AT_MS(1000), SPAN_MS(100));
    EXPECT(wan_link_send_at(&link).ns == AT_MS(1200).ns);
    EXPECT(wan_link_heal(&link, AT_MS(1100)).ns == 0); /* a heal is for cuts */
    EXPECT(wan_link_send_at(&link).ns == AT_MS(1200).ns);
    wan_link_cut(&link, AT_MS(1100));
    wan_link_stall(&link, AT_MS(1100), SPAN_MS(1));
    EXPECT(wan_link_is_cut(&link));
}
