/* Two sides of links over loopback in one loop, and what each of them has seen. */
#ifndef SEALIFT_TESTS_UNIT_TRANSPORT_LINK_RIG_H
#define SEALIFT_TESTS_UNIT_TRANSPORT_LINK_RIG_H

#include "tests/support/pki.h"
#include "transport/dialer.h"
#include "transport/listener.h"
#include "transport/loop.h"

struct side {
    struct link *link;
    struct link_peer peer;
    unsigned ups;
    unsigned downs;
    enum status why;
    unsigned messages;
    uint64_t bytes;
    uint32_t sum; /* of the tails, in order */
    unsigned deferrals;
    unsigned defer_every; /* 0: never */
    unsigned drains;
    bool end_on_message;
    const struct tls_identity *recheck; /* judge the peer by it in `up` */
    enum status rechecked;
};

static struct pki pki;
static struct tls_identity *primary;
static struct tls_identity *replica;
static struct event_base *base;
static struct link_loop *loop;
static struct listener *listener;
static struct side server;
static struct side client;
static char address[64];
static bool timed_out;

static inline uint32_t sum_next(uint32_t sum, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i += 1 + bytes.size / 512) {
        sum = sum * 31 + bytes.data[i];
    }
    return sum * 31 + (uint32_t)bytes.size;
}

static inline void on_up(void *context, struct link *link, const struct link_peer *peer)
{
    struct side *side = context;

    side->link = link;
    side->peer = *peer;
    side->ups++;
    if (side->recheck != NULL) {
        side->rechecked = link_recheck(link, side->recheck);
    }
}

static inline enum link_answer on_message(void *context, struct link *link,
                                          const struct message *message)
{
    struct side *side = context;

    if (side->defer_every > 0 && (side->messages + side->deferrals) % side->defer_every == 0) {
        side->deferrals++;
        return LINK_DEFERRED;
    }
    side->messages++;
    side->bytes += message->head.size + message->tail.size;
    side->sum = sum_next(sum_next(side->sum, message->head), message->tail);
    if (side->end_on_message) {
        side->link = NULL;
        link_close(link, LINK_FLUSH);
    }
    return LINK_TAKEN;
}

static inline void on_down(void *context, struct link *link, enum status why, const char *text)
{
    struct side *side = context;

    (void)link;
    (void)text;
    side->link = NULL;
    side->downs++;
    side->why = why;
}

static inline void on_drained(void *context, struct link *link)
{
    struct side *side = context;

    (void)link;
    side->drains++;
}

static const struct link_callbacks callbacks = {
    .up = on_up, .message = on_message, .down = on_down, .drained = on_drained};

static inline void on_timeout(evutil_socket_t file, short what, void *context)
{
    (void)file;
    (void)what;
    (void)context;
    timed_out = true;
}

static inline void begin(void)
{
    pki_make(&pki, "prod");
    primary = pki_identity(&pki, "prod", ROLE_PRIMARY, "p1");
    replica = pki_identity(&pki, "prod", ROLE_REPLICA, "r1");
    base = event_base_new();
    loop = link_loop_new(base);
    server = (struct side){0};
    client = (struct side){0};
}

static inline void listen_with(const char *where, struct link_settings settings)
{
    char why[TRANSPORT_WHY_MAX] = "";
    const struct listener_settings with = {.loop = loop,
                                           .address = where,
                                           .identity = primary,
                                           .link = settings,
                                           .callbacks = callbacks,
                                           .context = &server};

    NEED(listener_open(&listener, &with, why) == OK);
    snprintf(address, sizeof address, "127.0.0.1:%u", listener_port(listener));
}

static inline struct link *dial_with(const char *to, struct link_settings settings)
{
    const struct dialer_order order = {.loop = loop,
                                       .address = to,
                                       .identity = replica,
                                       .link = settings,
                                       .callbacks = callbacks,
                                       .context = &client};

    return dialer_dial(&order);
}

/* Turns the loop until the condition holds; five seconds are a failure. */
#define TURN_UNTIL(condition) \
    do { \
        struct loop_event *limit = event_new(base, -1, 0, on_timeout, NULL); \
        const struct timeval five = {.tv_sec = 5}; \
        timed_out = false; \
        event_add(limit, &five); \
        while (!(condition) && !timed_out) { \
            event_base_loop(base, EVLOOP_ONCE); \
        } \
        event_free(limit); \
        EXPECT(!timed_out); \
    } while (0)

static inline void end(void)
{
    if (client.link != NULL) {
        link_close(client.link, LINK_AT_ONCE);
    }
    if (server.link != NULL) {
        link_close(server.link, LINK_AT_ONCE);
    }
    listener_close(listener);
    listener = NULL;
    event_base_loop(base, EVLOOP_NONBLOCK);
    link_loop_free(loop);
    event_base_free(base);
    tls_identity_free(primary);
    tls_identity_free(replica);
    pki_free(&pki);
}

static inline void connect_both(struct link_settings settings)
{
    listen_with("127.0.0.1:0", settings);
    dial_with(address, settings);
    TURN_UNTIL(client.ups + client.downs > 0 && server.ups + server.downs > 0);
    NEED(client.ups == 1 && server.ups == 1);
}

#endif
