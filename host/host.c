/* The life of a world: open its parts, go round the loop, close them.
 *
 * A turn of the loop is: wait; let everything that became ready step the node; then kick the disk,
 * so that a small write happens after what the same turn has sent has left; collect what that
 * finished; set the timer. The node's wish for a timer is that of its last step.
 *
 * Parts are opened in the order in which an operator would want to hear of their faults, and closed
 * in the reverse. After HALT the links still send what they have, for at most a second. */
#include "host/host_parts.h"

#include "base/check.h"
#include "host/clock.h"
#include "host/metrics.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GOODBYE_TURNS = 100, /* of 10 ms: what a peer on the other side of the world needs */
    GOODBYE_TURN_US = 10000,
};

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct host *host = context;
    struct event event = {.kind = EVENT_TIMER};

    (void)fd;
    (void)what;
    host->timer_at = INSTANT_NEVER;
    /* The loop's clock and the node's are not the same one: the node decides what is due. */
    host_step(host, &event);
}

static void collect_disk(struct host *host)
{
    struct disk_answer answer;

    while (!host->halted && disk_next(host->disk, &answer)) {
        struct event event = {.kind = answer.is_read ? EVENT_READ : EVENT_WRITTEN};

        if (answer.is_read) {
            event.read = (struct event_read){answer.ticket, answer.status, answer.size};
        } else {
            event.written = (struct event_written){answer.ticket, answer.status};
        }
        host_step(host, &event);
    }
}

static void on_disk(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    collect_disk(context);
}

static void on_claim(evutil_socket_t fd, short what, void *context)
{
    struct host *host = context;

    (void)fd;
    (void)what;
    while (!host->halted) {
        struct event event = {.kind = EVENT_CLAIMED};

        if (!host_claim_next(host, &event.claimed)) {
            return;
        }
        host_step(host, &event);
    }
}

static void on_keys(void *context, uint64_t ticket, enum status status,
                    const struct keys_answer *answer)
{
    struct event event = {.kind = EVENT_KEYS};

    event.keys = (struct event_keys){ticket, status, *answer};
    host_step(context, &event);
}

static void on_stop(evutil_socket_t number, short what, void *context)
{
    struct host *host = context;
    struct event event = {.kind = EVENT_STOP};

    (void)what;
    trace_event(&host->settings.trace, "signal number=%d text=\"%s\"", (int)number,
                host->stopping ? "at once" : "draining; once more ends at once");
    if (host->stopping) {
        host->halted = true;
        host->halted_why = E_INDEFINITE;
        event_base_loopbreak(host->base);
        return;
    }
    host->stopping = true;
    if (host->settings.store != NULL) {
        spares_hasten(&host->settings.store->spares); /* whoever stops waits for no space */
    }
    host_step(host, &event);
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    host_certificates_reload(context);
}

static void reply(struct host *host, uint64_t token, unsigned code, struct bytes body)
{
    const struct http_header type = {"Content-Type", "text/plain; version=0.0.4; charset=utf-8"};
    const struct http_reply answer = {
        .status = code, .headers = &type, .header_count = 1, .body = body};

    http_server_reply(host->metrics, token, &answer);
}

static void reply_metrics(struct host *host, uint64_t token)
{
    struct member_status *status = calloc(1, sizeof *status);
    struct metrics_host own = {.memory_locked = host->settings.memory_locked,
                               .link_count = host->link_count,
                               .links_aged = host->links_aged,
                               .links_lapsed = host->links_lapsed,
                               .links_revoked = host->links_revoked};

    CHECK(status != NULL);
    host->settings.status(host->settings.node, clock_now(), status);
    if (host->identity != NULL) {
        own.certificate = host->expiry.certificate;
        own.crl = host->expiry.crl;
        own.crl_count = tls_identity_crl_count(host->identity);
    }
    if (host->keys != NULL) {
        own.service_count = key_client_states(host->keys, own.services);
    }
    if (host->disk != NULL) {
        const struct disk_counters counters = disk_counters(host->disk);

        own.spare_count = spares_count(&host->settings.store->spares);
        own.write_count = counters.groups;
        own.write_ns = counters.ns;
    }
    reply(host, token, 200, metrics_format(status, &own, host->metrics_text));
    free(status);
}

static void on_http(void *context, uint64_t token, const struct http_request *request)
{
    struct host *host = context;

    if (strcmp(request->target, "/metrics") != 0) {
        reply(host, token, 404, bytes_text("only /metrics is here\n"));
    } else if (strcmp(request->method, "GET") != 0) {
        reply(host, token, 405, bytes_text("only GET\n"));
    } else {
        reply_metrics(host, token);
    }
}

static struct event *add_event(struct host *host, evutil_socket_t fd, short what,
                               event_callback_fn callback)
{
    struct event *event = event_new(host->base, fd, what, callback, host);

    CHECK(event != NULL);
    if (fd >= 0) {
        CHECK(event_add(event, NULL) == 0);
    }
    return event;
}

static void open_base(struct host *host)
{
    struct event_config *config = event_config_new();

    CHECK(config != NULL);
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    host->base = event_base_new_with_config(config);
    event_config_free(config);
    CHECK(host->base != NULL);
    host->timer = add_event(host, -1, 0, on_timer);
    host->claim_ready = add_event(host, -1, 0, on_claim);
    host->sigterm = add_event(host, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop);
    host->sigint = add_event(host, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop);
    host->sighup = add_event(host, SIGHUP, EV_SIGNAL | EV_PERSIST, on_reload);
}

