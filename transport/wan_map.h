/* How far apart are the regions, and which roads between them are simulated?
 *
 * A map is lines of words; # begins a comment; later lines win.
 *
 *     region NAME
 *     rtt A B MS                  round trip; each way takes half of it
 *     jitter MS   | jitter A B MS between nothing and that much more, each way
 *     mbit N      | mbit A B N    each way; 0: no limit
 *     reset-after SECONDS         a longer cut resets its connections when it heals
 *     route FROM TO LISTEN TARGET who connects to LISTEN is in FROM and meets TARGET in TO
 *
 * Decimals are allowed. jitter and mbit without regions count for all pairs of two; within a
 * region there is neither distance nor limit, unless a line says so. LISTEN and TARGET are
 * HOST:PORT (numeric or localhost) or unix:PATH. */
#ifndef SEALIFT_TRANSPORT_WAN_MAP_H
#define SEALIFT_TRANSPORT_WAN_MAP_H

#include "base/ids.h"
#include "base/status.h"
#include "transport/wan_link.h"

enum {
    WAN_REGIONS_MAX = 40, /* AWS has 36 */
    WAN_ROUTES_MAX = 256,
    WAN_LINE_MAX = 1024,
    WAN_MS_MAX = 60000,
    WAN_MBIT_MAX = 1000000,
    WAN_RESET_AFTER_S = 60, /* where the map is silent: about when keepalive gives up */
    WAN_WORDS_MAX = 12, /* of a line, also of a line of the control socket */
};

struct wan_route {
    unsigned from, to; /* regions */
    char listen[ADDRESS_TEXT_MAX];
    char target[ADDRESS_TEXT_MAX];
};

struct wan_map {
    unsigned region_count;
    char regions[WAN_REGIONS_MAX][REGION_TEXT_MAX];
    bool known[WAN_REGIONS_MAX][WAN_REGIONS_MAX]; /* has a round trip */
    struct wan_path paths[WAN_REGIONS_MAX][WAN_REGIONS_MAX]; /* from, to */
    struct span reset_after;
    unsigned route_count;
    struct wan_route routes[WAN_ROUTES_MAX];
};

void wan_map_init(struct wan_map *map);

/* Adds what the file says. E_USAGE, E_MISSING, E_IO; `why` (TRANSPORT_WHY_MAX) has file and
 * line. */
NODISCARD enum status wan_map_load(struct wan_map *map, const char *path, char *why);

/* Adds one line. E_USAGE. */
NODISCARD enum status wan_map_line(struct wan_map *map, const char *line, char *why);

/* Its number, or region_count where the map has no such region. */
unsigned wan_map_region(const struct wan_map *map, const char *name);

/* Splits at blanks, in place; false where there are more than WAN_WORDS_MAX. */
bool wan_words(char *line, char **words, unsigned *count);

/* Numbers as people write them; false where it is none or out of bounds. */
bool wan_parse_ms(const char *text, struct span *span);
bool wan_parse_mbit(const char *text, uint64_t *rate);

#endif
