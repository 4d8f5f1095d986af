/* Routes accept and hand the caller to a relay, which calls the target; commands change links.
 *
 * All connections from one region to another share one link, hence its rate. How it goes wrong: no
 * descriptor or memory is left (accepting rests 100 ms), too many connections (closed as they
 * come). A target that does not answer is the relay's to tell. */
#include "transport/wan.h"

#include "base/check.h"
#include "transport/socket.h"
#include "transport/tls_identity.h"
#include "transport/wan_relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 128, REST_US = 100000 };

struct route {
    struct wan *wan;
    const struct wan_route *said;
    int listener;
    struct address bound;
    struct loop_event acceptable, rested;
    struct wan_target target;
    struct wan_relay *relays;
};

struct wan {
    struct wan_pool pool;
    struct wan_map map;
    struct wan_link links[WAN_REGIONS_MAX][WAN_REGIONS_MAX];
    struct route routes[WAN_ROUTES_MAX];
};

static unsigned count_relays(const struct wan_relay *relay)
{
    unsigned count = 0;

    for (; relay != NULL; relay = relay->next) {
        count++;
    }
    return count;
}

static void on_rested(evutil_socket_t file, short what, void *context)
{
    struct route *route = context;

    (void)file;
    (void)what;
    CHECK(event_add(&route->acceptable, NULL) == 0);
}

/* A descriptor or memory is missing: accept would fail again at once, and again. */
static void route_rest(struct route *route)
{
    const struct timeval time = {.tv_usec = REST_US};

    event_del(&route->acceptable);
    CHECK(event_add(&route->rested, &time) == 0);
}

static void on_acceptable(evutil_socket_t listener, short what, void *context)
{
    struct route *route = context;
    struct wan *wan = route->wan;
    const unsigned from = route->said->from, to = route->said->to;
    const int caller = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (caller < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            route_rest(route);
        }
        return; /* else it is gone again */
    }
    if (count_relays(route->relays) >= WAN_CONNECTIONS_MAX) {
        close(caller);
        return;
    }
    socket_tune(caller, route->bound.is_unix ? AF_UNIX : AF_INET, 0);
    wan_relay_begin(&(struct wan_relay_order){.pool = &wan->pool,
                                              .target = &route->target,
                                              .there = &wan->links[from][to],
                                              .back = &wan->links[to][from],
                                              .list = &route->relays,
                                              .caller = caller});
}

/* E_USAGE: a name that would have to be looked up. */
static enum status take_target(struct wan_target *target, const char *text)
{
    struct address address;
    struct addrinfo *list;

    TRY(address_parse(&address, text));
    if (address.is_unix) {
        const struct sockaddr_un name = address_unix(&address);

        memcpy(&target->name, &name, sizeof name);
        target->size = sizeof name;
        return OK;
    }
    TRY(address_numeric(&address, false, &list));
    memcpy(&target->name, list->ai_addr, list->ai_addrlen);
    target->size = list->ai_addrlen;
    freeaddrinfo(list);
    return OK;
}

static enum status open_route(struct wan *wan, unsigned n, char *why)
{
    struct route *route = &wan->routes[n];
    struct event_base *base = wan->pool.base;

    route->wan = wan;
    route->said = &wan->map.routes[n];
    if (take_target(&route->target, route->said->target) != OK) {
        snprintf(why, TRANSPORT_WHY_MAX, "%.200s: a target is numeric, localhost or unix:PATH",
                 route->said->target);
        return E_USAGE;
    }
    TRY(socket_listen(route->said->listen, BACKLOG, false, &route->listener, &route->bound, why));
    CHECK(event_assign(&route->acceptable, base, route->listener, EV_READ | EV_PERSIST,
                       on_acceptable, route)
          == 0);
    CHECK(event_assign(&route->rested, base, -1, 0, on_rested, route) == 0);
    CHECK(event_add(&route->acceptable, NULL) == 0);
    return OK;
}

