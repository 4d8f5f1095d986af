/* `sealift wan`: the ocean between regions, on one machine.
 *
 * Without a verb it runs the relay until SIGTERM; with one it talks to a relay that runs, through
 * its control socket: one line there, one answer back, then the end. */
#include "transport/wan.h"
#include "base/check.h"
#include "cli/verbs.h"
#include "transport/address.h"
#include "transport/socket.h"
#include "transport/tls_identity.h"

#include <argp.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    OPTION_MAP = 0x200,
    OPTION_ROUTE,
    OPTION_CONTROL,
    OPTION_JSON,
    OPTION_RTT,
    OPTION_JITTER,
    OPTION_MBIT,
    OPTION_ONE_WAY,
    LINE_MAX_BYTES = 512,
    ANSWER_S = 10,
};

struct wan_order {
    const char *map;
    const char *control;
    const char *routes[WAN_ROUTES_MAX];
    unsigned route_count;
    char line[LINE_MAX_BYTES]; /* the verb and its words */
    char values[LINE_MAX_BYTES]; /* those that were given as options: the last words */
    bool one_way, json;
};

static const struct argp_option options[] = {
    {"map", OPTION_MAP, "FILE", 0, "regions, round trips, rates and routes", 1},
    {"route", OPTION_ROUTE, "FROM,TO,LISTEN,TARGET", 0, "one more route (repeat)", 1},
    {"control", OPTION_CONTROL, "unix:PATH", 0, "where the running relay takes its orders", 1},
    {"json", OPTION_JSON, 0, 0, "ready lines as objects; show always is one", 1},
    {"rtt", OPTION_RTT, "MS", 0, "slow: the round trip; each way takes half", 2},
    {"jitter", OPTION_JITTER, "MS", 0, "slow: up to that much more, each way", 2},
    {"mbit", OPTION_MBIT, "N", 0, "slow: megabits a second, each way; 0: no limit", 2},
    {"one-way", OPTION_ONE_WAY, 0, 0, "only from A to B, not back", 2},
    {0}};

static void add_word(char line[LINE_MAX_BYTES], const char *word, const struct argp_state *state)
{
    const size_t size = strlen(line);

    if (size + strlen(word) + 2 > LINE_MAX_BYTES) {
        argp_failure(state, EXIT_USAGE, 0, "too many words");
    }
    snprintf(line + size, LINE_MAX_BYTES - size, "%s%s", size == 0 ? "" : " ", word);
}

static error_t add_value(struct wan_order *order, const char *name, const char *value,
                         const struct argp_state *state)
{
    add_word(order->values, name, state);
    add_word(order->values, value, state);
    return 0;
}

/* Options may stand before the words that they belong to. */
static void end_line(struct wan_order *order, const struct argp_state *state)
{
    if (order->values[0] != '\0') {
        add_word(order->line, order->values, state);
    }
    if (order->one_way) {
        add_word(order->line, "one-way", state);
    }
}

