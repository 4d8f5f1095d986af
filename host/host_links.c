/* Links: from the transport's callbacks to events, from effects to the transport.
 *
 * A link that comes up gets a slot and a number that is never used again, so that an effect for a
 * link that has gone meanwhile finds nothing and does nothing. Before `up` a link belongs to
 * whoever began it: a dial that fails is a LINK_DOWN of link 0, a stranger whose handshake fails
 * is only traced. After a HANG_UP the node hears no more of that link.
 *
 * Links that we dialed (a replica's to its upstream: clients are accepted, never dialed) are
 * renewed when they are old; the node hears LINK_DOWN with E_AGED and dials again. */
#include "host/host_parts.h"

#include "base/check.h"
#include "host/entropy.h"

#include <stdlib.h>
#include <string.h>

enum { AGE_SPREAD = 8 }; /* ages differ by up to one eighth */

static struct host_end *find(const struct host *host, link_t number)
{
    struct host_end *end = host->ends[number % HOST_LINKS_MAX];

    return end != NULL && end->kind == END_UP && end->number == number ? end : NULL;
}

static struct host_end *take_slot(struct host *host, enum end_kind kind)
{
    for (unsigned i = 0; i < HOST_LINKS_MAX; i++) {
        const unsigned slot = (host->slot_next + i) % HOST_LINKS_MAX;

        if (host->ends[slot] == NULL) {
            struct host_end *end = calloc(1, sizeof *end);

            CHECK(end != NULL);
            end->kind = kind;
            end->host = host;
            end->number = (++host->link_serial << HOST_SLOT_BITS) | slot;
            host->ends[slot] = end;
            host->slot_next = slot + 1;
            host->link_count += kind == END_UP;
            return end;
        }
    }
    return NULL;
}

static void drop(struct host_end *end)
{
    struct host *host = end->host;

    host->ends[end->number % HOST_LINKS_MAX] = NULL;
    host->link_count -= end->kind == END_UP;
    free(end);
}

/* The slot of a link that comes up: a dialed one has it already. */
static struct host_end *rise(struct host_end *before, struct link *link)
{
    struct host *host = before->host;

    if (before->kind == END_DIALING) {
        before->kind = END_UP;
        host->link_count++;
        return before;
    }

    struct host_end *end = host->halted ? NULL : take_slot(host, END_UP);

    if (end != NULL) {
        end->link = link;
        link_set_context(link, end);
    }
    return end;
}

static void on_up(void *context, struct link *link, const struct link_peer *peer)
{
    struct host *host = ((struct host_end *)context)->host;
    struct host_end *end;
    struct event event = {.kind = EVENT_LINK_UP};

    if (link_recheck(link, host->identity) != OK) {
        return; /* certificates were reloaded while hands were shaken */
    }
    end = rise(context, link);
    if (end == NULL) {
        link_close(link, LINK_AT_ONCE);
        return;
    }
    trace_event(&host->settings.trace,
                "link.up link=%llu dialed=%s role=%s member=%s region=%s address=%s",
                (unsigned long long)end->number, peer->dialed ? "yes" : "no",
                role_name(peer->identity.role), peer->identity.member, peer->identity.region,
                peer->address);
    event.link = (struct event_link){.link = end->number,
                                     .dialed = peer->dialed,
                                     .local = peer->unix_socket,
                                     .peer = peer->identity};
    memcpy(event.link.exporter, peer->exporter, sizeof event.link.exporter);
    host_step(host, &event);
}

static enum link_answer on_message(void *context, struct link *link, const struct message *message)
{
    struct host_end *end = context;
    struct host *host = end->host;
    const link_t number = end->number;
    struct event event = {.kind = EVENT_MESSAGE};

    (void)link;
    if (host->halted) {
        return LINK_TAKEN;
    }
    event.message = (struct event_message){.link = number, .message = *message};
    end->delivering = true;
    end->deferred = end->resume = false;
    host_step(host, &event);
    end = find(host, number); /* the step may have hung up */
    if (end == NULL) {
        return LINK_TAKEN;
    }
    end->delivering = false;
    host->resume_wanted |= end->deferred && end->resume;
    return end->deferred ? LINK_DEFERRED : LINK_TAKEN;
}

static void trace_down(struct host *host, link_t number, enum status why, const char *text)
{
    trace_event(&host->settings.trace, "link.down link=%llu why=%s text=\"%s%s%s\"",
                (unsigned long long)number, status_name(why), status_text(why),
                text[0] != '\0' ? ": " : "", text);
}

static void on_down(void *context, struct link *link, enum status why, const char *text)
{
    struct host_end *end = context;
    struct host *host = end->host;
    const enum end_kind kind = end->kind;
    struct event event = {.kind = EVENT_LINK_DOWN};

    (void)link;
    event.link.why = why;
    event.link.dialed = kind == END_DIALING;
    event.link.link = kind == END_UP ? end->number : 0;
    host->links_aged += why == E_AGED;
    host->links_lapsed += why == E_LAPSED;
    host->links_revoked += why == E_REVOKED;
    trace_down(host, event.link.link, why, text);
    if (kind == END_ACCEPTING) {
        return;
    }
    drop(end);
    host_step(host, &event);
}

