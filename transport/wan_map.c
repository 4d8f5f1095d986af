/* Words to numbers, a line at a time.
 *
 * How it goes wrong: always E_USAGE with what was expected, and the file's line in front. A region
 * must be declared before it is used, so that a typing mistake is no new region; a route between
 * regions without a round trip is refused, so that a missing line is no distance of nothing. */
#include "transport/wan_map.h"

#include "transport/address.h"
#include "transport/tls_identity.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
    char *at[WAN_WORDS_MAX];
    unsigned count;
};

__attribute__((format(printf, 2, 3))) static enum status refuse(char *why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, TRANSPORT_WHY_MAX, format, arguments);
    va_end(arguments);
    return E_USAGE;
}

static bool parse_number(const char *text, double max, double *number)
{
    char *end;

    if (text[strspn(text, "0123456789.")] != '\0') {
        return false; /* strtod would take 0x, inf and signs */
    }
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number <= max;
}

bool wan_parse_ms(const char *text, struct span *span)
{
    double number;

    if (!parse_number(text, WAN_MS_MAX, &number)) {
        return false;
    }
    *span = (struct span){(uint64_t)(number * 1e6 + 0.5)};
    return true;
}

bool wan_parse_mbit(const char *text, uint64_t *rate)
{
    double number;

    if (!parse_number(text, WAN_MBIT_MAX, &number)) {
        return false;
    }
    *rate = (uint64_t)(number * 1e6 / 8 + 0.5);
    return *rate > 0 || number <= 0;
}

bool wan_words(char *line, char **words, unsigned *count)
{
    static const char blanks[] = " \t\r\n";
    char *rest;

    *count = 0;
    for (char *word = strtok_r(line, blanks, &rest); word != NULL;
         word = strtok_r(NULL, blanks, &rest)) {
        if (*count == WAN_WORDS_MAX) {
            return false;
        }
        words[(*count)++] = word;
    }
    return true;
}

unsigned wan_map_region(const struct wan_map *map, const char *name)
{
    unsigned region = 0;

    while (region < map->region_count && strcmp(map->regions[region], name) != 0) {
        region++;
    }
    return region;
}

static enum status find_region(const struct wan_map *map, const char *name, unsigned *region,
                               char *why)
{
    *region = wan_map_region(map, name);
    return *region < map->region_count ? OK : refuse(why, "the map has no region '%.64s'", name);
}

static enum status find_pair(const struct wan_map *map, char *const *names, unsigned *pair,
                             char *why)
{
    TRY(find_region(map, names[0], &pair[0], why));
    return find_region(map, names[1], &pair[1], why);
}

static enum status line_region(struct wan_map *map, const struct words *words, char *why)
{
    const char *name = words->at[1];
    const size_t size = strlen(name);

    if (size >= REGION_TEXT_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != size) {
        return refuse(why, "a region's name is up to %d of a-z, 0-9 and -", REGION_TEXT_MAX - 1);
    }
    if (wan_map_region(map, name) < map->region_count) {
        return OK;
    }
    if (map->region_count == WAN_REGIONS_MAX) {
        return refuse(why, "at most %d regions", WAN_REGIONS_MAX);
    }
    map->known[map->region_count][map->region_count] = true;
    memcpy(map->regions[map->region_count++], name, size + 1);
    return OK;
}

static enum status line_rtt(struct wan_map *map, const struct words *words, char *why)
{
    unsigned pair[2];
    struct span rtt;

    TRY(find_pair(map, &words->at[1], pair, why));
    if (!wan_parse_ms(words->at[3], &rtt)) {
        return refuse(why, "rtt takes milliseconds, 0 to %d", WAN_MS_MAX);
    }
    for (unsigned way = 0; way < 2; way++) {
        map->known[pair[way]][pair[1 - way]] = true;
        map->paths[pair[way]][pair[1 - way]].delay.ns = rtt.ns / 2;
    }
    return OK;
}

/* The paths that a line counts for: a pair both ways, or all between two regions. */
static void set_paths(struct wan_map *map, const unsigned *pair, const struct span *jitter,
                      const uint64_t *rate)
{
    for (unsigned a = 0; a < WAN_REGIONS_MAX; a++) {
        for (unsigned b = 0; b < WAN_REGIONS_MAX; b++) {
            const bool meant =
                pair == NULL ? a != b
                             : (a == pair[0] && b == pair[1]) || (a == pair[1] && b == pair[0]);

            if (meant && jitter != NULL) {
                map->paths[a][b].jitter = *jitter;
            }
            if (meant && rate != NULL) {
                map->paths[a][b].rate = *rate;
            }
        }
    }
}

static enum status line_jitter(struct wan_map *map, const struct words *words, char *why)
{
    unsigned pair[2];
    struct span jitter;