static error_t parse(int option, char *argument, struct argp_state *state)
{
    struct wan_order *order = state->input;

    switch (option) {
    case OPTION_MAP:
        order->map = argument;
        return 0;
    case OPTION_CONTROL:
        order->control = argument;
        return 0;
    case OPTION_ROUTE:
        if (order->route_count == WAN_ROUTES_MAX) {
            argp_failure(state, EXIT_USAGE, 0, "at most %d routes", WAN_ROUTES_MAX);
        }
        order->routes[order->route_count++] = argument;
        return 0;
    case ARGP_KEY_ARG:
        add_word(order->line, argument, state);
        return 0;
    case OPTION_JSON:
        order->json = true;
        return 0;
    case OPTION_RTT:
        return add_value(order, "rtt", argument, state);
    case OPTION_JITTER:
        return add_value(order, "jitter", argument, state);
    case OPTION_MBIT:
        return add_value(order, "mbit", argument, state);
    case OPTION_ONE_WAY:
        order->one_way = true;
        return 0;
    case ARGP_KEY_END:
        end_line(order, state);
        if (order->line[0] == '\0' && order->map == NULL) {
            argp_error(state, "--map is missing");
        }
        if (order->line[0] != '\0' && order->control == NULL) {
            argp_error(state, "--control is missing: where does the relay listen?");
        }
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int refuse(const char *what, const char *why)
{
    fprintf(stderr, "sealift wan: %s: %s\n", what, why);
    return EXIT_REFUSED;
}

/* ---- the running relay ---- */

struct relay {
    struct event_base *base;
    struct wan *wan;
    int control;
};

static void on_signal(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    event_base_loopbreak(context);
}

/* One short line and its answer: the far end is a command of ours, so waiting for it is bounded. */
static void on_control(evutil_socket_t listener, short what, void *context)
{
    static char answer[WAN_ANSWER_MAX];
    struct relay *relay = context;
    const struct timeval patience = {.tv_sec = 1};
    char line[LINE_MAX_BYTES];
    const int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    (void)what;
    if (peer < 0) {
        return;
    }
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const ssize_t got = socket_peer_is_us(peer) ? recv(peer, line, sizeof line - 1, 0) : -1;

    if (got > 0) {
        line[got] = '\0';
        line[strcspn(line, "\n")] = '\0';
        const char *mark = wan_command(relay->wan, line, answer) == OK ? "+" : "-";

        if (send(peer, mark, 1, MSG_NOSIGNAL) == 1) {
            (void)!send(peer, answer, strlen(answer), MSG_NOSIGNAL);
        }
    }
    close(peer);
}

static enum status add_routes(struct wan_map *map, const struct wan_order *order, char *why)
{
    for (unsigned i = 0; i < order->route_count; i++) {
        char line[LINE_MAX_BYTES + 8];

        snprintf(line, sizeof line, "route %.500s", order->routes[i]);
        for (char *comma = line; (comma = strchr(comma, ',')) != NULL;) {
            *comma = ' ';
        }
        TRY(wan_map_line(map, line, why));
    }
    return map->route_count > 0 ? OK : E_MISSING;
}

static void say_routes(const struct wan *wan, const struct wan_map *map, bool json)
{
    for (unsigned i = 0; i < map->route_count; i++) {
        const struct wan_route *route = &map->routes[i];
        const struct wan_path *path = &map->paths[route->from][route->to];

        printf(json ? "{\"ready\": true, \"from\": \"%s\", \"to\": \"%s\", \"listen\": \"%s\", "
                      "\"port\": %u, \"target\": \"%s\", \"one_way_ms\": %.3f}\n"
                    : "ready from=%s to=%s listen=%s port=%u target=%s one_way_ms=%.3f\n",
               map->regions[route->from], map->regions[route->to], route->listen, wan_port(wan, i),
               route->target, (double)path->delay.ns / 1e6);
    }
    fflush(stdout);
}

static int serve(struct relay *relay, const struct wan_order *order)
{
    struct event *term = evsignal_new(relay->base, SIGTERM, on_signal, relay->base);
    struct event *interrupt = evsignal_new(relay->base, SIGINT, on_signal, relay->base);
    struct event *control = NULL;

    CHECK(term != NULL && interrupt != NULL);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    if (relay->control >= 0) {
        control = event_new(relay->base, relay->control, EV_READ | EV_PERSIST, on_control, relay);
        CHECK(control != NULL);
        event_add(control, NULL);
    }
    event_base_dispatch(relay->base);
    event_free(term);
    event_free(interrupt);
    if (control != NULL) {
        event_free(control);
        close(relay->control);
        unlink(order->control + strlen("unix:"));
    }
    return EXIT_DONE;
}

/* The plain timer of libevent is coarse: round trips would be some milliseconds too long. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();

    CHECK(config != NULL);
    CHECK(event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0);

    struct event_base *base = event_base_new_with_config(config);

    event_config_free(config);
    CHECK(base != NULL);
    return base;
}

static int run_relay(const struct wan_order *order)
{
    static struct wan_map map;
    struct relay relay = {.base = base_new(), .control = -1};
    struct address bound;
    char why[TRANSPORT_WHY_MAX] = "no route: give --route FROM,TO,LISTEN,TARGET";
    int code;

    wan_map_init(&map);
    if (wan_map_load(&map, order->map, why) != OK || add_routes(&map, order, why) != OK
        || wan_open(&relay.wan, relay.base, &map, why) != OK) {
        event_base_free(relay.base);
        return refuse(order->map, why);
    }
    if (order->control != NULL
        && socket_listen(order->control, 8, false, &relay.control, &bound, why) != OK) {
        code = refuse(order->control, why);
    } else {
        say_routes(relay.wan, &map, order->json);
        code = serve(&relay, order);
    }
    wan_close(relay.wan);
    event_base_free(relay.base);
    return code;
}

/* ---- one order for a relay that runs ---- */

static int dial_control(const char *control)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = strncmp(control, "unix:", 5) == 0 ? control + 5 : control;
    const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = ANSWER_S};

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (file >= 0 && connect(file, (const struct sockaddr *)&name, sizeof name) != 0) {
        close(file);
        return -1;
    }
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return file;
}

static int give_order(const struct wan_order *order)
{
    static char answer[WAN_ANSWER_MAX + 1];
    const int file = dial_control(order->control);
    size_t size = 0;

    if (file < 0) {
        return refuse(order->control, strerror(errno));
    }
    if (send(file, order->line, strlen(order->line), MSG_NOSIGNAL) < 0) {
        close(file);
        return refuse(order->control, strerror(errno));
    }
    shutdown(file, SHUT_WR);
    for (ssize_t got; size < WAN_ANSWER_MAX
                      && (got = recv(file, answer + size, WAN_ANSWER_MAX - size, 0)) > 0;) {
        size += (size_t)got;
    }
    close(file);
    answer[size] = '\0';
    if (answer[0] != '+') {
        return refuse(order->line, size == 0 ? "no answer" : answer + 1);
    }
    puts(answer + 1);
    return EXIT_DONE;
}

int verb_wan(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[show | cut A B | heal A B | reset A B | stall A B MS | slow A B rtt MS "
                    "jitter MS mbit N]",
        .doc = "Relays links between regions with delay, jitter, bandwidth, stalls and cuts.\v"
               "Without words it runs the relay; with words it tells a relay that runs. A and B "
               "are regions of the map or *; add one-way for one direction."};
    static struct wan_order order;

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &order);
    return order.line[0] == '\0' ? run_relay(&order) : give_order(&order);
}
