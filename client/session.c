/* Dial, HELLO, WELCOME; on any loss wait a little and dial the next address.
 *
 * A refusal that cannot heal (a certificate, an identity, another deployment) fails the session at
 * once: dialing again would only hide it. Everything else is tried until give_up has passed without
 * a WELCOME, since a member that restarts is the normal case. A member that hangs keeps its
 * sockets: only its silence tells (silence.h). */
#include "client/session.h"

#include "base/arena.h"
#include "base/check.h"
#include "transport/dialer.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    RETRY_MS_FIRST = 20,
    RETRY_MS_MAX = 1000,
    WELCOME_MS_MAX = 10000, /* a member that is busy recovering may take a while to answer */
    HEAD_BYTES_MAX = 256,
};

struct instant session_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (struct instant){(uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec};
}

static struct timeval milliseconds(unsigned ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static void arm(struct event *event, unsigned ms)
{
    const struct timeval time = milliseconds(ms);

    evtimer_add(event, &time);
}

void session_fail(struct session *session, enum status why, const char *text)
{
    session->failed = true;
    session->why = why;
    if (text != session->text) {
        snprintf(session->text, sizeof session->text, "%s", text);
    }
    event_base_loopbreak(session->base);
}

static bool is_hopeless(enum status why)
{
    return why == E_CERTIFICATE || why == E_EXPIRED || why == E_IDENTITY || why == E_DEPLOYMENT
           || why == E_REVOKED || why == E_LINEAGE || why == E_USAGE || why == E_VERSION;
}

static void schedule(struct session *session, enum status why)
{
    const struct instant end = instant_add(session->down_since, session->give_up);
    unsigned ms = RETRY_MS_FIRST << (session->tries < 6 ? session->tries : 6);

    if (is_hopeless(why) || instant_reached(end, session_now())) {
        session_fail(session, why, session->text);
        return;
    }
    session->tries++;
    session->address = (session->address + 1) % session->address_count;
    if (session->tries < session->address_count) {
        ms = 1; /* the next address has not been asked yet */
    }
    arm(session->retry, ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX);
}

/* Replicas welcome everybody; whoever looks for the primary has found nobody yet. */
static bool was_wrong_member(const struct session *session, enum status why)
{
    return why == E_NOT_WRITER
           && !instant_reached(instant_add(session->up_since, SPAN_MS(RETRY_MS_MAX)),
                               session_now());
}

static void lost(struct session *session, enum status why, const char *text)
{
    if (session->is_up && !was_wrong_member(session, why)) {
        session->down_since = session_now();
        session->tries = 0;
    }
    session->is_up = false;
    session->link = NULL;
    snprintf(session->text, sizeof session->text, "%s: %s%s%s (%s)",
             session->addresses[session->address], status_text(why), text[0] == '\0' ? "" : ": ",
             text, status_name(why));
    schedule(session, why);
}

static void on_down(void *context, struct link *link, enum status why, const char *text)
{
    (void)link;
    lost(context, why == OK ? E_CLOSED : why, text);
}

void session_move_on(struct session *session, enum status why, const char *text)
{
    link_close(session->link, why == E_SILENT ? LINK_AT_ONCE : LINK_FLUSH);
    lost(session, why, text);
}

static void on_up(void *context, struct link *link, const struct link_peer *peer)
{
    struct session *session = context;
    const struct hello hello = {.version = PROTOCOL_VERSION};
    uint8_t head[HEAD_BYTES_MAX];

    (void)peer;
    link_send(link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none(), bytes_none());
    arm(session->retry, WELCOME_MS_MAX);
}

static struct silence_signs signs_of(const struct session *session)
{
    const struct link_counters counters = link_counters(session->link);

    return (struct silence_signs){.bytes_in = counters.bytes_in,
                                  .bytes_out = counters.bytes_out,
                                  .waiting = link_output_bytes(session->link)};
}

static void arm_tick(struct session *session)
{
    if (session->events.is_owed != NULL) {
        arm(session->tick, (unsigned)(silence_tick(&session->silence).ns / 1000000));
    }
}

static void say_silent(struct session *session)
{
    snprintf(session->text, sizeof session->text, "%s: it has said nothing for %u s",
             session->addresses[session->address],
             (unsigned)(session->silence.quiet.ns / 1000000000));
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct session *session = context;

    (void)fd;
    (void)what;
    if (!session->is_up) {
        return;
    }
    const bool owed = session->events.is_owed(session->context);

    switch (silence_look(&session->silence, session_now(), owed, signs_of(session))) {
    case SILENCE_NONE:
        session->text[0] = '\0';
        break;
    case SILENCE_ASK:
        session->probes++;
        session_send(session, MESSAGE_STATUS, bytes_none(), bytes_none(), bytes_none());
        say_silent(session);
        break;
    case SILENCE_LASTS:
        say_silent(session);
        break;
    case SILENCE_ENDS:
        session_move_on(session, E_SILENT, "");
        return;
    }
    arm_tick(session);
}

static void on_welcome(struct session *session, const struct message *message)
{
    const enum status status = welcome_decode(&session->welcome, message->head, &session->scratch);

    if (status != OK || session->welcome.version != PROTOCOL_VERSION) {
        session_move_on(session, status != OK ? status : E_VERSION, "its WELCOME");
        return;
    }
    evtimer_del(session->retry);
    session->text[0] = '\0';
    session->is_up = true;
    session->up_since = session_now();
    session->probes = 0;
    silence_begin(&session->silence, session->up_since, signs_of(session));
    arm_tick(session);
    session->events.welcomed(session->context);
}

static void on_first_refusal(struct session *session, const struct message *message)
{
    struct refused refused;

    if (refused_decode(&refused, message->head, &session->scratch) != OK) {
        session_move_on(session, E_PROTOCOL, "");
        return;
    }
    session_move_on(session, refused.why, refused.text);
}

static enum link_answer on_message(void *context, struct link *link, const struct message *message)
{
    struct session *session = context;

    (void)link;
    if (session->is_up && session->probes > 0 && message->type == MESSAGE_STATUS_IS) {
        session->probes--; /* it lives: that it came was seen by its bytes */
    } else if (session->is_up) {
        session->events.message(session->context, message);
    } else if (message->type == MESSAGE_WELCOME) {
        on_welcome(session, message);
    } else if (message->type == MESSAGE_REFUSED) {
        on_first_refusal(session, message);
    } else {
        session_move_on(session, E_PROTOCOL, message_type_name(message->type));
    }
    return LINK_TAKEN;
}

static void dial(struct session *session)
{
    const char *address = session->addresses[session->address];
    const struct dialer_order order = {
        .loop = session->loop,
        .address = address,
        .identity = strncmp(address, "unix:", 5) == 0 ? NULL : session->identity,
        .callbacks = {.up = on_up, .message = on_message, .down = on_down},
        .context = session};

    if (session->text[0] == '\0') {
        snprintf(session->text, sizeof session->text, "%s: it has not answered yet", address);
    }
    session->link = dialer_dial(&order);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    struct session *session = context;

    (void)fd;
    (void)what;
    if (session->link != NULL) {
        session_move_on(session, E_SILENT, "no WELCOME");
    } else {
        dial(session);
    }
}

static void on_alarm(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context; /* its only use is to end a loop that waits */
}

static enum status take_addresses(struct session *session, const struct session_settings *settings,
                                  bool *needs_tls, char *text)
{
    for (unsigned i = 0; i < SEALIFT_ADDRESSES_MAX && settings->addresses[i] != NULL; i++) {
        const char *address = settings->addresses[i];

        if (strlen(address) >= ADDRESS_TEXT_MAX || strchr(address, ':') == NULL) {
            snprintf(text, SEALIFT_TEXT_MAX, "'%.200s' is no address: give HOST:PORT or unix:PATH",
                     address);
            return E_USAGE;
        }
        strcpy(session->addresses[session->address_count++], address);
        *needs_tls |= strncmp(address, "unix:", 5) != 0;
    }
    if (session->address_count == 0) {
        snprintf(text, SEALIFT_TEXT_MAX, "no address: give HOST:PORT or unix:PATH of a member");
        return E_USAGE;
    }
    return OK;
}

static enum status load_identity(struct session *session, const struct tls_files *files, char *text)
{
    char why[TRANSPORT_WHY_MAX] = "";

    if (files->ca == NULL || files->certificate == NULL || files->key == NULL) {
        snprintf(text, SEALIFT_TEXT_MAX,
                 "a link to HOST:PORT needs the CA, a certificate and its key: all three files");
        return E_USAGE;
    }
    const enum status status = tls_identity_load(&session->identity, files, why);

    if (status != OK) {
        snprintf(text, SEALIFT_TEXT_MAX, "%s", why);
    }
    return status;
}

static void make_loop(struct session *session)
{
    const size_t size = arena_need(PROTO_SCRATCH_BYTES, ARENA_ALIGN_MAX);

    session->memory = aligned_alloc(ARENA_ALIGN_MAX, (size + 4095) / 4096 * 4096);
    session->base = event_base_new();
    CHECK(session->memory != NULL && session->base != NULL);

    struct arena arena = arena_of(session->memory, size);

    memset(session->memory, 0, size);
    proto_scratch_init(&session->scratch, &arena);
    session->loop = link_loop_new(session->base);
    session->retry = evtimer_new(session->base, on_retry, session);
    session->alarm = evtimer_new(session->base, on_alarm, session);
    session->tick = evtimer_new(session->base, on_tick, session);
    CHECK(session->loop != NULL && session->retry != NULL);
    CHECK(session->alarm != NULL && session->tick != NULL);
}

enum status session_open(struct session **out, const struct session_settings *settings,
                         const struct session_events *events, void *context, char *text)
{
    struct session *session = calloc(1, sizeof *session);
    bool needs_tls = false;

    CHECK(session != NULL);
    *out = NULL;
    session->events = *events;
    session->context = context;
    session->give_up = settings->give_up;
    silence_init(&session->silence, settings->silence);

    enum status status = take_addresses(session, settings, &needs_tls, text);

    if (status == OK && needs_tls) {
        status = load_identity(session, &settings->files, text);
    }
    if (status != OK) {
        free(session);
        return status;
    }
    make_loop(session);
    session->down_since = session_now();
    dial(session);
    *out = session;
    return OK;
}

void session_close(struct session *session)
{
    if (session->link != NULL) {
        link_close(session->link, LINK_FLUSH);
        arm(session->alarm, 50); /* the goodbye leaves, or the peer is gone anyway */
        event_base_loop(session->base, EVLOOP_ONCE);
    }
    event_free(session->retry);
    event_free(session->alarm);
    event_free(session->tick);
    link_loop_free(session->loop);
    event_base_free(session->base);
    if (session->identity != NULL) {
        tls_identity_free(session->identity);
    }
    free(session->memory);
    free(session);
}

bool session_wait(struct session *session, int timeout_ms)
{
    if (session->failed || session->stop) {
        return false;
    }
    if (timeout_ms > 0) {
        arm(session->alarm, (unsigned)timeout_ms);
    }
    const int flags = timeout_ms == 0 ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE;
    const int ended = event_base_loop(session->base, flags);

    CHECK(ended >= 0);
    const bool timed_out = timeout_ms > 0 && !evtimer_pending(session->alarm, NULL);

    evtimer_del(session->alarm);
    return !timed_out && !session->failed && !session->stop;
}

void session_send(struct session *session, unsigned type, struct bytes head, struct bytes tail,
                  struct bytes more)
{
    CHECK(session->is_up);
    link_send(session->link, type, head, tail, more);
}