    if (words->count == 4) {
        TRY(find_pair(map, &words->at[1], pair, why));
    }
    if (!wan_parse_ms(words->at[words->count - 1], &jitter)) {
        return refuse(why, "jitter takes milliseconds, 0 to %d", WAN_MS_MAX);
    }
    set_paths(map, words->count == 4 ? pair : NULL, &jitter, NULL);
    return OK;
}

static enum status line_mbit(struct wan_map *map, const struct words *words, char *why)
{
    unsigned pair[2];
    uint64_t rate;

    if (words->count == 4) {
        TRY(find_pair(map, &words->at[1], pair, why));
    }
    if (!wan_parse_mbit(words->at[words->count - 1], &rate)) {
        return refuse(why, "mbit takes megabits a second, up to %d; 0: no limit", WAN_MBIT_MAX);
    }
    set_paths(map, words->count == 4 ? pair : NULL, NULL, &rate);
    return OK;
}

static enum status line_reset_after(struct wan_map *map, const struct words *words, char *why)
{
    double seconds;

    if (!parse_number(words->at[1], 1e6, &seconds)) {
        return refuse(why, "reset-after takes seconds");
    }
    map->reset_after = (struct span){(uint64_t)(seconds * 1e9 + 0.5)};
    return OK;
}

static enum status line_route(struct wan_map *map, const struct words *words, char *why)
{
    struct wan_route *route = &map->routes[map->route_count];
    unsigned pair[2];
    struct address address;

    TRY(find_pair(map, &words->at[1], pair, why));
    if (!map->known[pair[0]][pair[1]]) {
        return refuse(why, "the map has no rtt between %s and %s", words->at[1], words->at[2]);
    }
    if (map->route_count == WAN_ROUTES_MAX) {
        return refuse(why, "at most %d routes", WAN_ROUTES_MAX);
    }
    for (unsigned i = 3; i < 5; i++) {
        if (strlen(words->at[i]) >= ADDRESS_TEXT_MAX
            || address_parse(&address, words->at[i]) != OK) {
            return refuse(why, "'%.200s' is neither HOST:PORT nor unix:PATH", words->at[i]);
        }
    }
    route->from = pair[0];
    route->to = pair[1];
    snprintf(route->listen, sizeof route->listen, "%s", words->at[3]);
    snprintf(route->target, sizeof route->target, "%s", words->at[4]);
    map->route_count++;
    return OK;
}

struct line_kind {
    const char *name;
    unsigned words, or_words;
    enum status (*take)(struct wan_map *map, const struct words *words, char *why);
    const char *form;
};

static const struct line_kind line_kinds[] = {
    {"region", 2, 2, line_region, "region NAME"},
    {"rtt", 4, 4, line_rtt, "rtt A B MS"},
    {"jitter", 2, 4, line_jitter, "jitter [A B] MS"},
    {"mbit", 2, 4, line_mbit, "mbit [A B] N"},
    {"reset-after", 2, 2, line_reset_after, "reset-after SECONDS"},
    {"route", 5, 5, line_route, "route FROM TO LISTEN TARGET"},
};

void wan_map_init(struct wan_map *map)
{
    memset(map, 0, sizeof *map);
    map->reset_after = SPAN_S(WAN_RESET_AFTER_S);
}

enum status wan_map_line(struct wan_map *map, const char *line, char *why)
{
    char room[WAN_LINE_MAX];
    struct words words;

    if (strlen(line) >= sizeof room) {
        return refuse(why, "the line is too long");
    }
    strcpy(room, line);
    room[strcspn(room, "#")] = '\0';
    if (!wan_words(room, words.at, &words.count)) {
        return refuse(why, "more words than any line has");
    }
    if (words.count == 0) {
        return OK;
    }
    for (unsigned i = 0; i < sizeof line_kinds / sizeof line_kinds[0]; i++) {
        const struct line_kind *kind = &line_kinds[i];

        if (strcmp(words.at[0], kind->name) == 0) {
            return words.count == kind->words || words.count == kind->or_words
                       ? kind->take(map, &words, why)
                       : refuse(why, "expected: %s", kind->form);
        }
    }
    return refuse(why, "'%.64s' begins no line of a map", words.at[0]);
}

static enum status load_lines(struct wan_map *map, FILE *file, const char *path, char *why)
{
    char line[WAN_LINE_MAX];
    char reason[TRANSPORT_WHY_MAX];

    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        if (strlen(line) + 1 == sizeof line) {
            return refuse(why, "%.100s:%u: the line is too long", path, number);
        }
        if (wan_map_line(map, line, reason) != OK) {
            return refuse(why, "%.100s:%u: %.300s", path, number, reason);
        }
    }
    if (ferror(file)) {
        (void)refuse(why, "%.200s: %s", path, strerror(errno));
        return E_IO;
    }
    return OK;
}

enum status wan_map_load(struct wan_map *map, const char *path, char *why)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        (void)refuse(why, "%.200s: %s", path, strerror(errno));
        return E_MISSING;
    }

    const enum status status = load_lines(map, file, path, why);

    fclose(file);
    return status;
}