enum status wan_open(struct wan **out, struct event_base *base, const struct wan_map *map,
                     char *why)
{
    struct wan *wan = calloc(1, sizeof *wan);

    CHECK(wan != NULL);
    wan->map = *map;
    wan_pool_init(&wan->pool, base, wan_now().ns);
    for (unsigned i = 0; i < WAN_REGIONS_MAX; i++) {
        for (unsigned k = 0; k < WAN_REGIONS_MAX; k++) {
            wan->links[i][k].path = map->paths[i][k];
        }
    }
    for (unsigned i = 0; i < map->route_count; i++) {
        const enum status status = open_route(wan, i, why);

        if (status != OK) {
            wan->map.route_count = i;
            wan_close(wan);
            return status;
        }
    }
    *out = wan;
    return OK;
}

static void route_close(struct route *route)
{
    event_del(&route->acceptable);
    event_del(&route->rested);
    close(route->listener);
    if (route->bound.is_unix) {
        unlink(route->bound.host);
    }
}

void wan_close(struct wan *wan)
{
    for (unsigned i = 0; i < wan->map.route_count; i++) {
        while (wan->routes[i].relays != NULL) {
            wan_relay_reset(wan->routes[i].relays);
        }
        route_close(&wan->routes[i]);
    }
    wan_pool_clear(&wan->pool);
    free(wan);
}

size_t wan_queued_peak(const struct wan *wan)
{
    return wan->pool.bytes_peak;
}

unsigned wan_port(const struct wan *wan, unsigned route)
{
    return socket_port(wan->routes[route].listener);
}

/* ---- control ---- */

struct order {
    const char *verb;
    unsigned from, to; /* WAN_REGIONS_MAX: any */
    bool one_way;
    struct span stall;
    bool has_rtt, has_jitter, has_mbit;
    struct span rtt, jitter;
    uint64_t rate;
};

static bool take_region(const struct wan *wan, const char *word, unsigned *region)
{
    *region = strcmp(word, "*") == 0 ? WAN_REGIONS_MAX : wan_map_region(&wan->map, word);
    return *region == WAN_REGIONS_MAX || *region < wan->map.region_count;
}

static bool take_slow(struct order *order, char **words, unsigned count)
{
    for (unsigned i = 3; i + 1 < count; i += 2) {
        const bool rtt = strcmp(words[i], "rtt") == 0 && wan_parse_ms(words[i + 1], &order->rtt);
        const bool jitter =
            strcmp(words[i], "jitter") == 0 && wan_parse_ms(words[i + 1], &order->jitter);
        const bool mbit =
            strcmp(words[i], "mbit") == 0 && wan_parse_mbit(words[i + 1], &order->rate);

        if (!rtt && !jitter && !mbit) {
            return false;
        }
        order->has_rtt |= rtt;
        order->has_jitter |= jitter;
        order->has_mbit |= mbit;
    }
    return count >= 5 && count % 2 == 1;
}

static bool take_order(const struct wan *wan, struct order *order, char **words, unsigned count)
{
    if (count > 0 && strcmp(words[count - 1], "one-way") == 0) {
        order->one_way = true;
        count--;
    }
    if (count < 3 || !take_region(wan, words[1], &order->from)
        || !take_region(wan, words[2], &order->to)) {
        return false;
    }
    order->verb = words[0];
    if (strcmp(order->verb, "stall") == 0) {
        return count == 4 && wan_parse_ms(words[3], &order->stall);
    }
    if (strcmp(order->verb, "slow") == 0) {
        return take_slow(order, words, count);
    }
    return count == 3
           && (strcmp(order->verb, "cut") == 0 || strcmp(order->verb, "heal") == 0
               || strcmp(order->verb, "reset") == 0);
}

/* True where connections of this link must be reset. A stall of a cut link changes nothing. */
static bool change_link(struct wan *wan, const struct order *order, struct wan_link *link)
{
    const struct instant now = wan_now();

    if (strcmp(order->verb, "reset") == 0) {
        return true;
    }
    if (strcmp(order->verb, "cut") == 0) {
        wan_link_cut(link, now);
    } else if (strcmp(order->verb, "heal") == 0) {
        return wan_link_heal(link, now).ns > wan->map.reset_after.ns;
    } else if (strcmp(order->verb, "stall") == 0) {
        wan_link_stall(link, now, order->stall);
    } else {
        link->path.delay.ns = order->has_rtt ? order->rtt.ns / 2 : link->path.delay.ns;
        link->path.jitter.ns = order->has_jitter ? order->jitter.ns : link->path.jitter.ns;
        if (order->has_mbit) {
            link->path.rate = order->rate;
            link->wire_free_at = now; /* what waits was reckoned with the old rate */
        }
    }
    return false;
}