static const struct link_callbacks callbacks = {
    .up = on_up, .message = on_message, .down = on_down};

static struct link_settings link_settings(const struct host *host)
{
    struct link_settings settings = {.unix_identity = host->settings.self};

    settings.unix_identity.role = ROLE_CLIENT;
    memcpy(settings.unix_identity.member, "local", sizeof "local");
    return settings;
}

void host_links_init(struct host *host)
{
    host->accepting = (struct host_end){.kind = END_ACCEPTING, .host = host};
    host->links = link_loop_new(host->base);
    CHECK(host->links != NULL);
}

enum status host_links_listen(struct host *host, char *why)
{
    struct listener_settings settings = {.loop = host->links,
                                         .identity = host->identity,
                                         .link = link_settings(host),
                                         .callbacks = callbacks,
                                         .context = &host->accepting};

    for (unsigned i = 0; i < host->settings.listen_count; i++) {
        settings.address = host->settings.listen[i];
        TRY(listener_open(&host->listeners[i], &settings, why));
        trace_event(&host->settings.trace, "listen address=%s port=%u", settings.address,
                    listener_port(host->listeners[i]));
    }
    return OK;
}

/* A little less than allowed, another for each link: those that came up together (a primary was
 * started anew) do not go down together. */
static struct span draw_age(const struct host *host)
{
    const struct entropy entropy = host_entropy();
    const uint64_t most = host->settings.link_age_max.ns;
    uint64_t drawn;

    entropy_fill(&entropy, &drawn, sizeof drawn);
    return (struct span){most - (most < AGE_SPREAD ? 0 : drawn % (most / AGE_SPREAD))};
}

void host_links_dial(struct host *host, const char *address)
{
    struct host_end *end = take_slot(host, END_DIALING);

    CHECK(end != NULL); /* a member dials one at a time */

    struct dialer_order order = {.loop = host->links,
                                 .address = address,
                                 .identity = host->identity,
                                 .link = link_settings(host),
                                 .callbacks = callbacks,
                                 .context = end};

    order.link.age_max = draw_age(host);
    end->link = dialer_dial(&order);
}

/* What was sent leaves first, the reason among it; but not to one that does not read. */
void host_links_hang_up(struct host *host, const struct effect_hang_up *hang_up)
{
    struct host_end *end = find(host, hang_up->link);

    if (end == NULL) {
        return;
    }
    trace_event(&host->settings.trace, "link.hang_up link=%llu why=%s text=\"%s\"",
                (unsigned long long)end->number, status_name(hang_up->why),
                status_text(hang_up->why));
    link_close(end->link,
               hang_up->why == E_SLOW || hang_up->why == E_SILENT ? LINK_AT_ONCE : LINK_FLUSH);
    drop(end);
}

void host_links_send(struct host *host, const struct effect_send *send)
{
    const struct host_end *end = find(host, send->link);

    if (end != NULL) {
        link_send(end->link, send->type, send->head, send->tail[0], send->tail[1]);
    }
}

void host_links_defer(struct host *host, link_t number)
{
    struct host_end *end = find(host, number);

    if (end == NULL) {
        return;
    }
    if (end->delivering) {
        end->deferred = true;
        end->resume = false;
    } else {
        link_pause(end->link);
    }
}

void host_links_resume(struct host *host, link_t number)
{
    struct host_end *end = find(host, number);

    if (end == NULL) {
        return;
    }
    if (end->delivering) {
        end->resume = true;
    } else {
        link_resume(end->link);
    }
}

/* Links that were deferred and resumed within one step: their callback has returned by now. */
void host_links_resume_late(struct host *host)
{
    if (!host->resume_wanted) {
        return;
    }
    host->resume_wanted = false;
    for (unsigned i = 0; i < HOST_LINKS_MAX; i++) {
        struct host_end *end = host->ends[i];

        if (end != NULL && end->deferred && end->resume) {
            end->deferred = end->resume = false;
            link_resume(end->link);
        }
    }
}

void host_links_recheck(struct host *host)
{
    for (unsigned i = 0; i < HOST_LINKS_MAX; i++) {
        if (host->ends[i] != NULL && host->ends[i]->kind == END_UP) {
            (void)link_recheck(host->ends[i]->link, host->identity); /* `down` follows, if any */
        }
    }
}

void host_links_close(struct host *host)
{
    for (unsigned i = 0; i < HOST_LISTEN_MAX; i++) {
        if (host->listeners[i] != NULL) {
            listener_close(host->listeners[i]);
            host->listeners[i] = NULL;
        }
    }
    for (unsigned i = 0; i < HOST_LINKS_MAX; i++) {
        if (host->ends[i] != NULL) {
            link_close(host->ends[i]->link, LINK_FLUSH);
            drop(host->ends[i]);
        }
    }
}
