/* The lines of a map, and the refusals. */
#include "tests/support/test.h"
#include "transport/tls_identity.h"
#include "transport/wan_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct wan_map map;
static char why[TRANSPORT_WHY_MAX];

static enum status line(const char *text)
{
    why[0] = '\0';
    return wan_map_line(&map, text, why);
}

static void start(void)
{
    wan_map_init(&map);
    NEED(line("region a") == OK && line("region b") == OK && line("region c") == OK);
}

TEST(each_way_takes_half_of_a_round_trip)
{
    start();
    EXPECT_STATUS(line("rtt a b 80.5 # published"), OK);
    EXPECT(map.paths[0][1].delay.ns == 40250000 && map.paths[1][0].delay.ns == 40250000);
    EXPECT(map.known[0][1] && map.known[1][0] && !map.known[0][2]);
}

TEST(what_is_said_for_all_counts_between_regions_and_later_lines_win)
{
    start();
    EXPECT_STATUS(line("mbit 5000"), OK);
    EXPECT_STATUS(line("mbit a b 8"), OK);
    EXPECT_STATUS(line("jitter 0.5"), OK);
    EXPECT(map.paths[0][1].rate == 1000000 && map.paths[1][0].rate == 1000000);
    EXPECT(map.paths[0][2].rate == 625000000 && map.paths[0][0].rate == 0);
    EXPECT(map.paths[2][1].jitter.ns == 500000 && map.paths[1][1].jitter.ns == 0);
    EXPECT_STATUS(line("reset-after 2.5"), OK);
    EXPECT(map.reset_after.ns == SPAN_MS(2500).ns);
    EXPECT_STATUS(line("reset-after 1.001"), OK);
    EXPECT(map.reset_after.ns == SPAN_MS(1001).ns);
}

TEST(a_line_that_is_none_is_refused_with_what_was_expected)
{
    static const char *const bad[][2] = {
        {"distance a b 3", "begins no line"},
        {"rtt a b", "expected: rtt A B MS"},
        {"rtt a b -1", "milliseconds"},
        {"rtt a b 1e3", "milliseconds"},
        {"rtt a b 60001", "milliseconds"},
        {"rtt a b inf", "milliseconds"},
        {"rtt a z 5", "no region 'z'"},
        {"jitter a b", "expected"},
        {"jitter a b x", "milliseconds"},
        {"mbit 1000001", "megabits"},
        {"mbit 0.000001", "megabits"},
        {"region A", "a-z"},
        {"region abcdefghijklmnopqrstuvwxyz-0123456789", "a-z"},
        {"reset-after soon", "seconds"},
        {"route a b 127.0.0.1:0 127.0.0.1:1", "no rtt between a and b"},
        {"1 2 3 4 5 6 7 8 9 10 11 12 13", "more words"},
    };

    start();
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(line(bad[i][0]), E_USAGE);
        EXPECT(strstr(why, bad[i][1]) != NULL);
    }
    EXPECT(map.region_count == 3 && map.route_count == 0);
}

TEST(a_route_needs_two_addresses_and_a_distance)
{
    start();
    EXPECT_STATUS(line("route a a 127.0.0.1:0 127.0.0.1:1"), OK); /* within a region: none */
    EXPECT_STATUS(line("rtt a b 0"), OK);
    EXPECT_STATUS(line("route a b 127.0.0.1 127.0.0.1:1"), E_USAGE);
    EXPECT_STATUS(line("route a b 127.0.0.1:0 127.0.0.1:99999"), E_USAGE);
    EXPECT_STATUS(line("route a b 127.0.0.1:0 unix:/tmp/x"), OK);
    EXPECT(map.route_count == 2 && map.routes[1].to == 1);
    EXPECT(strcmp(map.routes[1].target, "unix:/tmp/x") == 0);
}

TEST(a_file_is_refused_with_its_line)
{
    char path[] = "/tmp/sealift-map-XXXXXX";
    const int file = mkstemp(path);

    NEED(file >= 0 && write(file, "region a\n\nrtt a q 1\n", 20) == 20);
    close(file);
    wan_map_init(&map);
    EXPECT_STATUS(wan_map_load(&map, path, why), E_USAGE);
    EXPECT(strstr(why, ":3: the map has no region 'q'") != NULL);
    unlink(path);
    EXPECT_STATUS(wan_map_load(&map, path, why), E_MISSING);
}

TEST(the_map_that_is_shipped_knows_every_distance)
{
    wan_map_init(&map);
    NEED(wan_map_load(&map, "../share/wan/aws-2017.map", why) == OK);
    EXPECT(map.region_count == 9);
    for (unsigned a = 0; a < map.region_count; a++) {
        for (unsigned b = 0; b < map.region_count; b++) {
            EXPECT(map.known[a][b] && (a == b || map.paths[a][b].delay.ns > SPAN_MS(5).ns));
        }
    }
}