static bool is_meant(const struct order *order, unsigned from, unsigned to)
{
    const bool there = (order->from == WAN_REGIONS_MAX || order->from == from)
                       && (order->to == WAN_REGIONS_MAX || order->to == to);
    const bool back = (order->from == WAN_REGIONS_MAX || order->from == to)
                      && (order->to == WAN_REGIONS_MAX || order->to == from);

    return from != to && (there || (back && !order->one_way));
}

static void look_again(struct wan *wan, bool reset[WAN_REGIONS_MAX][WAN_REGIONS_MAX])
{
    for (unsigned i = 0; i < wan->map.route_count; i++) {
        const struct wan_route *said = wan->routes[i].said;
        struct wan_relay *relay = wan->routes[i].relays;

        while (relay != NULL) {
            struct wan_relay *next = relay->next;

            if (reset[said->from][said->to] || reset[said->to][said->from]) {
                wan_relay_reset(relay);
            } else {
                wan_relay_wake(relay);
            }
            relay = next;
        }
    }
}

static void carry_out(struct wan *wan, const struct order *order)
{
    bool reset[WAN_REGIONS_MAX][WAN_REGIONS_MAX] = {0};

    for (unsigned from = 0; from < wan->map.region_count; from++) {
        for (unsigned to = 0; to < wan->map.region_count; to++) {
            if (is_meant(order, from, to)) {
                reset[from][to] = change_link(wan, order, &wan->links[from][to]);
            }
        }
    }
    look_again(wan, reset);
}

static void show(const struct wan *wan, char *answer)
{
    size_t size = (size_t)snprintf(answer, WAN_ANSWER_MAX, "{\"routes\": [");

    for (unsigned i = 0; i < wan->map.route_count && size < WAN_ANSWER_MAX - 1024; i++) {
        const struct route *route = &wan->routes[i];
        const struct wan_link *link = &wan->links[route->said->from][route->said->to];

        size += (size_t)snprintf(
            answer + size, WAN_ANSWER_MAX - size,
            "%s{\"from\": \"%s\", \"to\": \"%s\", \"port\": %u, \"target\": \"%.100s\", "
            "\"one_way_ms\": %.3f, \"jitter_ms\": %.3f, \"mbit\": %.3f, \"cut\": %s, "
            "\"connections\": %u, \"bytes\": %llu}",
            i == 0 ? "" : ", ", wan->map.regions[route->said->from],
            wan->map.regions[route->said->to], wan_port(wan, i), route->said->target,
            (double)link->path.delay.ns / 1e6, (double)link->path.jitter.ns / 1e6,
            (double)link->path.rate * 8 / 1e6, wan_link_is_cut(link) ? "true" : "false",
            count_relays(route->relays), (unsigned long long)link->bytes);
    }
    snprintf(answer + size, WAN_ANSWER_MAX - size,
             "], \"queued_bytes\": %zu, \"queued_bytes_peak\": %zu}", wan->pool.bytes,
             wan->pool.bytes_peak);
}

enum status wan_command(struct wan *wan, char *line, char *answer)
{
    char *words[WAN_WORDS_MAX];
    struct order order = {0};
    unsigned count = 0;

    if (!wan_words(line, words, &count)) {
        count = 0;
    }
    if (count == 1 && strcmp(words[0], "show") == 0) {
        show(wan, answer);
        return OK;
    }
    if (!take_order(wan, &order, words, count)) {
        snprintf(
            answer, WAN_ANSWER_MAX,
            "say cut, heal, reset, stall or slow, two regions of the map (or *), and their values: "
            "stall A B MS, slow A B rtt MS jitter MS mbit N; at the end one-way or nothing");
        return E_USAGE;
    }
    carry_out(wan, &order);
    snprintf(answer, WAN_ANSWER_MAX, "done");
    return OK;
}
