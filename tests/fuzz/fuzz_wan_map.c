/* A map of regions and roads, as somebody has written it.
 *
 * A line that is refused changes nothing. What a map has become, written down again in the plainest
 * way, becomes the same map. */
#include "base/check.h"
#include "tests/fuzz/fuzz.h"
#include "transport/tls_identity.h"
#include "transport/wan_map.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 8192 };

static struct wan_map map, before, again;

static void check_map(void)
{
    CHECK(map.region_count <= WAN_REGIONS_MAX && map.route_count <= WAN_ROUTES_MAX);
    for (unsigned a = 0; a < map.region_count; a++) {
        CHECK(wan_map_region(&map, map.regions[a]) == a && map.known[a][a]);
        for (unsigned b = 0; b < map.region_count; b++) {
            CHECK(map.known[a][b] == map.known[b][a]);
            CHECK(map.paths[a][b].delay.ns == map.paths[b][a].delay.ns);
            CHECK(map.paths[a][b].delay.ns <= WAN_MS_MAX * UINT64_C(500000));
        }
    }
    for (unsigned i = 0; i < map.route_count; i++) {
        CHECK(map.known[map.routes[i].from][map.routes[i].to]);
    }
}

__attribute__((format(printf, 1, 2))) static void write_again(const char *format, ...)
{
    char line[WAN_LINE_MAX], why[TRANSPORT_WHY_MAX];
    va_list arguments;

    va_start(arguments, format);
    CHECK(vsnprintf(line, sizeof line, format, arguments) < (int)sizeof line);
    va_end(arguments);
    CHECK(wan_map_line(&again, line, why) == OK);
}

static void write_path(const char *a, const char *b, const struct wan_path *path)
{
    write_again("jitter %s %s %.6f", a, b, (double)path->jitter.ns / 1e6);
    write_again("mbit %s %s %.6f", a, b, (double)path->rate * 8 / 1e6);
}

static void try_again(void)
{
    wan_map_init(&again);
    for (unsigned a = 0; a < map.region_count; a++) {
        write_again("region %s", map.regions[a]);
    }
    for (unsigned a = 0; a < map.region_count; a++) {
        for (unsigned b = 0; b <= a; b++) {
            if (map.known[a][b]) {
                write_again("rtt %s %s %.6f", map.regions[a], map.regions[b],
                            (double)map.paths[a][b].delay.ns * 2 / 1e6);
            }
            write_path(map.regions[a], map.regions[b], &map.paths[a][b]);
        }
    }
    write_again("reset-after %.9f", (double)map.reset_after.ns / 1e9);
    for (unsigned i = 0; i < map.route_count; i++) {
        const struct wan_route *route = &map.routes[i];

        write_again("route %s %s %s %s", map.regions[route->from], map.regions[route->to],
                    route->listen, route->target);
    }
    CHECK(again.region_count == map.region_count && again.route_count == map.route_count);
    CHECK(again.reset_after.ns == map.reset_after.ns);
    CHECK(memcmp(again.regions, map.regions, sizeof map.regions) == 0);
    CHECK(memcmp(again.known, map.known, sizeof map.known) == 0);
    CHECK(memcmp(again.routes, map.routes, sizeof map.routes) == 0);
    for (unsigned a = 0; a < map.region_count; a++) {
        CHECK(memcmp(again.paths[a], map.paths[a], map.region_count * sizeof map.paths[a][0]) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX], why[TRANSPORT_WHY_MAX];

    if (size >= sizeof text) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    wan_map_init(&map);
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        before = map;
        if (wan_map_line(&map, line, why) != OK) {
            CHECK(strlen(why) < TRANSPORT_WHY_MAX && memcmp(&before, &map, sizeof map) == 0);
        }
    }
    check_map();
    try_again();
    return 0;
}
