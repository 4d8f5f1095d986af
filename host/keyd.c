/* The life of the key service's world: open its parts, go round the loop, close them.
 *
 * A turn of the loop is: wait; deliver all requests that came; commit what they saved; tell the
 * node, whose answers leave with that; set the timer. While a commit waits for the disk further
 * requests gather in the sockets, and the next turn takes them all: the busier, the larger the
 * groups.
 *
 * How it goes wrong: a commit fails, and its answers become internal errors; if that leaves the
 * disk in doubt, the loop ends after they have left. */
#include "host/keyd.h"

#include "base/check.h"
#include "host/clock.h"
#include "host/keyd_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GOODBYE_MS = 100, /* for the last answers to leave */
    GATHER_MAX = 64, /* requests: what the node holds at once */
};

static void halt(struct keyd *keyd, enum status why, const char *text)
{
    keyd->halted = true;
    keyd->halted_why = why;
    fprintf(stderr, "%s%s%s\n", text, why != OK ? " " : "", why != OK ? status_name(why) : "");
}

static void perform(struct keyd *keyd, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND:
        keyd_send(keyd, &effect->send);
        return;
    case EFFECT_HANG_UP:
        keyd_hang_up(keyd, effect->hang_up.link);
        return;
    case EFFECT_DEFER:
        return; /* it has left the inbox, and keeps its place */
    case EFFECT_RESUME:
        keyd_resume(keyd, effect->link);
        return;
    case EFFECT_SAVE:
        CHECK(keyd->save_count < KEYD_REQUESTS_MAX);
        keyd->saves[keyd->save_count++] = effect->save.ticket;
        catalog_save(keyd->settings.catalog, effect->save.rows, effect->save.row_count);
        return;
    case EFFECT_HALT:
        halt(keyd, effect->halt.why, effect->halt.text);
        return;
    case EFFECT_DIAL:
    case EFFECT_WRITE:
    case EFFECT_READ:
    case EFFECT_ASK_KEYS:
    case EFFECT_CLAIM:
    case EFFECT_KINDS:
        break;
    }
    UNREACHABLE();
}

void keyd_step(struct keyd *keyd, struct event *event)
{
    if (keyd->halted) {
        return;
    }
    CHECK(!keyd->stepping);
    keyd->stepping = true;
    event->now = clock_now();
    event->wall_ns = clock_wall_ns();
    effects_clear(&keyd->fx);
    keyd->settings.node->step(keyd->settings.node, event, &keyd->fx);
    for (unsigned i = 0; i < keyd->fx.count; i++) {
        perform(keyd, &keyd->fx.list[i]);
    }
    keyd->wake_at = keyd->fx.wake_at;
    keyd->stepping = false;
}

static enum status commit(struct keyd *keyd)
{
    const struct instant begin = clock_now();
    const enum status status = catalog_commit(keyd->settings.catalog);

    keyd->commits++;
    keyd->commit_ns += instant_since(begin, clock_now()).ns;
    if (status != OK) {
        trace_event(&keyd->settings.trace, "catalog.failed why=%s saves=%u text=\"%s\"",
                    status_name(status), keyd->save_count, catalog_error(keyd->settings.catalog));
    }
    return status;
}