static enum status open_disk(struct host *host, char *why)
{
    struct store_posix *store = host->settings.store;

    if (store == NULL) {
        return OK;
    }

    enum status status = spares_start_maker(&store->spares);

    if (status == OK) {
        status = disk_start(&host->disk, store);
    }
    if (status != OK) {
        snprintf(why, HOST_WHY_MAX, "cannot start the disk's threads (%s)", status_name(status));
        return status;
    }
    host_space_open(host);
    host->disk_ready = add_event(host, disk_fd(host->disk), EV_READ | EV_PERSIST, on_disk);
    return OK;
}

static enum status open_metrics(struct host *host, char *why)
{
    const struct http_server_settings settings = {.base = host->base,
                                                  .address = host->settings.metrics,
                                                  .on_request = on_http,
                                                  .context = host};

    if (settings.address == NULL) {
        return OK;
    }
    CHECK(host->settings.status != NULL);
    host->metrics_text = malloc(METRICS_TEXT_MAX);
    CHECK(host->metrics_text != NULL);
    TRY(http_server_open(&host->metrics, &settings, why));
    trace_event(&host->settings.trace, "metrics address=%s port=%u", settings.address,
                http_server_port(host->metrics));
    return OK;
}

static enum status open_parts(struct host *host, char *why)
{
    struct key_client_settings keys = host->settings.keys;

    TRY(host_certificates_open(host, why));
    if (host->settings.has_keys) {
        keys.base = host->base;
        keys.on_answer = on_keys;
        keys.context = host;
        keys.trace = host->settings.trace;
        TRY(key_client_open(&host->keys, &keys, why));
    }
    TRY(host_links_listen(host, why));
    TRY(open_metrics(host, why));
    return open_disk(host, why);
}

enum status host_open(struct host **into, const struct host_settings *settings, char *why)
{
    struct host *host = calloc(1, sizeof *host);

    CHECK(host != NULL);
    host->settings = *settings;
    host->wake_at = host->timer_at = INSTANT_NEVER;
    signal(SIGPIPE, SIG_IGN);
    open_base(host);
    host_links_init(host);

    const enum status status = open_parts(host, why);

    if (status != OK) {
        host_close(host);
        return status;
    }
    *into = host;
    return OK;
}

static void set_timer(struct host *host)
{
    const struct instant now = clock_now();

    if (host->halted || host->wake_at.ns == host->timer_at.ns) {
        return;
    }
    host->timer_at = host->wake_at;
    if (host->wake_at.ns == INSTANT_NEVER.ns) {
        event_del(host->timer);
        return;
    }

    const uint64_t us = (instant_since(now, host->wake_at).ns + 999) / 1000;
    const struct timeval delay = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

    CHECK(event_add(host->timer, &delay) == 0);
}

/* Closed links leave what they have, say goodbye and hear the other side's. */
static void say_goodbye(struct host *host)
{
    const struct timeval turn = {0, GOODBYE_TURN_US};

    host_links_close(host);
    for (int i = 0; i < GOODBYE_TURNS && !link_loop_is_empty(host->links); i++) {
        event_base_loopexit(host->base, &turn);
        event_base_dispatch(host->base);
    }
}

/* Writes that the last steps asked for are kicked after one more look around: sends go first. */
static int loop_flags(const struct host *host)
{
    const bool hurry = host->disk != NULL && disk_wants_kick(host->disk);

    return EVLOOP_ONCE | (hurry ? EVLOOP_NONBLOCK : 0);
}

int host_run(struct host *host)
{
    struct event start = {.kind = EVENT_START};

    if (host->settings.store != NULL) {
        start.start = host->settings.store->inventory;
    }
    host_step(host, &start);
    host_space_begin(host);
    while (!host->halted) {
        if (host->disk != NULL) {
            disk_kick(host->disk);
            collect_disk(host);
        }
        host_links_resume_late(host);
        set_timer(host);
        if (!host->halted && event_base_loop(host->base, loop_flags(host)) < 0) {
            break;
        }
    }
    say_goodbye(host);
    if (host->halted_why == E_PROMOTED) {
        return HOST_EXIT_PROMOTED;
    }
    if (host->halted_why == E_KEY_LOST && !host->stopping) {
        return HOST_EXIT_ANEW;
    }
    return host->halted_why == OK ? HOST_EXIT_STOPPED : HOST_EXIT_REFUSED;
}

static void free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void host_close(struct host *host)
{
    host->halted = true;
    if (host->disk != NULL) {
        free_event(host->disk_ready);
        disk_stop(host->disk);
    }
    host_links_close(host);
    if (host->metrics != NULL) {
        http_server_close(host->metrics);
    }
    if (host->keys != NULL) {
        key_client_close(host->keys);
    }
    free_event(host->timer);
    free_event(host->claim_ready);
    free_event(host->sigterm);
    free_event(host->sigint);
    free_event(host->sighup);
    free_event(host->space_timer);
    link_loop_free(host->links);
    host_certificates_close(host);
    event_base_free(host->base);
    free(host->metrics_text);
    free(host);
}

unsigned host_port(const struct host *host, unsigned listener)
{
    CHECK(listener < host->settings.listen_count);
    return listener_port(host->listeners[listener]);
}