static void commit_saves(struct keyd *keyd)
{
    const unsigned count = keyd->save_count;

    if (count == 0) {
        return;
    }

    const enum status status = commit(keyd);

    for (unsigned i = 0; i < count; i++) {
        struct event event = {.kind = EVENT_SAVED, .saved = {keyd->saves[i], status}};

        keyd_step(keyd, &event);
    }
    CHECK(keyd->save_count == count); /* a SAVED asks for no SAVE: it would be of the next turn */
    keyd->save_count = 0;
    if ((status == E_IO || status == E_DAMAGED) && !keyd->halted) {
        halt(keyd, status,
             "the catalog failed, and what is on the disk is in doubt: see to the "
             "disk, then start again:");
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct keyd *keyd = context;
    struct event event = {.kind = EVENT_TIMER};

    (void)fd;
    (void)what;
    keyd->timer_at = INSTANT_NEVER;
    keyd_step(keyd, &event);
}

static void on_stop(evutil_socket_t number, short what, void *context)
{
    struct keyd *keyd = context;
    struct event event = {.kind = EVENT_STOP};

    (void)what;
    trace_event(&keyd->settings.trace, "signal number=%d text=\"%s\"", (int)number,
                keyd->stopping ? "at once" : "draining; once more ends at once");
    if (keyd->stopping) {
        keyd->halted = true;
        keyd->halted_why = E_INDEFINITE;
        return;
    }
    keyd_deliver(keyd); /* what was here before the signal is drained with the rest */
    keyd->stopping = true;
    keyd_step(keyd, &event);
}

/* A certificate that says whose it is must say that it is ours: a member's key has no business
 * here. One of another CA than `sealift pki` says nothing of the kind. */
static enum status check_identity(const struct keyd *keyd, const struct identity *self, char *why)
{
    const char *path = keyd->settings.tls.certificate;

    if (self->role != ROLE_NONE && self->role != ROLE_KEYD) {
        snprintf(why, KEYD_WHY_MAX,
                 "%.200s: a certificate for role %s; a key service needs role %s (E_IDENTITY)",
                 path, role_name(self->role), role_name(ROLE_KEYD));
        return E_IDENTITY;
    }
    if (self->role == ROLE_KEYD && strcmp(self->region, keyd->settings.region) != 0) {
        snprintf(why, KEYD_WHY_MAX,
                 "%.200s: a certificate of region %s; this key service is that of %s (E_IDENTITY)",
                 path, self->region, keyd->settings.region);
        return E_IDENTITY;
    }
    return OK;
}

static enum status load_identity(const struct keyd *keyd, struct tls_identity **identity, char *why)
{
    TRY(tls_identity_load_https(identity, &keyd->settings.tls, why));

    const enum status status = check_identity(keyd, tls_identity_self(*identity), why);

    if (status != OK) {
        tls_identity_free(*identity);
        *identity = NULL;
    }
    return status;
}

/* The old ones stay where the new ones cannot be read. */
static enum status reload(struct keyd *keyd, char *why)
{
    struct tls_identity *identity;
    struct credentials *credentials;

    TRY(credentials_load(&credentials, keyd->settings.credentials, why));
    credentials_free(keyd->credentials);
    keyd->credentials = credentials;
    TRY(load_identity(keyd, &identity, why));
    http_server_set_identity(keyd->https, identity);
    tls_identity_free(keyd->identity);
    keyd->identity = identity;
    expiry_watch_set(&keyd->expiry, tls_identity_expires_at(identity), 0);
    return OK;
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
    struct keyd *keyd = context;
    char why[KEYD_WHY_MAX];

    (void)number;
    (void)what;
    if (reload(keyd, why) != OK) {
        trace_event(&keyd->settings.trace, "reload.failed text=\"%s\"", why);
        return;
    }
    trace_event(&keyd->settings.trace, "reload.done callers=%u expires=%lld",
                keyd->credentials->count, (long long)tls_identity_expires_at(keyd->identity));
}

static struct event *add_event(struct keyd *keyd, evutil_socket_t fd, short what,
                               event_callback_fn callback)
{
    struct event *event = event_new(keyd->base, fd, what, callback, keyd);

    CHECK(event != NULL);
    if (fd >= 0) {
        CHECK(event_add(event, NULL) == 0);
    }
    return event;
}

static void open_base(struct keyd *keyd)
{
    keyd->base = event_base_new();
    CHECK(keyd->base != NULL);
    keyd->timer = add_event(keyd, -1, 0, on_timer);
    keyd->sigterm = add_event(keyd, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop);
    keyd->sigint = add_event(keyd, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop);
    keyd->sighup = add_event(keyd, SIGHUP, EV_SIGNAL | EV_PERSIST, on_reload);
}

static enum status open_parts(struct keyd *keyd, char *why)
{
    TRY(credentials_load(&keyd->credentials, keyd->settings.credentials, why));
    TRY(load_identity(keyd, &keyd->identity, why));
    expiry_watch_start(&keyd->expiry, keyd->base, keyd->settings.trace);
    expiry_watch_set(&keyd->expiry, tls_identity_expires_at(keyd->identity), 0);
    TRY(keyd_listen(keyd, why));
    return keyd_metrics_open(keyd, why);
}

enum status keyd_open(struct keyd **into, const struct keyd_settings *settings, char *why)
{
    struct keyd *keyd = calloc(1, sizeof *keyd);

    CHECK(keyd != NULL);
    keyd->settings = *settings;
    keyd->wake_at = keyd->timer_at = INSTANT_NEVER;
    signal(SIGPIPE, SIG_IGN);
    open_base(keyd);

    const enum status status = open_parts(keyd, why);

    if (status != OK) {
        keyd_close(keyd);
        return status;
    }
    *into = keyd;
    return OK;
}

static void set_timer(struct keyd *keyd)
{
    if (keyd->halted || keyd->wake_at.ns == keyd->timer_at.ns) {
        return;
    }
    keyd->timer_at = keyd->wake_at;
    if (keyd->wake_at.ns == INSTANT_NEVER.ns) {
        event_del(keyd->timer);
        return;
    }

    const uint64_t us = (instant_since(clock_now(), keyd->wake_at).ns + 999) / 1000;
    const struct timeval delay = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

    CHECK(event_add(keyd->timer, &delay) == 0);
}

static void start(struct keyd *keyd)
{
    struct event event = {.kind = EVENT_START};
    struct catalog_rows rows;
    const enum status status = catalog_load(keyd->settings.catalog, &rows);

    if (status == OK) {
        event.start_rows = (struct event_rows){rows.rows, rows.count};
        keyd_step(keyd, &event);
    } else {
        halt(keyd, status, catalog_error(keyd->settings.catalog));
    }
    catalog_rows_free(&rows);
}

/* What comes while we read belongs to the same commit: those who were answered last ask again just
 * then. Without it they wait for the next, and commits are twice as many. */
static int gather(struct keyd *keyd)
{
    const int flags = EVLOOP_ONCE | (keyd->inbox.count > 0 ? EVLOOP_NONBLOCK : 0);
    int result = event_base_loop(keyd->base, flags);
    unsigned before = 0;

    while (result >= 0 && keyd->inbox.count > before && keyd->inbox.count < GATHER_MAX) {
        before = keyd->inbox.count;
        result = event_base_loop(keyd->base, EVLOOP_NONBLOCK);
    }
    return result;
}

int keyd_run(struct keyd *keyd)
{
    const struct timeval goodbye = {0, GOODBYE_MS * 1000};

    start(keyd);
    while (!keyd->halted) {
        set_timer(keyd);
        if (gather(keyd) < 0) {
            break;
        }
        keyd_deliver(keyd);
        commit_saves(keyd);
        keyd_end_links(keyd);
    }
    keyd_refuse_rest(keyd);
    event_base_loopexit(keyd->base, &goodbye);
    event_base_dispatch(keyd->base);
    return keyd->halted && keyd->halted_why == OK ? KEYD_EXIT_STOPPED : KEYD_EXIT_REFUSED;
}

static void free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void keyd_close(struct keyd *keyd)
{
    http_server_close(keyd->https);
    http_server_close(keyd->metrics);
    expiry_watch_stop(&keyd->expiry);
    free_event(keyd->timer);
    free_event(keyd->sigterm);
    free_event(keyd->sigint);
    free_event(keyd->sighup);
    event_base_free(keyd->base);
    if (keyd->identity != NULL) {
        tls_identity_free(keyd->identity);
    }
    credentials_free(keyd->credentials);
    keyd_trail_close(keyd);
    free(keyd->metrics_text);
    secret_wipe_memory(&keyd->fx, sizeof keyd->fx);
    free(keyd);
}
